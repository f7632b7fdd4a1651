//! A flag that a poll can wait for.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

pub struct EventFd(OwnedFd);

impl EventFd {
    pub fn new() -> io::Result<Self> {
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else owns it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub fn fileno(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Makes it readable.
    pub fn signal(&self) {
        let one = 1_u64.to_ne_bytes();
        // Fails only when 2^64 - 2 signals are unread, and then it is readable anyway.
        // SAFETY: the pointer is valid for the eight bytes that are read.
        unsafe { libc::write(self.fileno(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes it unreadable.
    pub fn clear(&self) {
        let mut count = [0_u8; 8];
        // Fails only when it is unreadable already.
        // SAFETY: the pointer is valid for the eight bytes that are written.
        unsafe { libc::read(self.fileno(), count.as_mut_ptr().cast(), count.len()) };
    }

    #[cfg(test)]
    pub fn is_readable(&self) -> bool {
        let mut poll = libc::pollfd {
            fd: self.fileno(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: the pointer is valid for the one entry.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }
}
