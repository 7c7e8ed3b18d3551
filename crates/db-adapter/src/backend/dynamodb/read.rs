//! Reads: single items, many items, pages of indexes and tables.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};

use super::DynamoStore;
use super::attribute_value::{Raw, raw_key, text};
use super::claim::is_claim;
use super::expression::Expression;
use super::heartbeat::is_heartbeat;
use super::pages::Pages;
use super::retry::Backoff;
use crate::store::cursor::{self, Position};
use crate::store::error::{Error, Result};
use crate::store::health::Backend;
use crate::store::item::Item;
use crate::store::limits::MAX_KEYS;
use crate::store::page::{Order, Page, PageBuilder, Query, Read, Scan, projection};
use crate::store::schema::{Index, Key, Table};

impl DynamoStore {
    pub(super) async fn get_item(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Item>> {
        table.check_key(key)?;
        let found = if table.range.is_some() && key.range.is_none() {
            self.first_of_partition(table, key, read).await?
        } else {
            self.get_raw(table, key, read).await?
        };
        found.map(|raw| self.item(table, raw, read.attributes.as_deref())).transpose()
    }

    /// The item of a full key as the SDK has it; none that is past its time.
    pub(super) async fn get_raw(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Raw>> {
        let mut expression = Expression::default();
        let projection = read.attributes.as_deref().map(|asked| expression.projection(projection(table, None, asked)));
        let request = self
            .client
            .get_item()
            .table_name(self.table_name(table))
            .set_key(Some(raw_key(table, key)))
            .consistent_read(read.strong)
            .set_projection_expression(projection)
            .set_expression_attribute_names(expression.names())
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let call = self.call("GetItem", table);
        let output = call.send(request.send()).await.map_err(|error| call.fault(error))?;
        Ok(output.item.filter(|item| !self.is_over(table, item)))
    }

    async fn first_of_partition(&self, table: &'static Table, key: &Key, read: &Read) -> Result<Option<Raw>> {
        let mut expression = Expression::default();
        let condition = format!("{} = {}", expression.name(table.hash), expression.text(&key.hash));
        let projection = read.attributes.as_deref().map(|asked| expression.projection(projection(table, None, asked)));
        let request = self
            .client
            .query()
            .table_name(self.table_name(table))
            .key_condition_expression(condition)
            .consistent_read(read.strong)
            .limit(1)
            .set_projection_expression(projection)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let call = self.call("Query", table);
        let mut pages = Pages::from(None);
        loop {
            let request = request.clone().set_exclusive_start_key(pages.start.clone());
            let output = call.send(request.send()).await.map_err(|error| call.fault(error))?;
            let items = output.items.unwrap_or_default();
            let count = items.len();
            let first = items.into_iter().find(|item| !self.is_over(table, item));
            // Without items that end, the first one is the only one that is looked at.
            if first.is_some() || table.ttl.is_none() || !pages.go_on(&call, count, output.last_evaluated_key)? {
                return Ok(first);
            }
        }
    }

    pub(super) async fn get_items(&self, keys: &[(&'static Table, Key)], read: &Read) -> Result<Vec<Option<Item>>> {
        for (table, key) in keys {
            table.check_full_key(key)?;
        }
        let distinct: BTreeSet<_> = keys.iter().map(|(table, key)| (table.name, key)).collect();
        if distinct.len() > MAX_KEYS {
            return Err(Error::invalid_item("keys", format!("must be at most {MAX_KEYS}")));
        }
        let mut found = BTreeMap::new();
        for (table, raw) in self.get_batch(keys, read).await? {
            if let Some(item) = self.listed(table, raw, read.attributes.as_deref())? {
                found.insert((table.name, key_in(table, &item)), item);
            }
        }
        Ok(keys.iter().map(|(table, key)| found.get(&(table.name, key.clone())).cloned()).collect())
    }

    /// Those of no more than [`MAX_KEYS`] distinct full keys that exist and are not past their time, in no particular order. What DynamoDB leaves
    /// unprocessed is asked for again.
    pub(super) async fn get_batch(&self, keys: &[(&'static Table, Key)], read: &Read) -> Result<Vec<(&'static Table, Raw)>> {
        let Some((first, _)) = keys.first() else { return Ok(Vec::new()) };
        let mut by_table = BTreeMap::<&str, (&'static Table, BTreeSet<&Key>)>::new();
        for (table, key) in keys {
            by_table.entry(table.name).or_insert((table, BTreeSet::new())).1.insert(key);
        }
        let mut wanted = HashMap::new();
        for (table, keys) in by_table.values() {
            let keys = keys.iter().map(|key| raw_key(table, key)).collect();
            wanted.insert(self.table_name(table).to_owned(), keys_and_attributes(table, keys, read)?);
        }
        let call = self.call("BatchGetItem", first);
        let mut backoff = self.backoff();
        let mut found = Vec::new();
        loop {
            let request = self
                .client
                .batch_get_item()
                .set_request_items(Some(wanted))
                .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
            let output = call.send(request.send()).await.map_err(|error| call.fault(error))?;
            let mut by_name = output.responses.unwrap_or_default();
            for (table, _) in by_table.values() {
                let items = by_name.remove(self.table_name(table)).unwrap_or_default();
                let live = items.into_iter().filter(|raw| !self.is_over(table, raw));
                found.extend(live.map(|raw| (*table, raw)));
            }
            wanted = output.unprocessed_keys.unwrap_or_default();
            if wanted.is_empty() {
                return Ok(found);
            }
            if !backoff.pause().await {
                return Err(call.exhausted());
            }
        }
    }

    pub(super) async fn query_partition(&self, table: &'static Table, query: &Query) -> Result<Page> {
        let start = cursor::query_start(table, query)?;
        if query.is_empty() || query.to.as_deref() == Some("") {
            return Ok(Page::default());
        }
        let mut expression = Expression::default();
        let condition = key_condition(&mut expression, query);
        let index = query.index;
        let projection = query.attributes.as_deref().map(|asked| expression.projection(projection(table, Some(index), asked)));
        let request = self
            .client
            .query()
            .table_name(self.table_name(table))
            .index_name(index.name)
            .key_condition_expression(condition)
            .scan_index_forward(query.order == Order::Ascending)
            .set_projection_expression(projection)
            .set_expression_attribute_names(expression.names())
            .set_expression_attribute_values(expression.values())
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let call = self.call("Query", table).on_index(index.name);
        let mut page = PageBuilder::new(query.limit.min(MAX_LIMIT));
        let mut pages = Pages::from(start.map(|position| start_of_query(table, query, &position)));
        'page: loop {
            let request = request.clone().set_exclusive_start_key(pages.start.clone()).limit(request_limit(page.wanted()));
            let output = call.send(request.send()).await.map_err(|error| call.fault(error))?;
            let items = output.items().len();
            for raw in output.items.unwrap_or_default() {
                // BETWEEN includes its upper end, the range does not.
                if index.range.and_then(|range| text(&raw, range)).is_none_or(|sort| query.contains(sort))
                    && let Some(item) = self.listed(table, raw, query.attributes.as_deref())?
                    && page.offer(item).is_break()
                {
                    break 'page;
                }
            }
            if !pages.go_on(&call, items, output.last_evaluated_key)? {
                break;
            }
        }
        page.finish(|last| Ok(cursor::after_query(table, query, &position_of(table, Some(index), last))))
    }

    pub(super) async fn scan_page(&self, table: &'static Table, scan: &Scan) -> Result<Page> {
        let start = cursor::scan_start(table, Backend::DynamoDb, scan)?;
        let mut expression = Expression::default();
        let projection = scan.attributes.as_deref().map(|asked| expression.projection(projection(table, None, asked)));
        let request = self
            .client
            .scan()
            .table_name(self.table_name(table))
            .set_segment(scan.segment.map(|segment| as_i32(segment.number)))
            .set_total_segments(scan.segment.map(|segment| as_i32(segment.of)))
            .set_projection_expression(projection)
            .set_expression_attribute_names(expression.names())
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let call = self.call("Scan", table);
        let mut page = PageBuilder::new(scan.limit.min(MAX_LIMIT));
        let mut pages = Pages::from(start.map(|position| raw_key(table, &position.key())));
        'page: loop {
            let request = request.clone().set_exclusive_start_key(pages.start.clone()).limit(with_claims(table, page.wanted()));
            let output = call.send(request.send()).await.map_err(|error| call.fault(error))?;
            let items = output.items().len();
            for raw in output.items.unwrap_or_default() {
                if is_claim(table, &raw) || is_heartbeat(table, &raw) || self.is_over(table, &raw) {
                    continue;
                }
                let item = match scan.broken {
                    true => Some(Item::new(&self.attributes(table, raw)?)),
                    false => self.listed(table, raw, scan.attributes.as_deref())?,
                };
                if item.is_some_and(|item| page.offer(item).is_break()) {
                    break 'page;
                }
            }
            if !pages.go_on(&call, items, output.last_evaluated_key)? {
                break;
            }
        }
        page.finish(|last| Ok(cursor::after_scan(table, Backend::DynamoDb, scan, &position_of(table, None, last))))
    }

    /// Retries within the time that one operation has.
    pub(super) fn backoff(&self) -> Backoff {
        Backoff::new(self.options.operation_timeout)
    }
}

/// More than any page holds, and little enough to count with.
const MAX_LIMIT: usize = 1 << 24;

fn keys_and_attributes(table: &'static Table, keys: Vec<Raw>, read: &Read) -> Result<KeysAndAttributes> {
    let mut expression = Expression::default();
    let projection = read.attributes.as_deref().map(|asked| expression.projection(projection(table, None, asked)));
    KeysAndAttributes::builder()
        .set_keys(Some(keys))
        .consistent_read(read.strong)
        .set_projection_expression(projection)
        .set_expression_attribute_names(expression.names())
        .build()
        .map_err(Error::backend)
}

fn key_in(table: &Table, item: &Item) -> Key {
    Key { hash: item.text(table.hash).unwrap_or_default(), range: table.range.and_then(|range| item.text(range)) }
}

fn position_of(table: &Table, index: Option<&Index>, item: &Item) -> Position {
    let Key { hash, range } = key_in(table, item);
    Position { sort: index.and_then(|index| index.range).and_then(|sort| item.text(sort)), hash, range }
}

fn key_condition(expression: &mut Expression, query: &Query) -> String {
    let partition = format!("{} = {}", expression.name(query.index.hash), expression.text(&query.partition));
    let Some(range) = query.index.range else { return partition };
    // No sort key is empty, and DynamoDB takes no empty bound.
    let from = query.from.as_deref().filter(|from| !from.is_empty());
    match (from, query.to.as_deref()) {
        (None, None) => partition,
        (Some(from), None) => format!("{partition} AND {} >= {}", expression.name(range), expression.text(from)),
        (None, Some(to)) => format!("{partition} AND {} < {}", expression.name(range), expression.text(to)),
        (Some(from), Some(to)) => {
            let (from, to) = (expression.text(from), expression.text(to));
            format!("{partition} AND {} BETWEEN {from} AND {to}", expression.name(range))
        }
    }
}

fn start_of_query(table: &Table, query: &Query, position: &Position) -> Raw {
    let mut start = raw_key(table, &position.key());
    start.insert(query.index.hash.to_owned(), AttributeValue::S(query.partition.clone()));
    if let Some((range, sort)) = query.index.range.zip(position.sort.clone()) {
        start.insert(range.to_owned(), AttributeValue::S(sort));
    }
    start
}

/// How many items a scan must look at so that most likely `wanted` of them are no claims: about one claim per item and
/// unique attribute, and something for chance.
fn with_claims(table: &Table, wanted: usize) -> i32 {
    match table.unique.len() {
        0 => request_limit(wanted),
        claims => request_limit(wanted * (1 + claims) + 2 * wanted.isqrt()),
    }
}

fn request_limit(wanted: usize) -> i32 {
    i32::try_from(wanted).unwrap_or(i32::MAX)
}

fn as_i32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
