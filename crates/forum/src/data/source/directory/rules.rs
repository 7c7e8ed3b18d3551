//! The options of reading another program's files.

use std::path::PathBuf;

use clap::Args;
use clap::error::ErrorKind;
use db_adapter::Table;

use super::map::Map;

/// How other programs' files are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub(crate) struct ReadingArguments {
    /// What lists and attributes are called that are not understood: a TOML file with the sections collections, users, threads, posts
    #[arg(long, value_name = "FILE")]
    pub(crate) map: Option<PathBuf>,

    /// Keep attributes that look like known ones under another name as they are
    #[arg(long)]
    pub(crate) keep_unknown: bool,

    /// Make new ids where old ones are not allowed; references follow
    #[arg(long)]
    pub(crate) make_ids: bool,

    /// The user to whom records without an author are given
    #[arg(long, value_name = "ID")]
    pub(crate) missing_user: Option<String>,

    /// Read records that are marked as deleted or hidden too
    #[arg(long)]
    pub(crate) include_deleted: bool,

    /// Keep passwords, tokens and other secrets
    #[arg(long)]
    pub(crate) keep_secrets: bool,
}

impl ReadingArguments {
    /// Refuses the options where no files are read.
    ///
    /// # Errors
    /// A usage error that names the option which is needed too.
    pub(crate) fn check(&self, reads_files: bool, needed: &str) -> anyhow::Result<()> {
        if reads_files || *self == Self::default() {
            return Ok(());
        }
        let usage = format!("the options of reading another program's files, such as --map, need {needed} too");
        Err(crate::command().error(ErrorKind::MissingRequiredArgument, usage).into())
    }
}

/// The options, with the map read.
#[derive(Debug, Clone, Default)]
pub(super) struct Rules {
    pub(super) map: Map,
    pub(super) keep_unknown: bool,
    pub(super) make_ids: bool,
    pub(super) missing_user: Option<String>,
    pub(super) include_deleted: bool,
    pub(super) keep_secrets: bool,
}

impl Rules {
    /// Reads the map.
    ///
    /// # Errors
    /// As [`Map::read`]; when the id is not allowed.
    pub(super) fn of(arguments: &ReadingArguments, tables: &[&'static Table]) -> anyhow::Result<Self> {
        if let Some(id) = arguments.missing_user.as_deref().filter(|id| !db_adapter::forum::is_id(id)) {
            anyhow::bail!("--missing-user is {id:?}; expected 1 to 64 of A-Z, a-z, 0-9, - and _");
        }
        Ok(Self {
            map: arguments.map.as_deref().map(|file| Map::read(file, tables)).transpose()?.unwrap_or_default(),
            keep_unknown: arguments.keep_unknown,
            make_ids: arguments.make_ids,
            missing_user: arguments.missing_user.clone(),
            include_deleted: arguments.include_deleted,
            keep_secrets: arguments.keep_secrets,
        })
    }

    /// Does the map have a line for the attribute?
    pub(super) fn is_mapped(&self, table: &Table, ours: &str) -> bool {
        self.map.attributes(table).any(|(mapped, _)| mapped == ours)
    }
}
