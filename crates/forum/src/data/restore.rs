//! Loading a backup into a store.

pub(crate) mod journal;

use std::path::PathBuf;

use anyhow::{Context, Result};
use db_adapter::{Item, Table};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use self::journal::Journal;
use crate::data::archive::{self, Part};
use crate::data::source::Scanner;
use crate::run::progress::Progress;
use crate::run::rate::{RateCap, write_units};

/// Number of parts that are loaded concurrently.
const LOADS: usize = 4;

/// Loads a backup into a store.
#[derive(Debug)]
pub(crate) struct Load {
    /// The backup.
    pub(crate) file: PathBuf,
    /// The store.
    pub(crate) scanner: Scanner,
    /// What is already loaded.
    pub(crate) journal: Journal,
    /// The limit of its write rate.
    pub(crate) cap: RateCap,
}

impl Load {
    /// Loads the rest of a table. A table with unique attributes is loaded in one call, which sees all owners of the values; others
    /// are loaded part by part.
    ///
    /// # Errors
    /// When the file cannot be read or the store cannot be written. The journal holds what was loaded.
    pub(crate) async fn table(&self, table: &'static Table, progress: &Progress) -> Result<()> {
        if self.journal.has_table(table.name) {
            return Ok(());
        }
        if table.unique.is_empty() {
            let parts = parts(self.file.clone(), table);
            parts.try_for_each_concurrent(LOADS, |part| self.part(table, part, progress)).await?;
        } else {
            let items = parts(self.file.clone(), table).map(|part| part.and_then(|part| part.items()));
            let items = items.map_err(|error| db_adapter::Error::backend(error.into_boxed_dyn_error()));
            let items = items.map_ok(|items| stream::iter(items.into_iter().map(Ok))).try_flatten();
            self.load(table, items.boxed(), progress).await?;
        }
        self.journal.add_table(table.name)
    }

    async fn part(&self, table: &'static Table, part: Part, progress: &Progress) -> Result<()> {
        let number = part.header.number;
        if self.journal.has_part(number) {
            progress.add(part.header.items, 0.0);
            return Ok(());
        }
        self.load(table, stream::iter(part.items()?.into_iter().map(Ok)).boxed(), progress).await?;
        self.journal.add_part(number)
    }

    async fn load(
        &self,
        table: &'static Table,
        items: BoxStream<'_, db_adapter::Result<Item>>,
        progress: &Progress,
    ) -> Result<()> {
        let metered = self.scanner.location.is_metered();
        let paced = items.then(|item| async move {
            let item = item?;
            let units = if metered { write_units(table, &item) } else { 0.0 };
            self.cap.spend(units).await;
            progress.add(1, units);
            Ok(item)
        });
        let loaded = self.scanner.store.load(table, paced.boxed()).await;
        loaded.with_context(|| format!("cannot restore table {} into {}", table.name, self.scanner.location)).map(drop)
    }
}

/// The table's parts in the file.
fn parts(file: PathBuf, table: &'static Table) -> impl futures::Stream<Item = Result<Part>> + Send {
    let (sender, receiver) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        let read = archive::each_part(&file, |part| Ok(!part.is_of(table) || sender.blocking_send(Ok(part)).is_ok()));
        if let Err(error) = read {
            let _ = sender.blocking_send(Err(error));
        }
    });
    stream::unfold(receiver, |mut receiver| async { receiver.recv().await.map(|part| (part, receiver)) })
}
