//! Sockets that are bound and that nobody reads: the kernel carries a packet all the way and drops it
//! at the full queue.

use std::io;
use std::mem::size_of;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

pub fn bind() -> io::Result<UdpSocket> {
    UdpSocket::bind("127.0.0.1:0")
}

/// Leaves the socket the smallest queue that the kernel grants.
pub fn shrink(socket: &UdpSocket) -> io::Result<()> {
    let bytes: libc::c_int = 1;
    // SAFETY: the pointer is valid for the length given.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUF,
            (&raw const bytes).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
