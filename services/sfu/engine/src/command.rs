//! What the owner tells the engine. Handles are numbers that the owner chose.

use std::fmt;

use crate::event::{AudioLevel, Sample};
use crate::state::extension::ExtensionIds;
use crate::wire::srtp::Profile;

/// How many commands may wait for the engine's thread.
pub const COMMAND_CAPACITY: usize = 65_536;

/// Master keys and salts of both directions. Never printed.
#[derive(Clone)]
pub struct Keys {
    pub profile: Profile,
    pub receive_key: Vec<u8>,
    pub receive_salt: Vec<u8>,
    pub send_key: Vec<u8>,
    pub send_salt: Vec<u8>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Keys")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// ICE short-term credentials of our side.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub ufrag: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("ufrag", &self.ufrag)
            .finish_non_exhaustive()
    }
}

/// A media codec as the publisher sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboundCodec {
    pub name: String,
    pub payload_type: u8,
    pub clock_rate: u32,
    pub rtx_payload_type: Option<u8>,
}

/// One layer of a publisher. All `None`: the sole encoding.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InboundEncoding {
    pub ssrc: Option<u32>,
    pub rtx_ssrc: Option<u32>,
    pub rid: Option<String>,
}

#[derive(Clone, Debug)]
pub struct ProducerConfig {
    pub video: bool,
    pub mid: Option<String>,
    pub codecs: Vec<InboundCodec>,
    /// Lowest layer first; at least one.
    pub encodings: Vec<InboundEncoding>,
    pub extensions: ExtensionIds,
    pub nack: bool,
    pub transport_cc: bool,
    pub paused: bool,
}

/// How one payload type of the producer leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboundCodec {
    pub producer_payload_type: u8,
    pub payload_type: u8,
    pub rtx_payload_type: Option<u8>,
}

#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    pub mid: String,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    pub codecs: Vec<OutboundCodec>,
    pub extensions: ExtensionIds,
    pub cname: String,
    pub layer: usize,
    pub paused: bool,
}

#[derive(Clone, Debug)]
pub enum Command {
    AddTransport {
        transport: u32,
        credentials: Credentials,
    },
    RestartIce {
        transport: u32,
        credentials: Credentials,
    },
    SetKeys {
        transport: u32,
        keys: Keys,
    },
    SendDtls {
        transport: u32,
        datagram: Vec<u8>,
    },
    RemoveTransport {
        transport: u32,
    },
    AddProducer {
        producer: u32,
        transport: u32,
        config: Box<ProducerConfig>,
    },
    PauseProducer {
        producer: u32,
    },
    ResumeProducer {
        producer: u32,
    },
    RemoveProducer {
        producer: u32,
    },
    AddConsumer {
        consumer: u32,
        producer: u32,
        transport: u32,
        config: Box<ConsumerConfig>,
    },
    SetConsumerLayer {
        consumer: u32,
        layer: usize,
    },
    RequestKeyFrame {
        consumer: u32,
    },
    PauseConsumer {
        consumer: u32,
    },
    ResumeConsumer {
        consumer: u32,
    },
    RemoveConsumer {
        consumer: u32,
    },
    RequestConsumerStats {
        consumer: u32,
        token: u64,
    },
    /// `levels` is empty and has the room for the answer: the engine's thread is to allocate nothing.
    RequestAudioLevels {
        token: u64,
        levels: Vec<AudioLevel>,
    },
    RequestProducerStats {
        producer: u32,
        token: u64,
    },
    RequestTransportStats {
        transport: u32,
        token: u64,
    },
    /// `sample` is empty and has the room for the answer, as `levels`.
    RequestSample {
        token: u64,
        sample: Sample,
    },
}
