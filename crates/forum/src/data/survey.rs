//! A survey of a source before anything is written: what would be stored, what cannot be stored, and which references are dangling.
//! Keeps a fingerprint and the position of every item in memory.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use anyhow::Result;
use db_adapter::forum::in_reference_order;
use db_adapter::{Item, Table};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::data::compare::{NamedKey, fingerprint, key_of};
use crate::data::source::directory::{Directory, Mapped, Record};
use crate::data::source::{Scanner, Source};
use crate::output::{Format, plural};
use crate::run::progress::Progress;

/// Maximum number of faults that are listed, and of dangling references.
const MAX_LISTED: usize = 20;

/// The contents of a source.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Survey {
    /// The tables in the order in which they are read.
    #[serde(skip)]
    order: Vec<&'static Table>,
    tables: BTreeMap<&'static str, Tally>,
    /// Lists that are not read.
    unread: Vec<String>,
    /// Records that cannot be stored.
    pub(crate) faults: Excerpt,
    /// References to items that the source does not hold.
    pub(crate) dangling: Excerpt,
    /// The record of each unique value, by the value's fingerprint.
    #[serde(skip)]
    unique: HashMap<u64, u64>,
}

/// The contents of one table of a source.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Tally {
    /// The file or store.
    place: String,
    /// Everything that was read, also what is not stored.
    read: u64,
    /// What is stored.
    records: u64,
    /// What is not stored, by what says that it is not to be seen.
    left_out: BTreeMap<String, u64>,
    /// Attributes that got another name: `theirs to ours`.
    renamed: BTreeMap<String, u64>,
    /// Attributes that were dropped as secrets.
    secrets: BTreeMap<String, u64>,
    /// Records without an author, which were given to one.
    missing_users: u64,
    /// Lists of records inside records that are kept and not read: the number of records inside.
    unread_lists: BTreeMap<String, u64>,
    derived_ids: u64,
    derived_times: u64,
    /// Attributes that this version does not know, with the number of records that have them.
    unknown_attributes: BTreeMap<String, u64>,
    /// The first item as it is stored.
    first: Option<Box<RawValue>>,
    /// The record of each key, by the key's fingerprint.
    #[serde(skip)]
    keys: HashMap<u64, u64>,
}

/// The number of some things, and a list of the first of them.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Excerpt {
    /// Their number.
    pub(crate) count: u64,
    first: Vec<String>,
}

impl Excerpt {
    /// Counts one more, and lists it if there is room.
    pub(crate) fn add(&mut self, name: impl fmt::Display) {
        self.count += 1;
        if self.first.len() < MAX_LISTED {
            self.first.push(name.to_string());
        }
    }
}

/// One per line, indented.
impl fmt::Display for Excerpt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.first {
            writeln!(formatter, "  {name}")?;
        }
        match self.count - self.first.len() as u64 {
            0 => Ok(()),
            more => writeln!(formatter, "  and {more} more"),
        }
    }
}

impl Survey {
    /// Reads the source once.
    ///
    /// # Errors
    /// When it cannot be read. Records that cannot be stored are in the survey.
    pub(crate) async fn of(source: &Source, tables: &[&'static Table], format: Format) -> Result<Self> {
        let tables = in_reference_order(tables);
        let mut survey = match source {
            Source::Directory(directory) => {
                let directory = directory.clone();
                tokio::task::spawn_blocking(move || Self::of_directory(&directory, &tables, format)).await??
            }
            Source::Store(scanner) => Self::of_store(scanner, &tables, format).await?,
            Source::Backup(_) => Self::default(),
        };
        // These are not needed any more, and writing needs memory too.
        survey.unique = HashMap::new();
        survey.tables.values_mut().for_each(|tally| tally.keys = HashMap::new());
        Ok(survey)
    }

    /// The number of records of the table.
    pub(crate) fn records(&self, table: &Table) -> u64 {
        self.tables.get(table.name).map_or(0, |tally| tally.records)
    }

    fn of_directory(directory: &Directory, tables: &[&'static Table], format: Format) -> Result<Self> {
        let mut survey = Self { order: tables.to_vec(), unread: directory.unread().to_vec(), ..Self::default() };
        for table in tables {
            let progress = Progress::start(format!("read {}", table.name), None, format);
            survey.begin(table, directory.place(table)?);
            directory.records(table, &mut |place, mapped| {
                progress.add(1, 0.0);
                match mapped {
                    Ok(Mapped::Record(record)) => survey.add(table, &record, || place.to_string()),
                    Ok(Mapped::LeftOut { reason, .. }) => {
                        let tally = survey.tally(table);
                        tally.read += 1;
                        *tally.left_out.entry(reason).or_default() += 1;
                    }
                    Err(fault) => {
                        survey.tally(table).read += 1;
                        survey.faults.add(format!("{fault:#}"));
                    }
                }
                Ok(true)
            })?;
            progress.finish();
        }
        Ok(survey)
    }

    async fn of_store(scanner: &Scanner, tables: &[&'static Table], format: Format) -> Result<Self> {
        let mut survey = Self { order: tables.to_vec(), ..Self::default() };
        for table in tables {
            let progress = Progress::start(format!("read {}", table.name), None, format);
            survey.begin(table, scanner.location.to_string());
            let mut batches = scanner.batches(table);
            while let Some(batch) = batches.next().await? {
                progress.add(batch.items.len() as u64, batch.units);
                for item in batch.items {
                    let key = key_of(table, &item);
                    let named = NamedKey::new(table, key.clone()).to_string();
                    survey.add(table, &Record::stored(item, key), || named.clone());
                }
            }
            progress.finish();
        }
        Ok(survey)
    }

    fn begin(&mut self, table: &'static Table, place: String) {
        self.tally(table).place = place;
    }

    fn tally(&mut self, table: &'static Table) -> &mut Tally {
        self.tables.entry(table.name).or_default()
    }

    /// Adds a record. `place` names it.
    fn add(&mut self, table: &'static Table, record: &Record, place: impl Fn() -> String) {
        let Record { item, key, notes, .. } = record;
        let tally = self.tables.entry(table.name).or_default();
        tally.records += 1;
        tally.read += 1;
        let number = tally.read;
        tally.derived_ids += u64::from(notes.derived_id);
        tally.derived_times += u64::from(notes.derived_time);
        tally.missing_users += u64::from(notes.missing_user);
        for (theirs, ours) in &notes.renamed {
            *tally.renamed.entry(format!("{theirs} to {ours}")).or_default() += 1;
        }
        notes.secrets.iter().for_each(|name| *tally.secrets.entry(name.clone()).or_default() += 1);
        notes.lists.iter().for_each(|(name, inside)| *tally.unread_lists.entry(name.clone()).or_default() += inside);
        for (name, _) in item.members() {
            if table.attribute(&name).is_none() {
                *tally.unknown_attributes.entry(name.into_owned()).or_default() += 1;
            }
        }
        if tally.first.is_none() {
            tally.first = serde_json::from_str(item.as_json()).ok();
        }
        // References hold the partition key alone; no table with a sort key is referred to.
        let half = if table.range.is_some() { fingerprint(key) } else { fingerprint(&key.hash) };
        if let Some(other) = tally.keys.insert(half, number) {
            let (key, place) = (NamedKey::new(table, key.clone()), place());
            self.faults.add(format!("{place}: {key} is already used by record {other}"));
        }
        for (attribute, value) in unique_values(table, item) {
            if let Some(other) = self.unique.insert(fingerprint(&(table.name, attribute, &value)), number) {
                self.faults.add(format!("{}: {attribute} {value:?} is already used by record {other}", place()));
            }
        }
        for (known, target) in table.references() {
            let Some(id) = item.text(known.name) else { continue };
            let found = self.tables.get(target.name).is_some_and(|tally| tally.keys.contains_key(&fingerprint(&id)));
            if !found {
                self.dangling.add(format!("{}: {} {id:?} is not in {}", place(), known.name, target.name));
            }
        }
    }
}

fn unique_values(table: &'static Table, item: &Item) -> impl Iterator<Item = (&'static str, String)> {
    table.unique.iter().filter_map(|unique| Some((unique.attribute, unique.normalise(&item.text(unique.attribute)?))))
}

fn counted(counts: &BTreeMap<String, u64>) -> String {
    counts.iter().map(|(name, count)| format!("{name} ({count})")).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Survey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (table, tally) in self.tallies() {
            match tally.left_out.is_empty() {
                true => write!(formatter, "{table}: {} in {}", tally.records, tally.place)?,
                false => {
                    let (read, records) = (tally.read, tally.records);
                    write!(formatter, "{table}: {records} of {read} in {}; left out: {}", tally.place, counted(&tally.left_out))?;
                }
            }
            for (count, one, many) in [(tally.derived_ids, "id", "ids"), (tally.derived_times, "time", "times")] {
                if count > 0 {
                    write!(formatter, "; {} derived from the order", plural(count, one, many))?;
                }
            }
            if tally.missing_users > 0 {
                write!(formatter, "; {} without an author given to --missing-user", tally.missing_users)?;
            }
            for (what, counts) in [
                ("renamed", &tally.renamed),
                ("dropped as secrets", &tally.secrets),
                ("unknown attributes, which are kept", &tally.unknown_attributes),
            ] {
                if !counts.is_empty() {
                    write!(formatter, "; {what}: {}", counted(counts))?;
                }
            }
            writeln!(formatter)?;
            for (name, count) in &tally.unread_lists {
                writeln!(
                    formatter,
                    "warning: {table} have lists {name} with {} inside, kept there and not read",
                    plural(*count, "record", "records")
                )?;
            }
        }
        for list in &self.unread {
            writeln!(formatter, "warning: {list} is not read")?;
        }
        if self.dangling.count > 0 {
            writeln!(formatter, "{} to items that do not exist:", plural(self.dangling.count, "reference", "references"))?;
            self.dangling.fmt(formatter)?;
        }
        Ok(())
    }
}

impl Survey {
    /// The first item of each table, as it is stored.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (&'static str, &RawValue)> {
        self.tallies().filter_map(|(table, tally)| Some((table, tally.first.as_deref()?)))
    }

    fn tallies(&self) -> impl Iterator<Item = (&'static str, &Tally)> {
        self.order.iter().filter_map(|table| Some((table.name, self.tables.get(table.name)?)))
    }
}
