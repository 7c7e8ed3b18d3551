//! The lease as it is printed.

use std::fmt;

use chrono::{DateTime, Utc};
use db_adapter::Lease;
use serde::Serialize;

/// A heartbeat that is older than this many seconds is pointed out: it is renewed every 5 to 10.
const LATE: i64 = 15;

/// Which Region writes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    /// `null` while none does.
    region: Option<String>,
    epoch: u64,
    since: String,
    not_before: String,
    renewed_at: String,
    /// How old the heartbeat is, by this machine's clock; `null` where it is no time.
    heartbeat_age_seconds: Option<i64>,
}

impl Status {
    pub(super) fn new(lease: Lease, now: DateTime<Utc>) -> Self {
        let renewed = DateTime::parse_from_rfc3339(&lease.renewed).ok();
        Self {
            region: lease.region,
            epoch: lease.epoch,
            since: lease.since,
            not_before: lease.not_before,
            heartbeat_age_seconds: renewed.map(|renewed| (now - renewed.to_utc()).num_seconds()),
            renewed_at: lease.renewed,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, since, not_before, renewed_at, .. } = self;
        let Some(region) = &self.region else {
            return writeln!(
                formatter,
                "no Region writes since {since}, epoch {epoch}; the last one has stopped at {not_before}"
            );
        };
        writeln!(formatter, "{region} writes since {since}, epoch {epoch}")?;
        match self.heartbeat_age_seconds {
            Some(age) if age <= LATE => writeln!(formatter, "heartbeat {age} s ago"),
            Some(age) => writeln!(formatter, "heartbeat {age} s ago, at {renewed_at}: no process of {region} renews it"),
            None => writeln!(formatter, "heartbeat: none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(region: Option<&str>, renewed: &str) -> String {
        let time = "2026-01-31T10:00:00.000Z".to_owned();
        let lease = Lease {
            region: region.map(str::to_owned),
            epoch: 7,
            change: String::new(),
            since: time.clone(),
            not_before: "2026-01-31T10:00:17.000Z".to_owned(),
            renewed: renewed.to_owned(),
        };
        Status::new(lease, DateTime::parse_from_rfc3339(&time).unwrap().to_utc()).to_string()
    }

    #[test]
    fn a_late_heartbeat_is_pointed_out() {
        assert!(status(Some("us-east-1"), "2026-01-31T09:59:50.000Z").ends_with("heartbeat 10 s ago\n"));
        let late = status(Some("us-east-1"), "2026-01-31T09:59:00.000Z");
        assert!(late.contains("60 s ago") && late.contains("no process of us-east-1"), "{late}");
        let none = status(None, "2026-01-31T09:59:00.000Z");
        assert!(none.starts_with("no Region writes") && none.contains("10:00:17"), "{none}");
    }
}
