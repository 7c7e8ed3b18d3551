//! A client's connection, below HTTP: how it is closed.
//!
//! A server that closes a socket while the client still sends makes the client's system drop the response that has just arrived
//! (RFC 9112, section 9.6). So the write side is closed first, and what the client still sends is read and thrown away.

use std::future::{Future, Ready, ready};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

/// A client that sends nothing for so long after the end of our response does not send any more.
const LINGER_SILENCE: Duration = Duration::from_secs(2);
/// How long a client may go on sending after the end of our response.
const LINGER: Duration = Duration::from_secs(30);
/// How many bytes of that are read.
const LINGER_BYTES: u64 = 256 * 1024 * 1024;
/// How much is read and thrown away at once.
const DISCARD: usize = 16 * 1024;

/// Makes a [`Connection`] of each socket.
#[derive(Debug, Clone)]
pub(crate) struct Acceptor;

impl<S> Accept<TcpStream, S> for Acceptor {
    type Stream = Connection<TcpStream>;
    type Service = S;
    type Future = Ready<io::Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        // Responses are written whole, so that nothing is gained by waiting for more.
        ready(stream.set_nodelay(true).map(|()| (Connection::new(stream), service)))
    }
}

/// A socket that is closed so that the client can read the last response.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    closing: Option<Closing>,
}

/// The write side is closed; the client may still send.
#[derive(Debug)]
struct Closing {
    last: Instant,
    silence: Pin<Box<Sleep>>,
    bytes: u64,
}

impl<S> Connection<S> {
    fn new(stream: S) -> Self {
        Self { stream, closing: None }
    }
}

impl Closing {
    fn new() -> Self {
        let now = Instant::now();
        Self { last: now + LINGER, silence: Box::pin(sleep_until(now + LINGER_SILENCE)), bytes: 0 }
    }

    /// Ready when the client has closed its side too, or has had its time.
    fn poll_discard(&mut self, mut stream: Pin<&mut impl AsyncRead>, context: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; DISCARD];
        while self.bytes < LINGER_BYTES {
            let mut read = ReadBuf::new(&mut scratch);
            let Poll::Ready(done) = stream.as_mut().poll_read(context, &mut read) else {
                return self.silence.as_mut().poll(context);
            };
            let bytes = read.filled().len();
            if done.is_err() || bytes == 0 {
                return Poll::Ready(());
            }
            self.bytes = self.bytes.saturating_add(bytes as u64);
            self.silence.as_mut().reset(self.last.min(Instant::now() + LINGER_SILENCE));
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        let closing = this.closing.get_or_insert_with(Closing::new);
        closing.poll_discard(Pin::new(&mut this.stream), context).map(Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn what_is_sent_after_the_end_is_read_until_the_client_is_done() {
        let (mut client, server) = duplex(1024);
        let mut server = Connection::new(server);
        let sending = tokio::spawn(async move {
            client.write_all(&vec![0; 1024 * 1024]).await.unwrap();
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await.unwrap();
            rest
        });
        server.write_all(b"bye").await.unwrap();
        server.shutdown().await.unwrap();
        assert_eq!(sending.await.unwrap(), b"bye");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_not_waited_for() {
        let (client, server) = duplex(1024);
        let started = Instant::now();
        Connection::new(server).shutdown().await.unwrap();
        assert_eq!(started.elapsed().as_secs(), LINGER_SILENCE.as_secs());
        drop(client);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_stops_is_cut_off() {
        let (mut client, server) = duplex(1024);
        let sending = tokio::spawn(async move {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        });
        let started = Instant::now();
        Connection::new(server).shutdown().await.unwrap();
        assert_eq!(started.elapsed().as_secs(), LINGER.as_secs());
        sending.await.unwrap();
    }

    #[tokio::test]
    async fn not_everything_that_is_sent_is_read() {
        let (mut client, server) = duplex(1024 * 1024);
        let sending = tokio::spawn(async move {
            let mut sent = 0;
            while client.write_all(&vec![0; 1024 * 1024]).await.is_ok() {
                sent += 1024 * 1024;
            }
            sent
        });
        Connection::new(server).shutdown().await.unwrap();
        assert!((LINGER_BYTES..LINGER_BYTES + 3 * 1024 * 1024).contains(&sending.await.unwrap()));
    }
}
