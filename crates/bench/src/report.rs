//! The report: `benchmarks.md` and its plots, from what is kept of every scenario.

mod markdown;
mod plot;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::figures::Measured;
use crate::place::Place;
use crate::scenario::Name;

/// What was measured with the same settings, a JSON file for each scenario.
#[derive(Debug)]
pub(crate) struct Results {
    dir: PathBuf,
}

impl Results {
    pub(crate) fn open(place: &Place) -> Result<Self> {
        let dir = place.work.join("results").join(place.settings.label());
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self { dir })
    }

    pub(crate) fn keep(&self, scenario: &str, measured: &Measured) -> Result<()> {
        let text = serde_json::to_string_pretty(measured)?;
        Ok(fs::write(self.dir.join(format!("{scenario}.json")), text)?)
    }

    /// Of every scenario that was measured, in the order of the report.
    pub(crate) fn all(&self) -> Result<Vec<Measured>> {
        let file = |name: &Name| Some(self.dir.join(format!("{}.json", name.to_possible_value()?.get_name())));
        let files = Name::value_variants().iter().filter_map(file).filter(|file| file.exists());
        let read =
            |file: PathBuf| serde_json::from_slice(&fs::read(&file)?).with_context(|| format!("{} is damaged", file.display()));
        files.map(read).collect()
    }
}

/// Writes the report and its plots.
pub(crate) fn write(place: &Place, all: &[Measured]) -> Result<()> {
    let by_default = if place.settings.is_full() { place.root.join("docs") } else { place.work.join("report") };
    let dir = place.settings.output.clone().unwrap_or(by_default);
    let plots = dir.join("benchmarks");
    fs::create_dir_all(&plots).with_context(|| format!("cannot make {}", plots.display()))?;
    for plot in all.iter().flat_map(|measured| &measured.section.plots) {
        fs::write(plots.join(format!("{}.svg", plot.file)), plot::svg(plot)?)?;
    }
    let path = dir.join("benchmarks.md");
    fs::write(&path, markdown::render(all, &place.settings)).with_context(|| format!("cannot write {}", path.display()))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}
