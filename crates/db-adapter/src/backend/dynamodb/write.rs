//! Writes of single items without a transaction: create, update, delete.
//!
//! Every write carries a fresh `writeId`. When a condition fails because an earlier attempt of the same write succeeded and its
//! response was lost, the old item that DynamoDB returns carries it, and the write has succeeded. This cannot tell when another
//! write came between the two attempts: an update or delete without an expected tag then happens once more.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure};
use uuid::Uuid;

use super::DynamoStore;
use super::attribute_value::{Raw, into_raw, raw_key, tag, text};
use super::expression::Expression;
use super::retry::Backoff;
use crate::store::error::{Error, Result, Rule};
use crate::store::item::{Attributes, Item, Tag, Value, check_size};
use crate::store::page::Read;
use crate::store::schema::{Key, Table, VERSION, WRITE_ID};
use crate::store::update::Update;

/// How a conditional write ended that reached DynamoDB.
pub(super) enum Written<T> {
    Done(T),
    /// The condition did not hold; the item as it is, unless it is past its time.
    Refused(Option<Raw>),
}

impl DynamoStore {
    pub(super) async fn create_item(&self, table: &'static Table, mut attributes: Attributes) -> Result<Item> {
        let key = table.check(&attributes)?;
        let write_id = new_write_id();
        attributes.insert(VERSION.to_owned(), Value::from(1));
        attributes.insert(WRITE_ID.to_owned(), Value::from(write_id.as_str()));
        table.add_constant(&mut attributes);
        check_size(&attributes)?;
        self.check_open()?;
        let item = Item::new(&attributes);
        if table.unique.iter().any(|unique| unique.value_of(&attributes).is_some()) {
            self.create_with_claims(table, &key, &attributes, &write_id).await?;
        } else {
            self.put_new(table, into_raw(attributes), &write_id).await?;
        }
        Ok(item)
    }

    async fn put_new(&self, table: &'static Table, item: Raw, write_id: &str) -> Result<()> {
        let mut expression = Expression::default();
        let request = self
            .client
            .put_item()
            .table_name(self.table_name(table))
            .set_item(Some(item))
            .condition_expression(expression.absent(table, self.now()))
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let call = self.call("PutItem", table);
        let send = || request.clone().send();
        match call.run(&mut self.backoff(), send).await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => match error.into_err() {
                PutItemError::ConditionalCheckFailedException(failed) if is_created_by(failed.item(), write_id) => Ok(()),
                _ => Err(Error::Conflict { rule: Rule::Key }),
            },
            Err(error) => Err(call.fault(error)),
        }
    }

    pub(super) async fn update_item(&self, table: &'static Table, key: &Key, update: &Update) -> Result<Item> {
        update.check(table, key)?;
        self.check_open()?;
        let write_id = new_write_id();
        let mut backoff = self.backoff();
        let unheld = self.unheld(table, key, &update.set).await?;
        if !unheld.is_empty() {
            let old = self.get_raw(table, key, &Read::STRONG).await?.ok_or(Error::NotFound)?;
            update.check_stored(&self.attributes(table, old.clone())?, &tag(&old))?;
            return self.update_with_claims(table, key, update, &write_id, old, unheld, &mut backoff).await;
        }
        match self.update_unread(table, key, update, &write_id, &mut backoff).await? {
            // A fraction passes for a count, and stays one when it grows.
            Written::Done(item) if !update.touch && !has_count(&item) => {
                self.update_with_claims(table, key, update, &write_id, item, unheld, &mut backoff).await
            }
            Written::Done(item) => self.item(table, item, None),
            Written::Refused(None) => Err(Error::NotFound),
            Written::Refused(Some(old)) if is_from(Some(&old), update, &write_id) => self.item(table, old, None),
            Written::Refused(Some(old)) => {
                let before = self.attributes(table, old.clone())?;
                update.check_stored(&before, &tag(&old))?;
                if update.advance.as_ref().is_some_and(|advance| !advance.is_ahead_of(&before)) {
                    // Many may come late at once, and need not wait for each other.
                    let rest = Update { advance: None, ..update.clone() };
                    return Box::pin(self.update_item(table, key, &rest)).await;
                }
                self.update_with_claims(table, key, update, &write_id, old, unheld, &mut backoff).await
            }
        }
    }

    /// The update of an item that was not read: where its conditions hold, and nothing depends on what the item is.
    async fn update_unread(
        &self,
        table: &'static Table,
        key: &Key,
        update: &Update,
        write_id: &str,
        backoff: &mut Backoff,
    ) -> Result<Written<Raw>> {
        let mut expression = Expression::default();
        let mut conditions = vec![expression.exists(table, self.now())];
        conditions.extend(update.expected.as_ref().map(|expected| expression.has_tag(expected)));
        // A touch leaves the tag as it is, so that the tag does not tell whether it was made.
        if update.expected.is_none() || update.touch {
            conditions.push(expression.is_not_from(update, write_id));
        }
        if update.expected.is_none() && !update.touch {
            conditions.push(expression.has_count());
        }
        conditions.extend(expression.meets(update));
        conditions.extend(expression.can_be_made(update));
        for unique in table.unique {
            let name = unique.attribute;
            if update.set.contains_key(name) || update.remove.contains(name) {
                conditions.push(expression.unchanged(name, &into_raw(update.set.clone())));
            }
        }
        // Where the item has a later time, the update is made anew from the item that the refusal brings.
        conditions.extend(update.time().map(|time| expression.not_before(time)));
        let condition = conditions.join(" AND ");
        self.update_if(table, key, update, write_id, None, expression, condition, backoff).await
    }

    /// The update where the condition holds.
    #[expect(clippy::too_many_arguments, reason = "one request and its parts")]
    pub(super) async fn update_if(
        &self,
        table: &'static Table,
        key: &Key,
        update: &Update,
        write_id: &str,
        version: Option<u64>,
        mut expression: Expression,
        condition: String,
        backoff: &mut Backoff,
    ) -> Result<Written<Raw>> {
        let request = self
            .client
            .update_item()
            .table_name(self.table_name(table))
            .set_key(Some(raw_key(table, key)))
            .update_expression(expression.changes(table, key, update, write_id, version))
            .condition_expression(condition)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let call = self.call("UpdateItem", table);
        let send = || request.clone().send();
        match call.run(backoff, send).await {
            Ok(output) => Ok(Written::Done(output.attributes.unwrap_or_default())),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => match error.into_err() {
                UpdateItemError::ConditionalCheckFailedException(failed) => {
                    let is_there = |item: &Raw| is_from(Some(item), update, write_id) || !self.is_over(table, item);
                    Ok(Written::Refused(failed.item.filter(is_there)))
                }
                _ => Ok(Written::Refused(None)),
            },
            Err(error) => Err(call.fault(error)),
        }
    }

    pub(super) async fn delete_item(&self, table: &'static Table, key: &Key, expected: Option<&Tag>) -> Result<()> {
        table.check_full_key(key)?;
        self.check_open()?;
        if !table.unique.is_empty() {
            return self.delete_with_claims(table, key, expected).await;
        }
        let mut expression = Expression::default();
        let condition = expression.removable(table, expected, self.now());
        match self.delete_if(table, key, expression, condition, &mut self.backoff()).await? {
            Written::Done(()) => Ok(()),
            Written::Refused(None) => Err(Error::NotFound),
            Written::Refused(Some(_)) => Err(Error::VersionMismatch),
        }
    }

    /// The deletion where the condition holds. One that finds nothing after an attempt that may have been executed is done.
    pub(super) async fn delete_if(
        &self,
        table: &'static Table,
        key: &Key,
        expression: Expression,
        condition: String,
        backoff: &mut Backoff,
    ) -> Result<Written<()>> {
        let request = self
            .client
            .delete_item()
            .table_name(self.table_name(table))
            .set_key(Some(raw_key(table, key)))
            .condition_expression(condition)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let call = self.call("DeleteItem", table);
        let send = || request.clone().send();
        match call.run(backoff, send).await {
            Ok(_) => Ok(Written::Done(())),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => match error.into_err() {
                DeleteItemError::ConditionalCheckFailedException(failed)
                    if failed.item.as_ref().is_some_and(|item| !self.is_over(table, item)) =>
                {
                    Ok(Written::Refused(failed.item))
                }
                _ if call.is_uncertain() => Ok(Written::Done(())),
                _ => Ok(Written::Refused(None)),
            },
            Err(error) => Err(call.fault(error)),
        }
    }
}

impl Expression {
    /// There is such an item, with the tag if one is expected.
    pub(super) fn removable(&mut self, table: &Table, expected: Option<&Tag>, now: f64) -> String {
        let exists = self.exists(table, now);
        match expected {
            Some(expected) => format!("{exists} AND {}", self.has_tag(expected)),
            None => exists,
        }
    }
}

/// Does the item come from this creation?
pub(super) fn is_created_by(item: Option<&Raw>, write_id: &str) -> bool {
    item.and_then(|item| text(item, WRITE_ID)) == Some(write_id)
}

/// Does the item come from this update?
pub(super) fn is_from(item: Option<&Raw>, update: &Update, write_id: &str) -> bool {
    item.and_then(|item| text(item, update.stamp())) == Some(write_id)
}

fn has_count(item: &Raw) -> bool {
    let number = item.get(VERSION).and_then(|value| value.as_n().ok());
    number.is_some_and(|number| number.parse::<i64>().is_ok_and(|version| version >= 0))
}

fn new_write_id() -> String {
    Uuid::new_v4().simple().to_string()
}
