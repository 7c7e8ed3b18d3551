//! `forum tables schema`: the declared tables as JSON for Terraform.

use std::collections::BTreeMap;

use db_adapter::forum::{SCHEMA_VERSION, TABLES};
use serde::Serialize;

use crate::{Outcome, output};

/// Print the declared tables as JSON, for terraform/tables.json
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  forum tables schema > terraform/tables.json")]
pub(crate) struct Arguments {}

#[derive(Serialize)]
struct Schema {
    version: u32,
    tables: BTreeMap<&'static str, Table>,
}

#[derive(Serialize)]
struct Table {
    env: &'static str,
    hash: Attribute,
    range: Option<Attribute>,
    ttl: Option<&'static str>,
    unique: Vec<&'static str>,
    indexes: BTreeMap<&'static str, Index>,
}

#[derive(Serialize)]
struct Index {
    hash: Attribute,
    range: Option<Attribute>,
    projection: &'static str,
    include: [&'static str; 0],
}

#[derive(Serialize)]
struct Attribute {
    name: &'static str,
    r#type: &'static str,
}

impl Attribute {
    /// A key attribute; all are strings.
    fn key(name: &'static str) -> Self {
        Self { name, r#type: "S" }
    }
}

fn schema() -> Schema {
    let index = |index: &db_adapter::schema::Index| {
        let (hash, range) = (Attribute::key(index.hash), index.range.map(Attribute::key));
        (index.name, Index { hash, range, projection: "ALL", include: [] })
    };
    let table = |table: &'static db_adapter::Table| {
        let declared = Table {
            env: table.env,
            hash: Attribute::key(table.hash),
            range: table.range.map(Attribute::key),
            ttl: table.ttl,
            unique: table.unique.iter().map(|unique| unique.attribute).collect(),
            indexes: table.indexes.iter().map(index).collect(),
        };
        (table.name, declared)
    };
    Schema { version: SCHEMA_VERSION, tables: TABLES.into_iter().map(table).collect() }
}

pub(crate) fn run(Arguments {}: Arguments) -> anyhow::Result<Outcome> {
    output::print_text(serde_json::to_string_pretty(&schema())? + "\n")?;
    Ok(Outcome::Done)
}
