//! What counts as one client for the shares of connections: an IPv4 address, or an IPv6 network of 64 bits, of which one
//! client usually has all addresses.

use std::net::{IpAddr, Ipv6Addr};

/// One client, as far as its address tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClientAddress(IpAddr);

/// The bits of an IPv6 address that name the network.
const NETWORK_BITS: u128 = !0 << 64;

impl ClientAddress {
    pub(crate) fn of(address: IpAddr) -> Self {
        // A listener on "::" sees IPv4 clients as mapped addresses.
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK_BITS))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ClientAddress;

    #[test]
    fn an_ipv4_address_and_an_ipv6_network_are_one_client() {
        let of = |address: &str| ClientAddress::of(address.parse().unwrap());
        assert_eq!(of("192.0.2.1"), of("::ffff:192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:0:0:9"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
