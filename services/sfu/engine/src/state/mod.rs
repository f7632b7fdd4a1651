//! What the engine knows and decides. No I/O, no clock: datagrams, commands and time come in,
//! datagrams and events go out.

pub mod activity;
pub mod agent;
pub mod allowance;
pub mod apply;
pub mod arena;
pub mod cache;
pub mod clock_offset;
pub mod connectivity;
pub mod consumer;
pub mod core;
pub mod counter;
pub mod demand;
pub mod extension;
pub mod feedback;
pub mod forward;
pub mod key_frame;
pub mod layering;
pub mod loudness;
pub mod now;
pub mod outbox;
pub mod outgoing;
pub mod producer;
pub mod reception;
pub mod retired;
pub mod retransmit;
pub mod routing;
pub mod rtcp;
pub mod segment;
pub mod sent;
pub mod stats;
pub mod stream;
pub mod transport;
pub mod tuple;
pub mod waiting;

#[cfg(test)]
mod tests;
