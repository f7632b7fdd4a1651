//! One client's path into the worker: ICE, keys, and what runs over it.

use std::collections::{HashMap, VecDeque};

use super::agent::Agent;
use super::allowance::Allowance;
use super::clock_offset::ClockOffset;
use super::extension::{Extension, ExtensionIds};
use super::retired::Retired;
use super::stream::{StreamRole, UnclaimedStreams};
use super::waiting::Waiting;
use crate::command::{Credentials, Keys};
use crate::wire::srtp::{InboundContext, OutboundContext, SrtpError};
use crate::wire::twcc::ArrivalRecorder;

/// SSRCs of closed producers that are remembered.
const MAX_DEPARTED: usize = 256;

/// A handshake takes less than twenty datagrams; each one goes to the owner through a ring that all
/// clients share.
type DtlsAllowance = Allowance<64, 100_000>;

/// Both directions, made by one handshake.
pub struct Crypto {
    pub inbound: InboundContext,
    pub outbound: OutboundContext,
}

impl Crypto {
    pub fn new(keys: &Keys) -> Result<Self, SrtpError> {
        Ok(Self {
            inbound: InboundContext::new(keys.profile, &keys.receive_key, &keys.receive_salt)?,
            outbound: OutboundContext::new(keys.profile, &keys.send_key, &keys.send_salt)?,
        })
    }
}

/// Datagrams in one direction, without ICE; bytes are of UDP payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub packets: u64,
    pub bytes: u64,
}

impl Traffic {
    pub fn note(&mut self, bytes: usize) {
        self.packets += 1;
        self.bytes += bytes as u64;
    }
}

/// Which consumer sends with an SSRC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutgoingStream {
    pub consumer: usize,
    pub rtx: bool,
}

pub struct Transport {
    pub handle: u32,
    pub agent: Agent,
    /// Whether the owner knows of the agent's state: an event that found no room is tried again.
    pub announced: Announced,
    pub crypto: Option<Crypto>,
    pub waiting: Waiting,
    pub dtls_allowance: DtlsAllowance,
    pub received: Traffic,
    pub sent: Traffic,

    /// Indices, in the order in which they were added.
    pub producers: Vec<usize>,
    pub consumers: Vec<usize>,

    /// What we know an incoming SSRC to be.
    pub streams: HashMap<u32, StreamRole>,
    pub unclaimed: UnclaimedStreams,
    /// SSRCs of producers that are gone, in that order.
    departed: VecDeque<u32>,
    /// Ids that the client's producers have taught, for what concerns the transport as a whole.
    pub extensions: ExtensionIds,
    pub arrivals: ArrivalRecorder,
    pub feedback_at_micros: u64,
    pub report_at_micros: u64,
    /// SSRC of a packet that came lately, to fill the field in feedback about all of them.
    pub last_ssrc: u32,
    pub clock_offset: ClockOffset,

    /// SSRCs that we send with.
    pub outgoing: HashMap<u32, OutgoingStream>,
    /// SSRCs that we sent with before.
    pub retired: Retired,
    /// Transport-wide sequence number of the next packet.
    pub wide_sequence: u16,
    pub sender_report_at_micros: u64,
    /// A consumer has started since the owner was told what each gets: to look at all of them with each
    /// tick would cost more than the tick.
    pub layers_untold: bool,

    #[cfg(test)]
    pub explodes: bool,
}

/// The last thing that the owner was told about ICE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    Nothing,
    Connected(std::net::SocketAddr),
    Disconnected,
}

impl Transport {
    pub fn new(handle: u32, credentials: Credentials) -> Self {
        Self {
            handle,
            agent: Agent::new(credentials),
            announced: Announced::Nothing,
            crypto: None,
            waiting: Waiting::default(),
            dtls_allowance: DtlsAllowance::default(),
            received: Traffic::default(),
            sent: Traffic::default(),
            producers: Vec::new(),
            consumers: Vec::new(),
            streams: HashMap::new(),
            unclaimed: UnclaimedStreams::default(),
            departed: VecDeque::new(),
            extensions: ExtensionIds::default(),
            arrivals: ArrivalRecorder::new(),
            feedback_at_micros: 0,
            report_at_micros: 0,
            last_ssrc: 0,
            clock_offset: ClockOffset::default(),
            outgoing: HashMap::new(),
            retired: Retired::default(),
            wide_sequence: 0,
            sender_report_at_micros: 0,
            layers_untold: false,
            #[cfg(test)]
            explodes: false,
        }
    }

    /// `ssrcs`: of the media, and of its RTX.
    pub fn add_consumer(&mut self, consumer: usize, ssrcs: [Option<u32>; 2]) {
        self.consumers.push(consumer);
        for (ssrc, rtx) in ssrcs.into_iter().zip([false, true]) {
            if let Some(ssrc) = ssrc {
                self.outgoing.insert(ssrc, OutgoingStream { consumer, rtx });
            }
        }
    }

    /// A producer has gone, but its SSRC may still come, or come again: its rollover counter is kept as
    /// long as there is room.
    pub fn depart(&mut self, ssrc: u32) {
        if self.departed.len() == MAX_DEPARTED {
            self.departed.pop_front();
        }
        self.departed.push_back(ssrc);
    }

    /// Whether a stream of this SSRC was one of a producer's that is gone, or that has another now.
    pub fn has_departed(&self, ssrc: u32) -> bool {
        self.departed.contains(&ssrc)
    }

    /// Forgets the replay state of the SSRC that departed first.
    pub fn make_room_for_ssrc(&mut self) {
        while let Some(ssrc) = self.departed.pop_front() {
            let crypto = self.crypto.as_mut();
            if let Some(crypto) = crypto.filter(|_| !self.streams.contains_key(&ssrc)) {
                crypto.inbound.forget(ssrc);
                return;
            }
        }
    }

    /// Whether a packet for the client would get anywhere.
    pub fn can_send(&self) -> bool {
        self.crypto.is_some() && self.agent.destination().is_some()
    }

    /// Id of the transport-wide sequence number in packets that come, once a producer has taught it.
    pub fn wide_sequence_id(&self) -> Option<u8> {
        self.extensions.get(Extension::TransportCc)
    }
}
