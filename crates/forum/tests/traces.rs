//! Traces of the real binary, with a collector of the tests: what a POST does is told span by span, on either backend.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "in tests")]

mod dynamo;

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::net::TcpStream;
use std::process::{Command, Stdio};

use dynamo::Dynamo;
use http_test::{Collector, Process, ReceivedSpan};
use serde_json::{Value, json};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn forum(data: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
    command.env_clear().args(["dev", "--empty"]).stdout(Stdio::null()).env("DATA_DIR", data.path());
    command.env("SHUTDOWN_GRACE_SECONDS", "0");
    command
}

/// The body of the response.
fn post(address: SocketAddr, path: &str, traceparent: Option<String>, body: &Value) -> Value {
    let mut stream = TcpStream::connect(address).unwrap();
    let body = body.to_string();
    let traceparent = traceparent.map(|value| format!("traceparent: {value}\r\n")).unwrap_or_default();
    let head = "Host: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
    write!(stream, "POST {path} HTTP/1.1\r\n{head}{traceparent}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 201 "), "{response}");
    serde_json::from_str(response.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// The spans of a post whose client traces it, and the log's line about it. Nothing of it is lost at the end of the process.
fn spans_of_a_post(command: &mut Command) -> (Vec<ReceivedSpan>, Value) {
    let collector = Collector::start();
    let mut process = Process::start(command.env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint));
    let user = post(process.address(), "/api/users", None, &json!({ "name": "Ann", "email": "ann@example.org" }));
    let thread = post(process.address(), "/api/threads", None, &json!({ "title": "Bulbs", "userId": user["userId"] }));
    for _ in 0..2 {
        process.wait_for_log("request finished");
    }
    let body = json!({ "threadId": thread["threadId"], "userId": user["userId"], "content": "Hello" });
    post(process.address(), "/api/posts", Some(format!("00-{TRACE}-{CALLER}-01")), &body);
    let line = process.wait_for_log("request finished");
    process.signal("TERM");
    assert!(process.wait().success());
    let spans = collector.trace(TRACE);
    assert!(collector.spans().len() > spans.len(), "the other requests have traces of their own");
    (spans, line)
}

fn named<'a>(spans: &'a [ReceivedSpan], name: &str, table: &str) -> &'a ReceivedSpan {
    let found = spans.iter().find(|span| span.name == name && span.attributes["table"] == table);
    assert!(found.is_some(), "no {name} of {table}: {spans:#?}");
    found.unwrap()
}

/// What holds on either backend; the request's span.
fn holds(spans: &[ReceivedSpan], line: &Value) {
    let request = spans.iter().find(|span| span.parent == CALLER).unwrap();
    assert_eq!((request.name.as_str(), request.service.as_str()), ("POST /api/posts", "forum"));
    for (name, value) in [("http.request.method", "POST"), ("http.route", "/api/posts"), ("http.response.status_code", "201")] {
        assert_eq!(request.attributes[name], value);
    }
    for (name, table) in [("store.create", "posts"), ("store.update", "threads")] {
        assert_eq!(named(spans, name, table).parent, request.id, "{spans:#?}");
    }
    assert_eq!(line["span"]["trace_id"], TRACE, "{line}");
}

#[test]
fn a_post_to_json_files_shows_its_store_calls() {
    let data = tempfile::tempdir().unwrap();
    let (spans, line) = spans_of_a_post(&mut forum(&data));
    holds(&spans, &line);
}

#[test]
fn a_post_to_dynamodb_shows_its_calls() {
    let (data, dynamo) = (tempfile::tempdir().unwrap(), Dynamo::start());
    dynamo.run(&["tables", "create"]).success();
    let mut command = forum(&data);
    // What is not logged is traced all the same.
    command.envs([("USE_DYNAMODB", "true"), ("DYNAMODB_ENDPOINT", &dynamo.endpoint), ("RUST_LOG", "info")]);
    let (spans, line) = spans_of_a_post(&mut command);
    holds(&spans, &line);
    for (operation, table, call) in [("PutItem", "posts", "store.create"), ("UpdateItem", "threads", "store.update")] {
        let span = named(&spans, operation, table);
        assert_eq!(span.parent, named(&spans, call, table).id, "{spans:#?}");
        assert_eq!((span.attributes["attempts"].as_str(), span.attributes["outcome"].as_str()), ("1", "Ok"));
    }
}

#[test]
fn without_a_collector_requests_are_served_and_the_log_says_why_there_are_no_traces() {
    let data = tempfile::tempdir().unwrap();
    let mut command = forum(&data);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{nobody}")).env("OTEL_BSP_SCHEDULE_DELAY", "10");
    let process = Process::start(&mut command);
    post(process.address(), "/api/users", None, &json!({ "name": "Ann", "email": "ann@example.org" }));
    let line = process.wait_for_log("the collector of OTEL_EXPORTER_OTLP_ENDPOINT did not take spans");
    assert!(line["reason"].is_string(), "{line}");
}

#[test]
fn where_traces_are_off_the_log_has_no_trace() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::start(&mut forum(&data));
    let body = json!({ "name": "Ann", "email": "ann@example.org" });
    post(process.address(), "/api/users", Some(format!("00-{TRACE}-{CALLER}-01")), &body);
    let line = process.wait_for_log("request finished");
    assert!(line["span"]["request_id"].is_string() && line["span"].get("trace_id").is_none(), "{line}");
}
