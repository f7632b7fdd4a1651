//! The operating system: sockets, clocks, wake-ups.

pub mod clock;
pub mod eventfd;
pub mod receive;
pub mod send;
pub mod socket;
