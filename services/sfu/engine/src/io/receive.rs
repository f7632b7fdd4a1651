//! Reading many datagrams with one call.

use std::io;
use std::mem::{MaybeUninit, size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::socket::{UdpSocket, read_address, unmapped};
use crate::state::tuple::Tuple;

const BATCH: usize = 64;
/// More than any path carries: what does not fit is dropped.
const SLOT_BYTES: usize = 2_048;
/// Room for a packet info of either family and a timestamp, with their headers.
const CONTROL_BYTES: usize = 128;

/// Ancillary data must be aligned as its headers are.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL_BYTES]);

/// One datagram of the batch.
pub struct Received<'a> {
    pub bytes: &'a mut [u8],
    pub tuple: Tuple,
    /// Kernel's arrival time on the wall clock; `None` if it gave none.
    pub wall_nanos: Option<u64>,
    /// It was longer than a slot, and the rest is lost.
    pub truncated: bool,
}

/// Slots that are allocated once.
pub struct ReceiveBatch {
    slots: Box<[[u8; SLOT_BYTES]]>,
    controls: Box<[Control]>,
    addresses: Box<[libc::sockaddr_storage]>,
    vectors: Box<[libc::iovec]>,
    messages: Box<[libc::mmsghdr]>,
}

// SAFETY: the raw pointers inside point only into boxed slices that the same value owns, and are used
// only through `&mut self`.
unsafe impl Send for ReceiveBatch {}

impl Default for ReceiveBatch {
    fn default() -> Self {
        // SAFETY: all zeroes is valid for these C structures.
        let (address, vector, message) = unsafe { (zeroed(), zeroed(), zeroed()) };
        Self {
            slots: vec![[0; SLOT_BYTES]; BATCH].into_boxed_slice(),
            controls: vec![Control([0; CONTROL_BYTES]); BATCH].into_boxed_slice(),
            addresses: vec![address; BATCH].into_boxed_slice(),
            vectors: vec![vector; BATCH].into_boxed_slice(),
            messages: vec![message; BATCH].into_boxed_slice(),
        }
    }
}

impl ReceiveBatch {
    pub const fn capacity(&self) -> usize {
        BATCH
    }

    /// Reads what waits, up to a batch. Answers how many; 0 when nothing waits.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        for index in 0..BATCH {
            self.arm(index);
        }
        // SAFETY: every header points into slices that this struct owns and that nobody else uses
        // during the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.fileno(),
                self.messages.as_mut_ptr(),
                BATCH as libc::c_uint,
                libc::MSG_DONTWAIT,
                std::ptr::null_mut(),
            )
        };
        if count >= 0 {
            return Ok(count as usize);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
            _ => Err(error),
        }
    }

    fn arm(&mut self, index: usize) {
        let vector = &mut self.vectors[index];
        vector.iov_base = self.slots[index].as_mut_ptr().cast();
        vector.iov_len = SLOT_BYTES;
        let header = &mut self.messages[index].msg_hdr;
        header.msg_name = (&raw mut self.addresses[index]).cast();
        header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
        header.msg_iov = vector;
        header.msg_iovlen = 1;
        header.msg_control = self.controls[index].0.as_mut_ptr().cast();
        header.msg_controllen = CONTROL_BYTES as _;
        header.msg_flags = 0;
    }

    /// Datagram `index` of the last batch; `None` if the kernel did not say where it came from or went to.
    pub fn datagram(&mut self, index: usize) -> Option<Received<'_>> {
        let message = &self.messages[index];
        let remote = read_address(&self.addresses[index])?;
        let (local, wall_nanos) = read_control(&message.msg_hdr);
        let length = (message.msg_len as usize).min(SLOT_BYTES);
        let truncated = message.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
        Some(Received {
            bytes: &mut self.slots[index][..length],
            tuple: Tuple {
                remote,
                local: local?,
            },
            wall_nanos,
            truncated,
        })
    }
}

/// Local address and arrival time.
fn read_control(header: &libc::msghdr) -> (Option<IpAddr>, Option<u64>) {
    let mut local = None;
    let mut wall_nanos = None;
    // SAFETY: the header and the control buffer it points to were filled by the kernel; the macros
    // stay inside msg_controllen.
    let mut cursor = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !cursor.is_null() {
        // SAFETY: not null, so it points to a whole header.
        let (level, kind) = unsafe { ((*cursor).cmsg_level, (*cursor).cmsg_type) };
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let info: libc::in_pktinfo = read_data(cursor);
                let ip = Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes());
                local = Some(IpAddr::V4(ip));
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let info: libc::in6_pktinfo = read_data(cursor);
                local = Some(unmapped(Ipv6Addr::from(info.ipi6_addr.s6_addr)));
            }
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                let time: libc::timespec = read_data(cursor);
                wall_nanos = Some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64);
            }
            _ => {}
        }
        // SAFETY: as for the first.
        cursor = unsafe { libc::CMSG_NXTHDR(header, cursor) };
    }
    (local, wall_nanos)
}

/// The structure behind an ancillary header that the kernel wrote, by value: it may be unaligned.
fn read_data<T: Copy>(cursor: *const libc::cmsghdr) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: the caller matched level and type, which say that a whole T follows the header.
    unsafe {
        std::ptr::copy_nonoverlapping(
            libc::CMSG_DATA(cursor),
            value.as_mut_ptr().cast::<u8>(),
            size_of::<T>(),
        );
        value.assume_init()
    }
}
