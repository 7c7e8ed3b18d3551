//! The price of everything that Terraform makes for a load, line by line.

use capacity::prices::Prices;
use capacity::{DAYS, HOURS, TASK_CPUS, TASK_GB, operations};
use clap::ValueEnum;
use db_adapter::forum::TABLES;
use serde::Serialize;

use super::estimate::Line;
use super::profile::Profile;

/// Kilobytes that a request and its response take beside the item.
const ENVELOPE_KB: f64 = 1.5;
/// Kilobytes of log that a request leaves.
const LOG_KB: f64 = 0.5;
/// Gigabytes of memory and seconds of a request in a function, mostly spent waiting for DynamoDB.
const FUNCTION_GB: f64 = 0.25;
const FUNCTION_SECONDS: f64 = 0.02;
/// What AWS names `METRICS=emf`, without a fence.
const METRICS: f64 = 9.0;
/// Rules of the firewall: three groups of AWS's, two limits and the length of the query.
const FIREWALL_RULES: f64 = 6.0;
const ZONES: f64 = 2.0;
/// Requests and two kinds of errors, in four windows of `availability_target`; and alarms of two windows each.
const BURN_METRICS: f64 = 3.0 * 4.0;
const BURN_ALARMS: f64 = 2.0;

/// `compute` of Terraform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Stack {
    /// Three services behind a load balancer, in private subnets
    Ecs,
    /// One service with all routes behind a load balancer, in public subnets
    EcsOne,
    /// One function with all routes behind an HTTP API
    Lambda,
}

impl Stack {
    /// What is paid for beside the tables: with the defaults of Terraform for `environment = "dev"`, and a domain unless it is a function in
    /// one region, which has HTTPS without one.
    pub(crate) fn bill(self, profile: &Profile, prices: &Prices) -> Vec<Line> {
        let mut lines = match self {
            Self::Ecs => services(profile, prices, 3.0, true),
            Self::EcsOne => services(profile, prices, 1.0, false),
            Self::Lambda => function(profile, prices),
        };
        let requests = requests(profile);
        let regions = f64::from(profile.regions);
        lines.push(Line::new("alarms", self.alarms(profile), "metrics", prices.alarm_metric_month));
        if self != Self::Lambda {
            lines.push(Line::new("alarms on alarms", BURN_ALARMS * regions, "alarms", prices.composite_alarm_month));
        }
        lines.push(Line::new("key of the alarms", regions, "keys", prices.key_month));
        if self != Self::Lambda || profile.regions > 1 {
            lines.push(Line::new("DNS zone", 1.0, "zones", prices.zone_month));
            lines.push(Line::new("health checks of DNS", regions, "checks", prices.health_check_month));
        }
        lines.push(Line::new("logs", requests * LOG_KB / 1e6, "GB", prices.log_gb));
        let writes = operations(profile).filter(|(_, operation)| operation.writes > 0.0).map(|(count, _)| count).sum::<f64>();
        lines.push(Line::new("audit trail of writes", writes / 1e6, "million", prices.trail_million));
        lines
    }

    /// Metrics that alarms watch: see `terraform/modules/alarms`. A function's tables are watched as a whole.
    fn alarms(self, profile: &Profile) -> f64 {
        let tables = TABLES.len() as f64;
        let indexes = TABLES.iter().map(|table| table.indexes.len()).sum::<usize>() as f64;
        let several = if profile.regions > 1 { 1.0 } else { 0.0 };
        // Throttles of reads and writes, and refused requests; the lag of each table.
        let of_tables = 2.0 * tables + 1.0 + tables * several;
        // Throttles of indexes, and DynamoDB's own faults in three operations.
        let details = 2.0 * indexes + 3.0 * tables;
        let of_region = match self {
            // Of each service errors, latency and healthy tasks; of the load balancer errors.
            Self::Ecs => of_tables + details + 3.0 * 3.0 + 1.0 + BURN_METRICS,
            Self::EcsOne => of_tables + details + 3.0 + 1.0 + BURN_METRICS,
            // Errors, latency, refused calls.
            Self::Lambda => of_tables + 3.0,
        };
        // Jobs of the backup that failed, and that ended; of its copies, too. Health checks where there are two.
        let once = 3.0 + several + if several > 0.0 || self != Self::Lambda { f64::from(profile.regions) } else { 0.0 };
        of_region * f64::from(profile.regions) + once
    }
}

fn services(profile: &Profile, prices: &Prices, services: f64, private: bool) -> Vec<Line> {
    let regions = f64::from(profile.regions);
    // Two of each service in the first region, one in every other.
    let tasks = services * (2.0 + regions - 1.0);
    let requests = requests(profile);
    let gigabytes = requests * (ENVELOPE_KB + profile.item_kb) / 1e6;
    let addresses = ZONES * regions + if private { 0.0 } else { tasks };
    let mut lines = vec![
        Line::new("processors of tasks", tasks * TASK_CPUS * HOURS, "CPU hours", prices.task_cpu_hour),
        Line::new("memory of tasks", tasks * TASK_GB * HOURS, "GB hours", prices.task_gb_hour),
        Line::new("load balancers", regions * HOURS, "hours", prices.load_balancer_hour),
        Line::new("load balancers: bytes", gigabytes, "GB", prices.load_balancer_unit_hour),
        Line::new("public addresses", addresses * HOURS, "hours", prices.address_hour),
        Line::new("firewalls", regions, "firewalls", prices.firewall_month),
        Line::new("rules of firewalls", FIREWALL_RULES * regions, "rules", prices.firewall_rule_month),
        Line::new("requests through firewalls", requests / 1e6, "million", prices.firewall_million),
        Line::new("metrics of the services", METRICS * regions, "metrics", prices.metric_month),
    ];
    if private {
        // Registry (two) and logs.
        lines.push(Line::new("interface endpoints", 3.0 * ZONES * regions * HOURS, "hours", prices.endpoint_hour));
    }
    lines
}

fn function(profile: &Profile, prices: &Prices) -> Vec<Line> {
    let requests = requests(profile);
    vec![
        Line::new("requests to the API", requests / 1e6, "million", prices.api_million),
        Line::new("calls of the function", requests / 1e6, "million", prices.function_million),
        Line::new("time of the function", requests * FUNCTION_GB * FUNCTION_SECONDS, "GB seconds", prices.function_gb_second),
    ]
}

/// How often a month each operation runs.
fn operations(profile: &Profile) -> impl Iterator<Item = (f64, operations::Operation)> {
    profile.operations_per_day.iter().filter_map(|(name, per_day)| Some((per_day * DAYS, operations::named(name)?)))
}

/// Requests a month: every operation but those that are parts of one.
fn requests(profile: &Profile) -> f64 {
    let whole = |(_, operation): &(f64, operations::Operation)| operation.name != "ids" && !operation.name.starts_with("cascade");
    operations(profile).filter(whole).map(|(count, _)| count).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::estimate::sum;

    fn bill(stack: Stack, regions: u32) -> Vec<Line> {
        stack.bill(&Profile { regions, ..Profile::default() }, &Prices::load(None).unwrap())
    }

    fn quantity(lines: &[Line], what: &str) -> f64 {
        lines.iter().find(|line| line.what == what).map_or(0.0, |line| line.quantity)
    }

    #[test]
    fn shapes_cost_less_from_one_to_the_next() {
        for regions in [1, 2] {
            let [ecs, one, lambda] = [Stack::Ecs, Stack::EcsOne, Stack::Lambda].map(|stack| sum(&bill(stack, regions)));
            assert!(ecs > 1.5 * one && one > 10.0 * lambda, "{ecs} {one} {lambda}");
        }
    }

    #[test]
    fn tasks_addresses_and_alarms_are_counted_as_terraform_makes_them() {
        let ecs = bill(Stack::Ecs, 2);
        assert_eq!(quantity(&ecs, "memory of tasks"), 9.0 * 0.5 * 730.0);
        assert_eq!(quantity(&ecs, "public addresses"), 4.0 * 730.0);
        // 61 of each region and 12 of its availability, 4 of the backup and 2 of DNS.
        assert_eq!(quantity(&ecs, "alarms"), 2.0 * (61.0 + 12.0) + 4.0 + 2.0);
        let one = bill(Stack::EcsOne, 1);
        assert_eq!(quantity(&one, "public addresses"), 4.0 * 730.0);
        assert_eq!(quantity(&bill(Stack::Lambda, 1), "alarms"), 14.0 + 3.0);
    }

    #[test]
    fn a_function_costs_by_the_request() {
        let requests = |lambda: &[Line]| quantity(lambda, "requests to the API");
        assert_eq!(requests(&bill(Stack::Lambda, 1)), 0.33);
        let idle = Profile { operations_per_day: [("ids".to_owned(), 1e6)].into(), ..Profile::default() };
        assert_eq!(requests(&Stack::Lambda.bill(&idle, &Prices::load(None).unwrap())), 0.0);
    }
}
