//! The least: recvmmsg, one opening for each packet that came, one copy and one sealing for each that
//! leaves, sendmmsg. No lookup, no parsing, no ancillary data, no clock, no counters.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::packet::{self, BURST, HEADER_BYTES, PLAIN_BYTES};
use super::{Side, cpu, sink};

const SEND_BATCH: usize = 64;
const TAG_BYTES: usize = 16;
const SEALED_BYTES: usize = PLAIN_BYTES + TAG_BYTES;
const SLOT_BYTES: usize = 2_048;

pub struct Floor {
    socket: UdpSocket,
    publisher: UdpSocket,
    target: SocketAddr,
    key: LessSafeKey,
    viewers: Vec<Viewer>,
    number: u64,
    received: Slots,
    sent: Slots,
}

struct Viewer {
    _sink: UdpSocket,
    address: libc::sockaddr_in,
    key: LessSafeKey,
}

/// Buffers and the headers that name them, made once.
struct Slots {
    bytes: Box<[[u8; SLOT_BYTES]]>,
    _vectors: Box<[libc::iovec]>,
    messages: Box<[libc::mmsghdr]>,
}

impl Slots {
    fn new(count: usize, length: usize) -> Self {
        let mut bytes = vec![[0; SLOT_BYTES]; count].into_boxed_slice();
        let mut vectors: Box<[libc::iovec]> = bytes
            .iter_mut()
            .map(|slot| libc::iovec {
                iov_base: slot.as_mut_ptr().cast(),
                iov_len: length,
            })
            .collect();
        let messages = vectors
            .iter_mut()
            .map(|vector| {
                // SAFETY: all zeroes is valid for this C structure.
                let mut message: libc::mmsghdr = unsafe { zeroed() };
                message.msg_hdr.msg_iov = vector;
                message.msg_hdr.msg_iovlen = 1;
                message
            })
            .collect();
        Self {
            bytes,
            _vectors: vectors,
            messages,
        }
    }
}

impl Floor {
    pub fn new(fan_out: usize) -> io::Result<Self> {
        let socket = sink::bind()?;
        let target = socket.local_addr()?;
        let viewers = (0..fan_out).map(viewer).collect::<io::Result<_>>()?;
        Ok(Self {
            socket,
            publisher: sink::bind()?,
            target,
            key: key(0xff)?,
            viewers,
            number: 0,
            received: Slots::new(BURST, SLOT_BYTES),
            sent: Slots::new(SEND_BATCH, SEALED_BYTES),
        })
    }

    fn queue(&mut self) {
        let mut buffer = [0; SLOT_BYTES];
        for number in self.number..self.number + BURST as u64 {
            packet::write(&mut buffer, number);
            seal(&self.key, &mut buffer, number);
            // A packet that is lost here is missing from the count of those that left.
            let _ = self.publisher.send_to(&buffer[..SEALED_BYTES], self.target);
        }
    }

    fn pass_on(&mut self) -> u64 {
        let (fd, messages) = (self.socket.as_raw_fd(), self.received.messages.as_mut_ptr());
        // SAFETY: every header points into slots that this struct owns.
        let count = unsafe {
            let wait = libc::MSG_DONTWAIT;
            libc::recvmmsg(fd, messages, BURST as _, wait, std::ptr::null_mut())
        };
        let (mut filled, mut sent) = (0, 0);
        for index in 0..count.max(0) as usize {
            let number = self.number + index as u64;
            open(&self.key, &mut self.received.bytes[index], number);
            for viewer in &mut self.viewers {
                let slot = &mut self.sent.bytes[filled];
                slot[..PLAIN_BYTES].copy_from_slice(&self.received.bytes[index][..PLAIN_BYTES]);
                seal(&viewer.key, slot, number);
                let header = &mut self.sent.messages[filled].msg_hdr;
                header.msg_name = (&raw mut viewer.address).cast();
                header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
                filled += 1;
                if filled == SEND_BATCH {
                    sent += send(fd, &mut self.sent, filled);
                    filled = 0;
                }
            }
        }
        self.number += BURST as u64;
        sent + send(fd, &mut self.sent, filled)
    }
}

impl Side for Floor {
    fn burst(&mut self) -> (u64, u64) {
        self.queue();
        let mut sent = 0;
        let nanos = cpu::spent(|| sent = self.pass_on());
        (nanos, sent)
    }
}

fn viewer(index: usize) -> io::Result<Viewer> {
    let sink = sink::bind()?;
    sink::shrink(&sink)?;
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: sink.local_addr()?.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
        },
        sin_zero: [0; 8],
    };
    let key = key(index as u8)?;
    Ok(Viewer {
        _sink: sink,
        address,
        key,
    })
}

fn key(byte: u8) -> io::Result<LessSafeKey> {
    UnboundKey::new(&AES_128_GCM, &[byte; 16])
        .map(LessSafeKey::new)
        .map_err(io::Error::other)
}

fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

fn seal(key: &LessSafeKey, slot: &mut [u8], number: u64) {
    let (header, rest) = slot.split_at_mut(HEADER_BYTES);
    let (payload, tail) = rest.split_at_mut(PLAIN_BYTES - HEADER_BYTES);
    if let Ok(tag) = key.seal_in_place_separate_tag(nonce(number), Aad::from(header), payload) {
        tail[..TAG_BYTES].copy_from_slice(tag.as_ref());
    }
}

fn open(key: &LessSafeKey, slot: &mut [u8], number: u64) {
    let (header, rest) = slot.split_at_mut(HEADER_BYTES);
    let sealed = &mut rest[..SEALED_BYTES - HEADER_BYTES];
    key.open_in_place(nonce(number), Aad::from(header), sealed)
        .expect("the packet was sealed with this key");
}

fn send(fd: i32, slots: &mut Slots, filled: usize) -> u64 {
    // SAFETY: every header points into slots and addresses that outlive the call.
    let count = unsafe { libc::sendmmsg(fd, slots.messages.as_mut_ptr(), filled as _, 0) };
    count.max(0) as u64
}
