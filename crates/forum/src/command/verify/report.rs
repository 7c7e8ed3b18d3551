//! The result of a verification, as text or JSON.

use std::fmt;
use std::path::PathBuf;

use db_adapter::{Finding, Table};
use moderation::Unfinished;
use serde::Serialize;

use crate::command::next;
use crate::data::checksum::Checksum;
use crate::data::compare::{Comparison, Difference};
use crate::data::inspect::Inspection;
use crate::data::location::Location;
use crate::data::repair::FindingReport;
use crate::data::source::{Scanner, Source};
use crate::output::plural;

/// Number of digits of a checksum that the text shows.
const DIGITS: usize = 16;

/// The result for all tables.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    store: Location,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<String>,
    tables: Vec<TableReport>,
    /// The findings; after a repair, those that remain.
    pub(super) findings: Vec<FindingReport>,
    /// Actions of moderators that the log has and that are not done.
    pub(super) unfinished: Vec<Unfinished>,
    #[serde(skip_serializing_if = "Option::is_none")]
    repaired: Option<Repaired>,
    /// Is the exit code 3?
    pub(super) differs: bool,
    #[serde(skip)]
    strict: bool,
}

/// The result for one table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TableReport {
    table: &'static str,
    #[serde(flatten)]
    ours: Checksum,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Against>,
    #[serde(flatten)]
    inspection: Inspection,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Against {
    #[serde(flatten)]
    theirs: Checksum,
    /// Are counts and checksums equal?
    equal: bool,
    differences: Vec<Difference>,
    /// Are all differences listed?
    complete: bool,
}

#[derive(Debug, Serialize)]
struct Repaired {
    count: usize,
    saved: PathBuf,
}

impl TableReport {
    pub(super) fn new(table: &'static Table, inspection: Inspection, compared: Option<Comparison>) -> Self {
        let against = compared.map(|Comparison { theirs, differences, complete, differs }| Against {
            theirs,
            equal: !differs,
            differences,
            complete,
        });
        Self { table: table.name, ours: inspection.buckets.total(), against, inspection }
    }
}

impl Report {
    pub(super) fn new(scanner: &Scanner, against: Option<&Source>, strict: bool) -> Self {
        let against = against.map(Source::to_string);
        let (tables, findings, unfinished) = Default::default();
        Self { store: scanner.location.clone(), against, tables, findings, unfinished, repaired: None, differs: false, strict }
    }

    pub(super) fn add(&mut self, table: TableReport) {
        let found = &table.inspection;
        let reported = found.dangling_references + found.shared_ids + found.unknown_attributes.len() as u64;
        self.differs |= table.against.as_ref().is_some_and(|against| !against.equal) || (self.strict && reported > 0);
        self.tables.push(table);
    }

    pub(super) fn find(&mut self, findings: &[(&'static Table, Finding)]) {
        self.differs |= findings.iter().any(|(_, finding)| finding.is_fault());
        self.findings = findings.iter().map(|(table, finding)| FindingReport::new(table, finding)).collect();
    }

    /// Adds the result of a repair: how many findings were repaired, and which are left. Whether the store differs is computed again.
    pub(super) fn repaired(&mut self, count: usize, saved: PathBuf, left: &[(&'static Table, Finding)]) {
        self.repaired = Some(Repaired { count, saved });
        self.differs = false;
        for table in std::mem::take(&mut self.tables) {
            self.add(table);
        }
        self.find(left);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "store    {}", self.store)?;
        if let Some(against) = &self.against {
            writeln!(out, "against  {against}")?;
        }
        writeln!(out)?;
        let mut head = format!("{:<8} {:>12} {:<width$}", "table", "items", "checksum", width = DIGITS);
        if self.against.is_some() {
            head += &format!(" {:>12} {:<width$} result", "against", "checksum", width = DIGITS);
        }
        writeln!(out, "{}", head.trim_end())?;
        for table in &self.tables {
            let mut row = format!("{:<8} {:>12} {:.DIGITS$}", table.table, table.ours.items, table.ours.sum.to_string());
            if let Some(against) = &table.against {
                let result = if against.equal { "equal" } else { "different" };
                row += &format!(" {:>12} {:.DIGITS$} {result}", against.theirs.items, against.theirs.sum.to_string());
            }
            writeln!(out, "{row}")?;
        }
        self.tables.iter().try_for_each(|table| table.lines(out))?;
        if let Some(Repaired { count, saved }) = &self.repaired {
            writeln!(out, "repaired: {count}; what was changed or removed is in {}", saved.display())?;
        }
        for finding in &self.findings {
            writeln!(out, "{}: {finding}", if finding.is_fault { "wrong" } else { "note" })?;
        }
        for Unfinished { action_id, action, target, at } in &self.unfinished {
            writeln!(
                out,
                "note: action {action_id} is logged but not done: {action} {target} at {at}. Its request, repeated with the same \
                 Idempotency-Key, finishes it; so does the action once more"
            )?;
        }
        match self.findings.is_empty() || self.repaired.is_some() {
            true => Ok(()),
            false => writeln!(out, "Next: {}", next::command(&["verify", "--repair", "--apply"])),
        }
    }
}

impl TableReport {
    fn lines(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(against) = &self.against {
            against.differences.iter().try_for_each(|difference| writeln!(out, "differs: {difference}"))?;
            if !against.complete {
                writeln!(out, "differs: {}: more items differ; --names N lists more", self.table)?;
            }
            if !against.equal && against.complete && against.differences.is_empty() {
                writeln!(
                    out,
                    "differs: {}: the checksums differ, but every item is equal when read again: the store changed in the meantime, \
                     or the source has a key twice. Run it again",
                    self.table
                )?;
            }
        }
        let found = &self.inspection;
        for (name, count) in &found.unknown_attributes {
            writeln!(out, "note: {}: {} the unknown attribute {name:?}", self.table, plural(*count, "item has", "items have"))?;
        }
        for dangling in &found.dangling {
            writeln!(out, "note: {}: its {} {:?} does not exist", dangling.key, dangling.attribute, dangling.value)?;
        }
        more(
            out,
            self.table,
            ["reference to an item that does not exist", "references to items that do not exist"],
            found.dangling_references,
            found.dangling.len(),
        )?;
        for shared in &found.shared {
            writeln!(
                out,
                "note: {}: id {:?} is shared by several items: {}",
                self.table,
                shared.id,
                shared.sort_keys.join(", ")
            )?;
        }
        more(
            out,
            self.table,
            ["id that several items share", "ids that several items share"],
            found.shared_ids,
            found.shared.len(),
        )
    }
}

fn more(out: &mut fmt::Formatter<'_>, table: &str, [one, many]: [&str; 2], count: u64, named: usize) -> fmt::Result {
    match count > named as u64 {
        true => writeln!(out, "note: {table}: {} in total", plural(count, one, many)),
        false => Ok(()),
    }
}
