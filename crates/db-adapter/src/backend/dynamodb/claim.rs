//! Claims. DynamoDB keeps only keys unique, so each unique value is held by a *claim*: an item of the same table whose partition
//! key is `<attribute>#<normalised value>` and whose `owner` is the id of the item that has the value. A claim has no attribute that
//! an index needs, so it is in no index; scans hide it.

use aws_sdk_dynamodb::types::AttributeValue;

use super::attribute_value::{Raw, raw_key, text};
use super::expression::Expression;
use crate::store::item::Attributes;
use crate::store::schema::{Key, Table, Unique};

/// The attribute of a claim that names its owner's partition key.
const OWNER: &str = "owner";
/// The attribute of a claim that names its owner's sort key, in a table that has one.
const OWNER_RANGE: &str = "ownerRange";
/// The sort key of every claim, in a table that has one.
const CLAIM_RANGE: &str = "#";

/// Who has which value.
#[derive(Debug, Clone)]
pub(super) struct Claim<'a> {
    pub(super) unique: &'static Unique,
    pub(super) value: String,
    pub(super) owner: &'a Key,
}

impl Claim<'_> {
    /// The claim's key.
    pub(super) fn key(&self, table: &Table) -> Key {
        claim_key(table, self.unique, &self.value)
    }

    /// The claim as it is stored.
    pub(super) fn raw(&self, table: &Table) -> Raw {
        let mut raw = raw_key(table, &self.key(table));
        raw.insert(OWNER.to_owned(), AttributeValue::S(self.owner.hash.clone()));
        if let Some(range) = &self.owner.range {
            raw.insert(OWNER_RANGE.to_owned(), AttributeValue::S(range.clone()));
        }
        raw
    }

    /// Nobody has the value, or the owner itself.
    pub(super) fn is_free(&self, expression: &mut Expression, table: &Table, now: f64) -> String {
        format!("({} OR ({}))", expression.absent(table, now), is_same_claim(expression, &self.raw(table)))
    }
}

/// The claim has the same owner.
pub(super) fn is_same_claim(expression: &mut Expression, claim: &Raw) -> String {
    format!("{} AND {}", expression.unchanged(OWNER, claim), expression.unchanged(OWNER_RANGE, claim))
}

/// The key of the claim on a normalised value.
pub(super) fn claim_key(table: &Table, unique: &Unique, value: &str) -> Key {
    Key { hash: unique.claim(value), range: table.range.map(|_| CLAIM_RANGE.to_owned()) }
}

/// The unique attribute and the value that a claim holds.
pub(super) fn claimed(table: &Table, claim: &Raw) -> Option<(&'static Unique, String)> {
    let hash = text(claim, table.hash)?;
    let value = |unique: &Unique| hash.strip_prefix(unique.attribute)?.strip_prefix('#').map(str::to_owned);
    table.unique.iter().find_map(|unique| value(unique).map(|value| (unique, value)))
}

/// The item that a claim names; an empty key where it names none.
pub(super) fn owner_of(claim: &Raw) -> Key {
    let hash = text(claim, OWNER).unwrap_or_default().to_owned();
    Key { hash, range: text(claim, OWNER_RANGE).map(str::to_owned) }
}

/// The claims that an item must have.
pub(super) fn claims<'a>(table: &'static Table, attributes: &Attributes, owner: &'a Key) -> impl Iterator<Item = Claim<'a>> {
    table.unique.iter().filter_map(move |unique| Some(Claim { unique, value: unique.value_of(attributes)?, owner }))
}

/// The claims that an item must have, as the SDK has it.
pub(super) fn claims_in<'a>(table: &'static Table, item: &Raw, owner: &'a Key) -> impl Iterator<Item = Claim<'a>> {
    table.unique.iter().filter_map(move |unique| {
        let value = unique.normalise(text(item, unique.attribute)?);
        Some(Claim { unique, value, owner })
    })
}

/// Is this a claim and no item?
pub(super) fn is_claim(table: &Table, raw: &Raw) -> bool {
    text(raw, table.hash).is_some_and(|hash| table.unique.iter().any(|unique| unique.is_claim(hash)))
}
