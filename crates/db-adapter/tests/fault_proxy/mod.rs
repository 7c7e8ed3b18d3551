//! A proxy before a DynamoDB endpoint that does what no emulator does: loses responses, throttles, leaves half a batch unprocessed.
//! It records every request that it sees.

#![allow(dead_code, reason = "no test file uses all of it")]

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What to do with one request.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// Execute it, then close the connection without a response.
    LoseResponse,
    /// Execute it, then close the connection in the middle of the response.
    CutResponse,
    /// Execute it, then return an internal server error.
    SpoilResponse,
    /// Execute it, and never respond.
    Mute,
    /// Do not execute it; close the connection.
    Drop,
    /// Do not execute it; return this error code with this JSON beside it.
    Refuse(&'static str, Value),
    /// Never respond, and execute it only when [`FaultProxy::release`] lets it through.
    Hold,
    /// Do not execute it; return this.
    Response(Value),
    /// Execute the first half of a batch and call the rest unprocessed.
    Half,
    /// Do not execute it; return these bytes, which may be anything.
    Foreign(Vec<u8>),
    /// Execute it, then return these bytes.
    Overwrite(Vec<u8>),
    /// Do not execute it; begin a page and go on with it for as long as somebody reads.
    Endless,
}

impl Fault {
    /// A refusal with this code and message.
    pub(crate) fn refuse(code: &'static str, message: &str) -> Self {
        Self::Refuse(code, json!({ "message": message }))
    }

    /// A response that is not DynamoDB's, without the request having been executed.
    pub(crate) fn foreign(status: u16, content_type: &str, body: &str) -> Self {
        Self::Foreign(response(status, content_type, body))
    }
}

/// A request that the proxy has seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The operation, such as `PutItem`.
    pub(crate) operation: String,
    /// The request.
    pub(crate) body: Value,
    /// Did a fault happen to it?
    pub(crate) is_faulty: bool,
}

/// A fault that waits for its requests.
#[derive(Debug)]
struct Planned {
    operation: &'static str,
    /// Only requests with this in their body.
    about: String,
    fault: Fault,
    /// How many more times.
    left: usize,
    /// The share of the requests that it happens to.
    share: f64,
}

#[derive(Debug)]
struct State {
    faults: Vec<Planned>,
    held: Vec<(String, Vec<u8>)>,
    seen: Vec<Seen>,
    /// Bytes of endless responses that were taken.
    taken: u64,
    random: fastrand::Rng,
}

impl Default for State {
    fn default() -> Self {
        // The same requests in each run.
        Self { faults: Vec::new(), held: Vec::new(), seen: Vec::new(), taken: 0, random: fastrand::Rng::with_seed(1) }
    }
}

/// The proxy. It serves as long as the test's runtime.
#[derive(Debug, Clone)]
pub(crate) struct FaultProxy {
    endpoint: String,
    upstream: String,
    state: Arc<Mutex<State>>,
}

impl FaultProxy {
    /// Starts a proxy before the endpoint.
    pub(crate) async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let proxy = Self { endpoint, upstream: upstream.trim_start_matches("http://").to_owned(), state: Arc::default() };
        let serving = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(client).await });
            }
        });
        proxy
    }

    /// Its own URL.
    pub(crate) fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// Lets the fault happen to the next request of this operation that has no other fault waiting.
    pub(crate) fn inject(&self, operation: &'static str, fault: Fault) {
        self.inject_about(operation, "", fault, 1);
    }

    /// Lets the fault happen so many times to requests of this operation that have this in their body.
    pub(crate) fn inject_about(&self, operation: &'static str, about: &str, fault: Fault, times: usize) {
        self.plan(Planned { operation, about: about.to_owned(), fault, left: times, share: 1.0 });
    }

    /// Lets the fault happen to this share of all requests of this operation.
    pub(crate) fn inject_often(&self, operation: &'static str, fault: Fault, share: f64) {
        self.plan(Planned { operation, about: String::new(), fault, left: usize::MAX, share });
    }

    fn plan(&self, planned: Planned) {
        self.state.lock().unwrap().faults.push(planned);
    }

    /// Executes what was held, in order.
    pub(crate) async fn release(&self) {
        let held = std::mem::take(&mut self.state.lock().unwrap().held);
        for (head, body) in held {
            exchange(&self.upstream, &head, &body).await.unwrap();
        }
    }

    /// Forgets what it has seen and held, and the faults that have not happened.
    pub(crate) fn reset(&self) {
        *self.state.lock().unwrap() = State::default();
    }

    /// What it has seen, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// The operations that it has seen, in order.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.operation).collect()
    }

    /// How many bytes of endless responses were taken.
    pub(crate) fn taken(&self) -> u64 {
        self.state.lock().unwrap().taken
    }

    async fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        let upstream = self.upstream.as_str();
        while let Some((head, body)) = read_message(&mut client).await? {
            match self.fault_for(&head, &body) {
                None => client.write_all(&exchange(upstream, &head, &body).await?).await?,
                Some(Fault::LoseResponse) => {
                    exchange(upstream, &head, &body).await?;
                    return Ok(());
                }
                Some(Fault::CutResponse) => {
                    let response = exchange(upstream, &head, &body).await?;
                    client.write_all(response.get(..response.len() - 1).unwrap_or_default()).await?;
                    return Ok(());
                }
                Some(Fault::SpoilResponse) => {
                    exchange(upstream, &head, &body).await?;
                    client.write_all(&error("InternalServerError", &json!({ "message": "spoilt" }))).await?;
                }
                Some(Fault::Mute) => {
                    exchange(upstream, &head, &body).await?;
                    std::future::pending::<()>().await;
                }
                Some(Fault::Drop) => return Ok(()),
                Some(Fault::Refuse(code, details)) => client.write_all(&error(code, &details)).await?,
                Some(Fault::Hold) => {
                    self.state.lock().unwrap().held.push((head, body));
                    std::future::pending::<()>().await;
                }
                Some(Fault::Response(body)) => client.write_all(&json_response(200, &body)).await?,
                Some(Fault::Half) => client.write_all(&half(upstream, &head, &body).await?).await?,
                Some(Fault::Foreign(response)) => client.write_all(&response).await?,
                Some(Fault::Overwrite(response)) => {
                    exchange(upstream, &head, &body).await?;
                    client.write_all(&response).await?;
                }
                Some(Fault::Endless) => self.go_on(&mut client).await?,
            }
        }
        Ok(())
    }

    async fn go_on(&self, client: &mut TcpStream) -> io::Result<()> {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        client.write_all(head.as_bytes()).await?;
        loop {
            client.write_all(chunk.as_bytes()).await?;
            self.state.lock().unwrap().taken += 0x10000;
        }
    }

    fn fault_for(&self, head: &str, body: &[u8]) -> Option<Fault> {
        let target = header(head, "x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let text = String::from_utf8_lossy(body);
        let mut state = self.state.lock().unwrap();
        let chance = state.random.f64();
        let is_met = |planned: &&mut Planned| {
            planned.left > 0 && planned.operation == operation && text.contains(&planned.about) && chance < planned.share
        };
        let fault = state.faults.iter_mut().find(is_met).map(|planned| {
            planned.left -= 1;
            planned.fault.clone()
        });
        let body = serde_json::from_slice(body).unwrap_or_default();
        state.seen.push(Seen { operation, body, is_faulty: fault.is_some() });
        fault
    }
}

/// Forwards half of the batch and adds the other half to the response.
async fn half(upstream: &str, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut request: Value = serde_json::from_slice(body)?;
    let mut rest = request["RequestItems"].clone();
    for (table, asked) in request["RequestItems"].as_object_mut().unwrap() {
        let is_write = asked.is_array();
        let list = if is_write { &mut *asked } else { &mut asked["Keys"] }.as_array_mut().unwrap();
        let left = list.split_off(list.len().div_ceil(2));
        match is_write {
            true => rest[table] = left.into(),
            false => rest[table]["Keys"] = left.into(),
        }
    }
    let response = exchange(upstream, head, &serde_json::to_vec(&request)?).await?;
    let start = response.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut response_body: Value = serde_json::from_slice(&response[start..])?;
    rest.as_object_mut()
        .unwrap()
        .retain(|_, left| left.get("Keys").unwrap_or(left).as_array().is_some_and(|left| !left.is_empty()));
    response_body[if head.contains("BatchWriteItem") { "UnprocessedItems" } else { "UnprocessedKeys" }] = rest;
    Ok(json_response(200, &response_body))
}

fn error(code: &str, details: &Value) -> Vec<u8> {
    let mut error = details.clone();
    error["__type"] = format!("com.amazonaws.dynamodb.v20120810#{code}").into();
    json_response(if code == "InternalServerError" { 500 } else { 400 }, &error)
}

fn json_response(status: u16, body: &Value) -> Vec<u8> {
    response(status, "application/x-amz-json-1.0", &body.to_string())
}

/// A response with that body.
pub(crate) fn response(status: u16, content_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Fault\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n");
    [&head, body].concat().into_bytes()
}

/// Sends the request on a connection of its own and returns the response as it came.
async fn exchange(upstream: &str, head: &str, body: &[u8]) -> io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(upstream).await?;
    let lines = head.lines().filter(|line| !line.is_empty() && !line.to_ascii_lowercase().starts_with("content-length:"));
    let mut request = lines.collect::<Vec<_>>().join("\r\n").into_bytes();
    request.extend_from_slice(format!("\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
    request.extend_from_slice(body);
    server.write_all(&request).await?;
    let (head, body) = read_message(&mut server).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok([head.into_bytes(), body].concat())
}

/// One request or response: its head with the empty line, and its body.
async fn read_message(stream: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = header(&head, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some((head, body)))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let headers = head.lines().filter_map(|line| line.split_once(':'));
    headers.into_iter().find_map(|(header, value)| header.eq_ignore_ascii_case(name).then_some(value.trim()))
}
