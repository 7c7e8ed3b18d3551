//! Reads times as other programs write them.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use db_adapter::Value;

/// Numbers from here on are milliseconds since 1970, smaller ones are seconds. In seconds it is the year 5138, in milliseconds 1973.
const FIRST_MILLISECONDS: f64 = 100_000_000_000.0;
/// The fewest digits of a text that is a number of seconds, so that a year is none.
const FEWEST_DIGITS: usize = 9;

/// What [`read`] takes, for messages.
pub(super) const ALLOWED: &str = "is not a time; expected one like 2024-11-23T10:00:00Z, 2024-11-23 10:00:00+0200 or 2024-11-23, or \
     seconds or milliseconds since 1970, and a year from 0 to 9999";

/// The time in a value: RFC 3339 with or without seconds, with any spelling of the offset, with none (UTC) or without time of day;
/// RFC 2822; seconds or milliseconds since 1970 as a number or text, perhaps with a fraction.
pub(super) fn read(value: &Value) -> Option<DateTime<Utc>> {
    let time = match value {
        Value::Number(number) => since_1970(number.as_str()),
        Value::String(text) => written(text.trim()),
        _ => None,
    };
    time.filter(|time| (0..=9999).contains(&time.year()))
}

#[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
fn since_1970(text: &str) -> Option<DateTime<Utc>> {
    let count: f64 = text.parse().ok().filter(|count| (0.0..1e15).contains(count))?;
    let milliseconds = if count < FIRST_MILLISECONDS { count * 1000.0 } else { count };
    DateTime::from_timestamp_millis(milliseconds.round() as i64)
}

fn written(text: &str) -> Option<DateTime<Utc>> {
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let digits = text.split('.').next().unwrap_or_default().len();
        return since_1970(text).filter(|_| digits >= FEWEST_DIGITS);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc2822(text)) {
        return Some(time.to_utc());
    }
    if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return day.and_hms_opt(0, 0, 0).map(|time| time.and_utc());
    }
    // What follows a day of ten characters is the time of day; a later space stands before the zone.
    let spelled = match text.split_at_checked(10) {
        Some((day, time)) => day.to_owned() + &time.replacen(' ', if time.starts_with(' ') { "T" } else { "" }, 1),
        None => return None,
    };
    let zone = ["UTC", "GMT", "Z", "z"].iter().find_map(|zone| spelled.strip_suffix(zone));
    let without_zone = zone.unwrap_or(&spelled).trim_end();
    let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    let utc = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(without_zone, form).ok()).map(|time| time.and_utc());
    let compact = spelled.replace(' ', "");
    let with_offset = || forms.iter().find_map(|form| DateTime::parse_from_str(&compact, &format!("{form}%#z")).ok());
    utc.or_else(|| with_offset().map(|time| time.to_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use db_adapter::Number;
    use db_adapter::forum::timestamp;

    #[test]
    fn many_spellings_of_a_time_are_understood() {
        for (text, expected) in [
            ("2024-11-23T10:00:00Z", "10:00:00.000"),
            ("2024-11-23T10:00:00.123456", "10:00:00.123"),
            ("2024-11-23 10:00:00", "10:00:00.000"),
            ("2024-11-23", "00:00:00.000"),
            ("2024-11-23T10:00Z", "10:00:00.000"),
            ("2024-11-23 10:00", "10:00:00.000"),
            ("2024-11-23T12:00+02:00", "10:00:00.000"),
            ("2024-11-23T12:00:00+0200", "10:00:00.000"),
            ("2024-11-23T12:00:00.5 +0200", "10:00:00.500"),
            ("2024-11-23 10:00:00.123456+00", "10:00:00.123"),
            ("2024-11-23 05:00:00-05", "10:00:00.000"),
            ("2024-11-23 10:00:00 UTC", "10:00:00.000"),
            ("2024-11-23 10:00:00.25 GMT", "10:00:00.250"),
            ("Sat, 23 Nov 2024 10:00:00 +0000", "10:00:00.000"),
            ("1732356000", "10:00:00.000"),
            ("1732356000.5", "10:00:00.500"),
            ("1732356000123", "10:00:00.123"),
        ] {
            let time = read(&Value::from(text)).map(timestamp);
            assert_eq!(time, Some(format!("2024-11-23T{expected}Z")), "{text}");
        }
        for (number, expected) in
            [("1732356000", "10:00:00.000"), ("1732356000.5", "10:00:00.500"), ("1732356000123.4", "10:00:00.123")]
        {
            let time = read(&Value::Number(Number::parse(number).unwrap())).map(timestamp);
            assert_eq!(time, Some(format!("2024-11-23T{expected}Z")), "{number}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["yesterday", "2024", "20241123", "2024-13-01", "10:00", "", "2024-11-23T25:00:00Z", "x-1"] {
            assert_eq!(read(&Value::from(text)), None, "{text}");
        }
        for number in ["-1", "1e40"] {
            assert_eq!(read(&Value::Number(Number::parse(number).unwrap())), None, "{number}");
        }
        assert_eq!(read(&Value::Bool(true)), None);
    }
}
