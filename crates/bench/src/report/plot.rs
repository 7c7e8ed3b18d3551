//! Plots as SVG, with both axes logarithmic: what is plotted grows by factors.

use anyhow::{Result, anyhow, ensure};
use plotters::prelude::*;

use crate::figures::{Plot, Series};

const SIZE: (u32, u32) = (760, 440);
/// Told apart by people who see few colours, too.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// The plot as an SVG document.
pub(crate) fn svg(plot: &Plot) -> Result<String> {
    let points = || plot.series.iter().flat_map(|series| &series.points);
    ensure!(points().count() > 0 && points().all(|(x, y)| *x > 0.0 && *y > 0.0), "{}: every point must be above 0", plot.title);
    let range = |of: fn(&(f64, f64)) -> f64, margin: f64| {
        let (min, max) = points().map(of).fold((f64::INFINITY, 0.0_f64), |(min, max), value| (min.min(value), max.max(value)));
        min / margin..max * margin
    };
    let mut text = String::new();
    draw(plot, &mut text, range(|(x, _)| *x, 1.1), range(|(_, y)| *y, 1.5))
        .map_err(|error| anyhow!("{}: {error}", plot.title))?;
    Ok(text)
}

fn draw(
    plot: &Plot,
    text: &mut String,
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(text, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(&plot.title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    let label = |value: &f64| if *value >= 1.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    chart
        .configure_mesh()
        .x_desc(&plot.x)
        .y_desc(&plot.y)
        .x_label_formatter(&label)
        .y_label_formatter(&label)
        .light_line_style(WHITE)
        .draw()?;
    for (Series { name, points }, colour) in plot.series.iter().zip(COLOURS.iter().cycle()) {
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(points: Vec<(f64, f64)>) -> Plot {
        Plot {
            file: "writes".to_owned(),
            title: "Writes".to_owned(),
            x: "users".to_owned(),
            y: "ms".to_owned(),
            series: vec![Series { name: "p50".to_owned(), points }],
        }
    }

    #[test]
    fn a_plot_shows_its_title_axes_and_series() {
        let svg = svg(&plot(vec![(1.0, 0.5), (1000.0, 2.0)])).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        for part in ["Writes", "users", "ms", "p50", "polyline"] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
    }

    #[test]
    fn what_a_logarithm_cannot_show_is_refused() {
        assert!(svg(&plot(vec![(0.0, 1.0)])).is_err());
        assert!(svg(&plot(vec![])).is_err());
    }
}
