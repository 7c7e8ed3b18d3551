//! Processes that write at once: no update is lost, no e-mail has two owners, and what one process acknowledged all others read.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Stdout, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use db_adapter::forum::{TABLES, post, user};
use db_adapter::json::JsonStore;
use db_adapter::{Error, Key, Read, Rule, Store};

use crate::child::{Child, role, say};
use crate::{a_post, a_user, all, count_of, options, set_count};

const PROCESSES: u64 = 4;
/// Writers of a process.
const WRITERS: u64 = 8;
/// Posts in which all writers of all processes count.
const COUNTERS: u64 = 4;
/// Writes of each kind by each writer.
const ROUNDS: u64 = 25;

fn counter(number: u64) -> Key {
    Key::pair(format!("counter-{}", number % COUNTERS), "t")
}

/// Writers that count, and a reader that looks for what the parent says that others wrote. Runs only as a child.
#[test]
fn sharing_process() {
    let Some((dir, name)) = role() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (out, retries) = (Arc::new(Mutex::new(std::io::stdout())), Arc::new(AtomicU64::new(0)));
    let store = Arc::new(runtime.block_on(JsonStore::open(&TABLES, options(&dir))).unwrap());
    say(&out, "ready");
    let mut told = BufReader::new(std::io::stdin()).lines().map(|line| line.unwrap());
    assert_eq!(told.next().as_deref(), Some("go"));
    let writers = (0..WRITERS).map(|writer| {
        let (store, out, name, retries) = (store.clone(), out.clone(), format!("{name}-{writer}"), retries.clone());
        runtime.spawn(async move { write(&store, &out, &name, writer, &retries).await })
    });
    let writers: Vec<_> = writers.collect();
    let done = runtime.spawn(async move {
        for writer in writers {
            writer.await.unwrap();
        }
        say(&out, &format!("retries {}", retries.load(Ordering::Relaxed)));
        say(&out, "done");
    });
    for line in told.take_while(|line| line != "end") {
        let (key, number) = line.split_once(' ').unwrap();
        let found = runtime.block_on(store.get(&post::TABLE, &Key::pair(key, "t"), &Read::default())).unwrap();
        let found = found.unwrap_or_else(|| panic!("{key} was acknowledged elsewhere and is not here"));
        assert!(count_of(&found) >= number.parse().unwrap(), "{key} has a newer state elsewhere than {}", found.as_json());
    }
    runtime.block_on(done).unwrap();
}

async fn write(store: &JsonStore, out: &Mutex<Stdout>, name: &str, writer: u64, retries: &AtomicU64) {
    let own = Key::pair(name, "t");
    let mut tag = store.create(&post::TABLE, a_post(&own, 0)).await.unwrap().tag();
    for number in 1..=ROUNDS {
        // All writers count in the same posts.
        let shared = counter(writer + number);
        while let Err(error) = {
            let item = store.get(&post::TABLE, &shared, &Read::default()).await.unwrap().unwrap();
            set_count(store, &shared, count_of(&item) + 1, item.tag()).await
        } {
            assert!(matches!(error, Error::VersionMismatch), "{error}");
            retries.fetch_add(1, Ordering::Relaxed);
        }
        // And each in its own, which all other processes then look for.
        tag = set_count(store, &own, number, tag).await.unwrap().tag();
        say(out, &format!("a {name} {number}"));
        // All want the same e-mail.
        match store.create(&user::TABLE, a_user(&format!("{name}-{number}"), &format!("{number}@example.com"))).await {
            Ok(_) => say(out, &format!("won {number}")),
            Err(error) => assert!(matches!(error, Error::Conflict { rule: Rule::Unique("email") }), "{error}"),
        }
    }
}

/// Starts a process that is told by `told`, and tells `others` what it has acknowledged.
fn start(dir: &Path, name: &str, told: Receiver<String>, others: Vec<Sender<String>>) -> Child {
    let relay = move |line: &str| {
        if let Some(acknowledged) = line.strip_prefix("a ") {
            others.iter().for_each(|other| drop(other.send(acknowledged.to_owned())));
        }
    };
    let mut child = Child::start("sharing::sharing_process", dir, name, relay);
    let mut input = child.input.take().unwrap();
    // A child that failed takes no more input, and its end tells why.
    std::thread::spawn(move || told.iter().try_for_each(|line| writeln!(input, "{line}")));
    child
}

/// How often posts were compacted.
fn generation(dir: &Path) -> u64 {
    let journal = std::fs::read_to_string(dir.join("posts.journal")).unwrap();
    let rest = journal.split("\"generation\":").nth(1).unwrap();
    rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn processes_that_write_at_once_lose_and_repeat_nothing() {
    let (dir, runtime) = (tempfile::tempdir().unwrap(), tokio::runtime::Runtime::new().unwrap());
    let store = runtime.block_on(JsonStore::open(&TABLES, options(dir.path()))).unwrap();
    for number in 0..COUNTERS {
        runtime.block_on(store.create(&post::TABLE, a_post(&counter(number), 0))).unwrap();
    }
    let (tell, told): (Vec<_>, Vec<_>) = (0..PROCESSES).map(|_| channel::<String>()).unzip();
    let children = told.into_iter().enumerate().map(|(number, told)| {
        let others = tell.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, other)| other.clone());
        start(dir.path(), &format!("p{number}"), told, others.collect())
    });
    let mut children: Vec<_> = children.collect();
    for (step, word) in [("ready", "go"), ("done", "end")] {
        children.iter_mut().for_each(|child| child.await_step(step));
        tell.iter().for_each(|child| child.send(word.to_owned()).unwrap());
    }
    let said: Vec<String> = children.into_iter().flat_map(Child::finish).collect();

    let total = PROCESSES * WRITERS * ROUNDS;
    let posts = runtime.block_on(all(&store, &post::TABLE));
    let (shared, own): (Vec<_>, Vec<_>) = posts.iter().partition(|item| item.text("postId").unwrap().starts_with("counter-"));
    assert_eq!(shared.iter().map(|item| count_of(item)).sum::<u64>(), total, "an update was lost or happened twice");
    assert_eq!(own.len() as u64, PROCESSES * WRITERS);
    assert!(own.iter().all(|item| count_of(item) == ROUNDS));
    assert!(posts.iter().all(|item| item.tag().version == count_of(item) + 1));
    let users = runtime.block_on(all(&store, &user::TABLE));
    let emails: BTreeSet<_> = users.iter().map(|item| item.text("email").unwrap()).collect();
    let won = said.iter().filter(|line| line.starts_with("won ")).count();
    assert_eq!((users.len(), emails.len(), won as u64), (won, won, ROUNDS));

    let read = said.iter().filter(|line| line.starts_with("a ")).count() as u64 * (PROCESSES - 1);
    assert_eq!(read, total * (PROCESSES - 1));
    let retries: u64 = said.iter().filter_map(|line| line.strip_prefix("retries ")).map(|n| n.parse::<u64>().unwrap()).sum();
    let compactions = generation(dir.path());
    assert!(
        retries > 0 && compactions > 5,
        "too little happened at once to prove anything: {retries} retries, {compactions} compactions"
    );
    println!("{total} shared counts with {retries} retries, {read} reads in other processes, {compactions} compactions");
}
