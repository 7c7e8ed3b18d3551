//! Times as they are stored.

use chrono::{DateTime, SecondsFormat, Utc};

/// The time as it is stored: RFC 3339 in UTC, fixed width to the millisecond, so that text order is time order.
pub fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Is it a time as [`timestamp`] writes it?
pub(crate) fn is_timestamp(text: &str) -> bool {
    DateTime::parse_from_rfc3339(text).is_ok_and(|time| timestamp(time.to_utc()) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_fixed_width() {
        let whole_second = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        assert_eq!(timestamp(whole_second), "2023-11-14T22:13:20.000Z");
        assert!(is_timestamp(&timestamp(Utc::now())));
        for text in ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20.000+00:00", "2023-11-14", "zzz", ""] {
            assert!(!is_timestamp(text), "{text}");
        }
    }
}
