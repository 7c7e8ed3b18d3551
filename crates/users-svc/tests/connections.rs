//! What a client meets on its connection, on a real socket.

#![expect(clippy::panic, clippy::unwrap_used, reason = "in tests")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;

use http_test::Process;
use tempfile::TempDir;

/// More than a body may have.
const TOO_LARGE: usize = 512 * 1024 + 1;

fn start(dir: &TempDir) -> Process {
    start_with(dir, &[])
}

fn start_with(dir: &TempDir, settings: &[(&str, &str)]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_users-svc"));
    command.env_clear().env("DATA_DIR", dir.path()).envs(settings.iter().copied());
    Process::start(&mut command)
}

/// A response: its status, its head and its body.
#[derive(Debug)]
struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Response {
    fn says_close(&self) -> bool {
        self.head.to_lowercase().contains("\r\nconnection: close")
    }
}

/// Reads one response and nothing beyond it.
fn receive(stream: &mut TcpStream) -> Response {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&head)));
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, head, body: String::from_utf8(body).unwrap() }
}

fn head(request: &str, more: &str) -> String {
    format!("{request} HTTP/1.1\r\nHost: test\r\n{more}\r\n")
}

/// Sends a request, which must get that status.
fn ask(stream: &mut TcpStream, status: u16, request: &str, more: &str) -> Response {
    stream.write_all(head(request, more).as_bytes()).unwrap();
    let response = receive(stream);
    assert_eq!(response.status, status, "{request}: {response:?}");
    response
}

/// Waits until the server has taken what was sent so far, by another request on another connection: both arrive in order.
fn settle(process: &Process) {
    assert_eq!(process.status("/health"), 200);
}

#[test]
fn a_refused_request_with_a_body_leaves_the_connection_usable() {
    let dir = tempfile::tempdir().unwrap();
    let process = start(&dir);
    let json = "Content-Type: application/json\r\n";
    let refused = [
        (404, "PATCH /api/users/a.b", json, "{\"name\": \"Ann\"}"),
        (404, "PATCH /api/users/none", json, "{\"name\": \"Ann\"}"),
        (404, "POST /nowhere", json, "{}"),
        (404, "DELETE /api/users/none", json, "{}"),
        (405, "DELETE /api/users", json, "{}"),
        (405, "PURGE /api/users", json, "{}"),
        (405, "POST /health", json, "{}"),
        (415, "POST /api/users", "Content-Type: text/plain\r\n", "hello"),
        (415, "PUT /api/users/none", "", "hello"),
        (400, "POST /api/users?x=1", json, "{}"),
        (400, "POST /api/users", json, "{"),
        (400, "GET /api/users?limit=0", json, "{}"),
        (422, "POST /api/users", json, "{}"),
        (200, "GET /api/users", json, "{}"),
    ];
    for (status, request, headers, body) in refused {
        for chunked in [false, true] {
            let mut stream = process.connect();
            let (framing, body) = match chunked {
                true => ("Transfer-Encoding: chunked\r\n".to_owned(), format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())),
                false => (format!("Content-Length: {}\r\n", body.len()), body.to_owned()),
            };
            stream.write_all(head(request, &format!("{headers}{framing}")).as_bytes()).unwrap();
            settle(&process);
            stream.write_all(body.as_bytes()).unwrap();
            let response = receive(&mut stream);
            assert_eq!(response.status, status, "{request}: {response:?}");
            assert!(!response.says_close(), "{request}: {response:?}");
            ask(&mut stream, 200, "GET /health", "");
        }
    }
}

#[test]
fn an_upload_over_the_limit_always_ends_in_a_413_that_can_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let process = start(&dir);
    let piece = vec![b' '; 64 * 1024];
    for request in ["POST /api/users", "PUT /api/users/none", "POST /nowhere", "GET /api/users"] {
        for size in [TOO_LARGE, 5_000_000, 20_000_000] {
            for chunked in [false, true] {
                let mut stream = process.connect();
                let framing =
                    if chunked { "Transfer-Encoding: chunked\r\n".to_owned() } else { format!("Content-Length: {size}\r\n") };
                stream.write_all(head(request, &format!("Content-Type: application/json\r\n{framing}")).as_bytes()).unwrap();
                // As most clients do: the whole body is written before the response is read.
                for start in (0..size).step_by(piece.len()) {
                    let piece = piece.get(..piece.len().min(size - start)).unwrap();
                    match chunked {
                        true => write!(stream, "{:x}\r\n", piece.len())
                            .and_then(|()| stream.write_all(piece))
                            .and_then(|()| stream.write_all(b"\r\n")),
                        false => stream.write_all(piece),
                    }
                    .unwrap_or_else(|error| panic!("{error} after {start} of {size} bytes of {request}"));
                }
                if chunked {
                    stream.write_all(b"0\r\n\r\n").unwrap();
                }
                let response = receive(&mut stream);
                assert!(response.status == 413 && response.says_close(), "{response:?}");
                assert!(response.body.contains("larger than 524288 bytes"), "{response:?}");
                let mut rest = Vec::new();
                assert_eq!(stream.read_to_end(&mut rest).unwrap(), 0, "the connection is closed");
            }
        }
    }
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_before_it_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let process = start(&dir);
    for length in ["524289", "17000000", "9000000000000000000"] {
        let expect = format!("Content-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n");
        let response = ask(&mut process.connect(), 413, "POST /api/users", &expect);
        assert!(response.says_close(), "{response:?}");
    }
}

#[test]
fn a_body_that_does_not_arrive_is_408_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let process = start_with(&dir, &[("BODY_TIMEOUT_SECONDS", "1")]);
    let json = "Content-Type: application/json\r\n";
    for (framing, begun) in
        [("Content-Length: 50\r\n", "{\"em"), ("Content-Length: 9\r\n", ""), ("Transfer-Encoding: chunked\r\n", "4\r\n{\"em\r\n")]
    {
        for request in ["POST /api/users", "PATCH /api/users/none", "POST /nowhere"] {
            let mut stream = process.connect();
            stream.write_all(head(request, &format!("{json}{framing}")).as_bytes()).unwrap();
            stream.write_all(begun.as_bytes()).unwrap();
            let response = receive(&mut stream);
            assert!(response.status == 408 && response.says_close(), "{response:?}");
            assert!(response.body.contains("nothing was written"), "{response:?}");
        }
    }
    assert_eq!(ask(&mut process.connect(), 200, "GET /api/users", "").body, "[]");
}

#[test]
fn a_client_that_has_said_all_still_gets_its_response() {
    let dir = tempfile::tempdir().unwrap();
    let process = start(&dir);
    let body = r#"{"email":"ann@example.com","name":"Ann"}"#;
    let post = format!("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for (status, request, rest) in
        [(201, "POST /api/users", post.as_str()), (200, "GET /api/users", "\r\n"), (404, "GET /api/users/x", "\r\n")]
    {
        let mut stream = process.connect();
        write!(stream, "{request} HTTP/1.1\r\nHost: test\r\n{rest}").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        assert_eq!(receive(&mut stream).status, status, "{request}");
    }
}

#[test]
fn a_request_names_one_host() {
    let dir = tempfile::tempdir().unwrap();
    let process = start(&dir);
    let cases = [
        (400, "HTTP/1.1", ""),
        (400, "HTTP/1.1", "Host: a\r\nHost: b\r\n"),
        (400, "HTTP/1.1", "Host: a\r\nHost: a\r\n"),
        (400, "HTTP/1.1", "Host: \r\n"),
        (400, "HTTP/1.1", "Host: a b\r\n"),
        (400, "HTTP/1.1", "Host: a/b\r\n"),
        (400, "HTTP/1.1", "Host: user@a\r\n"),
        (400, "HTTP/1.0", "Host: a\r\nHost: b\r\n"),
        (200, "HTTP/1.0", ""),
        (200, "HTTP/1.1", "Host: forum.example:8080\r\n"),
        (200, "HTTP/1.1", "Host: [::1]:8080\r\n"),
        (200, "HTTP/1.1", "hOST: xn--bcher-kva.example\r\n"),
    ];
    for (status, version, headers) in cases {
        for path in ["/health", "/api/users"] {
            let mut stream = process.connect();
            write!(stream, "GET {path} {version}\r\n{headers}\r\n").unwrap();
            let response = receive(&mut stream);
            assert_eq!(response.status, status, "{version} {headers:?}: {response:?}");
            assert!(status == 200 || response.body.contains("Host"), "{response:?}");
        }
    }
}

/// Users that fill a page.
fn fill(dir: &TempDir) {
    let users: Vec<_> = (0..600)
        .map(|at| serde_json::json!({ "userId": format!("u{at}"), "email": format!("u{at}@b.c"), "name": "A", "createdAt": "2026-01-01T00:00:00.000Z", "bio": "x".repeat(1900) }))
        .collect();
    std::fs::write(dir.path().join("users.json"), serde_json::to_vec(&users).unwrap()).unwrap();
}

#[test]
fn pages_that_nobody_reads_are_bounded_and_let_go() {
    let dir = tempfile::tempdir().unwrap();
    fill(&dir);
    let budget = 8 * 1024 * 1024;
    let process = start_with(&dir, &[("RESPONSE_MEMORY_BYTES", &budget.to_string()), ("RESPONSE_STALL_SECONDS", "2")]);
    let open: Vec<_> = (0..40).map(|_| process.connect()).collect();
    for mut stream in &open {
        stream.write_all(head("GET /api/users?limit=1000", "").as_bytes()).unwrap();
    }
    process.wait_for_metric("http_response_bytes_unsent", |bytes| bytes > budget as f64 / 2.0);
    assert!(process.metric("http_response_bytes_unsent") <= budget as f64);
    // What is small is served all the while, and what is one too many is told.
    assert_eq!(process.status("/api/users/u1"), 200);
    process.wait_for_metric("http_response_bytes_unsent", |bytes| bytes == 0.0);
    let mut statuses = Vec::new();
    for mut stream in open {
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        statuses.push(String::from_utf8(start.to_vec()).unwrap());
        let mut rest = Vec::new();
        if start.ends_with(b"200") && stream.read_to_end(&mut rest).is_ok() {
            assert!(rest.len() < 1024 * 1024, "it was cut off, not sent: {}", rest.len());
        }
    }
    assert!(statuses.iter().all(|status| status.ends_with("200") || status.ends_with("503")), "{statuses:?}");
    assert!((1..=8).contains(&statuses.iter().filter(|status| status.ends_with("200")).count()), "{statuses:?}");
    assert_eq!(process.status("/api/users?limit=1000"), 200);
}

#[test]
fn bodies_that_do_not_arrive_take_no_turn() {
    let dir = tempfile::tempdir().unwrap();
    let process = start_with(&dir, &[("MAX_IN_FLIGHT", "1")]);
    let slow: Vec<_> = (0..50).map(|_| process.connect()).collect();
    for mut stream in &slow {
        let json = "Content-Type: application/json\r\nContent-Length: 1000\r\n";
        stream.write_all(head("POST /api/users", json).as_bytes()).unwrap();
        stream.write_all(b"{").unwrap();
    }
    process.wait_for_metric("http_connections", |open| open > 50.0);
    for _ in 0..20 {
        assert_eq!(process.status("/api/users"), 200);
    }
}

#[test]
fn bodies_share_a_bounded_memory() {
    let dir = tempfile::tempdir().unwrap();
    let process = start_with(&dir, &[("BODY_MEMORY_BYTES", "1048576")]);
    let json = "Content-Type: application/json\r\nContent-Length: 500000\r\n";
    let mut statuses = Vec::new();
    let mut open: Vec<_> = (0..4).map(|_| process.connect()).collect();
    for stream in &mut open {
        stream.write_all(head("POST /api/users", json).as_bytes()).unwrap();
        // The rest of these bodies is never sent, so that each keeps what it has.
        stream.write_all(&vec![b' '; 499_999]).unwrap();
    }
    // Two of them fit.
    for stream in &mut open {
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(std::time::Duration::from_secs(1))).unwrap();
        let mut start = [0; 12];
        statuses.extend(stream.read_exact(&mut start).is_ok().then(|| String::from_utf8(start.to_vec()).unwrap()));
    }
    assert_eq!(statuses, ["HTTP/1.1 503", "HTTP/1.1 503"]);
    drop(open);
    process.wait_for_metric("http_connections", |open| open < 2.0);
    let body = r#"{"email":"ann@example.com","name":"Ann"}"#;
    let stream = &mut process.connect();
    let request = head("POST /api/users", &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    stream.write_all(format!("{request}{body}").as_bytes()).unwrap();
    assert_eq!(receive(stream).status, 201);
}

#[test]
fn one_client_takes_a_quarter_of_the_memory_for_bodies() {
    let dir = tempfile::tempdir().unwrap();
    let process = start_with(&dir, &[("BODY_MEMORY_BYTES", "4194304"), ("TRUSTED_PROXY_HOPS", "1")]);
    let begin = |client: &str| {
        let json =
            format!("Content-Type: application/json\r\nContent-Length: 500000\r\nX-Forwarded-For: 203.0.113.9, {client}\r\n");
        let mut stream = process.connect();
        stream.write_all(head("POST /api/users", &json).as_bytes()).unwrap();
        // All but the end of a body that breaks a rule.
        stream.write_all(&vec![b' '; 499_998]).unwrap();
        stream
    };
    // Of the first client two bodies fit, of others some more.
    let mut greedy: Vec<_> = (0..3).map(|_| begin("198.51.100.1")).collect();
    let mut refused = 0;
    while refused == 0 {
        for stream in &mut greedy {
            stream.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
            refused += usize::from(stream.peek(&mut [0]).is_ok());
        }
    }
    assert_eq!(refused, 1);
    let mut modest = begin("198.51.100.2");
    modest.write_all(b"{}").unwrap();
    assert_eq!(receive(&mut modest).status, 422);
    for stream in &mut greedy {
        stream.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
        let _ = stream.write_all(b"{}");
    }
    let mut statuses: Vec<_> = greedy.iter_mut().map(|stream| receive(stream).status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [422, 422, 503]);
    // What they took is free again.
    let mut again = begin("198.51.100.1");
    again.write_all(b"{}").unwrap();
    assert_eq!(receive(&mut again).status, 422);
}

#[test]
fn a_header_ends_soon_and_is_not_too_long() {
    let dir = tempfile::tempdir().unwrap();
    let process = start_with(&dir, &[("HEADER_TIMEOUT_SECONDS", "1")]);
    for length in [150_000, 300_000] {
        let mut stream = process.connect();
        let long = format!("X-Long: {}\r\n", "x".repeat(length));
        stream.write_all(head("GET /health", &long).as_bytes()).unwrap();
        assert_eq!(receive(&mut stream).status, 431);
    }
    assert_eq!(ask(&mut process.connect(), 200, "GET /health", &format!("X-Long: {}\r\n", "x".repeat(60_000))).status, 200);

    // On a new connection and on one that has served.
    let (mut idle, mut served, mut new) = (process.connect(), process.connect(), process.connect());
    ask(&mut idle, 200, "GET /health", "");
    ask(&mut served, 200, "GET /health", "");
    for stream in [&mut served, &mut new] {
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: te").unwrap();
    }
    for stream in [&mut served, &mut new] {
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "it is closed");
    }
    ask(&mut idle, 200, "GET /health", "");
}

#[test]
fn there_are_no_more_connections_than_configured() {
    let dir = tempfile::tempdir().unwrap();
    for (setting, count) in [("MAX_CONNECTIONS", "3"), ("MAX_CONNECTIONS_PER_ADDRESS", "3")] {
        let process = start_with(&dir, &[(setting, count)]);
        let mut open: Vec<_> = (0..3).map(|_| process.connect()).collect();
        for stream in &mut open {
            ask(stream, 200, "GET /health", "");
        }
        for _ in 0..5 {
            let mut stream = process.connect();
            assert_eq!(receive(&mut stream).status, 503);
        }
        process.wait_for_log("connections are refused");
        let metrics = ask(&mut open[0], 200, "GET /metrics", "").body;
        assert!(
            metrics.contains("\nhttp_connections 3\n") && metrics.contains("\nhttp_connections_refused_total 5\n"),
            "{metrics}"
        );
        drop(open);
        let mut again = process.connect();
        // The places are free once the server has seen the ends.
        while ask_once(&mut again) != 200 {
            again = process.connect();
        }
    }
}

/// A connection from that address of this machine.
#[cfg(target_os = "linux")]
fn connect_from(process: &Process, address: [u8; 4]) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from((address, 0)).into()).unwrap();
    socket.connect(&process.address().into()).unwrap();
    socket.into()
}

/// What is left of the address's writes, after one.
#[cfg(target_os = "linux")]
fn writes_left(stream: &mut TcpStream, more: &str) -> String {
    let head = ask(stream, 404, "DELETE /api/users/none", more).head;
    head.lines().find_map(|line| line.strip_prefix("ratelimit: ").map(str::to_owned)).unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn clients_are_limited_by_the_address_of_their_connection_or_by_what_a_proxy_says() {
    let first = "\"address-writes\";r=49;t=1";
    let dir = tempfile::tempdir().unwrap();
    let process = start_with(&dir, &[("RATE_LIMITS", "on")]);
    let (mut one, mut other) = (connect_from(&process, [127, 0, 0, 1]), connect_from(&process, [127, 0, 0, 2]));
    assert_eq!(writes_left(&mut one, ""), first);
    assert_eq!(writes_left(&mut other, ""), first);
    // Nobody is trusted to name another address; there is one more write in 0.6 s.
    let forged = |n: u8| format!("X-Forwarded-For: 203.0.113.{n}\r\n");
    assert!((0..100).any(|n| writes_left(&mut one, &forged(n)) != first));
    drop(process);

    let process = start_with(&dir, &[("RATE_LIMITS", "on"), ("TRUSTED_PROXY_HOPS", "1")]);
    let mut proxy = process.connect();
    assert!((0..10).all(|n| writes_left(&mut proxy, &forged(n)) == first));
}

/// The status of a response to a GET; 0 where the connection is refused.
fn ask_once(stream: &mut TcpStream) -> u16 {
    let mut start = [0; 12];
    let asked = stream.write_all(head("GET /health", "").as_bytes()).and_then(|()| stream.read_exact(&mut start));
    asked.ok().and_then(|()| std::str::from_utf8(&start).ok()?.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}
