//! Both ends of a path.

use std::net::{IpAddr, SocketAddr};

/// Where a datagram came from and which of our addresses it came to.
///
/// The local address belongs to it: a wildcard socket answers from whatever address the routing table
/// likes, and ICE discards an answer that comes from another address than the check went to.
/// IPv4 is always `V4`, never mapped into IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tuple {
    pub remote: SocketAddr,
    pub local: IpAddr,
}
