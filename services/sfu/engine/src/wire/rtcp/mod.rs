//! RTCP (RFC 3550, RFC 4585, RFC 5104).

mod build;
mod feedback;
mod ntp;
mod packet;
mod report;

pub use build::{NackWritten, write_nack, write_pli, write_receiver_report, write_sender_report};
pub(super) use build::{finish_part, write_part_header};
pub use feedback::{FirEntries, LostSequences};
pub use ntp::ntp_middle;
pub use packet::{Compound, Packet, Ssrcs};
pub(super) use packet::{FORMAT_TRANSPORT_CC, TRANSPORT_FEEDBACK};
pub use report::{ReportBlock, ReportBlocks, SenderInfo};

#[cfg(test)]
mod tests;
