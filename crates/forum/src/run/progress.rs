//! The progress of a long command: a bar on a terminal, lines of text otherwise, or lines of JSON. Always on standard error, so that
//! standard output holds only the result.

use std::fmt;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde_json::json;

use crate::output::{self, Format, plural};

/// Minimum time between two lines.
const EVERY: Duration = Duration::from_secs(5);

/// The progress of one step, such as one table. Cheap enough to update for every page, and can be shared between tasks.
#[derive(Debug)]
pub(crate) struct Progress {
    step: String,
    total: Option<u64>,
    show: Show,
    started: Instant,
    done: Mutex<Done>,
}

#[derive(Debug)]
enum Show {
    Bar(ProgressBar),
    Lines(Format),
}

#[derive(Debug)]
struct Done {
    items: u64,
    units: f64,
    shown: Instant,
}

impl Progress {
    /// Starts a step. `total` is the number of items that it will process, if that is known; `format` is the form of its lines.
    pub(crate) fn start(step: impl Into<String>, total: Option<u64>, format: Format) -> Self {
        let step = step.into();
        let is_bar = format == Format::Text && std::io::stderr().is_terminal();
        let show = if is_bar { Show::Bar(bar(&step, total)) } else { Show::Lines(format) };
        let started = Instant::now();
        Self { step, total, show, started, done: Mutex::new(Done { items: 0, units: 0.0, shown: started }) }
    }

    /// Adds items that were processed, with the approximate capacity units that they cost (0 on JSON files).
    pub(crate) fn add(&self, items: u64, units: f64) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.items += items;
        done.units += units;
        match &self.show {
            Show::Bar(bar) => {
                bar.set_position(done.items);
                bar.set_message(units_text(done.units));
            }
            _ if done.shown.elapsed() < EVERY => {}
            _ => {
                done.shown = Instant::now();
                self.line(&done, false);
            }
        }
    }

    /// Completes the step and prints its last line.
    pub(crate) fn finish(self) {
        if let Show::Bar(bar) = &self.show {
            bar.finish_and_clear();
        }
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        self.line(&done, true);
    }

    fn line(&self, done: &Done, complete: bool) {
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = if seconds > 0.0 { done.items as f64 / seconds } else { 0.0 };
        let left = self.total.map(|total| total.saturating_sub(done.items) as f64 / rate).filter(|left| left.is_finite());
        if let Show::Lines(Format::Json) = self.show {
            let line = json!({
                "step": self.step, "items": done.items, "total": self.total, "itemsPerSecond": rate.round(),
                "units": done.units.round(), "seconds": round(seconds), "secondsLeft": left.map(round), "complete": complete,
            });
            output::note(line);
        } else if complete {
            let units = units_text(done.units);
            output::note(format_args!("{}: {}{units} in {seconds:.1} s, {rate:.0}/s", self.step, items(done.items)));
        } else {
            let count = self.total.map_or_else(|| items(done.items), |total| format!("{} of {}", done.items, items(total)));
            let left = left.map(|left| format!(", {left:.0} s left")).unwrap_or_default();
            let units = units_text(done.units);
            output::note(format_args!("{}: {count}{units}, {rate:.0}/s{left}", self.step));
        }
    }
}

fn bar(step: &str, total: Option<u64>) -> ProgressBar {
    let template = match total {
        Some(_) => "{prefix:>20} {wide_bar} {human_pos}/{human_len} {rate}{msg}, {eta} left",
        None => "{prefix:>20} {spinner} {human_pos} {noun} {rate}{msg}, {elapsed}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    // As the lines write them.
    let style = style.with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = write!(out, "{:.0}/s", state.per_sec());
    });
    let style = style.with_key("noun", |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = out.write_str(if state.pos() == 1 { "item" } else { "items" });
    });
    let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new).with_style(style).with_prefix(step.to_owned());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn units_text(units: f64) -> String {
    let whole = units.round() as u64;
    if units > 0.0 { format!(", {}", plural(whole, "unit", "units")) } else { String::new() }
}

fn items(count: u64) -> String {
    plural(count, "item", "items")
}

fn round(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}
