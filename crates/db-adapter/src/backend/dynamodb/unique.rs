//! Writes that change unique values: items and their claims change together, in one transaction. What a claim is: `claim`.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, Delete, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update as UpdateRequest,
};

use super::DynamoStore;
use super::attribute_value::{Raw, into_raw, raw_key, tag};
use super::claim::{Claim, claims, claims_in, owner_of};
use super::expression::Expression;
use super::metrics;
use super::retry::Backoff;
use super::write::{Written, is_created_by, is_from};
use crate::store::error::{Error, Result, Rule};
use crate::store::item::{Attributes, Item, Tag, Value, check_size};
use crate::store::page::Read;
use crate::store::schema::{Key, TOUCH_ID, Table, VERSION, WRITE_ID};
use crate::store::update::Update;

const NO_REASON: &str = "a transaction was cancelled without a reason";

/// How a transaction ended that reached DynamoDB.
pub(super) enum Transacted {
    Done,
    /// Some condition did not hold.
    Refused(Refusal),
}

/// Why a transaction was cancelled, by position of its items.
pub(super) struct Refusal {
    reasons: Vec<CancellationReason>,
    /// May an earlier attempt have been executed?
    uncertain: bool,
}

impl Refusal {
    /// Did the condition at this position fail?
    pub(super) fn is_at(&self, position: usize) -> bool {
        self.reasons.get(position).and_then(CancellationReason::code) == Some("ConditionalCheckFailed")
    }

    /// The item at this position as it is.
    pub(super) fn item_at(&self, position: usize) -> Option<&Raw> {
        self.reasons.get(position).and_then(CancellationReason::item).filter(|item| !item.is_empty())
    }
}

impl DynamoStore {
    pub(super) async fn create_with_claims(
        &self,
        table: &'static Table,
        key: &Key,
        attributes: &Attributes,
        write_id: &str,
    ) -> Result<()> {
        let claims: Vec<_> = claims(table, attributes, key).collect();
        let mut items = vec![self.put_new_item(table, attributes)?];
        for claim in &claims {
            items.push(self.put_claim(table, claim)?);
        }
        match self.transact(table, items, &mut self.backoff()).await? {
            Transacted::Done => Ok(()),
            Transacted::Refused(refusal) if is_created_by(refusal.item_at(0), write_id) => Ok(()),
            Transacted::Refused(refusal) if refusal.is_at(0) => Err(Error::Conflict { rule: Rule::Key }),
            Transacted::Refused(refusal) => Err(taken(&claims, &refusal, 1)),
        }
    }

    /// The unique values that the update sets and that the item does not hold now, as far as an eventual read tells. An item that
    /// another program stored has its value without holding it.
    pub(super) async fn unheld(&self, table: &'static Table, key: &Key, set: &Attributes) -> Result<Vec<String>> {
        let mut unheld = Vec::new();
        for claim in claims(table, set, key) {
            let held = self.get_raw(table, &claim.key(table), &Read::default()).await?;
            if held.is_none_or(|held| owner_of(&held) != *key) {
                unheld.push(claim.value);
            }
        }
        Ok(unheld)
    }

    /// The update of an item as it is in `old`: one whose unique values it changes, or that has a later time. The `unheld` values are
    /// claimed even where the item has them.
    #[expect(clippy::too_many_arguments, reason = "one request and its parts")]
    pub(super) async fn update_with_claims(
        &self,
        table: &'static Table,
        key: &Key,
        update: &Update,
        write_id: &str,
        mut old: Raw,
        unheld: Vec<String>,
        backoff: &mut Backoff,
    ) -> Result<Item> {
        // Claims that turned out to be another item's: not ours to delete.
        let mut stolen = Vec::new();
        loop {
            let before = self.attributes(table, old.clone())?;
            let update = &*update.decided(&before);
            let (after, version) = after(table, &before, update, write_id);
            check_size(&after)?;
            let has =
                |attributes: &Attributes, claim: &Claim<'_>| claim.unique.value_of(attributes).as_ref() == Some(&claim.value);
            let gained: Vec<_> =
                claims(table, &after, key).filter(|claim| !has(&before, claim) || unheld.contains(&claim.value)).collect();
            let lost: Vec<_> =
                claims(table, &before, key).filter(|claim| !has(&after, claim) && !stolen.contains(&claim.value)).collect();
            let refused = if gained.is_empty() && lost.is_empty() {
                let mut expression = Expression::default();
                let mut conditions = vec![as_read(&mut expression, table, &old, self.now())];
                conditions.extend(expression.meets(update));
                let condition = conditions.join(" AND ");
                match self.update_if(table, key, update, write_id, Some(version), expression, condition, backoff).await? {
                    Written::Done(item) => return self.item(table, item, None),
                    Written::Refused(item) => item,
                }
            } else {
                let mut items = vec![self.update_of(table, key, update, write_id, version, &old)?];
                for claim in &gained {
                    items.push(self.put_claim(table, claim)?);
                }
                for claim in &lost {
                    items.push(self.delete_claim(table, claim)?);
                }
                match self.transact(table, items, backoff).await? {
                    Transacted::Done => return self.item(table, into_raw(after), None),
                    Transacted::Refused(refusal) if refusal.is_at(0) => refusal.item_at(0).cloned(),
                    Transacted::Refused(refusal) => {
                        let lost_at = 1 + gained.len();
                        if (1..lost_at).any(|position| refusal.is_at(position)) {
                            return Err(taken(&gained, &refusal, 1));
                        }
                        stolen.extend(stolen_of(lost, &refusal, lost_at)?);
                        continue;
                    }
                }
            };
            old = match refused {
                None => return Err(Error::NotFound),
                Some(now) if is_from(Some(&now), update, write_id) => return self.item(table, now, None),
                Some(now) => {
                    update.check_stored(&self.attributes(table, now.clone())?, &tag(&now))?;
                    now
                }
            };
            if !backoff.pause().await {
                return Err(self.call("TransactWriteItems", table).exhausted());
            }
        }
    }

    pub(super) async fn delete_with_claims(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        let uniques = table.unique.iter().map(|unique| unique.attribute.to_owned()).collect();
        let eventual = Read { attributes: Some(uniques), ..Read::default() };
        let mut old = match self.get_raw(table, key, &eventual).await? {
            Some(old) => old,
            None => self.get_raw(table, key, &Read { strong: true, ..eventual }).await?.ok_or(Error::NotFound)?,
        };
        let mut backoff = self.backoff();
        let mut stolen = Vec::new();
        loop {
            let lost: Vec<_> = claims_in(table, &old, key).filter(|claim| !stolen.contains(&claim.value)).collect();
            let mut expression = Expression::default();
            let mut conditions = vec![expression.removable(table, expected, self.now())];
            conditions.extend(table.unique.iter().map(|unique| expression.unchanged(unique.attribute, &old)));
            let condition = conditions.join(" AND ");
            let refused = if lost.is_empty() {
                match self.delete_if(table, key, expression, condition, &mut backoff).await? {
                    Written::Done(()) => return Ok(()),
                    Written::Refused(item) => item,
                }
            } else {
                let mut items = vec![self.delete_of(table, key, &expression, condition)?];
                for claim in &lost {
                    items.push(self.delete_claim(table, claim)?);
                }
                match self.transact(table, items, &mut backoff).await? {
                    Transacted::Done => return Ok(()),
                    Transacted::Refused(refusal) if refusal.is_at(0) => match refusal.item_at(0) {
                        None if refusal.uncertain => return Ok(()),
                        item => item.cloned(),
                    },
                    Transacted::Refused(refusal) => {
                        stolen.extend(stolen_of(lost, &refusal, 1)?);
                        continue;
                    }
                }
            };
            old = match refused {
                None => return Err(Error::NotFound),
                Some(now) if expected.is_some_and(|expected| *expected != tag(&now)) => return Err(Error::VersionMismatch),
                Some(now) => now,
            };
            if !backoff.pause().await {
                return Err(self.call("TransactWriteItems", table).exhausted());
            }
        }
    }

    /// All or nothing. A transaction that another one was in the way of, or that was throttled, is sent again, as a new one.
    pub(super) async fn transact(
        &self,
        table: &'static Table,
        items: Vec<TransactWriteItem>,
        backoff: &mut Backoff,
    ) -> Result<Transacted> {
        let request = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let call = self.call("TransactWriteItems", table);
        loop {
            // The SDK gives each call a token of its own, by which DynamoDB knows that call's retries.
            let send = || request.clone().send();
            let reasons = match call.run(backoff, send).await {
                Ok(_) => return Ok(Transacted::Done),
                Err(SdkError::ServiceError(error)) if error.err().is_transaction_canceled_exception() => match error.into_err() {
                    TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                        cancelled.cancellation_reasons.unwrap_or_default()
                    }
                    error => return Err(Error::backend(error)),
                },
                Err(error) => return Err(call.fault(error)),
            };
            if let Some(reason) = reasons.iter().find(|reason| is_passing(reason)) {
                let reason = reason.code().unwrap_or_default().to_owned();
                metrics::repeated(table.name, reason);
                if backoff.pause().await {
                    continue;
                }
                return Err(call.exhausted());
            }
            if let Some(reason) = reasons.iter().find(|reason| is_fault(reason)) {
                return Err(call.refused(reason.code().unwrap_or_default(), reason.message().unwrap_or_default()));
            }
            return Ok(Transacted::Refused(Refusal { reasons, uncertain: call.is_uncertain() }));
        }
    }

    fn put_new_item(&self, table: &'static Table, attributes: &Attributes) -> Result<TransactWriteItem> {
        let mut expression = Expression::default();
        let put = Put::builder()
            .table_name(self.table_name(table))
            .set_item(Some(into_raw(attributes.clone())))
            .condition_expression(expression.absent(table, self.now()))
            .set_expression_attribute_names(expression.names())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Error::backend)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn update_of(
        &self,
        table: &'static Table,
        key: &Key,
        update: &Update,
        write_id: &str,
        version: u64,
        old: &Raw,
    ) -> Result<TransactWriteItem> {
        let mut expression = Expression::default();
        let mut condition = vec![as_read(&mut expression, table, old, self.now())];
        condition.extend(expression.meets(update));
        let request = UpdateRequest::builder()
            .table_name(self.table_name(table))
            .set_key(Some(raw_key(table, key)))
            .update_expression(expression.changes(table, key, update, write_id, Some(version)))
            .condition_expression(condition.join(" AND "))
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Error::backend)?;
        Ok(TransactWriteItem::builder().update(request).build())
    }

    /// The deletion of one item within a transaction.
    pub(super) fn delete_of(
        &self,
        table: &'static Table,
        key: &Key,
        expression: &Expression,
        condition: String,
    ) -> Result<TransactWriteItem> {
        let delete = Delete::builder()
            .table_name(self.table_name(table))
            .set_key(Some(raw_key(table, key)))
            .condition_expression(condition)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(Error::backend)?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Takes the value, unless another item has it.
    pub(super) fn put_claim(&self, table: &'static Table, claim: &Claim<'_>) -> Result<TransactWriteItem> {
        let mut expression = Expression::default();
        let condition = claim.is_free(&mut expression, table, self.now());
        self.put_claim_if(table, claim, &expression, condition)
    }

    pub(super) fn put_claim_if(
        &self,
        table: &'static Table,
        claim: &Claim<'_>,
        expression: &Expression,
        condition: String,
    ) -> Result<TransactWriteItem> {
        let put = Put::builder()
            .table_name(self.table_name(table))
            .set_item(Some(claim.raw(table)))
            .condition_expression(condition)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .build()
            .map_err(Error::backend)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Frees the value, unless another item has it.
    pub(super) fn delete_claim(&self, table: &'static Table, claim: &Claim<'_>) -> Result<TransactWriteItem> {
        let mut expression = Expression::default();
        let condition = claim.is_free(&mut expression, table, self.now());
        self.delete_of(table, &claim.key(table), &expression, condition)
    }
}

/// The item is as it was read: the same write and touch, the same unique values.
pub(super) fn as_read(expression: &mut Expression, table: &Table, old: &Raw, now: f64) -> String {
    let mut conditions = vec![expression.exists(table, now)];
    let names = [VERSION, WRITE_ID, TOUCH_ID].into_iter().chain(table.unique.iter().map(|unique| unique.attribute));
    conditions.extend(names.map(|name| expression.unchanged(name, old)));
    conditions.join(" AND ")
}

/// The item after the update, what DynamoDB makes of it, as transactions return no items; and its version.
fn after(table: &Table, before: &Attributes, update: &Update, write_id: &str) -> (Attributes, u64) {
    let mut after = before.clone();
    update.apply(&mut after);
    table.add_constant(&mut after);
    let version = before.get(VERSION).and_then(Value::as_count).unwrap_or(0).saturating_add(1);
    if !update.touch {
        after.insert(VERSION.to_owned(), Value::from(version));
    }
    after.insert(update.stamp().to_owned(), Value::from(write_id));
    (after, version)
}

/// Which of the claims, whose puts start at this position, another item has.
fn taken(claims: &[Claim<'_>], refusal: &Refusal, start: usize) -> Error {
    let refused = claims.iter().enumerate().find(|(position, _)| refusal.is_at(start + position));
    match refused {
        Some((_, claim)) => Error::Conflict { rule: Rule::Unique(claim.unique.attribute) },
        None => Error::backend(NO_REASON),
    }
}

/// The values of those claims, whose deletions start at this position, that another item has.
fn stolen_of(claims: Vec<Claim<'_>>, refusal: &Refusal, start: usize) -> Result<Vec<String>> {
    let refused = claims.into_iter().enumerate().filter(|(position, _)| refusal.is_at(start + position));
    let stolen: Vec<_> = refused.map(|(_, claim)| claim.value).collect();
    if stolen.is_empty() { Err(Error::backend(NO_REASON)) } else { Ok(stolen) }
}

fn is_passing(reason: &CancellationReason) -> bool {
    matches!(
        reason.code(),
        Some("TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded" | "RequestLimitExceeded")
    )
}

fn is_fault(reason: &CancellationReason) -> bool {
    !matches!(reason.code(), None | Some("None" | "ConditionalCheckFailed"))
}
