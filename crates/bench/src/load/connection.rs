//! One kept-alive connection.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::answer::{Extent, extent};
use super::request::Request;

/// One kept-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// The path of the next page.
    pub(crate) next: Option<String>,
}

impl Connection {
    pub(crate) async fn open(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await.with_context(|| format!("cannot connect to {to}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(64 << 10) })
    }

    /// Sends a request and reads its answer, which must have the expected status.
    pub(crate) async fn send(&mut self, request: &Request) -> Result<()> {
        let found = self.exchange(&request.bytes).await.with_context(|| request.line())?;
        if found.status != request.expect {
            let answer = String::from_utf8_lossy(&self.received);
            bail!("{}: answered {} instead of {}: {answer}", request.line(), found.status, request.expect);
        }
        Ok(())
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Extent> {
        self.received.clear();
        self.stream.write_all(request).await?;
        loop {
            ensure!(self.stream.read_buf(&mut self.received).await? > 0, "the server closed the connection");
            if let Some(found) = extent(&self.received)? {
                return Ok(found);
            }
        }
    }
}

/// A GET on a connection of its own, whatever its answer.
pub(crate) async fn fetch(to: SocketAddr, path: &str) -> Result<Answer> {
    let mut connection = Connection::open(to).await?;
    let found = connection.exchange(&Request::get(to, path).bytes).await.with_context(|| format!("GET {path}"))?;
    let part = |from: usize, end: usize| connection.received.get(from..end).unwrap_or_default().to_vec();
    let head = String::from_utf8_lossy(&part(0, found.body)).into_owned();
    Ok(Answer { status: found.status, body: part(found.body, found.end), next: next(&head) })
}

/// The target of `Link: <…>; rel="next"`.
fn next(head: &str) -> Option<String> {
    let link = head.lines().find_map(|line| line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("link")))?.1;
    let target = link.split(", ").find(|link| link.ends_with("rel=\"next\""))?;
    Some(target.split_once('<')?.1.split_once('>')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found() {
        let head = "HTTP/1.1 200 OK\r\nlink: </api/users?cursor=x>; rel=\"next\"\r\n\r\n";
        assert_eq!(next(head).as_deref(), Some("/api/users?cursor=x"));
        assert_eq!(next("HTTP/1.1 200 OK\r\n\r\n"), None);
    }
}
