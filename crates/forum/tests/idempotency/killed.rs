//! A moderator's action is logged first and done then. Between the two the process is killed, and the same request finishes it.
//!
//! Nothing in the program helps with that: what it waits for is kept from it. On files that is the lock of the posts, which the test
//! has; on DynamoDB the update of the post, which a proxy holds.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use db_adapter::forum::{TABLES, post};
use http_test::Process;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::fault_proxy::{Fault, FaultProxy};
use crate::{forum, list, post as send};

const ACTIONS: &str = "/api/moderation/actions";
const LOG: &str = "/api/moderation/log";

/// An update of a post that is kept from being done.
struct Held<'a> {
    /// Does the process wait for it?
    is_reached: Box<dyn Fn() -> bool + 'a>,
    /// Keeps the next ones from nothing.
    release: Box<dyn FnOnce() + 'a>,
}

/// A forum whose next update of a post can be held.
trait Place {
    /// The settings of the program.
    fn settings(&self) -> Vec<(&'static str, String)>;
    fn hold(&self) -> Held<'_>;

    fn serve(&self) -> Process {
        Process::start(forum().envs(self.settings()))
    }

    /// What `forum verify` prints.
    fn verify(&self) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
        let output = command.env_clear().envs(self.settings()).arg("verify").output().unwrap();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
    }
}

fn the_same_request_finishes_what_a_killed_process_has_logged(place: &dyn Place) {
    let mut process = place.serve();
    let made = |path: &str, id: &str, body: Value| {
        let response = send(process.address(), path, id, &body);
        assert_eq!(response.status, 201, "{response:?}");
        response.body[id].as_str().unwrap().to_owned()
    };
    let user = made("/api/users", "userId", json!({ "name": "Ann", "email": "ann@example.com" }));
    let thread = made("/api/threads", "threadId", json!({ "title": "T" }));
    let post = made("/api/posts", "postId", json!({ "threadId": thread, "userId": user, "content": "C" }));
    let target = format!("posts/{post}");
    made("/api/reports", "reportId", json!({ "target": target, "reason": "r", "userId": user }));
    let action = json!({ "target": target, "action": "remove", "reason": "r" });
    let removed = |process: &Process| list(process.address(), "/api/posts")[0].get("removed").cloned();

    let held = place.hold();
    let body = action.to_string();
    let mut cut_off = process.connect();
    let head = format!("POST {ACTIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nIdempotency-Key: once");
    write!(cut_off, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    while list(process.address(), LOG).is_empty() || !(held.is_reached)() {
        std::thread::yield_now();
    }
    assert_eq!(removed(&process), None, "it was done before the process was killed");
    process.signal("KILL");
    process.wait();
    (held.release)();

    let process = place.serve();
    assert_eq!((list(process.address(), LOG).len(), removed(&process)), (1, None));
    let found = place.verify();
    assert!(found.contains(&target) && found.contains("remove"), "{found}");
    assert_eq!(list(process.address(), "/api/moderation/reports").len(), 1);

    let again = send(process.address(), ACTIONS, "once", &action);
    assert_eq!((again.status, again.replayed), (201, true), "{again:?}");
    assert_eq!((list(process.address(), LOG).len(), removed(&process)), (1, Some(json!(true))));
    assert_eq!(list(process.address(), "/api/moderation/reports").len(), 0);
    assert!(!place.verify().contains(&target));
}

/// A folder of JSON files.
struct Files(tempfile::TempDir);

impl Place for Files {
    fn settings(&self) -> Vec<(&'static str, String)> {
        let dir = self.0.path().display().to_string();
        vec![("DATA_DIR", dir), ("LOCK_TIMEOUT_SECONDS", "60".to_owned()), ("REQUEST_TIMEOUT_SECONDS", "120".to_owned())]
    }

    /// Whoever waits for a lock cannot be told from whoever has not come so far: both have logged the action and not done it.
    fn hold(&self) -> Held<'_> {
        let lock = File::open(self.0.path().join("posts.lock")).unwrap();
        lock.lock().unwrap();
        Held { is_reached: Box::new(|| true), release: Box::new(move || lock.unlock().unwrap()) }
    }
}

#[test]
fn on_files() {
    the_same_request_finishes_what_a_killed_process_has_logged(&Files(tempfile::tempdir().unwrap()));
}

/// DynamoDB behind a proxy: the one of `DYNAMODB_ENDPOINT`, or one in the test's process.
struct Proxied {
    runtime: Runtime,
    proxy: FaultProxy,
    own: u32,
}

impl Place for Proxied {
    fn settings(&self) -> Vec<(&'static str, String)> {
        let tables = TABLES.iter().map(|table| (table.env, format!("killed-{}-{}", self.own, table.name)));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).display().to_string();
        let store = [("USE_DYNAMODB", "true".to_owned()), ("DYNAMODB_ENDPOINT", self.proxy.endpoint()), ("DATA_DIR", folder)];
        // The request waits for longer than the test needs.
        let times = [
            ("DYNAMODB_ATTEMPT_TIMEOUT_MS", "60000".to_owned()),
            ("DYNAMODB_OPERATION_TIMEOUT_MS", "90000".to_owned()),
            ("REQUEST_TIMEOUT_SECONDS", "120".to_owned()),
        ];
        store.into_iter().chain(tables).chain(times).collect()
    }

    /// What the proxy holds is lost with the process that has sent it.
    fn hold(&self) -> Held<'_> {
        let table = format!("killed-{}-{}", self.own, post::TABLE.name);
        self.proxy.inject_about("UpdateItem", &table, Fault::Hold, 1);
        let is_reached = || self.proxy.seen().iter().any(|seen| seen.is_faulty);
        Held { is_reached: Box::new(is_reached), release: Box::new(|| self.proxy.reset()) }
    }
}

#[test]
fn on_dynamodb() {
    let runtime = Runtime::new().unwrap();
    let upstream = std::env::var("DYNAMODB_ENDPOINT").unwrap_or_else(|_| {
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
        endpoint
    });
    let proxy = runtime.block_on(FaultProxy::start(&upstream));
    let place = Proxied { runtime, proxy, own: std::process::id() };
    let mut create = Command::new(env!("CARGO_BIN_EXE_forum"));
    assert!(create.env_clear().envs(place.settings()).args(["tables", "create"]).output().unwrap().status.success());
    the_same_request_finishes_what_a_killed_process_has_logged(&place);
    let mut delete = Command::new(env!("CARGO_BIN_EXE_forum"));
    assert!(delete.env_clear().envs(place.settings()).args(["tables", "delete", "--yes"]).output().unwrap().status.success());
    place.runtime.shutdown_background();
}
