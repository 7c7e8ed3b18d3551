//! A client that sends what it is told to.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use http_test::Process;
use serde_json::Value;

/// How long to wait for a response.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of a server under one of its names.
pub(crate) struct Client {
    address: SocketAddr,
    host: String,
    headers: Vec<(String, String)>,
}

impl Client {
    pub(crate) fn new(process: &Process) -> Self {
        Self::on(process.address())
    }

    /// A client of the server that listens there, which it calls localhost.
    pub(crate) fn on(address: SocketAddr) -> Self {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port());
        Self { address, host: format!("localhost:{}", address.port()), headers: Vec::new() }
    }

    /// The same, which calls the server that.
    pub(crate) fn calling(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    /// The same with a header more.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a token.
    pub(crate) fn bearing(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn get(&self, path: &str) -> TestResponse {
        self.send("GET", path, None, "")
    }

    pub(crate) fn delete(&self, path: &str) -> TestResponse {
        self.send("DELETE", path, None, "")
    }

    pub(crate) fn json(&self, method: &str, path: &str, body: &Value) -> TestResponse {
        self.send(method, path, Some("application/json"), &body.to_string())
    }

    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> TestResponse {
        self.send("POST", path, Some("application/x-www-form-urlencoded"), &encoded(fields))
    }

    fn send(&self, method: &str, path: &str, media_type: Option<&str>, body: &str) -> TestResponse {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        let media_type = media_type.map(|media_type| ("content-type".to_owned(), media_type.to_owned()));
        for (name, value) in self.headers.iter().chain(&media_type) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        TestResponse { head: head.to_owned(), body: body.to_owned() }
    }
}

/// The fields of a form or a query.
pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A response.
#[derive(Debug)]
pub(crate) struct TestResponse {
    head: String,
    pub(crate) body: String,
}

impl TestResponse {
    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The response, which must have that status.
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status(), status, "{self:?}");
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The attribute of that name, which must be text.
    pub(crate) fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {self:?}")).to_owned()
    }
}
