//! Load: many items as they are, in batches, several at a time, with their claims.
//!
//! Items take effect in the order of the stream where that matters: two that touch the same key or unique value are never on
//! their way at the same time. Where the table was empty at the start, what this load has not written itself need not be looked
//! up; elsewhere each batch of a table with unique attributes is preceded by one strong BatchGetItem.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashSet};
use std::hash::BuildHasher;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{DeleteRequest, PutRequest, ReturnConsumedCapacity, WriteRequest};
use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{BoxStream, FuturesUnordered};

use super::DynamoStore;
use super::attribute_value::{Raw, into_raw, raw_key, text};
use super::claim::{Claim, claim_key, claims, claims_in, owner_of};
use super::retry::Patience;
use crate::store::error::{Error, Result, Rule};
use crate::store::item::{Item, check_size};
use crate::store::limits::MAX_KEYS;
use crate::store::page::Read;
use crate::store::schema::{Key, Table, Unique};

/// Maximum number of requests in one BatchWriteItem.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
const MAX_REQUESTS: usize = 25;
/// Batches on their way at once.
const MAX_IN_FLIGHT: usize = 8;
/// How long a batch may make no progress before the load gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// One item on its way.
struct Entry {
    key: Key,
    item: Raw,
    claims: Vec<(&'static Unique, String)>,
    /// May the table have an item or claims of these keys?
    look_up: bool,
}

/// What became of a batch.
enum Outcome {
    /// The keys of the items and of their claims.
    Stored(Vec<Key>),
    /// Another item has a unique value; nothing was written. Maybe that item gives it up in this very batch.
    Contested(Vec<Entry>),
}

struct Load<'a> {
    store: &'a DynamoStore,
    table: &'static Table,
    /// Hashes of the keys that were written, where the table was empty. Two keys of one hash cost a look-up, nothing else.
    written: Option<HashSet<u64>>,
    hasher: RandomState,
    batch: Vec<Entry>,
    /// The keys of the batch and of those on their way.
    touched: HashSet<Key>,
    in_flight: FuturesUnordered<BoxFuture<'a, Result<Outcome>>>,
}

impl DynamoStore {
    pub(super) async fn load_items(&self, table: &'static Table, mut items: BoxStream<'_, Result<Item>>) -> Result<u64> {
        self.check_open()?;
        let written = if table.unique.is_empty() || !self.is_empty(table).await? { None } else { Some(HashSet::new()) };
        let mut load = Load {
            store: self,
            table,
            written,
            hasher: RandomState::new(),
            batch: Vec::new(),
            touched: HashSet::new(),
            in_flight: FuturesUnordered::new(),
        };
        let loaded = async {
            let mut count = 0;
            while let Some(item) = items.next().await {
                load.add(&item?).await?;
                count += 1;
            }
            load.drain().await?;
            Ok(count)
        }
        .await;
        // After an error, too: what is on its way arrives before this returns.
        while load.in_flight.next().await.is_some() {}
        loaded
    }

    async fn is_empty(&self, table: &'static Table) -> Result<bool> {
        let request = self
            .client
            .scan()
            .table_name(self.table_name(table))
            .consistent_read(true)
            .limit(1)
            .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let call = self.call("Scan", table);
        let output = call.send(request.send()).await.map_err(|error| call.fault(error))?;
        Ok(output.items().is_empty())
    }

    /// Stores the entries, which touch no key twice.
    async fn store_entries(&self, table: &'static Table, entries: Vec<Entry>) -> Result<Outcome> {
        let mut found = BTreeMap::new();
        let keys = entries.iter().filter(|entry| entry.look_up).flat_map(|entry| entry.keys(table));
        self.look_up(table, keys.collect(), &mut found).await?;
        let is_anothers = |entry: &Entry, unique: &Unique, value: &str| {
            found.get(&claim_key(table, unique, value)).is_some_and(|claim| owner_of(claim) != entry.key)
        };
        for entry in &entries {
            if let Some((unique, _)) = entry.claims.iter().find(|(unique, value)| is_anothers(entry, unique, value)) {
                return match entries.len() {
                    1 => Err(Error::Conflict { rule: Rule::Unique(unique.attribute) }),
                    _ => Ok(Outcome::Contested(entries)),
                };
            }
        }
        // The claims of replaced items that their successors do not have.
        let mut given_up = Vec::new();
        for entry in &entries {
            let before = found.get(&entry.key).into_iter().flat_map(|old| claims_in(table, old, &entry.key));
            let lost = before.filter(|claim| !entry.claims.contains(&(claim.unique, claim.value.clone())));
            given_up.extend(lost.map(|claim| (claim.key(table), entry.key.clone())));
        }
        let mut old_claims = BTreeMap::new();
        self.look_up(table, given_up.iter().map(|(claim, _)| claim.clone()).collect(), &mut old_claims).await?;
        given_up.retain(|(claim, owner)| old_claims.get(claim).is_some_and(|claim| owner_of(claim) == *owner));

        let keys = entries.iter().flat_map(|entry| entry.keys(table)).collect();
        let mut requests = Vec::new();
        for Entry { key, item, claims, .. } in entries {
            requests.push(put(item)?);
            for (unique, value) in claims {
                requests.push(put(Claim { unique, value, owner: &key }.raw(table))?);
            }
        }
        for (claim, _) in &given_up {
            requests.push(delete(raw_key(table, claim))?);
        }
        while !requests.is_empty() {
            let later = requests.split_off(requests.len().min(MAX_REQUESTS));
            self.write_batch(table, requests).await?;
            requests = later;
        }
        Ok(Outcome::Stored(keys))
    }

    async fn look_up(&self, table: &'static Table, keys: Vec<Key>, found: &mut BTreeMap<Key, Raw>) -> Result<()> {
        let keys: Vec<_> = keys.into_iter().map(|key| (table, key)).collect();
        for keys in keys.chunks(MAX_KEYS) {
            for (_, item) in self.get_batch(keys, &Read::STRONG).await? {
                let half = |name| text(&item, name).unwrap_or_default().to_owned();
                found.insert(Key { hash: half(table.hash), range: table.range.map(half) }, item);
            }
        }
        Ok(())
    }

    /// Writes no more than [`MAX_REQUESTS`], and what DynamoDB leaves unprocessed again, as long as there is progress.
    async fn write_batch(&self, table: &'static Table, mut requests: Vec<WriteRequest>) -> Result<()> {
        let call = self.call("BatchWriteItem", table);
        let mut patience = Patience::new(PATIENCE, requests.len());
        loop {
            let request = self
                .client
                .batch_write_item()
                .request_items(self.table_name(table), requests)
                .return_consumed_capacity(ReturnConsumedCapacity::Indexes);
            let send = || request.clone().send();
            let unprocessed = match call.run(&mut patience.backoff, send).await {
                Ok(output) => output.unprocessed_items,
                Err(error) if is_passing(&error) => request.get_request_items().clone(),
                Err(error) => return Err(call.fault(error)),
            };
            requests = unprocessed.unwrap_or_default().into_values().flatten().collect();
            if requests.is_empty() {
                return Ok(());
            }
            if !patience.pause(requests.len()).await {
                return Err(call.exhausted());
            }
        }
    }
}

impl Load<'_> {
    async fn add(&mut self, item: &Item) -> Result<()> {
        let mut attributes = item.attributes()?;
        self.table.drop_nulls(&mut attributes);
        let key = self.table.check(&attributes)?;
        self.table.add_constant(&mut attributes);
        check_size(&attributes)?;
        let claims = claims(self.table, &attributes, &key).map(|claim| (claim.unique, claim.value)).collect();
        let mut entry = Entry { item: into_raw(attributes), claims, look_up: !self.table.unique.is_empty(), key };
        let keys = entry.keys(self.table);
        if keys.iter().any(|key| self.touched.contains(key)) {
            self.drain().await?;
        }
        let requests: usize = self.batch.iter().map(Entry::requests).sum();
        if requests + entry.requests() > MAX_REQUESTS {
            self.send().await?;
        }
        if let Some(written) = &mut self.written {
            let fresh: Vec<_> = keys.iter().map(|key| written.insert(self.hasher.hash_one(key))).collect();
            entry.look_up = fresh.contains(&false);
        }
        self.touched.extend(keys);
        self.batch.push(entry);
        Ok(())
    }

    /// Sends the batch, when there is room for it.
    async fn send(&mut self) -> Result<()> {
        while self.in_flight.len() >= MAX_IN_FLIGHT {
            self.finish_one().await?;
        }
        let batch = std::mem::take(&mut self.batch);
        self.in_flight.push(self.store.store_entries(self.table, batch).boxed());
        Ok(())
    }

    /// Everything that was added is stored.
    async fn drain(&mut self) -> Result<()> {
        if !self.batch.is_empty() {
            self.send().await?;
        }
        while !self.in_flight.is_empty() {
            self.finish_one().await?;
        }
        Ok(())
    }

    async fn finish_one(&mut self) -> Result<()> {
        let mut contested = Vec::new();
        match self.in_flight.next().await.transpose()? {
            None => {}
            Some(Outcome::Stored(keys)) => self.forget(&keys),
            Some(Outcome::Contested(entries)) => contested.push(entries),
        }
        if contested.is_empty() {
            return Ok(());
        }
        // In the stream's order, one after the other, with nothing else on its way.
        while let Some(outcome) = self.in_flight.next().await.transpose()? {
            match outcome {
                Outcome::Stored(keys) => self.forget(&keys),
                Outcome::Contested(entries) => contested.push(entries),
            }
        }
        for entry in contested.into_iter().flatten() {
            let keys = entry.keys(self.table);
            self.store.store_entries(self.table, vec![entry]).await?;
            self.forget(&keys);
        }
        Ok(())
    }

    fn forget(&mut self, keys: &[Key]) {
        for key in keys {
            self.touched.remove(key);
        }
    }
}

impl Entry {
    fn keys(&self, table: &Table) -> Vec<Key> {
        let claims = self.claims.iter().map(|(unique, value)| claim_key(table, unique, value));
        std::iter::once(self.key.clone()).chain(claims).collect()
    }

    fn requests(&self) -> usize {
        1 + self.claims.len()
    }
}

fn put(item: Raw) -> Result<WriteRequest> {
    let put = PutRequest::builder().set_item(Some(item)).build().map_err(Error::backend)?;
    Ok(WriteRequest::builder().put_request(put).build())
}

fn delete(key: Raw) -> Result<WriteRequest> {
    let delete = DeleteRequest::builder().set_key(Some(key)).build().map_err(Error::backend)?;
    Ok(WriteRequest::builder().delete_request(delete).build())
}

/// Is it worth the whole batch again? Repeating one is harmless, so an unknown outcome is.
fn is_passing<E>(error: &SdkError<E>) -> bool
where
    SdkError<E>: ProvideErrorMetadata,
{
    let timed_out = match error {
        SdkError::TimeoutError(_) => true,
        SdkError::DispatchFailure(failure) => failure.is_timeout(),
        _ => false,
    };
    // These come from a load balancer or proxy in between.
    let is_later = error.raw_response().is_some_and(|response| matches!(response.status().as_u16(), 429 | 500..));
    let codes = ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "InternalServerError"];
    timed_out || is_later || error.code().is_some_and(|code| codes.contains(&code))
}
