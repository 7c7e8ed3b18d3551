//! One Idempotency-Key makes one item: sent many times at once, after a restart, through another process, on either backend. What a
//! killed process left half done, the same key finishes.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in tests")]

#[path = "../dynamo/mod.rs"]
mod dynamo;
#[path = "../../../db-adapter/tests/fault_proxy/mod.rs"]
mod fault_proxy;
mod killed;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Barrier;

use dynamo::Dynamo;
use http_test::Process;
use serde_json::{Value, json};

/// Requests at once.
const AT_ONCE: usize = 50;

fn forum() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
    command.env_clear().args(["dev", "--empty"]).stdout(Stdio::null());
    command
}

fn on_files(dir: &Path) -> Process {
    Process::start(forum().env("DATA_DIR", dir))
}

/// The response to a POST.
#[derive(Debug)]
struct Posted {
    status: u16,
    replayed: bool,
    body: Value,
}

fn post(address: SocketAddr, path: &str, key: &str, body: &Value) -> Posted {
    let mut stream = TcpStream::connect(address).unwrap();
    let body = body.to_string();
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n");
    write!(stream, "{head}Idempotency-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    let head = head.to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Posted { status, replayed: head.contains("idempotent-replayed: true"), body: serde_json::from_str(body).unwrap() }
}

fn list(address: SocketAddr, path: &str) -> Vec<Value> {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    serde_json::from_str::<Value>(body).unwrap().as_array().unwrap().clone()
}

/// One request that creates an item of each service, with another body under the same key.
struct Case {
    path: &'static str,
    id: &'static str,
    body: Value,
    other: Value,
}

/// A user and a thread that a post can name, and the three cases.
fn cases(address: SocketAddr) -> [Case; 3] {
    let id = |response: Posted, name: &str| response.body[name].as_str().unwrap().to_owned();
    let user = id(post(address, "/api/users", "author", &json!({"name": "Ann", "email": "ann@example.com"})), "userId");
    let thread = id(post(address, "/api/threads", "thread", &json!({"title": "T"})), "threadId");
    let post = |content: &str| json!({"threadId": thread, "userId": user, "content": content});
    // The e-mail is the scope of a user's key.
    let person = |name: &str| json!({"name": name, "email": "bob@example.com"});
    [
        Case { path: "/api/users", id: "userId", body: person("Bob"), other: person("Robert") },
        Case { path: "/api/threads", id: "threadId", body: json!({"title": "A"}), other: json!({"title": "B"}) },
        Case { path: "/api/posts", id: "postId", body: post("A"), other: post("B") },
    ]
}

/// Sends the request many times at once, to two processes in turn. Returns the one id.
fn storm(addresses: [SocketAddr; 2], Case { path, id, body, .. }: &Case) -> String {
    let before = list(addresses[0], path).len();
    let start = Barrier::new(AT_ONCE);
    let responses: Vec<Posted> = std::thread::scope(|scope| {
        let send = |number: usize| {
            let start = &start;
            scope.spawn(move || {
                start.wait();
                post(addresses[number % 2], path, "storm", body)
            })
        };
        let senders: Vec<_> = (0..AT_ONCE).map(send).collect();
        senders.into_iter().map(|sender| sender.join().unwrap()).collect()
    });
    assert!(responses.iter().all(|response| response.status == 201), "{responses:?}");
    assert_eq!(responses.iter().filter(|response| !response.replayed).count(), 1, "{responses:?}");
    let ids: BTreeSet<_> = responses.iter().map(|response| response.body[id].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    for address in addresses {
        assert_eq!(list(address, path).len(), before + 1);
    }
    ids.into_iter().next().unwrap().to_owned()
}

/// The same key once more: the same item for the same body, nothing for another.
fn assert_replays(address: SocketAddr, case: &Case, stored: &str) {
    let before = list(address, case.path);
    let again = post(address, case.path, "storm", &case.body);
    assert_eq!((again.status, again.replayed, again.body[case.id].as_str()), (201, true, Some(stored)), "{again:?}");
    let other = post(address, case.path, "storm", &case.other);
    assert_eq!((other.status, &other.body["errors"][0]["field"]), (422, &json!("Idempotency-Key")), "{other:?}");
    assert_eq!(list(address, case.path), before);
}

#[test]
fn on_files_a_key_makes_one_item_in_two_processes_and_after_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let (one, mut other) = (on_files(dir.path()), on_files(dir.path()));
    let cases = cases(one.address());
    let ids = cases.each_ref().map(|case| storm([one.address(), other.address()], case));
    for (case, id) in cases.iter().zip(&ids) {
        assert_replays(one.address(), case, id);
        assert_replays(other.address(), case, id);
    }
    // One is killed, one leaves in order and folds its journals.
    drop(one);
    other.signal("INT");
    assert!(other.wait().success());
    let again = on_files(dir.path());
    for (case, id) in cases.iter().zip(&ids) {
        assert_replays(again.address(), case, id);
    }
}

#[test]
fn on_dynamodb_a_key_makes_one_item_in_two_processes_and_after_restarts() {
    let dynamo = Dynamo::start();
    dynamo.run(&["tables", "create"]).success();
    let (one, other) = (dynamo.forum(), dynamo.forum());
    let cases = cases(one.address());
    let ids = cases.each_ref().map(|case| storm([one.address(), other.address()], case));
    drop((one, other));
    let again = dynamo.forum();
    for (case, id) in cases.iter().zip(&ids) {
        assert_replays(again.address(), case, id);
    }
}

impl Dynamo {
    fn forum(&self) -> Process {
        let dynamodb =
            [("USE_DYNAMODB", "true"), ("DYNAMODB_ENDPOINT", &self.endpoint), ("DATA_DIR", env!("CARGO_TARGET_TMPDIR"))];
        Process::start(forum().envs(dynamodb))
    }
}
