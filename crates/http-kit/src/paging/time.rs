//! Times in parameters: RFC 3339, as clients write it.

use chrono::{DateTime, Datelike, Duration, Timelike, Utc};
use db_adapter::forum::timestamp;

/// The time as items have it. They have whole milliseconds, so that rounding up changes neither what is at or after a time nor what is
/// before it.
pub(super) fn parse(text: &str) -> Option<String> {
    let time = DateTime::parse_from_rfc3339(&with_full_offset(text)?).ok()?.to_utc();
    let excess = i64::from(time.nanosecond() % 1_000_000);
    let up = if excess == 0 { time } else { time.checked_add_signed(Duration::nanoseconds(1_000_000 - excess))? };
    Some(match up.year() {
        ..0 => timestamp(year_start(0)?),
        10_000.. => timestamp(year_start(10_000)? - Duration::milliseconds(1)),
        _ => timestamp(up),
    })
}

/// The time with its offset as RFC 3339 has it: the colon may be missing (`+0000`), and the minutes (`+00`), as many libraries write
/// it. A space is a plus that somebody took for one.
fn with_full_offset(text: &str) -> Option<String> {
    let (date, time) = text.split_at_checked(text.find(['T', 't'])?)?;
    let Some(at) = time.rfind(['+', '-', ' ']) else { return Some(text.to_owned()) };
    let (clock, offset) = time.split_at_checked(at)?;
    let (sign, digits) = offset.split_at_checked(1)?;
    let sign = if sign == "-" { '-' } else { '+' };
    let (hours, minutes) = match digits.len() {
        2 => (digits, "00"),
        4 => digits.split_at_checked(2)?,
        _ => digits.split_once(':')?,
    };
    Some(format!("{date}{clock}{sign}{hours}:{minutes}"))
}

/// An offset can carry a time across the edge of the years that have four digits.
fn year_start(year: i32) -> Option<DateTime<Utc>> {
    chrono::NaiveDate::from_ymd_opt(year, 1, 1).and_then(|day| day.and_hms_opt(0, 0, 0)).map(|time| time.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("2024-05-01T12:00:00Z", "2024-05-01T12:00:00.000Z")]
    #[case("2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00.000Z")]
    #[case("2024-05-01T12:00:00 02:00", "2024-05-01T10:00:00.000Z")]
    #[case("2024-05-01T12:00:00+0200", "2024-05-01T10:00:00.000Z")]
    #[case("2024-05-01T12:00:00+02", "2024-05-01T10:00:00.000Z")]
    #[case("2024-05-01T12:00:00-0330", "2024-05-01T15:30:00.000Z")]
    #[case("2024-05-01T12:00:00.5-03", "2024-05-01T15:00:00.500Z")]
    #[case("2024-05-01T12:00:00+00", "2024-05-01T12:00:00.000Z")]
    #[case("2024-05-01T12:00:00 0000", "2024-05-01T12:00:00.000Z")]
    #[case("2024-05-01t12:00:00.0000001z", "2024-05-01T12:00:00.001Z")]
    #[case("2024-05-01T12:00:00.123456789-00:30", "2024-05-01T12:30:00.124Z")]
    #[case("9999-12-31T23:59:59.9999Z", "9999-12-31T23:59:59.999Z")]
    #[case("9999-12-31T23:59:59-01:00", "9999-12-31T23:59:59.999Z")]
    #[case("0000-01-01T00:00:00+01:00", "0000-01-01T00:00:00.000Z")]
    fn a_time_is_kept_as_items_have_it(#[case] text: &str, #[case] kept: &str) {
        assert_eq!(parse(text).as_deref(), Some(kept));
    }

    #[rstest]
    #[case("")]
    #[case("2024-05-01")]
    #[case("2024-05-01T12:00:00")]
    #[case("2024-13-01T12:00:00Z")]
    #[case("2024-05-01T12:00:00+1")]
    #[case("2024-05-01T12:00:00+123")]
    #[case("2024-05-01T12:00:00+1:30")]
    #[case("2024-05-01T12:00:00+ää")]
    #[case("2024-05-01T12:00:00+2500")]
    #[case("2024-05-01+0000")]
    #[case("ääääää")]
    #[case("1714564800")]
    fn what_is_no_time_is_refused(#[case] text: &str) {
        assert_eq!(parse(text), None);
    }
}
