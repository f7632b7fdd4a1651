//! The packet engine of a worker: one thread, one UDP port, no Python in it.
//!
//! `wire` turns bytes into values and back, `state` decides, `io` talks to the kernel, `engine` runs
//! them in a thread, and `binding` shows it to Python.

pub mod argument;
#[cfg(feature = "python")]
mod binding;
pub mod command;
pub mod engine;
pub mod event;
pub mod io;
pub mod round;
pub mod state;
pub mod wire;
