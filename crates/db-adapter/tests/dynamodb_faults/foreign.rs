//! Responses that are not DynamoDB's: of a proxy, a load balancer, a wrong endpoint. What they hold is in the log once and cut, their
//! error tells whether a write may have happened, and no more of them is read than any response of DynamoDB has.

use std::io;
use std::sync::{Arc, Mutex};

use db_adapter::forum::thread;
use db_adapter::{Error, Key, Read, Result, Scan, Store};
use serde_json::json;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use crate::fault_proxy::{Fault, response};
use crate::{attributes, set, store, stored};

/// What this thread logs.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(log.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        // The DynamoDB within the test logs beside us.
        text.lines().filter(|line| !line.contains("dynoxide")).map(|line| format!("{line}\n")).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Stands at the beginning of a body, and in its middle.
const SECRET: &str = "ann@example.org";

fn html() -> String {
    format!("<html>\r\n<b>{SECRET}</b>\u{202e}\u{7}{}{SECRET}{}</html>", "x".repeat(500), "y".repeat(1 << 20))
}

/// The responses, by status, type and body; whether they came after the request was executed; and what reads and writes are told.
fn responses() -> Vec<(Fault, Expected, Expected)> {
    let json = "application/x-amz-json-1.0";
    let item = json!({ "Item": { "threadId": { "S": "t" }, "email": { "S": SECRET }, "title": { "S": "x".repeat(1 << 20) } } })
        .to_string();
    let cut = &item[..item.len() - 2];
    vec![
        (Fault::foreign(200, "text/html", &html()), Expected::Unavailable, Expected::Timeout),
        (Fault::Overwrite(response(200, "text/html", &html())), Expected::Unavailable, Expected::Timeout),
        (Fault::foreign(200, json, cut), Expected::Unavailable, Expected::Timeout),
        (Fault::foreign(429, "text/html", &html()), Expected::Throttled, Expected::Throttled),
        (Fault::foreign(429, json, r#"{"message":"Too Many Requests"}"#), Expected::Throttled, Expected::Throttled),
        (Fault::foreign(429, json, r#"{"__type":"TooManyRequestsException"}"#), Expected::Throttled, Expected::Throttled),
        (Fault::foreign(500, "text/html", &html()), Expected::Unavailable, Expected::Timeout),
        (Fault::foreign(502, "text/html", &html()), Expected::Unavailable, Expected::Timeout),
        (
            Fault::Overwrite(response(502, json, r#"{"message":"Internal server error"}"#)),
            Expected::Unavailable,
            Expected::Timeout,
        ),
        (Fault::foreign(503, "text/plain", "no server"), Expected::Unavailable, Expected::Timeout),
        (Fault::foreign(504, json, r#"{"__type":"GatewayTimeout","message":"later"}"#), Expected::Unavailable, Expected::Timeout),
        (Fault::foreign(403, "text/html", &html()), Expected::Unavailable, Expected::Unavailable),
        (Fault::foreign(404, "text/html", &html()), Expected::Unavailable, Expected::Unavailable),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Expected {
    Unavailable,
    Throttled,
    Timeout,
}

fn told<T>(result: Result<T>) -> (Expected, String) {
    let error = result.map(drop).unwrap_err();
    let told = match error {
        Error::Unavailable { .. } => Expected::Unavailable,
        Error::Throttled { .. } => Expected::Throttled,
        Error::Timeout => Expected::Timeout,
        ref other => panic!("{other}"),
    };
    (told, format!("{error} {error:?}"))
}

#[tokio::test]
async fn a_response_that_is_not_dynamodbs_is_told_by_its_status_and_logged_once_and_cut() {
    for (number, (fault, read, write)) in responses().into_iter().enumerate() {
        let (store, proxy) = store().await;
        store
            .create(
                &thread::TABLE,
                attributes(json!({ "threadId": "there", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" })),
            )
            .await
            .unwrap();
        for operation in ["GetItem", "Scan", "PutItem", "UpdateItem", "DeleteItem"] {
            proxy.inject_about(operation, "", fault.clone(), usize::MAX);
        }
        let key = Key::hash("there");
        let calls: [(Expected, (Expected, String), Log); 5] = [
            logged(read, store.get(&thread::TABLE, &key, &Read::STRONG)).await,
            logged(read, store.scan(&thread::TABLE, &Scan::new(1))).await,
            logged(
                write,
                store.create(
                    &thread::TABLE,
                    attributes(json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" })),
                ),
            )
            .await,
            logged(write, store.update(&thread::TABLE, &key, &set("title", "U"))).await,
            logged(write, store.delete(&thread::TABLE, &key, None)).await,
        ];
        for (at, (expected, (told, error), log)) in calls.into_iter().enumerate() {
            let (text, moment) = (log.text(), format!("response {number}, call {at}"));
            assert_eq!(told, expected, "{moment}: {text}");
            assert_eq!(text.lines().count(), 1, "{moment}: {text}");
            assert!(text.len() < 1000, "{moment}: {} bytes", text.len());
            assert!(text.contains(" status=") || text.contains(" code="), "{moment}: {text}");
            assert!(
                text.matches(SECRET).count() <= 1 && !text.contains('\u{202e}') && !text.contains('\u{7}'),
                "{moment}: {text}"
            );
            assert!(!error.contains(SECRET) && !error.contains("xxx"), "{moment}: {error}");
        }
    }
}

async fn logged<T>(expected: Expected, call: impl Future<Output = Result<T>>) -> (Expected, (Expected, String), Log) {
    let (log, _guard) = Log::start();
    (expected, told(call.await), log)
}

#[tokio::test]
async fn the_log_shows_status_type_length_and_the_beginning() {
    let (store, proxy) = store().await;
    proxy.inject("GetItem", Fault::foreign(404, "text/html; charset=utf-8", &html()));
    let (.., log) = logged(Expected::Unavailable, store.get(&thread::TABLE, &Key::hash("t"), &Read::STRONG)).await;
    let (text, length) = (log.text(), html().len());
    for part in
        ["status=404", "text/html; charset=utf-8", &format!("length={length}"), &format!("beginning=\"<html> <b>{SECRET}</b>xxx")]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let beginning = text.split("beginning=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(beginning.chars().count(), 200, "{beginning}");
}

/// A code is a label of a metric and a field of the log: it may be neither long nor anything.
#[tokio::test]
async fn a_code_or_message_that_is_no_codes_is_cut() {
    let (store, proxy) = store().await;
    let long = "z".repeat(1 << 20);
    for body in [json!({ "__type": long, "message": "m" }), json!({ "__type": "ValidationException", "message": long })] {
        proxy.inject("GetItem", Fault::foreign(400, "application/x-amz-json-1.0", &body.to_string()));
        let (log, _guard) = Log::start();
        let error = store.get(&thread::TABLE, &Key::hash("t"), &Read::STRONG).await.unwrap_err().to_string();
        assert!(error.len() < 1000 && log.text().len() < 2500, "{} and {} bytes", error.len(), log.text().len());
    }
}

#[tokio::test]
async fn a_load_goes_on_after_responses_that_are_not_dynamodbs() {
    let (store, proxy) = store().await;
    // More than the SDK itself repeats.
    for response in [Fault::foreign(502, "text/html", "<html>"), Fault::foreign(429, "text/html", "<html>")] {
        proxy.inject_about("BatchWriteItem", "", response, 6);
    }
    let items = (0..3).map(|n| {
        db_adapter::Item::parse(&format!(r#"{{"threadId":"t{n}","title":"T","createdAt":"2026-01-01T00:00:00.000Z"}}"#))
    });
    let loaded = store.load(&thread::TABLE, futures::StreamExt::boxed(futures::stream::iter(items))).await;
    assert_eq!(loaded.unwrap(), 3);
    assert!(stored(&store, &thread::TABLE, &Key::hash("t2")).await.is_some());
}

/// 20 MiB and what the network holds are read of a response that does not say its length; nothing of one that says it is longer.
#[tokio::test]
async fn no_more_is_read_of_an_response_than_any_of_dynamodb_has() {
    let (store, proxy) = store().await;
    let length = 400 << 20;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {length}\r\n\r\n{{");
    proxy.inject("GetItem", Fault::Foreign(head.into_bytes()));
    let announced = logged(Expected::Unavailable, store.get(&thread::TABLE, &Key::hash("t"), &Read::STRONG)).await;
    proxy.inject_about("Scan", "", Fault::Endless, usize::MAX);
    let endless = logged(Expected::Unavailable, store.scan(&thread::TABLE, &Scan::new(1))).await;
    for (expected, (told, error), log) in [announced, endless] {
        assert_eq!(told, expected);
        assert!(error.contains("20 MiB"), "{error}");
        assert_eq!(log.text().lines().count(), 1, "{}", log.text());
    }
    let attempts = proxy.operations().iter().filter(|operation| *operation == "Scan").count() as u64;
    assert_eq!(attempts, 1, "what was too long once is too long again");
    assert!(proxy.taken() < 40 << 20, "{} bytes", proxy.taken());

    proxy.reset();
    proxy.inject("PutItem", Fault::Endless);
    let written = store
        .create(&thread::TABLE, attributes(json!({ "threadId": "t", "title": "T", "createdAt": "2026-01-01T00:00:00.000Z" })))
        .await;
    assert!(matches!(written, Err(Error::Timeout)), "{written:?}");
}
