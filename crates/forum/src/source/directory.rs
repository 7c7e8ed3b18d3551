//! A folder of plain JSON files: `users.json` or `users/db.json`, each one array of items.

use std::cell::RefCell;
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use db_adapter::{Item, TABLES, Table};
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// The folder with a file for at least one table.
    ///
    /// # Errors
    /// Names the folder and the files that are looked for.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let directory = Self(path.to_owned());
        if TABLES.iter().all(|table| directory.file(table).is_none()) {
            let wanted = TABLES.map(|table| format!("{0}.json or {0}/db.json", table.name)).join(", ");
            bail!("{} holds no data: looked for {wanted}", path.display());
        }
        Ok(directory)
    }

    /// Is it the folder of a JSON store, whose journals must be read too?
    pub(crate) fn is_store(path: &Path) -> bool {
        TABLES.iter().any(|table| path.join(format!("{}.journal", table.name)).exists())
    }

    fn file(&self, table: &Table) -> Option<PathBuf> {
        let names = [format!("{}.json", table.name), format!("{}/db.json", table.name)];
        names.map(|name| self.0.join(name)).into_iter().find(|path| path.is_file())
    }

    /// Hands over every item of the table, up to `count` at a time, until the function wants no more. A table without file has none.
    ///
    /// # Errors
    /// Names the file, the record and what is wrong.
    pub(crate) fn each(&self, table: &Table, count: usize, visit: &mut dyn FnMut(Vec<Item>) -> Result<bool>) -> Result<()> {
        let Some(path) = self.file(table) else { return Ok(()) };
        let file = File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        let failed = RefCell::new(None);
        let items = Items { table, count, visit, failed: &failed };
        let read = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 18, file)).deserialize_seq(items);
        match (read, failed.take()) {
            (_, Some(error)) => Err(error).with_context(|| path.display().to_string()),
            (Err(error), None) => Err(anyhow!("{}: {error}", path.display())),
            (Ok(()), None) => Ok(()),
        }
    }
}

impl fmt::Display for Directory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "JSON files in {}", self.0.display())
    }
}

struct Items<'a> {
    table: &'a Table,
    count: usize,
    visit: &'a mut dyn FnMut(Vec<Item>) -> Result<bool>,
    /// Our own error: serde's cannot carry it.
    failed: &'a RefCell<Option<anyhow::Error>>,
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        let mut items = Vec::with_capacity(self.count);
        let mut record = 0_u64;
        let mut wanted = true;
        let mut stop = |error: anyhow::Error| {
            *self.failed.borrow_mut() = Some(error);
            A::Error::custom("stopped")
        };
        while let Some(text) = array.next_element::<Box<RawValue>>()? {
            record += 1;
            if !wanted {
                continue;
            }
            let item = Item::parse(text.get()).map_err(anyhow::Error::new);
            let item = item.and_then(|item| self.table.key_of(&item.attributes()?).map(|_| item).map_err(Into::into));
            items.push(item.map_err(|error| stop(error.context(format!("record {record}"))))?);
            if items.len() == self.count {
                wanted = (self.visit)(std::mem::take(&mut items)).map_err(&mut stop)?;
            }
        }
        if wanted && !items.is_empty() {
            (self.visit)(items).map_err(stop)?;
        }
        Ok(())
    }
}
