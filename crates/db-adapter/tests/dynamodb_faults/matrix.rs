//! Every kind of write meets every kind of fault, once and again and again. After one fault it succeeds. Where the fault does not end,
//! it fails in time, with the error that tells whether it may have happened. It never happens twice.

use std::time::Duration;

use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::forum::{TABLES, thread, user};
use db_adapter::{Attributes, Error, Item, Key, Read, Result, Store, Table, Tag, Update};
use futures::StreamExt;
use futures::future::join_all;
use serde_json::json;

use crate::fault_proxy::{Fault, FaultProxy, Seen};
use crate::{attributes, cancelled, set};

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Create,
    Update,
    Delete,
    /// Of three items.
    Load,
}

/// A kind of write, and the call of it that meets the fault.
#[derive(Clone, Copy)]
struct Write {
    what: What,
    table: &'static Table,
    call: &'static str,
    /// Only if the item has the tag that it was created with.
    conditional: bool,
}

const TRANSACTION: &str = "TransactWriteItems";

const fn write(what: What, table: &'static Table, call: &'static str) -> Write {
    Write { what, table, call, conditional: false }
}

const fn conditional(write: Write) -> Write {
    Write { conditional: true, ..write }
}

/// An update of a user changes its e-mail, so that it and a deletion of one read first.
const WRITES: [Write; 14] = [
    write(What::Create, &thread::TABLE, "PutItem"),
    write(What::Create, &user::TABLE, TRANSACTION),
    write(What::Update, &thread::TABLE, "UpdateItem"),
    conditional(write(What::Update, &thread::TABLE, "UpdateItem")),
    write(What::Update, &user::TABLE, "GetItem"),
    write(What::Update, &user::TABLE, TRANSACTION),
    conditional(write(What::Update, &user::TABLE, TRANSACTION)),
    write(What::Delete, &thread::TABLE, "DeleteItem"),
    conditional(write(What::Delete, &thread::TABLE, "DeleteItem")),
    write(What::Delete, &user::TABLE, "GetItem"),
    write(What::Delete, &user::TABLE, TRANSACTION),
    conditional(write(What::Delete, &user::TABLE, TRANSACTION)),
    write(What::Load, &thread::TABLE, "BatchWriteItem"),
    write(What::Load, &user::TABLE, "BatchWriteItem"),
];

impl std::fmt::Debug for Write {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, table, call, conditional } = self;
        write!(formatter, "{what:?} of {}, conditional: {conditional}, at its {call}", table.name)
    }
}

impl Write {
    fn new_item(self, id: &str) -> Attributes {
        let [key, name] = if self.table.name == user::TABLE.name { ["userId", "name"] } else { ["threadId", "title"] };
        let mut item = json!({ key: id, name: "N", "createdAt": "2026-01-01T00:00:00.000Z" });
        if key == "userId" {
            item["email"] = format!("{id}@old.org").into();
        }
        attributes(item)
    }

    fn update(self, id: &str) -> Update {
        if self.table.name == user::TABLE.name { set("email", &format!("{id}@new.org")) } else { set("title", "New") }
    }

    async fn prepare(self, store: &DynamoStore, id: &str) -> Option<Tag> {
        match self.what {
            What::Create | What::Load => None,
            What::Update | What::Delete => Some(store.create(self.table, self.new_item(id)).await.unwrap().tag()),
        }
    }

    async fn run(self, store: &DynamoStore, id: &str, created: Option<Tag>) -> Result<Option<Item>> {
        let (key, expected) = (Key::hash(id), created.filter(|_| self.conditional));
        match self.what {
            What::Create => store.create(self.table, self.new_item(id)).await.map(Some),
            What::Update => store.update(self.table, &key, &Update { expected, ..self.update(id) }).await.map(Some),
            What::Delete => store.delete(self.table, &key, expected.as_ref()).await.map(|()| None),
            What::Load => {
                let items = loaded(id).map(|id| Ok(Item::new(&self.new_item(&id))));
                store.load(self.table, futures::stream::iter(items).boxed()).await.map(|_| None)
            }
        }
    }

    /// Has it happened? Panics where it has happened twice or in part.
    async fn has_happened(self, store: &DynamoStore, id: &str) -> bool {
        let stored = async |id: &str| store.get(self.table, &Key::hash(id), &Read::STRONG).await.unwrap();
        if self.what == What::Load {
            let found = join_all(loaded(id).map(async |id| stored(&id).await)).await;
            return found.iter().all(Option::is_some);
        }
        let found = stored(id).await;
        let version = found.as_ref().map(|item| item.tag().version);
        let is_new = |item: &Item| self.update(id).set.iter().all(|(name, value)| item.attributes().unwrap()[name] == *value);
        let is_changed = found.as_ref().is_some_and(is_new);
        match (self.what, version, is_changed) {
            (What::Create, Some(1), false) | (What::Update, Some(2), true) | (What::Delete, None, _) => true,
            (What::Create, None, _) | (What::Update | What::Delete, Some(1), false) => false,
            _ => panic!("{self:?}: {found:?}"),
        }
    }

    /// The items of its transaction.
    fn positions(self) -> usize {
        match (self.call, self.what) {
            (TRANSACTION, What::Update) => 3,
            (TRANSACTION, _) => 2,
            _ => 0,
        }
    }
}

fn loaded(id: &str) -> [String; 3] {
    [1, 2, 3].map(|number| format!("{id}-{number}"))
}

/// A DynamoDB that is reached in three ways.
struct Place {
    /// Meets no fault.
    store: DynamoStore,
    proxy: FaultProxy,
    /// Through the proxy, and sure to get through once the fault is over.
    patient: DynamoStore,
    /// Through the proxy, and soon at the end of its patience.
    impatient: DynamoStore,
}

impl Place {
    /// `waits`: the fault is that nothing is heard.
    async fn new(waits: bool, operation_timeout: Duration) -> Self {
        let endpoint = crate::dynoxide::start().await;
        let proxy = FaultProxy::start(&endpoint).await;
        // The SDK allows all clients of one Region together so many retries.
        let region = fastrand::u64(..);
        let open = async |name: &str, endpoint: &str, attempt_timeout, operation_timeout| {
            let region = format!("{name}-{region}");
            let endpoint = Some(endpoint.to_owned());
            let options = DynamoOptions { endpoint, attempt_timeout, operation_timeout, ..DynamoOptions::new(region) };
            DynamoStore::open(&TABLES, options).await.unwrap()
        };
        let long = Duration::from_secs(60);
        let store = open("direct", &endpoint, long, long).await;
        tables::create(&store).await.unwrap();
        let patient = open("patient", &proxy.endpoint(), if waits { Duration::from_secs(3) } else { long }, long).await;
        let attempt = if waits { Duration::from_secs(1) } else { long };
        let impatient = open("impatient", &proxy.endpoint(), attempt, operation_timeout).await;
        for store in [&patient, &impatient] {
            store.get(&thread::TABLE, &Key::hash("none"), &Read::STRONG).await.unwrap();
        }
        Self { store, proxy, patient, impatient }
    }

    /// The write meets the fault so many times. Returns its result, and whether it has happened.
    async fn meet(
        &self,
        store: &DynamoStore,
        write: Write,
        fault: Fault,
        id: &str,
        times: usize,
    ) -> (Result<Option<Item>>, bool) {
        let created = write.prepare(&self.store, id).await;
        self.proxy.inject_about(write.call, id, fault, times);
        let written = tokio::time::timeout(LIMIT, write.run(store, id, created)).await.expect("an end");
        (written, write.has_happened(&self.store, id).await)
    }

    async fn once(&self, write: Write, fault: Fault, id: &str) {
        let (written, happened) = self.meet(&self.patient, write, fault.clone(), id, 1).await;
        let met = |seen: &Seen| seen.is_faulty && seen.body.to_string().contains(id);
        assert!(self.proxy.seen().iter().any(met), "{write:?} did not meet {fault:?}");
        let item = written.unwrap_or_else(|error| panic!("{write:?}, {fault:?}: {error}"));
        assert!(happened, "{write:?}, {fault:?}");
        if item.is_some() {
            assert_eq!(self.store.get(write.table, &Key::hash(id), &Read::STRONG).await.unwrap(), item);
        }
    }

    async fn always(&self, write: Write, fault: Fault, id: &str) {
        let is_refusal = matches!(fault, Fault::Refuse(code, _) if code != "InternalServerError");
        let (written, happened) = self.meet(&self.impatient, write, fault.clone(), id, usize::MAX).await;
        match written {
            Err(Error::Throttled { .. }) if is_refusal => assert!(!happened, "{write:?}, {fault:?}"),
            Err(Error::Unavailable { .. }) if !is_refusal => assert!(!happened, "{write:?}, {fault:?}"),
            Err(Error::Timeout) if !is_refusal => {}
            other => panic!("{write:?}, {fault:?}: {other:?}"),
        }
    }

    /// Lets through what nobody waits for any more; it changes nothing that has happened, and happens no more than once.
    async fn end(&self, writes: &[(Write, String)]) {
        let happened = async || join_all(writes.iter().map(|(write, id)| write.has_happened(&self.store, id))).await;
        let before = happened().await;
        self.proxy.release().await;
        let after = happened().await;
        assert!(before.iter().zip(after).all(|(before, after)| after >= *before), "a write was undone");
        for table in TABLES {
            assert_eq!(self.store.check(table).await.unwrap(), []);
        }
    }
}

/// Longer than any deadline in here.
const LIMIT: Duration = Duration::from_secs(120);
/// For what the store itself retries until there is no time left.
const SHORT: Duration = Duration::from_secs(3);

/// Each write meets its fault, all at once: first once, then without end.
async fn all_meet(place: Place, cells: Vec<(Write, Fault)>) {
    let cells: Vec<_> = cells.into_iter().enumerate().map(|(number, cell)| (format!("w{number:03}"), cell)).collect();
    let once = cells.iter().map(async |(id, (write, fault))| {
        let id = format!("{id}-once");
        place.once(*write, fault.clone(), &id).await;
        (*write, id)
    });
    let mut writes = join_all(once).await;
    // A load whose batch is refused is patient for a minute.
    let is_short = |write: Write, fault: &Fault| {
        write.what != What::Load || matches!(fault, Fault::LoseResponse | Fault::CutResponse | Fault::Drop)
    };
    let always = cells.iter().filter(|(_, (write, fault))| is_short(*write, fault)).map(async |(id, (write, fault))| {
        let id = format!("{id}-always");
        place.always(*write, fault.clone(), &id).await;
        (*write, id)
    });
    writes.extend(join_all(always).await);
    place.end(&writes).await;
}

async fn every_write_meets(fault: Fault) {
    let waits = matches!(fault, Fault::Mute | Fault::Hold);
    let place = Place::new(waits, if waits { SHORT } else { Duration::from_secs(60) }).await;
    all_meet(place, WRITES.iter().map(|write| (*write, fault.clone())).collect()).await;
}

#[tokio::test]
async fn the_response_is_lost() {
    every_write_meets(Fault::LoseResponse).await;
}

#[tokio::test]
async fn the_connection_is_closed_in_the_middle_of_the_response() {
    every_write_meets(Fault::CutResponse).await;
}

#[tokio::test]
async fn the_connection_is_closed_before_anything_was_done() {
    every_write_meets(Fault::Drop).await;
}

#[tokio::test]
async fn an_internal_error_comes_after_it_was_done() {
    every_write_meets(Fault::SpoilResponse).await;
}

#[tokio::test]
async fn an_internal_error_comes_before_anything_was_done() {
    every_write_meets(Fault::refuse("InternalServerError", "try again")).await;
}

#[tokio::test]
async fn the_response_comes_after_the_attempt_was_given_up() {
    every_write_meets(Fault::Mute).await;
}

#[tokio::test]
async fn the_request_is_done_after_the_attempt_was_given_up() {
    every_write_meets(Fault::Hold).await;
}

#[tokio::test]
async fn the_call_is_throttled() {
    every_write_meets(Fault::refuse("ThrottlingException", "slow down")).await;
}

#[tokio::test]
async fn the_table_has_too_little_capacity() {
    let reasons = json!([{ "reason": "TableWriteProvisionedThroughputExceeded", "resource": "arn:aws:dynamodb:::table/t" }]);
    let details = json!({ "message": "slow down", "ThrottlingReasons": reasons });
    every_write_meets(Fault::Refuse("ProvisionedThroughputExceededException", details)).await;
}

#[tokio::test]
async fn the_account_has_too_many_requests() {
    every_write_meets(Fault::refuse("RequestLimitExceeded", "slow down")).await;
}

#[tokio::test]
async fn a_transaction_is_in_the_way_of_a_write() {
    let single = WRITES.iter().filter(|write| ["PutItem", "UpdateItem", "DeleteItem"].contains(&write.call));
    let conflict = |write: &Write| (*write, Fault::refuse("TransactionConflictException", "in a transaction"));
    all_meet(Place::new(false, SHORT).await, single.map(conflict).collect()).await;
}

#[tokio::test]
async fn a_transaction_is_cancelled_for_one_of_its_items() {
    let cells = WRITES.iter().flat_map(|write| {
        let cancelled_at = |position| {
            ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"].map(|code| {
                let mut codes = vec!["None"; write.positions()];
                codes[position] = code;
                (*write, cancelled(&codes))
            })
        };
        (0..write.positions()).flat_map(cancelled_at).collect::<Vec<_>>()
    });
    all_meet(Place::new(false, SHORT).await, cells.collect()).await;
}

#[tokio::test]
async fn half_of_a_batch_is_left_unprocessed() {
    let place = Place::new(false, SHORT).await;
    for write in WRITES.iter().filter(|write| write.what == What::Load) {
        place.once(*write, Fault::Half, write.table.name).await;
    }
    place.end(&[]).await;
}
