//! Process-wide counters. The engine's thread is the only writer; anyone may read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One number that only grows.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn one(&self) {
        self.add(1);
    }

    pub fn add(&self, count: u64) {
        // One writer: a load and a store are enough, and spare the locked instruction per packet.
        self.0
            .store(self.0.load(Relaxed).wrapping_add(count), Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Every counter of the engine, by the name under which `counters()` reports it.
        #[derive(Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: Counter,)+
        }

        impl Counters {
            /// Names and values, in the order of the declaration.
            pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name.get()),)+]
            }
        }
    };
}

counters! {
    /// Rounds of the engine's loop.
    ticks,
    /// Datagrams received, of any kind.
    datagrams_in,
    /// Datagrams handed to the kernel.
    datagrams_out,
    /// Bytes of UDP payload received.
    bytes_in,
    /// Bytes of UDP payload handed to the kernel.
    bytes_out,
    /// RTP packets that passed authentication, RTX included.
    rtp_packets_in,
    /// RTP packets sent, retransmissions included.
    rtp_packets_out,
    /// Compound or reduced-size RTCP packets that passed authentication.
    rtcp_packets_in,
    /// Compound or reduced-size RTCP packets sent.
    rtcp_packets_out,
    /// STUN messages that parse.
    stun_in,
    /// STUN answers sent, errors included.
    stun_out,
    /// DTLS datagrams passed up.
    dtls_in,
    /// DTLS datagrams sent.
    dtls_out,
    /// Datagrams without a byte.
    dropped_empty,
    /// Datagrams longer than a slot of the receive batch.
    dropped_truncated,
    /// Datagrams that are neither STUN, DTLS nor RTP by their first byte (RFC 7983).
    dropped_unknown,
    /// DTLS, RTP and RTCP from an address that no check has validated.
    dropped_unvalidated,
    /// RTP or RTCP that does not parse.
    dropped_malformed,
    /// STUN that does not parse.
    dropped_stun_malformed,
    /// STUN that is no binding request: answers, indications, other methods.
    dropped_stun_unexpected,
    /// Checks for a local user name fragment that no transport has.
    dropped_stun_unknown_ufrag,
    /// Checks without MESSAGE-INTEGRITY or with a wrong one.
    dropped_stun_integrity,
    /// Checks with a wrong FINGERPRINT.
    dropped_stun_fingerprint,
    /// Authentic checks that had come from another address before.
    dropped_stun_replayed,
    /// Authentic checks over a path that another transport uses.
    dropped_stun_path_in_use,
    /// Checks that say ICE-CONTROLLED, answered with 487.
    stun_role_conflicts,
    /// DTLS beyond what one client may have passed up.
    dropped_dtls_excess,
    /// DTLS for a transport that has no validated address.
    dropped_dtls_no_address,
    /// DTLS datagrams that are longer than 1,500 bytes.
    dropped_dtls_too_long,
    /// RTP and RTCP that came before the keys and did not fit the queue or waited too long.
    dropped_before_keys,
    /// RTP and RTCP that came before the keys and was replayed.
    replayed_after_keys,
    /// SRTP whose tag is wrong.
    srtp_auth_failed,
    /// SRTP seen before, or too old to tell.
    srtp_replayed,
    /// SRTCP whose tag is wrong.
    srtcp_auth_failed,
    /// SRTCP seen before, or too old to tell.
    srtcp_replayed,
    /// SRTP and SRTCP of one SSRC more than a transport may have; those of closed producers make room then.
    dropped_too_many_ssrcs,
    /// RTP of a stream that no producer has claimed.
    rtp_before_produce,
    /// RTP whose payload type is none of its producer's, or none that a consumer takes.
    dropped_payload_type,
    /// Streams that took the place of another one of their encoding.
    ssrcs_changed,
    /// Streams that ask for an encoding that another stream feeds.
    duplicate_ssrc,
    /// RTX packets, with payload or not.
    rtx_in,
    /// RTX packets that carry no original: bandwidth probes.
    rtx_empty,
    /// RTX packets for a media stream that has not been seen.
    rtx_orphaned,
    /// Packets that were already there: duplicates, and RTX nobody needed.
    duplicates_in,
    /// Packets older than the packet cache, not forwarded.
    dropped_late,
    /// Gaps so long that the stream was restarted.
    streams_restarted,
    /// Packets that were not sent because they would exceed 1,500 bytes.
    dropped_too_long,
    /// Sequence numbers that consumers asked to have again.
    nacks_in,
    /// Sequence numbers that publishers were asked to send again.
    nacks_out,
    /// Packets sent again.
    retransmitted,
    /// Requested packets that the cache does not hold.
    nack_gone,
    /// Requested packets that were sent again a moment ago, or ten times.
    nack_repeated,
    /// Sequence numbers that were asked for beyond what one datagram may ask for.
    nack_excess,
    /// Key frame requests from consumers, PLI and FIR.
    plis_in,
    /// Key frame requests to publishers.
    plis_out,
    /// Sender reports from publishers.
    sender_reports_in,
    /// Receiver report blocks from consumers.
    receiver_reports_in,
    /// REMB messages from consumers.
    rembs_in,
    /// Transport-wide feedback messages from consumers.
    transport_cc_in,
    /// Transport-wide feedback messages to publishers.
    transport_cc_out,
    /// BYEs, which are ignored: signalling says when a stream ends.
    byes_in,
    /// RTCP packets of a type or for a stream that means nothing here.
    rtcp_ignored,
    /// Events that did not fit the ring.
    events_dropped,
    /// Layers asked for that the producer does not have.
    layers_unknown,
    /// Commands for a handle that is gone, or that is in use.
    commands_stale,
    /// Datagrams that the kernel had no room for.
    send_would_block,
    /// Datagrams that the kernel refused for another reason.
    send_errors,
    /// Errors of the socket other than "nothing to read".
    receive_errors,
    /// Transports closed because their datagram made the engine panic.
    panics,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshot_reports_each_counter_under_its_name() {
        let counters = Counters::default();
        counters.stun_in.add(3);
        counters.stun_in.one();
        let snapshot = counters.snapshot();
        assert!(snapshot.contains(&("stun_in", 4)));
        assert!(snapshot.contains(&("panics", 0)));
    }
}
