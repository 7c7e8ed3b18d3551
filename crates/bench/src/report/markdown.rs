//! The report as Markdown.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::cli::Settings;
use crate::figures::{Bound, Goal, Measured, Metric, Row, median, spread};
use crate::machine::Machine;

const NOT_MET: &str = "**not met**";

pub(crate) fn render(all: &[Measured], settings: &Settings) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write(&mut text, all, settings);
    text
}

fn write(text: &mut String, all: &[Measured], settings: &Settings) -> std::fmt::Result {
    writeln!(
        text,
        "# Benchmarks\n\n\
         Written by `cargo run --release -p bench`, which builds and obtains what it needs (Node, npm, Go, and for the mixed load a JDK \
         and Maven). Every scenario runs in interleaved rounds: each variant in turn for {} s, then all again. A figure is the median \
         of the rounds, with the smallest and the largest in parentheses; a ratio is taken within each round. The load generator is a \
         part of the program (no other expresses these loads), closed loop, and stays awake where it has a core for itself, so that \
         no server pays for waking it; so does the core of a DynamoDB endpoint, by a process that has only the time which nobody else \
         wants. The services come with their allocator, mimalloc, the limits with that of the system.\n",
        settings.seconds
    )?;
    if !settings.is_full() {
        writeln!(text, "**A trial with other settings than the full run: {}.**\n", settings.label())?;
    }
    let mut machines: Vec<&Machine> = Vec::new();
    for Measured { machine, .. } in all {
        if !machines.contains(&machine) {
            machines.push(machine);
        }
    }
    for Machine { processor, cores, memory_gib, system, rustc, node, pinning } in machines {
        writeln!(text, "{processor}, {cores} cores, {memory_gib} GiB; {system}; {rustc}; Node {node}. {pinning}.\n")?;
    }

    writeln!(text, "## Goals\n\n| ratio or figure | measured | goal | |\n|---|---|---|---|")?;
    let mut answers = Vec::new();
    for Goal { text: what, bound, values, answer } in all.iter().flat_map(|measured| &measured.section.goals) {
        let (asked, met) = match (bound, bound.holds(median(values))) {
            (Bound::Any, _) => (String::new(), ""),
            (Bound::AtLeast(bound), met) => (format!("≥ {bound}"), if met { "met" } else { NOT_MET }),
            (Bound::AtMost(bound), met) => (format!("≤ {bound}"), if met { "met" } else { NOT_MET }),
        };
        writeln!(text, "| {what} | {} | {asked} | {met} |", figure(values))?;
        if met == NOT_MET {
            answers.extend(answer.as_ref().filter(|answer| !answers.contains(answer)));
        }
    }
    for answer in answers {
        writeln!(text, "\n{answer}")?;
    }

    for Measured { section, commit, date, .. } in all {
        writeln!(text, "\n## {}\n\n{}\n", section.title, section.method)?;
        table(text, &section.rows)?;
        for plot in &section.plots {
            writeln!(text, "\n![{}](benchmarks/{}.svg)", plot.title, plot.file)?;
        }
        writeln!(text, "\nMeasured {date} at {commit}, in {} rounds.", section.rounds())?;
    }
    Ok(())
}

fn table(text: &mut String, rows: &[Row]) -> std::fmt::Result {
    let metrics: BTreeSet<Metric> = rows.iter().flat_map(|row| row.figures.keys().copied()).collect();
    let headings: Vec<&str> = metrics.iter().map(|metric| metric.heading()).collect();
    writeln!(text, "| variant | load | {} |\n|---|---|{}", headings.join(" | "), "--:|".repeat(metrics.len()))?;
    for Row { variant, load, figures } in rows {
        let cells: Vec<String> =
            metrics.iter().map(|metric| figures.get(metric).map_or_else(String::new, |values| figure(values))).collect();
        writeln!(text, "| {variant} | {load} | {} |", cells.join(" | "))?;
    }
    Ok(())
}

/// The median and the spread.
fn figure(values: &[f64]) -> String {
    let (min, max) = spread(values);
    match values.len() {
        1 => number(median(values)),
        _ => format!("{} ({}–{})", number(median(values)), number(min), number(max)),
    }
}

/// Three digits that count, and all before the point; four behind it at most.
fn number(value: f64) -> String {
    let before = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    let decimals = usize::try_from((2 - before).min(4)).unwrap_or_default();
    let digits = format!("{value:.decimals$}");
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && digit != '-' && (whole.len() - at).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use crate::figures::{Plot, Section, ratio};
    use clap::Parser;

    #[test]
    fn numbers_have_three_digits() {
        for (value, text) in [
            (0.0, "0.00"),
            (0.123456, "0.123"),
            (0.035123, "0.0351"),
            (0.8, "0.800"),
            (1.2345, "1.23"),
            (12.345, "12.3"),
            (123.45, "123"),
            (1234.5, "1,234"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn the_report_shows_figures_goals_and_plots() {
        let row = |variant: &str, values: [f64; 3], p50: [f64; 3]| Row {
            variant: variant.to_owned(),
            load: "64 connections".to_owned(),
            figures: [(Metric::Throughput, values.to_vec()), (Metric::P50, p50.to_vec())].into(),
        };
        let rows = vec![
            row("users-svc", [81_000.0, 80_000.0, 90_000.0], [0.7, 0.71, 0.65]),
            row("bare axum", [100_000.0, 101_000.0, 99_000.0], [0.6, 0.61, 0.59]),
        ];
        let figure = |variant| (variant, "64 connections", Metric::Throughput);
        let goal = |bound| ratio(&rows, "users-svc / bare axum", figure("users-svc"), figure("bare axum"), bound).unwrap();
        let goals = vec![
            goal(Bound::AtLeast(0.8)).or_because("Never said."),
            goal(Bound::AtMost(0.5)).or_because("There is a reason."),
            goal(Bound::AtMost(0.4)).or_because("There is a reason."),
            goal(Bound::Any),
        ];
        let plots = vec![Plot {
            file: "reads".to_owned(),
            title: "Reads".to_owned(),
            x: "connections".to_owned(),
            y: "requests/s".to_owned(),
            series: vec![],
        }];
        let machine = Machine {
            processor: "A Processor".to_owned(),
            cores: 2,
            memory_gib: 8,
            system: "Linux 6.1".to_owned(),
            rustc: "rustc 1.95.0".to_owned(),
            node: "v20.20.2".to_owned(),
            pinning: "Nothing is pinned".to_owned(),
        };
        let measured = Measured {
            section: Section { title: "Point read".to_owned(), method: "GET.".to_owned(), rows, goals, plots },
            commit: "0123456789".to_owned(),
            date: "2026-01-31T12:00:00Z".to_owned(),
            machine,
        };
        insta::assert_snapshot!(render(&[measured], &Cli::parse_from(["bench"]).settings));
    }
}
