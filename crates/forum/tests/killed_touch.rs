//! A post is stored first, and its thread told then. Between the two the process is killed: `forum verify` names the thread, and a repair
//! mends its numbers. On DynamoDB: that of `DYNAMODB_ENDPOINT`, or one in the test's process; a proxy holds the update of the thread.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in tests")]

#[path = "../../db-adapter/tests/fault_proxy/mod.rs"]
mod fault_proxy;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};

use db_adapter::forum::{TABLES, thread};
use fault_proxy::{Fault, FaultProxy};
use http_test::Process;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Tables of its own behind the proxy.
struct World {
    proxy: FaultProxy,
    own: u32,
    /// Where a repair keeps what it changes.
    dir: tempfile::TempDir,
    _runtime: Runtime,
}

impl World {
    fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let upstream = std::env::var("DYNAMODB_ENDPOINT").unwrap_or_else(|_| {
            let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            runtime.spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
            endpoint
        });
        let proxy = runtime.block_on(FaultProxy::start(&upstream));
        Self { proxy, own: std::process::id(), dir: tempfile::tempdir().unwrap(), _runtime: runtime }
    }

    fn table(&self, name: &str) -> String {
        format!("killed-touch-{}-{name}", self.own)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
        command.env_clear().args(arguments).stdout(Stdio::piped()).current_dir(self.dir.path());
        command.envs([("USE_DYNAMODB", "true"), ("DYNAMODB_ENDPOINT", &self.proxy.endpoint())]);
        command.envs(TABLES.map(|table| (table.env, self.table(table.name))));
        // A held request waits for longer than the test needs.
        command.envs([("DYNAMODB_ATTEMPT_TIMEOUT_MS", "60000"), ("DYNAMODB_OPERATION_TIMEOUT_MS", "90000")]);
        command.env("REQUEST_TIMEOUT_SECONDS", "120").env("AUTH", "off");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn serve(&self) -> Process {
        Process::start(self.command(&["serve"]).stdout(Stdio::null()))
    }
}

/// Sends a POST, and leaves its response to whoever reads the stream.
fn send(process: &Process, path: &str, body: &Value) -> TcpStream {
    let (mut stream, body) = (process.connect(), body.to_string());
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json");
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream
}

fn read(mut stream: TcpStream) -> Value {
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 20"), "{response}");
    serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn get(process: &Process, path: &str) -> Value {
    let mut stream = process.connect();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCache-Control: no-cache\r\n\r\n").unwrap();
    read(stream)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned()
}

#[test]
fn what_a_killed_process_has_not_told_a_thread_is_named_and_mended() {
    let world = World::start();
    assert!(world.run(&["tables", "create"]).status.success());
    let mut process = world.serve();
    let user = read(send(&process, "/api/users", &json!({ "name": "Ann", "email": "ann@example.org" })))["userId"].clone();
    let thread = read(send(&process, "/api/threads", &json!({ "title": "Bulbs", "userId": user })))["threadId"].clone();
    let post = json!({ "threadId": thread, "userId": user, "content": "Hello" });
    read(send(&process, "/api/posts", &post));

    world.proxy.inject_about("UpdateItem", &world.table(thread::TABLE.name), Fault::Hold, 1);
    let cut_off = send(&process, "/api/posts", &post);
    while !world.proxy.seen().iter().any(|seen| seen.is_faulty) {
        std::thread::yield_now();
    }
    process.signal("KILL");
    process.wait();
    drop(cut_off);
    // What is held is never executed.
    world.proxy.reset();

    let path = format!("/api/threads/{}", thread.as_str().unwrap());
    let posts = format!("/api/posts?threadId={}", thread.as_str().unwrap());
    let process = world.serve();
    assert_eq!((get(&process, &path)["postCount"].clone(), get(&process, &posts).as_array().unwrap().len()), (json!(1), 2));
    let found = world.run(&["verify"]);
    let named = format!("threads threadId {thread}: postCount is 1, but its posts say 2");
    assert!(!found.status.success() && text(&found).contains(&named), "{}", text(&found));

    let mended = world.run(&["verify", "--repair", "--apply"]);
    assert!(mended.status.success(), "{}", text(&mended));
    let told = get(&process, &path);
    let last = get(&process, &posts).as_array().unwrap().last().unwrap().clone();
    assert_eq!((&told["postCount"], &told["lastPostId"], &told["lastPostAt"]), (&json!(2), &last["postId"], &last["createdAt"]));
    let sound = world.run(&["verify"]);
    assert!(sound.status.success(), "{}", text(&sound));
    assert!(world.run(&["tables", "delete", "--yes"]).status.success());
}
