//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).

mod feedback;
mod recorder;

pub use recorder::ArrivalRecorder;

#[cfg(test)]
mod tests;
