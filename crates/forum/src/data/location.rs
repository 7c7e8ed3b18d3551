//! The location of a store, as it is printed and written into backups.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use db_adapter::Backend;
use db_adapter::config::{DynamoConfig, StoreConfig};
use db_adapter::forum::TABLES;
use serde::{Deserialize, Serialize};

/// The least time that a long command waits for one attempt, and for all attempts of a call: a tool that reads whole tables can
/// wait longer than a request.
const MIN_TIMEOUTS: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(120));

/// The location of a store. Equal locations are the same store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub(crate) enum Location {
    /// A directory of JSON files.
    Json {
        /// Its absolute path.
        directory: PathBuf,
    },
    /// Tables on DynamoDB.
    Dynamodb {
        /// The AWS region.
        region: String,
        /// The URL of DynamoDB Local.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
        /// The DynamoDB tables' names by short name.
        tables: BTreeMap<String, String>,
    },
}

impl Location {
    /// The store that the settings choose.
    ///
    /// # Errors
    /// When the current directory is unknown.
    pub(crate) fn of(config: &StoreConfig) -> Result<Self> {
        match config.backend {
            Backend::Json => {
                let directory = std::path::absolute(&config.data_dir).with_context(|| config.data_dir.display().to_string())?;
                Ok(Self::Json { directory })
            }
            Backend::DynamoDb => Ok(Self::of_dynamodb(&config.dynamodb)),
        }
    }

    /// The tables that the settings name.
    pub(crate) fn of_dynamodb(config: &DynamoConfig) -> Self {
        Self::Dynamodb {
            region: config.aws_region.clone(),
            endpoint: config.dynamodb_endpoint.clone(),
            tables: TABLES.map(|table| (table.name.to_owned(), config.table_name(table).to_owned())).into(),
        }
    }

    /// Both as text, with the names of the tables that tell them apart.
    pub(crate) fn beside(&self, other: &Self) -> [String; 2] {
        let (Self::Dynamodb { tables: ours, .. }, Self::Dynamodb { tables: theirs, .. }) = (self, other) else {
            return [self.to_string(), other.to_string()];
        };
        let with = |location: &Self, own: &BTreeMap<String, String>, others: &BTreeMap<String, String>| {
            let names: Vec<_> = own.iter().filter(|(table, name)| others.get(*table) != Some(name)).collect();
            let names: Vec<_> = names.iter().map(|(table, name)| format!("{table} in table {name}")).collect();
            if names.is_empty() { location.to_string() } else { format!("{location} ({})", names.join(", ")) }
        };
        [with(self, ours, theirs), with(other, theirs, ours)]
    }

    /// Is the store metered in capacity units?
    pub(crate) fn is_metered(&self) -> bool {
        matches!(self, Self::Dynamodb { .. })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { directory } => write!(formatter, "JSON files in {}", directory.display()),
            Self::Dynamodb { region, endpoint: None, .. } => write!(formatter, "DynamoDB in {region}"),
            Self::Dynamodb { region, endpoint: Some(endpoint), .. } => write!(formatter, "DynamoDB in {region} at {endpoint}"),
        }
    }
}

/// The settings with the timeouts of a long command.
pub(crate) fn with_long_timeouts(config: &DynamoConfig) -> DynamoConfig {
    let (attempt, operation) = MIN_TIMEOUTS;
    DynamoConfig {
        dynamodb_attempt_timeout_ms: config.dynamodb_attempt_timeout_ms.max(attempt),
        dynamodb_operation_timeout_ms: config.dynamodb_operation_timeout_ms.max(operation),
        ..config.clone()
    }
}
