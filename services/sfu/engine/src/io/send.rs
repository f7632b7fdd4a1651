//! Writing many datagrams with one call.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::IpAddr;
use std::sync::Arc;

use super::socket::{Family, UdpSocket, write_address};
use crate::state::counter::Counters;
use crate::state::outbox::{DATAGRAM_BYTES, Outbox};
use crate::state::tuple::Tuple;

const BATCH: usize = 64;
/// Room for a packet info of either family with its header.
const CONTROL_BYTES: usize = 64;

/// Ancillary data must be aligned as its headers are.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_BYTES]);

/// Slots that are allocated once; a full batch goes out by itself.
pub struct SendBatch {
    socket: Arc<UdpSocket>,
    counters: Arc<Counters>,
    slots: Box<[[u8; DATAGRAM_BYTES]]>,
    controls: Box<[Control]>,
    addresses: Box<[libc::sockaddr_storage]>,
    vectors: Box<[libc::iovec]>,
    messages: Box<[libc::mmsghdr]>,
    filled: usize,
}

// SAFETY: the raw pointers inside point only into boxed slices that the same value owns, and are used
// only through `&mut self`.
unsafe impl Send for SendBatch {}

impl SendBatch {
    pub fn new(socket: Arc<UdpSocket>, counters: Arc<Counters>) -> Self {
        // SAFETY: all zeroes is valid for these C structures.
        let (address, vector, message) = unsafe { (zeroed(), zeroed(), zeroed()) };
        Self {
            socket,
            counters,
            slots: vec![[0; DATAGRAM_BYTES]; BATCH].into_boxed_slice(),
            controls: vec![Control([0; CONTROL_BYTES]); BATCH].into_boxed_slice(),
            addresses: vec![address; BATCH].into_boxed_slice(),
            vectors: vec![vector; BATCH].into_boxed_slice(),
            messages: vec![message; BATCH].into_boxed_slice(),
            filled: 0,
        }
    }

    /// Sends everything that was committed. What the kernel has no room for is dropped: media that
    /// waits is worth less than media that comes.
    pub fn flush(&mut self) {
        let mut sent = 0;
        while sent < self.filled {
            match self.send_from(sent) {
                Ok(count) => {
                    self.count(sent, count);
                    sent += count;
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => {
                        let dropped = (self.filled - sent) as u64;
                        self.counters.send_would_block.add(dropped);
                        break;
                    }
                    // The error is about the first datagram of the call (unreachable, refused by a
                    // firewall, …) and no reason to lose the others.
                    _ => {
                        self.counters.send_errors.one();
                        sent += 1;
                    }
                },
            }
        }
        self.filled = 0;
    }

    fn send_from(&mut self, first: usize) -> io::Result<usize> {
        let messages = &mut self.messages[first..self.filled];
        // SAFETY: every header points into slices that this struct owns and that nobody else uses
        // during the call.
        let count = unsafe {
            libc::sendmmsg(
                self.socket.fileno(),
                messages.as_mut_ptr(),
                messages.len() as libc::c_uint,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            )
        };
        if count < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(count as usize)
    }

    fn count(&self, first: usize, count: usize) {
        let bytes: usize = self.vectors[first..first + count]
            .iter()
            .map(|vector| vector.iov_len)
            .sum();
        self.counters.datagrams_out.add(count as u64);
        self.counters.bytes_out.add(bytes as u64);
    }
}

impl Outbox for SendBatch {
    fn slot(&mut self) -> &mut [u8] {
        &mut self.slots[self.filled]
    }

    fn commit(&mut self, length: usize, tuple: &Tuple) {
        let index = self.filled;
        let family = self.socket.family();
        let (address, address_length) = write_address(tuple.remote, Some(family));
        self.addresses[index] = address;
        let vector = &mut self.vectors[index];
        vector.iov_base = self.slots[index].as_mut_ptr().cast();
        vector.iov_len = length.min(DATAGRAM_BYTES);
        let header = &mut self.messages[index].msg_hdr;
        header.msg_name = (&raw mut self.addresses[index]).cast();
        header.msg_namelen = address_length;
        header.msg_iov = vector;
        header.msg_iovlen = 1;
        write_control(header, &mut self.controls[index], tuple.local, family);
        self.filled += 1;
        if self.filled == BATCH {
            self.flush();
        }
    }
}

/// Names the source address: that which the peer's checks went to.
fn write_control(header: &mut libc::msghdr, control: &mut Control, local: IpAddr, family: Family) {
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL_BYTES as _;
    match (local, family) {
        (IpAddr::V4(ip), Family::V4) => {
            let info = libc::in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: libc::in_addr {
                    s_addr: u32::from_ne_bytes(ip.octets()),
                },
                ipi_addr: libc::in_addr { s_addr: 0 },
            };
            write_data(header, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
        }
        (ip, _) => {
            let octets = match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            };
            let info = libc::in6_pktinfo {
                ipi6_addr: libc::in6_addr { s6_addr: octets },
                ipi6_ifindex: 0,
            };
            write_data(header, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
        }
    }
}

fn write_data<T: Copy>(header: &mut libc::msghdr, level: i32, kind: i32, data: T) {
    const { assert!(size_of::<libc::cmsghdr>() + size_of::<T>() <= CONTROL_BYTES) };
    // SAFETY: the control buffer has room for one header with a T, as asserted above, and is aligned
    // for the header; the data is written bytewise.
    unsafe {
        let cursor = libc::CMSG_FIRSTHDR(header);
        (*cursor).cmsg_level = level;
        (*cursor).cmsg_type = kind;
        (*cursor).cmsg_len = libc::CMSG_LEN(size_of::<T>() as libc::c_uint) as _;
        std::ptr::copy_nonoverlapping(
            (&raw const data).cast::<u8>(),
            libc::CMSG_DATA(cursor),
            size_of::<T>(),
        );
        header.msg_controllen = libc::CMSG_SPACE(size_of::<T>() as libc::c_uint) as _;
    }
}
