//! Writing only what the target does not have, so that an interrupted migration can be repeated and a second one changes nothing.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use db_adapter::{Finding, Item, Scan, Table};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;

use super::survey::Excerpt;
use crate::data::checksum::digest;
use crate::data::compare::{NamedKey, key_of, read_strongly};
use crate::data::source::{Scanner, Source};
use crate::run::progress::Progress;
use crate::run::rate::{RateCap, write_units};

/// Number of items that are read from the target in one request.
const CHUNK: usize = 100;
/// Number of such requests that are in flight at once.
const CHUNKS: usize = 8;

/// The result for one table.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Written {
    /// Items that were written.
    pub(crate) written: u64,
    /// Items that were already in the target.
    pub(crate) unchanged: u64,
    /// Items that differ in the target, and were kept there.
    pub(crate) kept: Excerpt,
}

/// Writes from one store to another.
#[derive(Debug)]
pub(crate) struct Writer<'a> {
    /// The source.
    pub(crate) source: &'a Source,
    /// The target.
    pub(crate) target: &'a Scanner,
    /// Are items that differ in the target replaced?
    pub(crate) overwrite: bool,
    /// The limit of its write rate.
    pub(crate) cap: &'a RateCap,
}

impl Writer<'_> {
    /// Writes a table.
    ///
    /// # Errors
    /// When one side fails; items that were written before are kept.
    pub(crate) async fn table(&self, table: &'static Table, progress: &Progress) -> Result<Written> {
        let into = || format!("cannot write table {} of {}", table.name, self.target.location);
        let empty = self.target.store.scan(table, &Scan::new(1)).await.with_context(into)?.items.is_empty();
        let written = Mutex::new(Written::default());
        let chunks = chunks(self.source, table)
            .map_ok(|items| async { if empty { Ok(items) } else { self.missing(table, items, &written, progress).await } });
        let items =
            chunks.try_buffered(CHUNKS).map_ok(|items| stream::iter(items.into_iter().map(Ok::<_, anyhow::Error>))).try_flatten();
        let paced = items.and_then(|item: Item| async move {
            let units = if self.target.location.is_metered() { write_units(table, &item) } else { 0.0 };
            self.cap.spend(units).await;
            progress.add(1, units);
            Ok::<_, anyhow::Error>(item)
        });
        let items = paced.map_err(|error| db_adapter::Error::backend(error.into_boxed_dyn_error()));
        let loaded = self.target.store.load(table, items.boxed()).await.with_context(into)?;
        if !empty {
            self.add_missing_claims(table).await.with_context(into)?;
        }
        let written = written.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Written { written: loaded, ..written })
    }

    /// Those of the items that must be written.
    async fn missing(
        &self,
        table: &'static Table,
        mut items: Vec<Item>,
        written: &Mutex<Written>,
        progress: &Progress,
    ) -> Result<Vec<Item>> {
        let keys: Vec<_> = items.iter().map(|item| key_of(table, item)).collect();
        let mut present = read_strongly(self.target, table, &keys).await?.into_iter().zip(keys);
        let before = items.len();
        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
        items.retain(|item| match present.next() {
            Some((Some(found), _)) if digest(table, &found) == digest(table, item) => {
                written.unchanged += 1;
                false
            }
            Some((Some(_), key)) if !self.overwrite => {
                written.kept.add(NamedKey::new(table, key));
                false
            }
            _ => true,
        });
        progress.add((before - items.len()) as u64, 0.0);
        Ok(items)
    }

    /// An interrupted load may have left an item without its claim on a unique value. Such an item counts as unchanged, so its claim is
    /// added here.
    async fn add_missing_claims(&self, table: &'static Table) -> db_adapter::Result<()> {
        if table.unique.is_empty() {
            return Ok(());
        }
        for finding in self.target.store.check(table).await? {
            if matches!(finding, Finding::MissingClaim { .. }) {
                self.target.store.repair(table, &finding).await?;
            }
        }
        Ok(())
    }
}

fn chunks(source: &Source, table: &'static Table) -> BoxStream<'static, Result<Vec<Item>>> {
    let batches = stream::try_unfold(source.batches(table), |mut batches| async {
        Ok::<_, anyhow::Error>(batches.next().await?.map(|batch| (batch, batches)))
    });
    let chunks = batches.map_ok(|batch| {
        let chunks: Vec<_> = batch.items.chunks(CHUNK).map(|chunk| Ok(chunk.to_vec())).collect();
        stream::iter(chunks)
    });
    chunks.try_flatten().boxed()
}
