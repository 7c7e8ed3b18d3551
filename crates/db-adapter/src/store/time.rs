//! Times as they are stored.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};

/// The time as it is stored: RFC 3339 in UTC, fixed width to the millisecond, so that text order is time order.
pub fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Is it a time as [`timestamp`] writes it, of the years 0000 to 9999? Allocates nothing: every item that is read is asked.
pub(crate) fn is_timestamp(text: &str) -> bool {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, b'.', f1, f2, f3, b'Z'] =
        text.as_bytes()
    else {
        return false;
    };
    let digits = [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, n1, n2, s1, s2, f1, f2, f3];
    let pair = |tens: u8, ones: u8| u32::from(tens - b'0') * 10 + u32::from(ones - b'0');
    digits.iter().all(u8::is_ascii_digit)
        && pair(h1, h2) < 24
        && pair(n1, n2) < 60
        && pair(s1, s2) < 60
        && (1..=days(pair(y1, y2) * 100 + pair(y3, y4), pair(m1, m2))).contains(&pair(d1, d2))
}

/// The days of a month; 0 where there is no such month.
fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        1..=12 => 31,
        _ => 0,
    }
}

/// A time that another program wrote, as [`timestamp`] writes it: RFC 3339 and what is close to it (without zone: UTC), or seconds or
/// milliseconds since 1970.
pub(crate) fn read(text: &str) -> Option<String> {
    const ZONED: [&str; 4] =
        ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M:%S%.f UTC"];
    const PLAIN: [&str; 3] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    let text = text.trim();
    let plain = |format: &&str| NaiveDateTime::parse_from_str(text, format).ok();
    let time = DateTime::parse_from_rfc3339(text)
        .ok()
        .or_else(|| ZONED.iter().find_map(|format| DateTime::parse_from_str(text, format).ok()))
        .map(|time| time.to_utc())
        .or_else(|| ZONED.last().into_iter().chain(&PLAIN).find_map(plain).map(|time| time.and_utc()))
        .or_else(|| Some(NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0)?.and_utc()))
        .or_else(|| since_1970(text))?;
    Some(timestamp(time)).filter(|text| is_timestamp(text))
}

/// Seconds up to the year 5138; larger numbers are milliseconds.
fn since_1970(text: &str) -> Option<DateTime<Utc>> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = whole.parse().ok()?;
    if number.unsigned_abs() >= 100_000_000_000 {
        return DateTime::from_timestamp_millis(number);
    }
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    DateTime::from_timestamp_millis(number * 1000 + if number < 0 { -millis } else { millis })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn a_time_is_what_the_library_takes_for_one(text in "[0-9]{4}-[0-3][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{3}Z") {
            // The library knows leap seconds, which this program never writes.
            let expected = !text.contains(":60.")
                && DateTime::parse_from_rfc3339(&text).is_ok_and(|time| timestamp(time.to_utc()) == text);
            prop_assert_eq!(is_timestamp(&text), expected);
        }
    }

    #[test]
    fn other_spellings_are_read() {
        for (text, expected) in [
            ("2026-01-31T10:00:00+02:00", "2026-01-31T08:00:00.000Z"),
            ("2026-01-31T10:00:00+0200", "2026-01-31T08:00:00.000Z"),
            ("2026-01-31 10:00:00.5+00", "2026-01-31T10:00:00.500Z"),
            ("2026-01-31 10:00:00 UTC", "2026-01-31T10:00:00.000Z"),
            ("2026-01-31T10:00Z", "2026-01-31T10:00:00.000Z"),
            ("2026-01-31T10:00:00", "2026-01-31T10:00:00.000Z"),
            ("2026-01-31", "2026-01-31T00:00:00.000Z"),
            ("1769853600", "2026-01-31T10:00:00.000Z"),
            ("1769853600123", "2026-01-31T10:00:00.123Z"),
            ("1769853600.5", "2026-01-31T10:00:00.500Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "1e9", "99999999999999999999", "31/01/2026"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
