//! Both backends, side by side: every operation goes to both, and what they return is compared as text.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::forum::TABLES;
use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::schema::{TOUCH_ID, WRITE_ID};
use db_adapter::{Advance, Cursor, Error, Item, Key, Page, Query, Read, Result, Scan, Store, Table, Tag, Update, Value};
use futures::StreamExt;
use tempfile::TempDir;

use crate::moved_clock::MovedClock;
use crate::operation::{Activity, Asked, Expected, Operation, named, segments};
use crate::value::{Clock, Contents, make, tick};

/// The stores, and what the sequence has come to so far.
pub struct Lockstep {
    dir: TempDir,
    /// Two, as in two processes on one directory; operations go to one and the other in turn.
    json: [JsonStore; 2],
    dynamo: DynamoStore,
    /// Of all stores: tells which items are past their time.
    time: Arc<MovedClock>,
    clock: Clock,
    steps: usize,
    held: Option<Held>,
}

/// A query that has more pages, and where it goes on: first the JSON store's cursor, then DynamoDB's.
struct Held {
    asked: Asked,
    cursors: [Cursor; 2],
}

/// How the backends differ.
type Difference = String;

async fn open_json(dir: &TempDir, clock: &Arc<MovedClock>) -> JsonStore {
    let clock = Arc::clone(clock) as Arc<dyn db_adapter::Clock>;
    JsonStore::open(&TABLES, JsonOptions { compact_at: 64 << 10, clock, ..JsonOptions::new(dir.path()) }).await.unwrap()
}

impl Lockstep {
    /// Empty stores of their own.
    pub async fn start(endpoint: &str) -> Self {
        let run = uuid::Uuid::new_v4();
        let time = Arc::new(MovedClock::new());
        let options = DynamoOptions {
            clock: time.clone(),
            endpoint: Some(endpoint.to_owned()),
            tables: TABLES.map(|table| (table.name, format!("differential-{}-{run}", table.name))).into(),
            // A busy machine must not turn a result into a timeout.
            attempt_timeout: Duration::from_secs(60),
            operation_timeout: Duration::from_secs(120),
            ..DynamoOptions::new("us-east-1")
        };
        let dynamo = DynamoStore::open(&TABLES, options).await.unwrap();
        tables::create(&dynamo).await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let json = [open_json(&dir, &time).await, open_json(&dir, &time).await];
        Self { dir, json, dynamo, time, clock: Clock::default(), steps: 0, held: None }
    }

    /// Removes the tables.
    pub async fn stop(self) {
        tables::delete(&self.dynamo).await.unwrap();
    }

    /// Does the sequence on both, and compares all tables at its end.
    pub async fn run(&mut self, sequence: &[Operation]) -> std::result::Result<(), Difference> {
        for operation in sequence {
            self.steps += 1;
            self.step(operation).await.map_err(|difference| format!("{operation:?}\n{difference}"))?;
        }
        for table in TABLES {
            self.check(table).await?;
            self.scan(table, &Scan::new(7), None)
                .await
                .map_err(|difference| format!("{} at the end\n{difference}", table.name))?;
        }
        Ok(())
    }

    fn stores(&self) -> [&dyn Store; 2] {
        [&self.json[self.steps % 2], &self.dynamo]
    }

    async fn step(&mut self, operation: &Operation) -> std::result::Result<(), Difference> {
        let [json, dynamo] = self.stores();
        match operation {
            Operation::Get { table, key, attributes } => {
                let (table, read) = (named(table), Read { attributes: attributes.clone(), ..Read::STRONG });
                compare(json.get(table, key, &read).await, dynamo.get(table, key, &read).await, show_found)
            }
            Operation::GetMany { keys, attributes } => {
                let keys: Vec<_> = keys.iter().map(|(table, key)| (named(table), key.clone())).collect();
                let read = Read { attributes: attributes.clone(), ..Read::STRONG };
                let show = |found: &Vec<_>| found.iter().map(show_found).collect::<Vec<_>>().join("\n");
                compare(json.get_many(&keys, &read).await, dynamo.get_many(&keys, &read).await, show)
            }
            Operation::Create { table, contents } => {
                let table = named(table);
                let attributes = make(contents, table, &mut self.clock);
                let [json, dynamo] = self.stores();
                let created = [json.create(table, attributes.clone()).await, dynamo.create(table, attributes).await];
                let [on_json, on_dynamo] = created;
                compare(on_json, on_dynamo, show)
            }
            Operation::Update { table, key, set, remove, expected, only_if, activity } => {
                let table = named(table);
                let set = make(set, table, &mut self.clock);
                let [json, dynamo] = self.stores();
                let mut results = Vec::new();
                for store in [json, dynamo] {
                    let expected = tag(store, table, key, *expected).await;
                    let only_if = only_if.clone();
                    let update = Update { set: set.clone(), remove: remove.clone(), expected, only_if, ..extra(activity) };
                    results.push(store.update(table, key, &update).await);
                }
                let [on_json, on_dynamo] = both(results);
                compare(on_json, on_dynamo, show)
            }
            Operation::Delete { table, key, expected } => {
                let table = named(table);
                let mut results = Vec::new();
                for store in [json, dynamo] {
                    let expected = tag(store, table, key, *expected).await;
                    results.push(store.delete(table, key, expected.as_ref()).await);
                }
                let [on_json, on_dynamo] = both(results);
                compare(on_json, on_dynamo, |()| String::new())
            }
            Operation::Load { table, items } => self.load(named(table), items).await,
            Operation::Query { asked, limit, pages } => {
                self.held = None;
                let mut cursors = [None, None];
                for _ in 0..*pages {
                    cursors = self.page(asked, *limit, cursors).await?;
                    if cursors[0].is_none() {
                        return Ok(());
                    }
                }
                self.hold(asked, cursors);
                Ok(())
            }
            Operation::GoOn { limit } => {
                let Some(Held { asked, cursors }) = self.held.take() else { return Ok(()) };
                let next = self.page(&asked, *limit, cursors.map(Some)).await?;
                self.hold(&asked, next);
                Ok(())
            }
            Operation::Misuse { other, flip } => {
                let Some(Held { asked, cursors: [cursor, _] }) = &self.held else { return Ok(()) };
                let (asked, cursor) = match flip {
                    Some(at) => (asked, altered(cursor, *at)),
                    None => (&**other, cursor.clone()),
                };
                self.page(asked, 2, [Some(cursor.clone()), Some(cursor)]).await.map(drop)
            }
            Operation::Scan { table, limit, segments, attributes } => {
                let scan = Scan { attributes: attributes.clone(), ..Scan::new(*limit) };
                self.scan(named(table), &scan, *segments).await
            }
            Operation::Restart { all } => {
                for at in 0..if *all { 2 } else { 1 } {
                    self.json[at].close().await.unwrap();
                }
                for at in 0..if *all { 2 } else { 1 } {
                    self.json[at] = open_json(&self.dir, &self.time).await;
                }
                Ok(())
            }
            Operation::Advance { seconds } => {
                self.time.advance(*seconds);
                Ok(())
            }
            Operation::Check { table } => self.check(named(table)).await,
        }
    }

    async fn load(&mut self, table: &'static Table, items: &[Contents]) -> std::result::Result<(), Difference> {
        let items: Vec<_> = items.iter().map(|contents| make(contents, table, &mut self.clock)).collect();
        let [json, dynamo] = self.stores();
        let stream = || futures::stream::iter(items.iter().map(|attributes| Ok(Item::new(attributes)))).boxed();
        let (on_json, on_dynamo) = (json.load(table, stream()).await, dynamo.load(table, stream()).await);
        if on_json.is_ok() || on_dynamo.is_ok() {
            return compare(on_json, on_dynamo, u64::to_string);
        }
        // Of several faults either may be told, and what came before them may be stored or not: both start anew with these keys.
        let told = (tell(on_json, u64::to_string)?, tell(on_dynamo, u64::to_string)?);
        for key in items.iter().filter_map(|attributes| table.key_of(attributes).ok()) {
            for store in [json, dynamo] {
                match store.delete(table, &key, None).await {
                    Ok(()) | Err(Error::NotFound) => {}
                    Err(error) => return Err(format!("after a load that failed: {error:?}")),
                }
            }
        }
        match told {
            (on_json, on_dynamo) if items.len() == 1 => equal(&on_json, &on_dynamo),
            _ => Ok(()),
        }
    }

    /// One page, from cursors that the other backend has made.
    async fn page(
        &self,
        asked: &Asked,
        limit: usize,
        [json_cursor, dynamo_cursor]: [Option<Cursor>; 2],
    ) -> std::result::Result<[Option<Cursor>; 2], Difference> {
        let table = named(asked.table);
        let query = |cursor| Query {
            order: asked.order,
            from: asked.from.clone(),
            to: asked.to.clone(),
            limit,
            cursor,
            attributes: asked.attributes.clone(),
            ..Query::new(table.index(asked.index).unwrap(), asked.partition.clone())
        };
        let [json, dynamo] = self.stores();
        let on_json = json.query(table, &query(dynamo_cursor)).await;
        let on_dynamo = dynamo.query(table, &query(json_cursor)).await;
        let next = [next(&on_json), next(&on_dynamo)];
        let show = |page: &Page| {
            let items = page.items.iter().fold(String::new(), |mut text, item| {
                let _ = writeln!(text, "{}", show(item));
                text
            });
            format!("{items}next: {:?}", page.next)
        };
        compare(on_json, on_dynamo, show)?;
        Ok(next)
    }

    fn hold(&mut self, asked: &Asked, cursors: [Option<Cursor>; 2]) {
        if let [Some(json), Some(dynamo)] = cursors {
            self.held = Some(Held { asked: asked.clone(), cursors: [json, dynamo] });
        }
    }

    /// All items of the table or of its segments, in any order.
    async fn scan(&self, table: &'static Table, scan: &Scan, of: Option<u32>) -> std::result::Result<(), Difference> {
        let [json, dynamo] = self.stores();
        let (mut on_json, mut on_dynamo) = (Vec::new(), Vec::new());
        for segment in segments(of) {
            let scan = Scan { segment, ..scan.clone() };
            let json_cursor = walk(json, table, scan.clone(), &mut on_json).await?;
            let dynamo_cursor = walk(dynamo, table, scan.clone(), &mut on_dynamo).await?;
            for (store, foreign) in [(dynamo, json_cursor), (json, dynamo_cursor)] {
                let Some(cursor) = foreign else { continue };
                let result = store.scan(table, &Scan { cursor: Some(cursor), ..scan.clone() }).await;
                if !matches!(result, Err(Error::InvalidCursor { .. })) {
                    return Err(format!("another backend's scan cursor was taken: {result:?}"));
                }
            }
        }
        on_json.sort_unstable();
        on_dynamo.sort_unstable();
        equal(&on_json.join("\n"), &on_dynamo.join("\n"))
    }

    async fn check(&self, table: &'static Table) -> std::result::Result<(), Difference> {
        for (name, store) in ["JSON", "DynamoDB"].into_iter().zip(self.stores()) {
            let findings = store.check(table).await.map_err(|error| format!("{name}: {error:?}"))?;
            if !findings.is_empty() {
                return Err(format!("{name} {}: {}", table.name, brief(&format!("{findings:?}"), 0)));
            }
        }
        Ok(())
    }
}

/// Walks to the end, and results the first cursor.
async fn walk(
    store: &dyn Store,
    table: &'static Table,
    mut scan: Scan,
    items: &mut Vec<String>,
) -> std::result::Result<Option<Cursor>, Difference> {
    let mut first = None;
    loop {
        let Page { items: found, next } = store.scan(table, &scan).await.map_err(|error| format!("{error:?}"))?;
        if found.len() > scan.limit.max(1) || found.is_empty() && (next.is_some() || scan.cursor.is_some()) {
            return Err(format!("a page of {} items, limit {}, next {next:?}", found.len(), scan.limit));
        }
        items.extend(found.iter().map(show));
        first = first.or_else(|| next.clone());
        match next {
            Some(next) => scan.cursor = Some(next),
            None => return Ok(first),
        }
    }
}

/// The tag of the item as the store has it, changed as is expected.
async fn tag(store: &dyn Store, table: &'static Table, key: &Key, expected: Expected) -> Option<Tag> {
    let item = store.get(table, key, &Read::STRONG).await.ok().flatten();
    let Tag { version, write_id } = item.map_or_else(|| Tag { version: 1, write_id: "w".to_owned() }, |item| item.tag());
    match expected {
        Expected::Nothing => None,
        Expected::Current => Some(Tag { version, write_id }),
        Expected::Older => Some(Tag { version: version.saturating_sub(1), write_id }),
        Expected::Foreign => Some(Tag { version, write_id: "foreign".to_owned() }),
        Expected::Zero => Some(Tag { version: 0, write_id: Tag::NO_WRITE_ID.to_owned() }),
    }
}

fn both<T>(results: Vec<T>) -> [T; 2] {
    results.try_into().unwrap_or_else(|_| panic!("two results"))
}

fn next(page: &Result<Page>) -> Option<Cursor> {
    page.as_ref().ok().and_then(|page| page.next.clone())
}

fn altered(cursor: &Cursor, at: usize) -> Cursor {
    let mut bytes = cursor.to_string().into_bytes();
    let at = at % bytes.len();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    Cursor::from_text(String::from_utf8(bytes).unwrap())
}

/// The part of an update that changes a thread's activity.
fn extra(Activity { add, advance, touch }: &Activity) -> Update {
    let advance = advance.map(|(second, id)| {
        let set = [("lastPostAt", tick(second)), ("lastPostId", id.to_owned())];
        Advance { by: &["lastPostAt", "lastPostId"], set: set.map(|(name, value)| (name.to_owned(), value.into())).into() }
    });
    let add = add.iter().map(|number| ("postCount".to_owned(), *number)).collect();
    Update { add, advance, touch: *touch, ..Update::default() }
}

fn compare<T>(json: Result<T>, dynamo: Result<T>, show: impl Fn(&T) -> String) -> std::result::Result<(), Difference> {
    equal(&tell(json, &show)?, &tell(dynamo, &show)?)
}

/// The result as text; of an error its kind and what it names. A fault is a difference in itself.
fn tell<T>(result: Result<T>, show: impl Fn(&T) -> String) -> std::result::Result<String, Difference> {
    match result {
        Ok(result) => Ok(show(&result)),
        Err(Error::InvalidItem { attribute, .. }) => Ok(format!("invalid: {attribute}")),
        Err(
            error @ (Error::Conflict { .. }
            | Error::NotFound
            | Error::ConditionFailed { .. }
            | Error::VersionMismatch
            | Error::InvalidCursor { .. }
            | Error::TooLarge),
        ) => Ok(format!("error: {error}")),
        Err(fault) => Err(format!("a fault: {fault:?}")),
    }
}

fn equal(json: &str, dynamo: &str) -> std::result::Result<(), Difference> {
    if json == dynamo {
        return Ok(());
    }
    let same = json.bytes().zip(dynamo.bytes()).take_while(|(one, other)| one == other).count();
    Err(format!("JSON:     {}\nDynamoDB: {}", brief(json, same), brief(dynamo, same)))
}

/// The part of a text around a place, without its long runs.
fn brief(text: &str, around: usize) -> String {
    let part: Vec<_> = text.char_indices().filter(|(at, _)| (around.saturating_sub(300)..around + 700).contains(at)).collect();
    part.into_iter().map(|(_, char)| char).collect()
}

fn show_found(found: &Option<Item>) -> String {
    found.as_ref().map_or_else(|| "absent".to_owned(), show)
}

/// The item but for its `writeId`, which is random.
pub fn show(item: &Item) -> String {
    let mut attributes = item.attributes().unwrap();
    for name in [WRITE_ID, TOUCH_ID] {
        if let Some(id) = attributes.get_mut(name) {
            *id = Value::from("any");
        }
    }
    Item::new(&attributes).as_json().to_owned()
}
