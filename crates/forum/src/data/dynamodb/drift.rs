//! A table on DynamoDB compared with its declaration.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ProjectionType, TableDescription};
use db_adapter::Table;

/// The table's billing mode. The summary is absent from a table that was never on demand.
pub(crate) fn billing_mode(description: &TableDescription) -> BillingMode {
    let mode = description.billing_mode_summary().and_then(|summary| summary.billing_mode());
    mode.cloned().unwrap_or(BillingMode::Provisioned)
}

/// The differences from the declaration in keys, indexes and projections.
pub(crate) fn drift(table: &Table, description: &TableDescription) -> Vec<String> {
    let mut found = Vec::new();
    let types = description.attribute_definitions();
    let mut keys = |what: &str, hash: &str, range: Option<&str>, schema: &[KeySchemaElement]| {
        let (declared, live) = (declared_keys(hash, range), live_keys(schema, types));
        if declared != live {
            found.push(format!("the key of {what} is {live}, expected {declared}"));
        }
    };
    keys("the table", table.hash, table.range, description.key_schema());
    let live = description.global_secondary_indexes();
    for index in table.indexes {
        if let Some(live) = live.iter().find(|live| live.index_name() == Some(index.name)) {
            keys(index.name, index.hash, index.range, live.key_schema());
        }
    }
    for index in table.indexes {
        let Some(live) = live.iter().find(|live| live.index_name() == Some(index.name)) else {
            found.push(format!("index {} is missing", index.name));
            continue;
        };
        let projection = live.projection().and_then(|projection| projection.projection_type());
        if projection != Some(&ProjectionType::All) {
            let projection = projection.map_or("unknown", |projection| projection.as_str());
            found.push(format!("index {} projects {projection}, expected ALL", index.name));
        }
        if let Some(status) = live.index_status().filter(|status| status.as_str() != "ACTIVE") {
            found.push(format!("index {} is {status}", index.name));
        }
    }
    let declared: BTreeSet<_> = table.indexes.iter().map(|index| index.name).collect();
    let local = description.local_secondary_indexes().iter().filter_map(|index| index.index_name());
    let undeclared = live.iter().filter_map(|index| index.index_name()).chain(local).filter(|name| !declared.contains(name));
    found.extend(undeclared.map(|name| format!("index {name} is not declared")));
    found
}

fn declared_keys(hash: &str, range: Option<&str>) -> String {
    let keys = [Some((hash, KeyType::Hash)), range.map(|range| (range, KeyType::Range))];
    keys.into_iter().flatten().map(|(name, half)| format!("{name} S {half}")).collect::<Vec<_>>().join(", ")
}

fn live_keys(schema: &[KeySchemaElement], types: &[AttributeDefinition]) -> String {
    let of = |key: &KeySchemaElement| {
        let definition = types.iter().find(|definition| definition.attribute_name() == key.attribute_name());
        let r#type = definition.map_or("?", |definition| definition.attribute_type().as_str());
        format!("{} {} {}", key.attribute_name(), r#type, key.key_type())
    };
    schema.iter().map(of).collect::<Vec<_>>().join(", ")
}
