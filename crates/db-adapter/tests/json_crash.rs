//! Processes are killed while they write to one directory, again and again: no acknowledged write may be missing, nothing may appear
//! twice, and every restart must succeed.
//!
//! `JSON_CRASH_ROUNDS` sets the number of rounds, `JSON_CRASH_SEED` repeats a run.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use db_adapter::entity::{post, user};
use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::schema::Index;
use db_adapter::{Attributes, Error, Key, Query, Read as StoreRead, Scan, Store, Tag, Update, Value};

const WRITERS: usize = 8;
const COMPACT_AT: u64 = 64 << 10;

fn options(dir: &Path) -> JsonOptions {
    JsonOptions { compact_at: COMPACT_AT, ..JsonOptions::new(dir) }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// A small generator of numbers that repeat with their seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What a writer says about its writes, one line each: `s` before it sends one, `a` when it was acknowledged.
fn say(out: &std::sync::Mutex<std::io::Stdout>, line: &str) {
    let mut out = out.lock().unwrap();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// The process that is killed: writers that create posts, count up in their own post and contend for e-mails, until the end.
/// Runs only when the test starts it.
#[test]
fn writer_process() {
    let Ok(dir) = std::env::var("JSON_CRASH_DIR") else { return };
    let name = std::env::var("JSON_CRASH_NAME").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let out = std::sync::Arc::new(std::sync::Mutex::new(std::io::stdout()));
    runtime.block_on(async {
        let store = std::sync::Arc::new(JsonStore::open(options(Path::new(&dir))).await.unwrap());
        say(&out, "ready");
        let writers = (0..WRITERS).map(|writer| {
            let (store, out, name) = (store.clone(), out.clone(), name.clone());
            tokio::spawn(async move { write(&store, &out, &format!("{name}-{writer}")).await })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap();
        }
    });
}

async fn write(store: &JsonStore, out: &std::sync::Mutex<std::io::Stdout>, name: &str) {
    let counter = Key::pair(format!("counter-{name}"), "t");
    let created = store.create(&post::TABLE, post(&counter, 0)).await.unwrap();
    say(out, &format!("a count {} 0", counter.hash));
    let mut tag = created.tag();
    for number in 1.. {
        let key = Key::pair(format!("{name}-{number}"), "t");
        say(out, &format!("s post {}", key.hash));
        store.create(&post::TABLE, post(&key, number)).await.unwrap();
        say(out, &format!("a post {}", key.hash));
        if number % 4 != 0 {
            say(out, &format!("s delete {}", key.hash));
            store.delete(&post::TABLE, &key, None).await.unwrap();
            say(out, &format!("a delete {}", key.hash));
        }
        say(out, &format!("s count {} {number}", counter.hash));
        tag = count(store, &counter, number, tag).await;
        say(out, &format!("a count {} {number}", counter.hash));
        // Writers of both processes want the same e-mail; one of them gets it.
        let (id, email) = (format!("{name}-{number}"), format!("{number}-{}@example.com", name.split('-').next().unwrap()));
        let email = email.replace(['x', 'y'], "z");
        say(out, &format!("s user {id}"));
        match store.create(&user::TABLE, user(&id, &email)).await {
            Ok(_) => {
                say(out, &format!("a user {id}"));
                // And gives it up again, perhaps to another one at the same moment.
                if number % 2 == 0 {
                    say(out, &format!("s leave {id}"));
                    store.delete(&user::TABLE, &Key::hash(&id), None).await.unwrap();
                    say(out, &format!("a leave {id}"));
                }
            }
            Err(Error::Conflict { .. }) => say(out, &format!("a refused {id}")),
            Err(error) => panic!("{error}"),
        }
    }
}

async fn count(store: &JsonStore, key: &Key, number: u64, expected: Tag) -> Tag {
    let set = Attributes::from([("title".to_owned(), Value::String(number.to_string()))]);
    let update = Update { set, expected: Some(expected), ..Update::default() };
    store.update(&post::TABLE, key, &update).await.unwrap().tag()
}

fn post(key: &Key, number: u64) -> Attributes {
    let text = |name: &str, value: String| (name.to_owned(), Value::String(value));
    Attributes::from([
        text("postId", key.hash.clone()),
        text("threadId", key.range.clone().unwrap()),
        text("userId", "u".to_owned()),
        text("content", "x".repeat(100)),
        text("title", number.to_string()),
        text("createdAt", format!("2024-01-01T00:00:00.{:03}Z", number % 1000)),
    ])
}

fn user(id: &str, email: &str) -> Attributes {
    [("userId", id), ("email", email), ("name", "n")].map(|(name, value)| (name.to_owned(), Value::from(value))).into()
}

/// A running writer process, and everything it has said.
struct Writer {
    child: Child,
    heard: JoinHandle<Vec<String>>,
    ready: Receiver<()>,
}

impl Writer {
    fn start(dir: &Path, name: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer_process", "--nocapture", "--test-threads=1"])
            .env("JSON_CRASH_DIR", dir)
            .env("JSON_CRASH_NAME", name)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = child.stdout.take().unwrap();
        let (tell, ready) = channel();
        let heard = std::thread::spawn(move || listen(out, &tell));
        Self { child, heard, ready }
    }

    /// Kills the process and answers what it said.
    fn kill(mut self) -> Vec<String> {
        assert!(self.child.try_wait().unwrap().is_none(), "a writer ended by itself: {}", self.complaint());
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.heard.join().unwrap()
    }

    fn await_ready(&mut self) {
        if self.ready.recv_timeout(Duration::from_secs(60)).is_err() {
            panic!("a writer did not start: {}", self.complaint());
        }
    }

    fn complaint(&mut self) -> String {
        let mut text = String::new();
        let _ = self.child.kill();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

fn listen(out: ChildStdout, ready: &std::sync::mpsc::Sender<()>) -> Vec<String> {
    let mut said = Vec::new();
    for line in BufReader::new(out).split(b'\n') {
        let line = String::from_utf8(line.unwrap()).unwrap();
        if line.ends_with("ready") {
            let _ = ready.send(());
        }
        said.push(line);
    }
    said
}

/// Everything that all writers of all rounds sent, and what was acknowledged of it.
#[derive(Default)]
struct Expected {
    sent: HashSet<String>,
    acknowledged: HashSet<String>,
    sent_counts: BTreeMap<String, u64>,
    counts: BTreeMap<String, u64>,
}

impl Expected {
    fn learn(&mut self, said: &[String]) {
        for line in said {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["s", "count", key, number] => drop(self.sent_counts.insert(key.to_owned(), number.parse().unwrap())),
                ["a", "count", key, number] => drop(self.counts.insert(key.to_owned(), number.parse().unwrap())),
                ["s", what, key] => drop(self.sent.insert(format!("{what} {key}"))),
                ["a", what, key] => drop(self.acknowledged.insert(format!("{what} {key}"))),
                // The test harness's own lines, and one that the kill cut off.
                _ => {}
            }
        }
    }

    async fn check(&self, store: &JsonStore) {
        let posts = all(store, &post::TABLE).await;
        let mut by_index = Vec::new();
        let index: &'static Index = post::TABLE.index("UserIndex").unwrap();
        let mut query = Query { limit: 500, ..Query::new(index, "u") };
        loop {
            let page = store.query(&post::TABLE, &query).await.unwrap();
            by_index.extend(page.items.iter().map(|item| item.text("postId").unwrap()));
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => break,
            }
        }
        by_index.sort_unstable();
        let mut ids: Vec<_> = posts.iter().map(|item| item.text("postId").unwrap()).collect();
        ids.sort_unstable();
        assert_eq!(by_index, ids, "the index is not the table");
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "a post appears twice");
        let present: HashSet<_> = ids.into_iter().collect();

        for id in present.iter().filter(|id| !id.starts_with("counter-")) {
            assert!(self.sent.contains(&format!("post {id}")), "post {id} was never sent");
            assert!(!self.acknowledged.contains(&format!("delete {id}")), "post {id} was deleted");
        }
        for id in self.acknowledged.iter().filter_map(|line| line.strip_prefix("post ")) {
            let deleted = self.sent.contains(&format!("delete {id}"));
            assert!(deleted || present.contains(id), "post {id} was acknowledged and is gone");
        }
        for (id, acknowledged) in &self.counts {
            let item = store.get(&post::TABLE, &Key::pair(id, "t"), &StoreRead::STRONG).await.unwrap();
            let item = item.unwrap_or_else(|| panic!("{id} was acknowledged and is gone"));
            let count: u64 = item.text("title").unwrap().parse().unwrap();
            let sent = self.sent_counts.get(id).copied().unwrap_or_default();
            assert!((*acknowledged..=sent).contains(&count), "{id}: {acknowledged} acknowledged, {sent} sent, {count} found");
            assert_eq!(item.tag().version, count + 1, "{id} was counted twice or lost a count");
        }

        let users = all(store, &user::TABLE).await;
        let emails: HashSet<_> = users.iter().map(|item| item.text("email").unwrap()).collect();
        assert_eq!(emails.len(), users.len(), "two users have one e-mail");
        let present: HashSet<_> = users.iter().map(|item| item.text("userId").unwrap()).collect();
        assert_eq!(present.len(), users.len(), "a user appears twice");
        for id in &present {
            assert!(self.sent.contains(&format!("user {id}")), "user {id} was never sent");
            assert!(!self.acknowledged.contains(&format!("refused {id}")), "user {id} was refused");
            assert!(!self.acknowledged.contains(&format!("leave {id}")), "user {id} was deleted");
        }
        for id in self.acknowledged.iter().filter_map(|line| line.strip_prefix("user ")) {
            let left = self.sent.contains(&format!("leave {id}"));
            assert!(left || present.contains(id), "user {id} was acknowledged and is gone");
        }
    }
}

async fn all(store: &JsonStore, table: &'static db_adapter::Table) -> Vec<db_adapter::Item> {
    let (mut items, mut scan) = (Vec::new(), Scan::new(1000));
    loop {
        let page = store.scan(table, &scan).await.unwrap();
        items.extend(page.items);
        match page.next {
            Some(next) => scan.cursor = Some(next),
            None => return items,
        }
    }
}

#[test]
fn no_acknowledged_write_is_lost_to_sigkill() {
    let rounds = variable("JSON_CRASH_ROUNDS").unwrap_or(25);
    let seed = variable("JSON_CRASH_SEED").unwrap_or_else(|| std::process::id().into());
    println!("JSON_CRASH_SEED={seed}");
    let mut random = Random(seed.max(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut expected = Expected::default();
    let mut moment = |least, most| std::thread::sleep(Duration::from_millis(least + random.below(most - least)));
    for round in 0..rounds {
        let mut first = Writer::start(dir.path(), &format!("x{round}"));
        let mut second = Writer::start(dir.path(), &format!("y{round}"));
        first.await_ready();
        second.await_ready();
        moment(10, 250);
        expected.learn(&first.kill());
        // The other one goes on, and a third joins it.
        let mut third = Writer::start(dir.path(), &format!("xx{round}"));
        third.await_ready();
        moment(10, 250);
        expected.learn(&second.kill());
        expected.learn(&third.kill());
        runtime.block_on(async {
            let store = JsonStore::open(options(dir.path())).await.unwrap();
            expected.check(&store).await;
            if round % 3 == 0 {
                store.close().await.unwrap();
            }
        });
    }
    assert!(expected.acknowledged.len() > rounds as usize * 20, "too little was written to prove anything");
    let refused = expected.acknowledged.iter().filter(|line| line.starts_with("refused ")).count();
    println!("{} writes acknowledged, {refused} refused", expected.acknowledged.len());
}
