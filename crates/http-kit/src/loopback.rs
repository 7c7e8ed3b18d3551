//! Names of this machine: localhost and what ends in .localhost (RFC 6761, section 6.3), 127.0.0.0/8 and ::1.

use std::net::IpAddr;

use url::{Host, Url};

/// Does the URL name this machine, on whatever port?
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}

/// Does the origin of a page, as in the header `Origin`, name this machine?
pub fn is_loopback_origin(origin: &[u8]) -> bool {
    let url = std::str::from_utf8(origin).ok().and_then(|text| Url::parse(text).ok());
    url.is_some_and(|url| matches!(url.scheme(), "http" | "https") && is_loopback(&url))
}

/// Does a host with its port, as in the header `Host`, name this machine?
pub(crate) fn is_loopback_host(host: &[u8]) -> bool {
    is_loopback_origin(&[b"http://", host].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("localhost", true)]
    #[case("LOCALHOST:8080", true)]
    #[case("forum.localhost:1", true)]
    #[case("127.0.0.1:8080", true)]
    #[case("127.1.2.3", true)]
    #[case("[::1]:8080", true)]
    #[case("", false)]
    #[case("evil.example", false)]
    #[case("localhost.evil.example", false)]
    #[case("notlocalhost", false)]
    #[case("127.0.0.1.evil.example", false)]
    #[case("localhost@evil.example", false)]
    #[case("0.0.0.0:8080", false)]
    #[case("192.168.0.1", false)]
    #[case("[::]", false)]
    #[case("[::ffff:192.168.0.1]", false)]
    fn a_host_is_this_machine_or_another_one(#[case] host: &str, #[case] expected: bool) {
        assert_eq!(is_loopback_host(host.as_bytes()), expected);
        assert_eq!(is_loopback_origin(format!("https://{host}").as_bytes()), expected);
    }

    #[rstest]
    #[case("null")]
    #[case("")]
    #[case("file://localhost")]
    #[case("localhost")]
    fn what_is_no_origin_is_not_of_this_machine(#[case] origin: &str) {
        assert!(!is_loopback_origin(origin.as_bytes()));
    }
}
