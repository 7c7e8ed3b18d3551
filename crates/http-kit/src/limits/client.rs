//! Which address a request comes from.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request};

/// The header to which each proxy adds the address that its request came from, at the end.
const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address, where so many proxies stand before us: the connection's, without any; else the entry of `X-Forwarded-For`
/// that the outermost of them added. What stands left of it anybody may have written. Where an entry is missing or is no address, it
/// is the last one that can be trusted.
pub(crate) fn address(request: &Request, trusted_proxy_hops: usize) -> IpAddr {
    let peer =
        request.extensions().get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    let fields = request.headers().get_all(X_FORWARDED_FOR).iter().rev();
    let entries = fields.flat_map(|field| field.as_bytes().rsplit(|byte| *byte == b','));
    entries.take(trusted_proxy_hops).map_while(parse).last().unwrap_or(peer).to_canonical()
}

/// An address, with or without a port.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(entry).ok()?.trim();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    text.parse().ok().or_else(with_port).or_else(in_brackets)
}

/// What counts as one client: an IPv4 address; of IPv6 the /64, which one household has.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use rstest::rstest;

    fn request(fields: &[&str]) -> Request {
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([192, 0, 2, 9], 1234))));
        for field in fields {
            request.headers_mut().append(X_FORWARDED_FOR, field.parse().unwrap());
        }
        request
    }

    #[rstest]
    #[case::nobody_is_trusted(0, &["203.0.113.1"], "192.0.2.9")]
    #[case::one(1, &["203.0.113.1"], "203.0.113.1")]
    #[case::forged(1, &["198.51.100.7, 203.0.113.1"], "203.0.113.1")]
    #[case::two(2, &["198.51.100.7, 203.0.113.1"], "198.51.100.7")]
    #[case::forged_before_two(2, &["8.8.8.8,198.51.100.7,203.0.113.1"], "198.51.100.7")]
    #[case::in_fields_of_their_own(2, &["8.8.8.8", "198.51.100.7", "203.0.113.1"], "198.51.100.7")]
    #[case::missing(1, &[], "192.0.2.9")]
    #[case::empty(1, &[""], "192.0.2.9")]
    #[case::one_of_two_is_missing(2, &["203.0.113.1"], "203.0.113.1")]
    #[case::garbled(1, &["198.51.100.7, unknown"], "192.0.2.9")]
    #[case::garbled_before_one(2, &["8.8.8.8, _hidden, 203.0.113.1"], "203.0.113.1")]
    #[case::never_beyond_what_is_garbled(3, &["8.8.8.8, , 203.0.113.1"], "203.0.113.1")]
    #[case::with_a_port(1, &["203.0.113.1:4711"], "203.0.113.1")]
    #[case::ipv6(1, &["2001:db8::1"], "2001:db8::1")]
    #[case::ipv6_with_a_port(1, &["[2001:db8::1]:4711"], "2001:db8::1")]
    #[case::ipv6_in_brackets(1, &["[2001:db8::1]"], "2001:db8::1")]
    #[case::ipv4_as_ipv6(1, &["::ffff:203.0.113.1"], "203.0.113.1")]
    #[case::not_text(1, &["\u{e9}"], "192.0.2.9")]
    fn the_address_is_what_the_outermost_trusted_proxy_saw(#[case] hops: usize, #[case] fields: &[&str], #[case] expected: &str) {
        assert_eq!(address(&request(fields), hops), expected.parse::<IpAddr>().unwrap());
    }

    #[rstest]
    #[case("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true)]
    #[case("2001:db8:0:1::1", "2001:db8:0:2::1", false)]
    #[case("192.0.2.1", "192.0.2.2", false)]
    fn a_64_of_ipv6_is_one_client(#[case] a: &str, #[case] b: &str, #[case] one: bool) {
        assert_eq!(network(a.parse().unwrap()) == network(b.parse().unwrap()), one);
    }
}
