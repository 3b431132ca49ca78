//! Whether a URL's host is this machine. Pure; looks nothing up.

use std::net::{Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// Whether the host is 127.0.0.0/8, ::1, localhost or a name under it.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = literal.parse::<Ipv4Addr>() {
        return ip.is_loopback();
    }
    if let Ok(ip) = literal.parse::<Ipv6Addr>() {
        return ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback());
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}
