//! Integrity: broken items and claims that do not fit their items. Every suspicion is confirmed by fresh strong reads before
//! it is reported, so that writes that go on meanwhile are not taken for damage.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{ConditionCheck, Put, ReturnConsumedCapacity, TransactWriteItem};

use super::DynamoStore;
use super::attribute_value::{Raw, into_raw, raw_key, text};
use super::claim::{Claim, claim_key, claimed, claims_in, is_claim, is_same_claim, owner_of};
use super::expression::Expression;
use super::heartbeat::is_heartbeat;
use super::pages::Pages;
use super::unique::as_read;
use crate::store::check::Finding;
use crate::store::error::{Error, Result, Rule};
use crate::store::item::Item;
use crate::store::limits::MAX_KEYS;
use crate::store::page::Read;
use crate::store::schema::{Key, Table, Unique};

/// A claim and whether its owner has the value.
struct Holding {
    claim: Raw,
    owner: Key,
    /// The owner as it is, if there is one.
    item: Option<Raw>,
    is_valid: bool,
}

impl DynamoStore {
    pub(super) async fn check_table(&self, table: &'static Table) -> Result<Vec<Finding>> {
        let request = self
            .client
            .scan()
            .table_name(self.table_name(table))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let call = self.call("Scan", table);
        let mut findings = Vec::new();
        let mut pages = Pages::from(None);
        loop {
            let request = request.clone().set_exclusive_start_key(pages.start.clone());
            let output = call.send(request.send()).await.map_err(|error| call.fault(error))?;
            let count = output.items().len();
            let live = output.items.unwrap_or_default().into_iter();
            let live = live.filter(|raw| !self.is_over(table, raw) && !is_heartbeat(table, raw));
            let (held, items): (Vec<_>, Vec<_>) = live.partition(|raw| is_claim(table, raw));
            self.check_claims_of(table, &items, &mut findings).await?;
            self.check_owners_of(table, &held, &mut findings).await?;
            for item in items {
                findings.extend(self.broken(table, item)?);
            }
            if !pages.go_on(&call, count, output.last_evaluated_key)? {
                return Ok(findings);
            }
        }
    }

    fn broken(&self, table: &'static Table, raw: Raw) -> Result<Option<Finding>> {
        let key = key_of(table, &raw);
        Ok(Finding::of_item(table, key, &self.attributes(table, raw)?))
    }

    /// Does every item have its claims?
    async fn check_claims_of(&self, table: &'static Table, items: &[Raw], findings: &mut Vec<Finding>) -> Result<()> {
        let keys: Vec<_> = items.iter().map(|item| key_of(table, item)).collect();
        let wanted: Vec<_> = items.iter().zip(&keys).flat_map(|(item, key)| claims_in(table, item, key)).collect();
        let held = self.read_all(table, wanted.iter().map(|claim| claim.key(table)).collect()).await?;
        for claim in wanted {
            if held.get(&claim.key(table)).map(owner_of).as_ref() != Some(claim.owner) {
                findings.extend(self.missing(table, claim.unique, &claim.value, claim.owner).await?);
            }
        }
        Ok(())
    }

    /// Does every claim have its item?
    async fn check_owners_of(&self, table: &'static Table, held: &[Raw], findings: &mut Vec<Finding>) -> Result<()> {
        let owners: Vec<_> = held.iter().map(owner_of).collect();
        let addressable = owners.iter().filter(|owner| is_addressable(table, owner)).cloned().collect();
        let items = self.read_all(table, addressable).await?;
        for (claim, owner) in held.iter().zip(owners) {
            let Some((unique, value)) = claimed(table, claim) else { continue };
            if !items.get(&owner).is_some_and(|item| has(item, unique, &value)) {
                findings.extend(self.dangling(table, unique, &value).await?);
            }
        }
        Ok(())
    }

    async fn read_all(&self, table: &'static Table, keys: Vec<Key>) -> Result<HashMap<Key, Raw>> {
        let mut found = HashMap::new();
        let keys: Vec<_> = keys.into_iter().map(|key| (table, key)).collect();
        for keys in keys.chunks(MAX_KEYS) {
            for (_, raw) in self.get_batch(keys, &Read::STRONG).await? {
                found.insert(key_of(table, &raw), raw);
            }
        }
        Ok(found)
    }

    /// The finding that the item has a value but not its claim, if that is so now.
    async fn missing(&self, table: &'static Table, unique: &'static Unique, value: &str, key: &Key) -> Result<Option<Finding>> {
        let item = self.get_raw(table, key, &Read::STRONG).await?;
        if !item.is_some_and(|item| has(&item, unique, value)) {
            return Ok(None);
        }
        let (key, attribute, value) = (key.clone(), unique.attribute, value.to_owned());
        Ok(match self.holding(table, unique, &value).await? {
            Some(holding) if holding.owner == key => None,
            Some(Holding { owner, is_valid: true, .. }) => Some(Finding::StolenClaim { key, attribute, value, owner }),
            _ => Some(Finding::MissingClaim { key, attribute, value }),
        })
    }

    /// The finding that a claim has no item, if that is so now.
    async fn dangling(&self, table: &'static Table, unique: &'static Unique, value: &str) -> Result<Option<Finding>> {
        let holding = self.holding(table, unique, value).await?.filter(|holding| !holding.is_valid);
        let (attribute, value) = (unique.attribute, value.to_owned());
        Ok(holding.map(|holding| Finding::DanglingClaim { owner: holding.owner, attribute, value }))
    }

    async fn holding(&self, table: &'static Table, unique: &'static Unique, value: &str) -> Result<Option<Holding>> {
        let Some(claim) = self.get_raw(table, &claim_key(table, unique, value), &Read::STRONG).await? else { return Ok(None) };
        let owner = owner_of(&claim);
        let item = match is_addressable(table, &owner) {
            true => self.get_raw(table, &owner, &Read::STRONG).await?,
            false => None,
        };
        let is_valid = item.as_ref().is_some_and(|item| has(item, unique, value));
        Ok(Some(Holding { claim, owner, item, is_valid }))
    }

    pub(super) async fn repair_finding(&self, table: &'static Table, finding: &Finding) -> Result<()> {
        self.check_open()?;
        match finding {
            Finding::MissingClaim { key, attribute, value } => {
                let unique = unique_of(table, attribute)?;
                match self.missing(table, unique, value, key).await? {
                    Some(Finding::MissingClaim { .. }) => self.add_claim(table, unique, value, key).await,
                    _ => Ok(()),
                }
            }
            Finding::DanglingClaim { owner, attribute, value } => {
                let unique = unique_of(table, attribute)?;
                match self.holding(table, unique, value).await? {
                    Some(holding) if !holding.is_valid && holding.owner == *owner => {
                        self.remove_claim(table, unique, value, &holding).await
                    }
                    _ => Ok(()),
                }
            }
            Finding::StolenClaim { key, attribute, value, .. } => {
                let unique = unique_of(table, attribute)?;
                match self.missing(table, unique, value, key).await? {
                    Some(Finding::StolenClaim { attribute, .. }) => Err(Error::Conflict { rule: Rule::Unique(attribute) }),
                    _ => Ok(()),
                }
            }
            Finding::MendableItem { key, item, mended, .. } => match self.get_raw(table, key, &Read::STRONG).await? {
                Some(raw) if self.is(table, &raw, item)? => self.mend_item(table, &raw, mended).await,
                _ => Ok(()),
            },
            Finding::BrokenItem { key, item, .. } => match self.get_raw(table, key, &Read::STRONG).await? {
                Some(raw) if self.is(table, &raw, item)? => self.remove_item(table, key, &raw).await,
                _ => Ok(()),
            },
        }
    }

    /// Gives the item its claim, in place of one that has no item. If something changed meanwhile, nothing happens.
    async fn add_claim(&self, table: &'static Table, unique: &'static Unique, value: &str, key: &Key) -> Result<()> {
        let Some(item) = self.get_raw(table, key, &Read::STRONG).await? else { return Ok(()) };
        let mut items = vec![self.unchanged(table, unique, key, Some(&item))?];
        if let Some(holding) = self.holding(table, unique, value).await? {
            if is_addressable(table, &holding.owner) {
                items.push(self.unchanged(table, unique, &holding.owner, holding.item.as_ref())?);
            }
            let mut expression = Expression::default();
            let condition = is_same_claim(&mut expression, &holding.claim);
            items.push(self.put_claim_if(
                table,
                &Claim { unique, value: value.to_owned(), owner: key },
                &expression,
                condition,
            )?);
        } else {
            items.push(self.put_claim(table, &Claim { unique, value: value.to_owned(), owner: key })?);
        }
        self.transact(table, items, &mut self.backoff()).await.map(drop)
    }

    async fn remove_claim(&self, table: &'static Table, unique: &'static Unique, value: &str, holding: &Holding) -> Result<()> {
        let mut expression = Expression::default();
        let condition = is_same_claim(&mut expression, &holding.claim);
        let mut items = vec![self.delete_of(table, &claim_key(table, unique, value), &expression, condition)?];
        if is_addressable(table, &holding.owner) {
            items.push(self.unchanged(table, unique, &holding.owner, holding.item.as_ref())?);
        }
        self.transact(table, items, &mut self.backoff()).await.map(drop)
    }

    fn is(&self, table: &'static Table, raw: &Raw, item: &Item) -> Result<bool> {
        self.attributes(table, raw.clone()).map(|attributes| Item::new(&attributes) == *item)
    }

    /// Stores the mended item in place of the one that was read, unless a known attribute changed meanwhile.
    async fn mend_item(&self, table: &'static Table, raw: &Raw, mended: &Item) -> Result<()> {
        let mut expression = Expression::default();
        let unchanged: Vec<_> = table.attributes.iter().map(|known| expression.unchanged(known.name, raw)).collect();
        let put = Put::builder()
            .table_name(self.table_name(table))
            .set_item(Some(into_raw(mended.attributes()?)))
            .condition_expression(unchanged.join(" AND "))
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .build()
            .map_err(Error::backend)?;
        let items = vec![TransactWriteItem::builder().put(put).build()];
        self.transact(table, items, &mut self.backoff()).await.map(drop)
    }

    async fn remove_item(&self, table: &'static Table, key: &Key, raw: &Raw) -> Result<()> {
        let mut expression = Expression::default();
        let condition = as_read(&mut expression, table, raw, self.now());
        let mut items = vec![self.delete_of(table, key, &expression, condition)?];
        for claim in claims_in(table, raw, key) {
            let holding = self.holding(table, claim.unique, &claim.value).await?;
            if holding.is_some_and(|holding| holding.owner == *key) {
                items.push(self.delete_claim(table, &claim)?);
            }
        }
        self.transact(table, items, &mut self.backoff()).await.map(drop)
    }

    /// The item's unique attribute is as it was read.
    fn unchanged(&self, table: &'static Table, unique: &Unique, key: &Key, item: Option<&Raw>) -> Result<TransactWriteItem> {
        let mut expression = Expression::default();
        let condition = match item {
            Some(item) => {
                format!("{} AND {}", expression.exists(table, self.now()), expression.unchanged(unique.attribute, item))
            }
            None => expression.absent(table, self.now()),
        };
        let check = ConditionCheck::builder()
            .table_name(self.table_name(table))
            .set_key(Some(raw_key(table, key)))
            .condition_expression(condition)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .build()
            .map_err(Error::backend)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }
}

fn has(item: &Raw, unique: &Unique, value: &str) -> bool {
    text(item, unique.attribute).is_some_and(|text| unique.normalise(text) == value)
}

fn key_of(table: &Table, raw: &Raw) -> Key {
    let half = |name| text(raw, name).unwrap_or_default().to_owned();
    Key { hash: half(table.hash), range: table.range.map(half) }
}

/// Can an item have this key? A claim made by another tool may name none.
fn is_addressable(table: &Table, key: &Key) -> bool {
    !key.hash.is_empty() && table.range.is_some() == key.range.is_some()
}

fn unique_of(table: &'static Table, attribute: &str) -> Result<&'static Unique> {
    let unique = table.unique.iter().find(|unique| unique.attribute == attribute);
    unique.ok_or_else(|| Error::invalid_item(attribute, "is no unique attribute of this table"))
}
