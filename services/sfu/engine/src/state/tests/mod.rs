//! The whole state with clients around it: datagrams in, datagrams out, and time by hand.

mod activity;
mod chance;
mod connectivity;
mod continuity;
mod feedback;
mod forwarding;
mod hostile;
mod joining;
mod lab;
mod layering;
mod lifetime;
mod loudness;
mod retransmission;
mod source;
mod stats;

#[path = "../../../tests/support/check.rs"]
mod check;
