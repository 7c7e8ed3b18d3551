//! Who gets a connection.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::{Future, Ready, ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use axum::extract::{ConnectInfo, Request};
use axum_server::accept::Accept;
use pin_project_lite::pin_project;
use socket2::SockRef;
use tokio::net::TcpStream;
use tower::Service;

use super::{Connection, Patience};
use crate::metrics;

/// How much of a response the system keeps for a client that does not read; it doubles this for its own needs. Without a bound it
/// grows to megabytes a client, which count as this process's memory where that is limited.
const SEND_BUFFER: usize = 128 * 1024;

/// What a client that is one too many is told, where it still listens.
const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    pub(crate) all: usize,
    /// From one address; 0 for any number.
    pub(crate) of_one_address: usize,
    /// Are requests told whose connection they came on?
    pub(crate) name_peers: bool,
    pub(crate) patience: Patience,
}

/// Makes a [`Connection`] of each socket, as long as there are not too many.
#[derive(Debug, Clone)]
pub(crate) struct Acceptor {
    limits: ConnectionLimits,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place among the connections, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    open: Arc<Mutex<Open>>,
    address: Option<IpAddr>,
}

impl Acceptor {
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self { limits, open: Arc::default() }
    }

    /// `address` is counted only where it is limited.
    fn place(&self, address: IpAddr) -> Option<Place> {
        let address = (self.limits.of_one_address > 0).then_some(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_address = address.and_then(|address| open.by_address.get(&address)).copied().unwrap_or(0);
        if open.all >= self.limits.all || address.is_some() && of_address >= self.limits.of_one_address {
            return None;
        }
        open.all += 1;
        if let Some(address) = address {
            open.by_address.insert(address, of_address + 1);
        }
        metrics::connections(open.all);
        Some(Place { open: Arc::clone(&self.open), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        metrics::connections(open.all);
        if let Some(address) = self.address
            && let Entry::Occupied(mut of_address) = open.by_address.entry(address)
        {
            match of_address.get() - 1 {
                0 => drop(of_address.remove()),
                fewer => drop(of_address.insert(fewer)),
            }
        }
    }
}

impl<S> Accept<TcpStream, S> for Acceptor {
    type Stream = Connection<TcpStream>;
    type Service = Tracked<S>;
    type Future = Ready<io::Result<(Self::Stream, Tracked<S>)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(self.admit(stream, service))
    }
}

impl Acceptor {
    fn admit<S>(&self, stream: TcpStream, service: S) -> io::Result<(Connection<TcpStream>, Tracked<S>)> {
        let peer = stream.peer_addr()?;
        let Some(place) = self.place(peer.ip()) else {
            metrics::connection_refused();
            // Into an empty buffer, so that this does not wait; a client that does not get it sees the end of the connection.
            let _ = stream.try_write(TOO_MANY);
            return Err(io::Error::other("too many connections"));
        };
        // Responses are written whole, so that nothing is gained by waiting for more.
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)?;
        let in_request = Arc::<AtomicBool>::default();
        let connection = Connection::new(stream, Some(place), self.limits.patience, Arc::clone(&in_request));
        let peer = self.limits.name_peers.then_some(ConnectInfo(peer));
        Ok((connection, Tracked { inner: service, in_request, peer }))
    }
}

/// The service of a connection, which tells the connection when a request is being handled, and the request whose connection it is.
#[derive(Debug, Clone)]
pub(crate) struct Tracked<S> {
    inner: S,
    in_request: Arc<AtomicBool>,
    peer: Option<ConnectInfo<SocketAddr>>,
}

pin_project! {
    /// A request that is being handled.
    #[derive(Debug)]
    pub(crate) struct Handling<F> {
        #[pin]
        inner: F,
        in_request: Arc<AtomicBool>,
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Tracked<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Handling<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        self.in_request.store(true, Ordering::Relaxed);
        if let Some(peer) = self.peer {
            request.extensions_mut().insert(peer);
        }
        Handling { inner: self.inner.call(request), in_request: Arc::clone(&self.in_request) }
    }
}

impl<F: Future> Future for Handling<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let done = this.inner.poll(context);
        if done.is_ready() {
            this.in_request.store(false, Ordering::Relaxed);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn acceptor(all: usize, of_one_address: usize) -> Acceptor {
        let second = Duration::from_secs(1);
        Acceptor::new(ConnectionLimits {
            all,
            of_one_address,
            name_peers: false,
            patience: Patience { header: second, stall: second },
        })
    }

    #[test]
    fn places_are_given_back() {
        let acceptor = acceptor(3, 2);
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        let mut places = vec![acceptor.place(a).unwrap(), acceptor.place(a).unwrap()];
        assert!(acceptor.place(a).is_none());
        places.push(acceptor.place(b).unwrap());
        assert!(acceptor.place(b).is_none(), "the third is the last of all");
        drop(places.remove(0));
        places.push(acceptor.place(a).unwrap());
        drop(places);
        let open = acceptor.open.lock().unwrap();
        assert_eq!((open.all, open.by_address.len()), (0, 0));
    }

    #[test]
    fn any_number_of_one_address_where_that_is_not_limited() {
        let acceptor = acceptor(3, 0);
        let places: Vec<_> = (0..4).map_while(|_| acceptor.place(IpAddr::from([192, 0, 2, 1]))).collect();
        assert_eq!(places.len(), 3);
    }
}
