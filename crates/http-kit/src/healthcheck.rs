//! `healthcheck`: checks whether a server on this machine is alive, for containers that have no shell and no curl.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// How long to wait for each step.
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks `/health` of the server that listens there.
///
/// # Errors
/// Why it cannot be said to live.
pub fn ask(address: SocketAddr) -> Result<(), String> {
    let address = reachable(address);
    let response = exchange(address).map_err(|error| format!("{address} does not respond: {error}"))?;
    let status = response.split(|byte| *byte == b'\r').next().unwrap_or_default();
    match status {
        b"HTTP/1.1 200 OK" => Ok(()),
        other => Err(format!("{address} returned {:?}", String::from_utf8_lossy(other))),
    }
}

/// Where this machine reaches a server that listens there: on the loopback address where it listens on every one.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(host) if host.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(host) if host.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    };
    SocketAddr::new(host, address.port())
}

fn exchange(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut response = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut response)?;
    Ok(response)
}
