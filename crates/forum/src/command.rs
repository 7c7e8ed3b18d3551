//! The commands: one file each, with its arguments, its steps and its result.

mod arguments;
mod backup;
mod cost;
mod dev;
mod fold;
mod migrate;
mod next;
mod pitr_restore;
mod region;
mod restore;
mod seed;
mod serve;
mod tables;
mod token;
mod verify;

#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::Subcommand;
use db_adapter::forum::TABLES;

use crate::Outcome;
use crate::run::interrupt::{KEPT, or_interrupted};

/// One command with its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(Box<dev::Arguments>),
    Serve(Box<serve::Arguments>),
    Token(token::Arguments),
    Tables(tables::Arguments),
    Seed(seed::Arguments),
    Verify(verify::Arguments),
    Backup(backup::Arguments),
    Restore(restore::Arguments),
    Migrate(Box<migrate::Arguments>),
    PitrRestore(pitr_restore::Arguments),
    Region(region::Arguments),
    Fold(fold::Arguments),
    Cost(cost::Arguments),
}

/// The names of all tables, for help and messages.
fn table_names() -> String {
    TABLES.map(|table| table.name).join(", ")
}

impl Command {
    /// Runs the command, until it is interrupted.
    ///
    /// # Errors
    /// The reason why it failed, for the person who runs it.
    pub(crate) async fn run(self) -> Result<Outcome> {
        let same = next::same();
        match self {
            Self::Dev(arguments) => dev::run(*arguments).await,
            Self::Serve(arguments) => serve::run(*arguments).await,
            Self::Token(arguments) => token::run(&arguments),
            Self::Tables(arguments) => or_interrupted(tables::run(arguments), KEPT, &same).await,
            Self::Seed(arguments) => or_interrupted(seed::run(arguments), KEPT, &same).await,
            Self::Verify(arguments) => verify::run(arguments).await,
            Self::Backup(arguments) => backup::run(arguments).await,
            Self::Restore(arguments) => restore::run(arguments).await,
            Self::Migrate(arguments) => migrate::run(arguments).await,
            Self::PitrRestore(arguments) => pitr_restore::run(arguments).await,
            Self::Region(arguments) => or_interrupted(region::run(arguments), KEPT, &same).await,
            Self::Fold(arguments) => or_interrupted(fold::run(arguments), KEPT, &same).await,
            Self::Cost(arguments) => cost::run(arguments),
        }
    }
}
