//! A request, ready to be sent.

use std::net::SocketAddr;

/// A request and the status that must answer it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expect: u16,
}

impl Request {
    pub(crate) fn get(to: SocketAddr, path: &str) -> Self {
        let bytes = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAccept: application/json\r\n\r\n").into_bytes();
        Self { to, bytes, expect: 200 }
    }

    /// The same request with one more header. It must not have a body.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        let end = self.bytes.len().saturating_sub(b"\r\n".len());
        self.bytes.truncate(end);
        self.bytes.extend_from_slice(format!("{name}: {value}\r\n\r\n").as_bytes());
        self
    }

    pub(crate) fn post(to: SocketAddr, path: &str, body: &str) -> Self {
        Self::with_body("POST", to, path, body, 201)
    }

    /// The same request, which another status must answer.
    pub(crate) fn expecting(self, expect: u16) -> Self {
        Self { expect, ..self }
    }

    pub(crate) fn patch(to: SocketAddr, path: &str, body: &str) -> Self {
        Self::with_body("PATCH", to, path, body, 200)
    }

    fn with_body(method: &str, to: SocketAddr, path: &str, body: &str, expect: u16) -> Self {
        let length = body.len();
        let bytes = format!(
            "{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        Self { to, bytes: bytes.into_bytes(), expect }
    }

    /// Its first line.
    pub(crate) fn line(&self) -> String {
        let line = self.bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        String::from_utf8_lossy(line).into_owned()
    }
}
