//! List prices of DynamoDB, from a dated file.

use std::path::Path;

use anyhow::{Context, ensure};
use serde::Deserialize;

/// The prices that come with this version.
const EMBEDDED: &str = include_str!("prices.json");

/// List prices in US dollars, the same in every region that is named.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Prices {
    /// The day since which these prices are in force.
    pub(crate) as_of: String,
    /// Where they are in force.
    pub(crate) regions: Vec<String>,
    /// The pages that they were taken from.
    pub(crate) sources: Vec<String>,
    /// A million read request units.
    pub(crate) read_million: f64,
    /// A million write request units.
    pub(crate) write_million: f64,
    /// A million write request units on a table that has replicas, in each region.
    pub(crate) replicated_write_million: f64,
    /// A read capacity unit for an hour.
    pub(crate) read_unit_hour: f64,
    /// A write capacity unit for an hour.
    pub(crate) write_unit_hour: f64,
    /// A write capacity unit for an hour on a table that has replicas, in each region.
    pub(crate) replicated_write_unit_hour: f64,
    /// Tables and indexes: a gigabyte for a month.
    pub(crate) storage_gb_month: f64,
    /// Point-in-time recovery: a gigabyte of table for a month.
    pub(crate) pitr_gb_month: f64,
    /// Backups: a gigabyte for a month.
    pub(crate) backup_gb_month: f64,
    /// A gigabyte from one region to another.
    pub(crate) transfer_gb: f64,
}

impl Prices {
    /// The prices in the file, or those that come with this version.
    ///
    /// # Errors
    /// The file cannot be read, or a price is missing, unknown or below zero; the message names file and field.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        match file {
            None => Self::parse(EMBEDDED).context("the embedded prices"),
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
                Self::parse(&text).with_context(|| format!("{} is not a price file", file.display()))
            }
        }
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let prices: Self = serde_json::from_str(text)?;
        for (name, price) in prices.each() {
            ensure!(price >= 0.0, "{name} is {price}; expected 0 or more");
        }
        Ok(prices)
    }

    fn each(&self) -> [(&'static str, f64); 10] {
        [
            ("readMillion", self.read_million),
            ("writeMillion", self.write_million),
            ("replicatedWriteMillion", self.replicated_write_million),
            ("readUnitHour", self.read_unit_hour),
            ("writeUnitHour", self.write_unit_hour),
            ("replicatedWriteUnitHour", self.replicated_write_unit_hour),
            ("storageGbMonth", self.storage_gb_month),
            ("pitrGbMonth", self.pitr_gb_month),
            ("backupGbMonth", self.backup_gb_month),
            ("transferGb", self.transfer_gb),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_prices_load() {
        assert_eq!(Prices::load(None).unwrap().write_million, 0.625);
    }

    #[test]
    fn a_price_that_is_missing_unknown_or_negative_is_named() {
        for (from, to, named) in [
            ("\"transferGb\": 0.02", "\"readMillion2\": 1", "readMillion2"),
            (",\n  \"transferGb\": 0.02", "", "transferGb"),
            ("0.625", "-1", "writeMillion"),
        ] {
            let error = format!("{:#}", Prices::parse(&EMBEDDED.replace(from, to)).unwrap_err());
            assert!(error.contains(named), "{error}");
        }
    }
}
