//! The process that is killed.

use std::io::Stdout;
use std::sync::{Arc, Mutex};

use db_adapter::forum::{TABLES, post, user};
use db_adapter::json::JsonStore;
use db_adapter::{Error, Key, Store};

use crate::child::{role, say};
use crate::{a_post, a_user, options, set_count};

/// Writers of a process.
const WRITERS: usize = 8;

/// Writers that create posts and delete most of them, count up in their own post and contend for e-mails, until the end. They say
/// `s` before they send a write and `a` when it was acknowledged. Runs only as a child.
#[test]
fn writer_process() {
    let Some((dir, name)) = role() else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let out = Arc::new(Mutex::new(std::io::stdout()));
    runtime.block_on(async {
        say(&out, "opening");
        let store = Arc::new(JsonStore::open(&TABLES, options(&dir)).await.unwrap());
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

async fn write(store: &JsonStore, out: &Mutex<Stdout>, name: &str) {
    let counter = Key::pair(format!("counter-{name}"), "t");
    let created = store.create(&post::TABLE, a_post(&counter, 0)).await.unwrap();
    say(out, &format!("a count {} 0", counter.hash));
    let mut tag = created.tag();
    for number in 1.. {
        let key = Key::pair(format!("{name}-{number}"), "t");
        say(out, &format!("s post {}", key.hash));
        store.create(&post::TABLE, a_post(&key, number)).await.unwrap();
        say(out, &format!("a post {}", key.hash));
        if number % 4 != 0 {
            say(out, &format!("s delete {}", key.hash));
            store.delete(&post::TABLE, &key, None).await.unwrap();
            say(out, &format!("a delete {}", key.hash));
        }
        say(out, &format!("s count {} {number}", counter.hash));
        tag = set_count(store, &counter, number, tag).await.unwrap().tag();
        say(out, &format!("a count {} {number}", counter.hash));
        // Writers of all processes of a round want the same e-mail; one of them gets it.
        let (id, round) = (format!("{name}-{number}"), name.split('-').next().unwrap().trim_start_matches(char::is_alphabetic));
        let email = format!("{number}-{round}@example.com");
        say(out, &format!("s user {id}"));
        match store.create(&user::TABLE, a_user(&id, &email)).await {
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
