//! A checksum of a set of items that does not depend on their order, so that tables of two stores can be compared by streaming.

use std::fmt;
use std::str::FromStr;

use db_adapter::{Item, Table};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// The number of items, and the sum modulo 2^256 of the SHA-256 of each item's canonical JSON, without the constant that the store
/// adds to every item of the table.
///
/// The sum does not depend on order or grouping, so parts that were scanned separately can be added. A duplicate counts twice (with
/// XOR it would cancel itself out). The checksum detects loss and change, but not items that were forged to match it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    /// The number of items that were added.
    pub(crate) items: u64,
    /// The sum of their digests.
    #[serde(rename = "checksum")]
    pub(crate) sum: Sum,
}

/// A number modulo 2^256, shown as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    low: u128,
    high: u128,
}

impl Checksum {
    /// Adds an item of the table.
    pub(crate) fn add(&mut self, table: &Table, item: &Item) {
        self.add_digest(digest(table, item));
    }

    /// Adds an item whose [`digest`] is known.
    pub(crate) fn add_digest(&mut self, digest: Sum) {
        self.items += 1;
        self.sum.add(digest);
    }

    /// Adds the items of another part of the same table.
    pub(crate) fn merge(&mut self, part: &Self) {
        self.items += part.items;
        self.sum.add(part.sum);
    }
}

/// The SHA-256 of the compared part of an item: every attribute except the table's constant.
pub(crate) fn digest(table: &Table, item: &Item) -> Sum {
    let bytes: [u8; 32] = match &table.constant {
        Some(constant) => Sha256::digest(item.project(|name| name != constant.attribute).as_json()).into(),
        None => Sha256::digest(item.as_json()).into(),
    };
    Sum::from_bytes(bytes)
}

impl Sum {
    fn from_bytes(bytes: [u8; 32]) -> Self {
        let half = |half: &[u8]| half.iter().fold(0, |sum: u128, byte| (sum << 8) | u128::from(*byte));
        let (high, low) = bytes.split_at(16);
        Self { low: half(low), high: half(high) }
    }

    fn add(&mut self, other: Self) {
        let (low, carry) = self.low.overflowing_add(other.low);
        self.low = low;
        self.high = self.high.wrapping_add(other.high).wrapping_add(carry.into());
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}{:032x}", self.high, self.low)
    }
}

impl FromStr for Sum {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "a checksum must be 64 hexadecimal digits";
        let half = |digits: &str| u128::from_str_radix(digits, 16).map_err(|_| WRONG);
        match text.split_at_checked(32) {
            Some((high, low)) if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Ok(Self { high: half(high)?, low: half(low)? })
            }
            _ => Err(WRONG),
        }
    }
}

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use db_adapter::forum::{thread, user};

    fn of(table: &Table, items: &[&str]) -> Checksum {
        let mut checksum = Checksum::default();
        items.iter().for_each(|item| checksum.add(table, &Item::parse(item).unwrap()));
        checksum
    }

    #[test]
    fn order_and_grouping_do_not_matter_but_content_does() {
        let (a, b, c) = (r#"{"userId":"1","name":"a"}"#, r#"{"userId":"2"}"#, r#"{"userId":"3"}"#);
        let all = of(&user::TABLE, &[a, b, c]);
        assert_eq!(all, of(&user::TABLE, &[c, a, b]));
        let mut parts = of(&user::TABLE, &[b]);
        parts.merge(&of(&user::TABLE, &[c, a]));
        assert_eq!(all, parts);
        for other in [&[a, b][..], &[a, b, b], &[a, b, c, c], &[r#"{"userId":"1","name":"b"}"#, b, c]] {
            assert_ne!(all.sum, of(&user::TABLE, other).sum, "{other:?}");
        }
    }

    #[test]
    fn twice_the_same_item_does_not_cancel_out() {
        let item = r#"{"userId":"1"}"#;
        assert_ne!(of(&user::TABLE, &[item, item]).sum, Sum::default());
    }

    #[test]
    fn the_constant_of_the_adapter_does_not_count() {
        let constant = thread::TABLE.constant.as_ref().unwrap();
        let stored = format!(r#"{{"threadId":"1","{}":"{}"}}"#, constant.attribute, constant.value);
        assert_eq!(of(&thread::TABLE, &[&stored]), of(&thread::TABLE, &[r#"{"threadId":"1"}"#]));
    }

    #[test]
    fn sums_carry_and_wrap_and_survive_as_text() {
        let mut sum = Sum { low: u128::MAX, high: u128::MAX };
        sum.add(Sum { low: 2, high: 0 });
        assert_eq!(sum, Sum { low: 1, high: 0 });
        let mut carried = Sum { low: u128::MAX, high: 1 };
        carried.add(Sum { low: 1, high: 0 });
        assert_eq!(carried, Sum { low: 0, high: 2 });
        assert_eq!(carried.to_string().parse(), Ok(carried));
        assert!("+".repeat(64).parse::<Sum>().is_err());
        assert!("0".repeat(63).parse::<Sum>().is_err());
        let known = of(&user::TABLE, &["{}"]);
        assert_eq!(known.sum.to_string(), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
        let json = serde_json::to_string(&known).unwrap();
        assert_eq!(serde_json::from_str::<Checksum>(&json).unwrap(), known);
    }
}
