//! Numbers as text: 38 digits survive, which a float would not.

use std::fmt;

/// A DynamoDB number in its one canonical spelling, which is a JSON number too: equal numbers have equal text.
///
/// Up to 38 significant digits, magnitude from 1e-130 to below 1e126.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Number(String);

const MAX_DIGITS: usize = 38;
const MAGNITUDE: std::ops::RangeInclusive<i64> = -130..=125;
/// Powers of ten that are written out; beyond them the spelling has an exponent.
const PLAIN: std::ops::RangeInclusive<i64> = -20..=40;

impl Number {
    /// Reads a decimal number with an optional fraction and exponent.
    ///
    /// # Errors
    /// What is wrong with the text: not a number, more than 38 significant digits, or out of range.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        // What most numbers are, a version for one, is canonical as it stands.
        if (1..=18).contains(&text.len()) && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self(text.to_owned()));
        }
        let Decimal { negative, digits, power } = Decimal::read(text)?;
        if digits.is_empty() {
            return Ok(Self("0".to_owned()));
        }
        if digits.len() > MAX_DIGITS {
            return Err("has more than 38 significant digits");
        }
        if !MAGNITUDE.contains(&power) {
            return Err("is outside 1e-130 to 1e126");
        }
        let mut spelling = if negative { "-".to_owned() } else { String::new() };
        spell(&mut spelling, &digits, power);
        Ok(Self(spelling))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }

    /// The value where it is a whole number from 0 to 2^63 - 1.
    pub fn as_count(&self) -> Option<u64> {
        self.0.parse().ok().filter(|count| i64::try_from(*count).is_ok())
    }

    /// Bytes that DynamoDB counts for the value: one per two digits as they stand around the point, but not for zeros at either
    /// end; one more, and one for a sign.
    pub(crate) fn size(&self) -> usize {
        match Decimal::read(&self.0) {
            Ok(Decimal { negative, digits, power }) if !digits.is_empty() => {
                let last = power - length(&digits) + 1;
                let pairs = power.div_euclid(2) - last.div_euclid(2) + 1;
                usize::try_from(pairs).unwrap_or(0) + 1 + usize::from(negative)
            }
            _ => 1,
        }
    }
}

/// A number taken apart.
struct Decimal {
    negative: bool,
    /// Without zeros at either end, so none of zero.
    digits: String,
    /// The power of ten of the first digit: 1 for 12.5.
    power: i64,
}

impl Decimal {
    fn read(text: &str) -> Result<Self, &'static str> {
        const NOT_A_NUMBER: &str = "is not a number";
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| NOT_A_NUMBER)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: String = [whole, fraction].concat();
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NOT_A_NUMBER);
        }
        let significant = all.trim_start_matches('0');
        let power = i64::from(exponent) - length(fraction) + length(significant) - 1;
        Ok(Self { negative, digits: significant.trim_end_matches('0').to_owned(), power })
    }
}

impl From<u64> for Number {
    fn from(count: u64) -> Self {
        Self(count.to_string())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// Writes the digits, the first of which stands for 10^power.
fn spell(out: &mut String, digits: &str, power: i64) {
    let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
    if !PLAIN.contains(&power) {
        let (first, rest) = digits.split_at(1);
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        out.push_str(&format!("e{power}"));
    } else if power < 0 {
        out.push_str("0.");
        out.push_str(&zeros(-power - 1));
        out.push_str(digits);
    } else if power + 1 >= length(digits) {
        out.push_str(digits);
        out.push_str(&zeros(power + 1 - length(digits)));
    } else {
        let (whole, fraction) = digits.split_at(usize::try_from(power + 1).unwrap_or(0));
        out.push_str(whole);
        out.push('.');
        out.push_str(fraction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        Number::parse(text).unwrap().to_string()
    }

    #[test]
    fn equal_numbers_have_equal_text() {
        for (text, expected) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("1.50", "1.5"),
            ("1e2", "100"),
            ("100", "100"),
            ("0012.5E+1", "125"),
            ("-0.05", "-0.05"),
            ("5e-2", "0.05"),
            ("1E-130", "1e-130"),
            ("9.99e125", "9.99e125"),
            ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
            ("0.12345678901234567890123456789012345678", "0.12345678901234567890123456789012345678"),
        ] {
            assert_eq!(canonical(text), expected, "{text}");
        }
    }

    #[test]
    fn size_counts_digits_on_both_sides_of_the_point() {
        for (text, bytes) in [
            ("0", 1),
            ("7", 2),
            ("42", 2),
            ("-42", 3),
            ("123", 3),
            ("1200", 2),
            ("1.5", 3),
            ("-123.456", 6),
            ("0.001", 2),
            ("1e125", 2),
            ("120", 3),
            ("0.015", 3),
            ("1.234e-100", 4),
            (&"9".repeat(38), 20),
        ] {
            assert_eq!(Number::parse(text).unwrap().size(), bytes, "{text}");
        }
    }

    #[test]
    fn what_dynamodb_cannot_hold_is_refused() {
        for text in ["", "-", ".", "e5", "1e", "1x", "--1", "NaN", "1e126", "1e-131", "1e99999999999", &"1".repeat(39)] {
            assert!(Number::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_canonical_text_is_a_json_number_and_a_fixed_point(text in "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,18})?([eE][+-]?[0-9]{1,2})?") {
            let number = canonical(&text);
            prop_assert_eq!(&canonical(&number), &number);
            let (ours, theirs): (f64, f64) = (serde_json::from_str(&number).unwrap(), serde_json::from_str(&text).unwrap());
            prop_assert!((ours - theirs).abs() <= theirs.abs() * 1e-12);
        }
    }
}
