//! The worker's one UDP socket.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// How to open the socket.
#[derive(Clone, Debug)]
pub struct SocketConfig {
    pub address: SocketAddr,
    pub receive_buffer_bytes: usize,
    pub send_buffer_bytes: usize,
}

/// Non-blocking; every datagram comes with its local address and the kernel's arrival time.
pub struct UdpSocket {
    fd: OwnedFd,
    family: Family,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    /// IPv4 too when bound to the wildcard: those addresses are mapped into IPv6.
    V6,
}

impl UdpSocket {
    /// No SO_REUSEPORT: a second worker on the same port must fail, not take half of the packets.
    pub fn bind(config: &SocketConfig) -> io::Result<Self> {
        let family = if config.address.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        let domain = match family {
            Family::V4 => libc::AF_INET,
            Family::V6 => libc::AF_INET6,
        };
        let kind = libc::SOCK_DGRAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        // SAFETY: no pointers are passed.
        let fd = check(unsafe { libc::socket(domain, kind, 0) })?;
        // SAFETY: the descriptor is new and nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        set_options(fd.as_raw_fd(), family, config)?;
        bind_to(fd.as_raw_fd(), config.address)?;
        let port = local_port(fd.as_raw_fd())?;
        Ok(Self { fd, family, port })
    }

    pub fn fileno(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    pub fn family(&self) -> Family {
        self.family
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Takes the pending error away, so that a poll does not report it for ever.
    pub fn clear_error(&self) {
        let mut error: libc::c_int = 0;
        let mut length = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: both pointers are valid for what the call writes.
        unsafe {
            libc::getsockopt(
                self.fileno(),
                libc::SOL_SOCKET,
                libc::SO_ERROR,
                (&raw mut error).cast(),
                &raw mut length,
            )
        };
    }
}

fn set_options(fd: i32, family: Family, config: &SocketConfig) -> io::Result<()> {
    let receive = as_option(config.receive_buffer_bytes)?;
    let send = as_option(config.send_buffer_bytes)?;
    // The kernel caps both silently at net.core.[rw]mem_max.
    set_option(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, receive)?;
    set_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, send)?;
    set_option(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, 1)?;
    match family {
        Family::V4 => set_option(fd, libc::IPPROTO_IP, libc::IP_PKTINFO, 1),
        Family::V6 => {
            let wildcard = config.address.ip().is_unspecified();
            set_option(
                fd,
                libc::IPPROTO_IPV6,
                libc::IPV6_V6ONLY,
                i32::from(!wildcard),
            )?;
            set_option(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)
        }
    }
}

fn as_option(bytes: usize) -> io::Result<libc::c_int> {
    libc::c_int::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn set_option(fd: i32, level: i32, name: i32, value: libc::c_int) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the pointer is valid for the length given.
    check(unsafe { libc::setsockopt(fd, level, name, (&raw const value).cast(), length) })?;
    Ok(())
}

fn bind_to(fd: i32, address: SocketAddr) -> io::Result<()> {
    let (storage, length) = write_address(address, None);
    // SAFETY: the pointer is valid for the length given.
    check(unsafe { libc::bind(fd, (&raw const storage).cast(), length) })?;
    Ok(())
}

fn local_port(fd: i32) -> io::Result<u16> {
    // SAFETY: all zeroes is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: both pointers are valid for what the call writes.
    check(unsafe { libc::getsockname(fd, (&raw mut storage).cast(), &raw mut length) })?;
    read_address(&storage)
        .map(|address| address.port())
        .ok_or_else(|| io::ErrorKind::Unsupported.into())
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}

/// The address as the kernel wants it; `Some(Family::V6)` maps IPv4 for a dual-stack socket.
pub(super) fn write_address(
    address: SocketAddr,
    family: Option<Family>,
) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: all zeroes is a valid sockaddr_storage.
    let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
    match (address, family) {
        (SocketAddr::V4(v4), None | Some(Family::V4)) => {
            let native = libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr {
                    s_addr: u32::from_ne_bytes(v4.ip().octets()),
                },
                sin_zero: [0; 8],
            };
            // SAFETY: a sockaddr_storage has room and alignment for every kind of address.
            unsafe { (&raw mut storage).cast::<libc::sockaddr_in>().write(native) };
            (storage, size_of::<libc::sockaddr_in>() as libc::socklen_t)
        }
        (SocketAddr::V4(v4), Some(Family::V6)) => {
            let mapped = SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0);
            write_v6(storage, mapped)
        }
        (SocketAddr::V6(v6), _) => write_v6(storage, v6),
    }
}

fn write_v6(
    mut storage: libc::sockaddr_storage,
    address: SocketAddrV6,
) -> (libc::sockaddr_storage, libc::socklen_t) {
    let native = libc::sockaddr_in6 {
        sin6_family: libc::AF_INET6 as libc::sa_family_t,
        sin6_port: address.port().to_be(),
        sin6_flowinfo: 0,
        sin6_addr: libc::in6_addr {
            s6_addr: address.ip().octets(),
        },
        sin6_scope_id: address.scope_id(),
    };
    // SAFETY: a sockaddr_storage has room and alignment for every kind of address.
    unsafe {
        (&raw mut storage)
            .cast::<libc::sockaddr_in6>()
            .write(native)
    };
    (storage, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
}

/// The address that the kernel wrote; IPv4 is never left mapped.
pub(super) fn read_address(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match i32::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which kind it is; the storage is aligned for it.
            let native = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(native.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::from((ip, u16::from_be(native.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let native = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(native.sin6_addr.s6_addr);
            let port = u16::from_be(native.sin6_port);
            Some(match ip.to_ipv4_mapped() {
                Some(v4) => SocketAddr::from((v4, port)),
                None => SocketAddrV6::new(ip, port, 0, native.sin6_scope_id).into(),
            })
        }
        _ => None,
    }
}

/// IPv4 in its own shape, for the local address in ancillary data.
pub(super) fn unmapped(ip: Ipv6Addr) -> IpAddr {
    ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_kernel_form_and_mapped_ones_come_back_as_ipv4() {
        let v4: SocketAddr = "192.0.2.7:4001".parse().unwrap();
        let v6: SocketAddr = "[2001:db8::1]:4002".parse().unwrap();
        for (address, family) in [
            (v4, None),
            (v4, Some(Family::V4)),
            (v4, Some(Family::V6)),
            (v6, Some(Family::V6)),
        ] {
            let (storage, _) = write_address(address, family);
            assert_eq!(read_address(&storage), Some(address));
        }
    }

    #[test]
    fn second_socket_on_the_same_port_is_refused() {
        let mut config = SocketConfig {
            address: "127.0.0.1:0".parse().unwrap(),
            receive_buffer_bytes: 65_536,
            send_buffer_bytes: 65_536,
        };
        let first = UdpSocket::bind(&config).unwrap();
        config.address.set_port(first.port());
        assert!(UdpSocket::bind(&config).is_err());
    }
}
