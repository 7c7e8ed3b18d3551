//! A client's connection, below HTTP: how many there are, how long a client may take to send a header and to read a response, and how
//! a connection is closed.
//!
//! A server that closes a socket while the client still sends makes the client's system drop the response that has just arrived
//! (RFC 9112, section 9.6). So the write side is closed first, and what the client still sends is read and thrown away.

mod acceptor;

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use acceptor::Place;
pub(crate) use acceptor::{Acceptor, ConnectionLimits};

/// A client that sends nothing for so long after the end of our response does not send any more.
const LINGER_SILENCE: Duration = Duration::from_secs(2);
/// How long a client may go on sending after the end of our response.
const LINGER: Duration = Duration::from_secs(30);
/// How many bytes of that are read.
const LINGER_BYTES: u64 = 256 * 1024 * 1024;
/// How much is read and thrown away at once.
const DISCARD: usize = 16 * 1024;
/// Bytes a second that a client must read of a response, on average over the time that it may stall.
const LEAST_READ_RATE: u64 = 8 * 1024;

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For the rest of a header that has begun.
    pub(crate) header: Duration,
    /// For reading nothing, or too little, of a response.
    pub(crate) stall: Duration,
}

/// A socket that a client cannot hold for nothing, and that is closed so that the client can read the last response.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    _place: Option<Place>,
    patience: Patience,
    /// Is a request being handled? Then what is read is its body.
    in_request: Arc<AtomicBool>,
    /// When the header that has begun must have ended.
    heading: Option<Instant>,
    /// Wakes the connection then; made for the first header that does not come in one piece.
    heading_ends: Option<Pin<Box<Sleep>>>,
    stalling: Option<Stalling>,
    closing: Option<Closing>,
}

/// The client does not read as fast as we write.
#[derive(Debug)]
struct Stalling {
    until: Pin<Box<Sleep>>,
    bytes: u64,
}

/// The write side is closed; the client may still send.
#[derive(Debug)]
struct Closing {
    last: Instant,
    silence: Pin<Box<Sleep>>,
    bytes: u64,
}

impl<S> Connection<S> {
    fn new(stream: S, place: Option<Place>, patience: Patience, in_request: Arc<AtomicBool>) -> Self {
        Self { stream, _place: place, patience, in_request, heading: None, heading_ends: None, stalling: None, closing: None }
    }

    /// After a write: keeps count of what the client takes, and fails where it takes too little.
    fn watch(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                // A response: the header that it is for has arrived, and the next one has not begun.
                self.heading = None;
                if let Some(stalling) = &mut self.stalling {
                    stalling.bytes = stalling.bytes.saturating_add(bytes as u64);
                }
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(failed) => Poll::Ready(failed),
            Poll::Pending => {
                let patience = self.patience.stall;
                let new = || Stalling { until: Box::pin(sleep_until(Instant::now() + patience)), bytes: 0 };
                let stalling = self.stalling.get_or_insert_with(new);
                while stalling.until.as_mut().poll(context).is_ready() {
                    if stalling.bytes < LEAST_READ_RATE * patience.as_secs() {
                        return Poll::Ready(Err(timed_out("the client did not read the response")));
                    }
                    stalling.bytes = 0;
                    stalling.until.as_mut().reset(Instant::now() + patience);
                }
                Poll::Pending
            }
        }
    }
}

fn timed_out(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, reason)
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
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if this.in_request.load(Ordering::Relaxed) {
            this.heading = None;
        } else if buffer.filled().len() > before {
            let patience = this.patience.header;
            this.heading.get_or_insert_with(|| Instant::now() + patience);
        } else if read.is_pending()
            && let Some(until) = this.heading
        {
            let ends = this.heading_ends.get_or_insert_with(|| Box::pin(sleep_until(until)));
            if ends.deadline() != until {
                ends.as_mut().reset(until);
            }
            ready!(ends.as_mut().poll(context));
            return Poll::Ready(Err(timed_out("the header of a request did not arrive in time")));
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.watch(context, written)
    }

    fn poll_write_vectored(self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Everything is written by then: the next response has its own time.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.stalling = None;
        Pin::new(&mut this.stream).poll_flush(context)
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

    const PATIENCE: Patience = Patience { header: Duration::from_secs(10), stall: Duration::from_secs(10) };

    fn connection<S>(stream: S) -> Connection<S> {
        Connection::new(stream, None, PATIENCE, Arc::default())
    }

    #[tokio::test]
    async fn what_is_sent_after_the_end_is_read_until_the_client_is_done() {
        let (mut client, server) = duplex(1024);
        let mut server = connection(server);
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
        connection(server).shutdown().await.unwrap();
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
        connection(server).shutdown().await.unwrap();
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
        connection(server).shutdown().await.unwrap();
        assert!((LINGER_BYTES..LINGER_BYTES + 3 * 1024 * 1024).contains(&sending.await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_header_that_has_begun_must_end() {
        let (mut client, server) = duplex(1024);
        let mut server = connection(server);
        let mut buffer = [0; 16];
        // Nothing has begun: as long as it likes.
        let idle = tokio::time::timeout(Duration::from_secs(3600), server.read(&mut buffer)).await;
        assert!(idle.is_err());
        client.write_all(b"GET /").await.unwrap();
        assert_eq!(server.read(&mut buffer).await.unwrap(), 5);
        let began = Instant::now();
        for byte in [b"h", b"e"] {
            tokio::time::sleep(Duration::from_secs(4)).await;
            client.write_all(byte).await.unwrap();
            assert_eq!(server.read(&mut buffer).await.unwrap(), 1);
        }
        let late = server.read(&mut buffer).await.unwrap_err();
        assert_eq!((late.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_has_served_may_be_idle() {
        let (mut client, server) = duplex(1024);
        let mut server = connection(server);
        let mut buffer = [0; 16];
        client.write_all(b"GET /").await.unwrap();
        assert_eq!(server.read(&mut buffer).await.unwrap(), 5);
        server.write_all(b"HTTP/1.1 200 OK").await.unwrap();
        let idle = tokio::time::timeout(Duration::from_secs(60), server.read(&mut buffer)).await;
        assert!(idle.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_its_own_time() {
        let (mut client, server) = duplex(1024);
        let mut server = connection(server);
        let mut buffer = [0; 16];
        client.write_all(b"POST").await.unwrap();
        server.read_exact(&mut buffer[..4]).await.unwrap();
        server.in_request.store(true, Ordering::Relaxed);
        let waiting = tokio::time::timeout(Duration::from_secs(60), server.read(&mut buffer)).await;
        assert!(waiting.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_too_little_is_let_go() {
        for (a_second, fails) in [(0, true), (LEAST_READ_RATE / 2, true), (LEAST_READ_RATE * 2, false)] {
            let (client, server) = duplex(1024);
            let reading = tokio::spawn(async move {
                let mut client = client;
                loop {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    if tokio::io::copy(&mut (&mut client).take(a_second), &mut tokio::io::sink()).await.is_err() {
                        break;
                    }
                }
            });
            let written = connection(server).write_all(&vec![0; 20 * LEAST_READ_RATE as usize]).await;
            assert_eq!(written.err().map(|error| error.kind()), fails.then_some(io::ErrorKind::TimedOut), "{a_second}");
            reading.abort();
        }
    }
}
