//! List prices of DynamoDB and of what else the forum runs on, from a dated file.

use std::path::Path;

use anyhow::{Context, ensure};
use serde::Deserialize;

/// The prices that come with this version.
const EMBEDDED: &str = include_str!("prices.json");

/// List prices in US dollars, the same in every region that is named.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prices {
    /// The day since which these prices are in force.
    pub as_of: String,
    /// Where they are in force.
    pub regions: Vec<String>,
    /// The pages that they were taken from.
    pub sources: Vec<String>,
    /// A million read request units.
    pub read_million: f64,
    /// A million write request units.
    pub write_million: f64,
    /// A million write request units on a table that has replicas, in each region.
    pub replicated_write_million: f64,
    /// A read capacity unit for an hour.
    pub read_unit_hour: f64,
    /// A write capacity unit for an hour.
    pub write_unit_hour: f64,
    /// A write capacity unit for an hour on a table that has replicas, in each region.
    pub replicated_write_unit_hour: f64,
    /// Tables and indexes: a gigabyte for a month.
    pub storage_gb_month: f64,
    /// Point-in-time recovery: a gigabyte of table for a month.
    pub pitr_gb_month: f64,
    /// Backups: a gigabyte for a month.
    pub backup_gb_month: f64,
    /// A gigabyte from one region to another.
    pub transfer_gb: f64,
    /// A CPU (ARM) of a Fargate task for an hour.
    pub task_cpu_hour: f64,
    /// A gigabyte of memory of such a task for an hour.
    pub task_gb_hour: f64,
    /// An application load balancer for an hour.
    pub load_balancer_hour: f64,
    /// A capacity unit of a load balancer for an hour, which a gigabyte takes.
    pub load_balancer_unit_hour: f64,
    /// A public IPv4 address for an hour.
    pub address_hour: f64,
    /// An interface endpoint in a zone for an hour.
    pub endpoint_hour: f64,
    /// A firewall for a month.
    pub firewall_month: f64,
    /// One of its rules for a month.
    pub firewall_rule_month: f64,
    /// A million requests through a firewall.
    pub firewall_million: f64,
    /// A metric that an alarm watches, for a month.
    pub alarm_metric_month: f64,
    /// An alarm on other alarms, for a month.
    pub composite_alarm_month: f64,
    /// A metric of our own for a month.
    pub metric_month: f64,
    /// A key for a month.
    pub key_month: f64,
    /// A zone of DNS for a month.
    pub zone_month: f64,
    /// A health check by HTTPS every 10 s for a month.
    pub health_check_month: f64,
    /// A gigabyte of logs.
    pub log_gb: f64,
    /// A million recorded calls.
    pub trail_million: f64,
    /// A million requests to an HTTP API.
    pub api_million: f64,
    /// A million calls of a function.
    pub function_million: f64,
    /// A gigabyte of memory of a function (ARM) for a second.
    pub function_gb_second: f64,
}

impl Prices {
    /// The prices in the file, or those that come with this version.
    ///
    /// # Errors
    /// The file cannot be read, or a price is missing, unknown or below zero; the message names file and field.
    pub fn load(file: Option<&Path>) -> anyhow::Result<Self> {
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

    fn each(&self) -> [(&'static str, f64); 30] {
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
            ("taskCpuHour", self.task_cpu_hour),
            ("taskGbHour", self.task_gb_hour),
            ("loadBalancerHour", self.load_balancer_hour),
            ("loadBalancerUnitHour", self.load_balancer_unit_hour),
            ("addressHour", self.address_hour),
            ("endpointHour", self.endpoint_hour),
            ("firewallMonth", self.firewall_month),
            ("firewallRuleMonth", self.firewall_rule_month),
            ("firewallMillion", self.firewall_million),
            ("alarmMetricMonth", self.alarm_metric_month),
            ("compositeAlarmMonth", self.composite_alarm_month),
            ("metricMonth", self.metric_month),
            ("keyMonth", self.key_month),
            ("zoneMonth", self.zone_month),
            ("healthCheckMonth", self.health_check_month),
            ("logGb", self.log_gb),
            ("trailMillion", self.trail_million),
            ("apiMillion", self.api_million),
            ("functionMillion", self.function_million),
            ("functionGbSecond", self.function_gb_second),
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
            ("\n  \"transferGb\": 0.02,", "", "transferGb"),
            ("0.625", "-1", "writeMillion"),
        ] {
            let error = format!("{:#}", Prices::parse(&EMBEDDED.replace(from, to)).unwrap_err());
            assert!(error.contains(named), "{error}");
        }
    }
}
