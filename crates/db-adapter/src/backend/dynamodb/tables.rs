//! The tables themselves: create, delete, describe. Only those that the store was opened with, under their configured names, are touched.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex, GlobalSecondaryIndexUpdate,
    IndexStatus, KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType, TableDescription, TableStatus,
    TimeToLiveSpecification, TimeToLiveStatus,
};

use super::DynamoStore;
use super::retry::Backoff;
use crate::store::error::{Error, Result};
use crate::store::schema::Table;

/// How long AWS may take to create or delete a table.
const PATIENCE: Duration = Duration::from_secs(600);

/// What was done about one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableChange {
    /// Its short name, as [`Table::name`].
    pub table: &'static str,
    /// Its name on DynamoDB.
    pub name: String,
    /// Was the table created or deleted? Not where a table to create was there already, or one to delete was not.
    pub changed: bool,
    /// The indexes that were added to a table that was there.
    pub added_indexes: Vec<&'static str>,
    /// What became of the table's time to live.
    pub time_to_live: TimeToLive,
}

/// What [`create`] did about the time to live that a table declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeToLive {
    /// Nothing: the table declares none, or it was on.
    Unchanged,
    /// It is on now, by this attribute.
    Enabled(&'static str),
    /// The endpoint does not know it. Items that are past their time stay in the table, and are absent all the same.
    Unsupported,
}

/// Creates every table of the store that is not there yet, on demand billing and with indexes that project everything, and waits until all
/// of them can be used. A table that is there gets the indexes that it lacks, one after the other, and is left as it is otherwise; DynamoDB fills
/// an index with the items that are there. The time to live that a table declares is turned on.
///
/// # Errors
/// [`Error::Unavailable`] when AWS cannot be reached or refuses; [`Error::Timeout`] after ten minutes.
pub async fn create(store: &DynamoStore) -> Result<Vec<TableChange>> {
    let mut changes = Vec::new();
    for table in store.schema {
        let call = store.call("CreateTable", table);
        let request = request(store, table)?;
        let send = || request.clone().send();
        let changed = match call.run(&mut store.backoff(), send).await {
            Ok(_) => true,
            Err(error) if error.code() == Some("ResourceInUseException") => false,
            Err(error) => return Err(call.fault(error)),
        };
        changes.push(TableChange::of(store, table, changed));
    }
    for (table, change) in store.schema.iter().zip(&mut changes) {
        wait(store, table, |description| description.is_some_and(is_active)).await?;
        if !change.changed {
            change.added_indexes = add_indexes(store, table).await?;
        }
        if let Some(attribute) = table.ttl {
            change.time_to_live = enable_ttl(store, table, attribute).await?;
        }
    }
    Ok(changes)
}

/// Deletes every table of the store and all its items, and waits until they are gone.
///
/// # Errors
/// As [`create`]; a table that is protected against deletion is an [`Error::Backend`] with AWS's reason.
pub async fn delete(store: &DynamoStore) -> Result<Vec<TableChange>> {
    let mut changes = Vec::new();
    for table in store.schema {
        let call = store.call("DeleteTable", table);
        let request = store.client.delete_table().table_name(store.table_name(table));
        let send = || request.clone().send();
        let changed = match call.run(&mut store.backoff(), send).await {
            Ok(_) => true,
            Err(error) if is_missing(&error) => false,
            Err(error) => return Err(call.fault(error)),
        };
        changes.push(TableChange::of(store, table, changed));
    }
    for table in store.schema {
        wait(store, table, |description| description.is_none()).await?;
    }
    Ok(changes)
}

/// The table as it is on DynamoDB, or `None`.
///
/// # Errors
/// As [`create`].
pub async fn describe(store: &DynamoStore, table: &'static Table) -> Result<Option<TableDescription>> {
    let call = store.call("DescribeTable", table);
    let request = store.client.describe_table().table_name(store.table_name(table));
    let send = || request.clone().send();
    match call.run(&mut store.backoff(), send).await {
        Ok(output) => Ok(output.table),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(call.fault(error)),
    }
}

/// Adds the declared indexes that the table lacks. DynamoDB makes one at a time.
async fn add_indexes(store: &DynamoStore, table: &'static Table) -> Result<Vec<&'static str>> {
    let there = describe(store, table).await?;
    let there: Vec<_> =
        there.iter().flat_map(|table| table.global_secondary_indexes()).filter_map(|index| index.index_name()).collect();
    let mut added = Vec::new();
    for index in table.indexes.iter().filter(|index| !there.contains(&index.name)) {
        let call = store.call("UpdateTable", table);
        let create = CreateGlobalSecondaryIndexAction::builder()
            .index_name(index.name)
            .set_key_schema(Some(key_schema(index.hash, index.range)?))
            .projection(everything())
            .build()
            .map_err(Error::backend)?;
        let attributes = text_attributes([Some(index.hash), index.range, Some(table.hash), table.range])?;
        let request = store
            .client
            .update_table()
            .table_name(store.table_name(table))
            .set_attribute_definitions(Some(attributes))
            .global_secondary_index_updates(GlobalSecondaryIndexUpdate::builder().create(create).build());
        call.run(&mut store.backoff(), || request.clone().send()).await.map_err(|error| call.fault(error))?;
        wait(store, table, |description| description.is_some_and(is_active)).await?;
        added.push(index.name);
    }
    Ok(added)
}

async fn enable_ttl(store: &DynamoStore, table: &'static Table, attribute: &'static str) -> Result<TimeToLive> {
    let call = store.call("DescribeTimeToLive", table);
    let request = store.client.describe_time_to_live().table_name(store.table_name(table));
    let described = match call.run(&mut store.backoff(), || request.clone().send()).await {
        Ok(output) => output.time_to_live_description,
        Err(error) if error.code() == Some("UnknownOperationException") => return Ok(TimeToLive::Unsupported),
        Err(error) => return Err(call.fault(error)),
    };
    let is_on = |status: &TimeToLiveStatus| matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling);
    let on = described.filter(|ttl| ttl.time_to_live_status().is_some_and(is_on));
    if on.is_some_and(|ttl| ttl.attribute_name() == Some(attribute)) {
        return Ok(TimeToLive::Unchanged);
    }
    let call = store.call("UpdateTimeToLive", table);
    let enabled = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build().map_err(Error::backend)?;
    let request = store.client.update_time_to_live().table_name(store.table_name(table)).time_to_live_specification(enabled);
    call.run(&mut store.backoff(), || request.clone().send()).await.map_err(|error| call.fault(error))?;
    Ok(TimeToLive::Enabled(attribute))
}

fn everything() -> Projection {
    Projection::builder().projection_type(ProjectionType::All).build()
}

/// The definitions of key attributes, each once.
fn text_attributes(names: impl IntoIterator<Item = Option<&'static str>>) -> Result<Vec<AttributeDefinition>> {
    let names: BTreeSet<_> = names.into_iter().flatten().collect();
    let definitions = names
        .into_iter()
        .map(|name| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build());
    definitions.collect::<std::result::Result<_, _>>().map_err(Error::backend)
}

impl TableChange {
    fn of(store: &DynamoStore, table: &'static Table, changed: bool) -> Self {
        Self {
            table: table.name,
            name: store.table_name(table).to_owned(),
            changed,
            added_indexes: Vec::new(),
            time_to_live: TimeToLive::Unchanged,
        }
    }
}

async fn wait(store: &DynamoStore, table: &'static Table, done: impl Fn(Option<&TableDescription>) -> bool) -> Result<()> {
    let mut backoff = Backoff::new(PATIENCE);
    while !done(describe(store, table).await?.as_ref()) {
        if !backoff.pause().await {
            return Err(Error::Timeout);
        }
    }
    Ok(())
}

fn is_missing<E>(error: &SdkError<E>) -> bool
where
    SdkError<E>: ProvideErrorMetadata,
{
    error.code() == Some("ResourceNotFoundException")
}

fn is_active(table: &TableDescription) -> bool {
    let indexes = table.global_secondary_indexes();
    table.table_status() == Some(&TableStatus::Active)
        && indexes.iter().all(|index| index.index_status().is_none_or(|status| *status == IndexStatus::Active))
}

fn request(
    store: &DynamoStore,
    table: &'static Table,
) -> Result<aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder> {
    let indexes = table.indexes.iter().flat_map(|index| [Some(index.hash), index.range]);
    let attributes = text_attributes([Some(table.hash), table.range].into_iter().chain(indexes))?;
    let indexes = table.indexes.iter().map(|index| {
        GlobalSecondaryIndex::builder()
            .index_name(index.name)
            .set_key_schema(Some(key_schema(index.hash, index.range)?))
            .projection(everything())
            .build()
            .map_err(Error::backend)
    });
    let indexes = indexes.collect::<Result<Vec<_>>>()?;
    Ok(store
        .client
        .create_table()
        .table_name(store.table_name(table))
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(key_schema(table.hash, table.range)?))
        .set_attribute_definitions(Some(attributes))
        // DynamoDB refuses an empty list.
        .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes)))
}

fn key_schema(hash: &str, range: Option<&str>) -> Result<Vec<KeySchemaElement>> {
    let halves = [Some((hash, KeyType::Hash)), range.map(|range| (range, KeyType::Range))];
    let elements = halves
        .into_iter()
        .flatten()
        .map(|(name, half)| KeySchemaElement::builder().attribute_name(name).key_type(half).build().map_err(Error::backend));
    elements.collect()
}
