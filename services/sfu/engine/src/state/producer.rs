//! A stream that comes in, in one encoding or several.

use super::activity::Activity;
use super::cache::PacketCache;
use super::extension::{Extension, ExtensionIds};
use super::key_frame::{KeyFrameRequests, MIN_INTERVAL_MICROS};
use super::reception::Reception;
use super::stream::{StreamRole, StreamTraits};
use crate::command::{InboundEncoding, ProducerConfig};
use crate::wire::nack::LossDetector;
use crate::wire::rtp::RtpHeader;
use crate::wire::sequence::SequenceUnwrapper;
use crate::wire::vp8::Descriptor;

/// About 1.7 s of a 2.5 Mbit/s layer.
const VIDEO_CACHE_PACKETS: usize = 512;
/// 2.5 s of 20 ms frames.
const AUDIO_CACHE_PACKETS: usize = 128;

/// A media codec of the publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec {
    pub payload_type: u8,
    pub clock_rate: u32,
    pub rtx_payload_type: Option<u8>,
    key_frames: KeyFrames,
}

/// How to find the start of a key frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyFrames {
    Vp8,
    /// Cannot be told, or there is no such thing.
    Opaque,
}

impl Codec {
    /// Whether this payload begins a key frame; `None` if that cannot be told.
    pub fn begins_key_frame(&self, payload: &[u8]) -> Option<bool> {
        match self.key_frames {
            KeyFrames::Vp8 => Some(
                Descriptor::parse(payload)
                    .is_some_and(|descriptor| descriptor.is_key_frame_start(payload)),
            ),
            KeyFrames::Opaque => None,
        }
    }
}

/// One layer.
pub struct Encoding {
    pub declared: InboundEncoding,
    /// Declared or learned.
    pub ssrc: Option<u32>,
    pub rtx_ssrc: Option<u32>,
    pub sequences: SequenceUnwrapper,
    pub losses: LossDetector,
    pub cache: PacketCache,
    pub reception: Reception,
    pub activity: Activity,
    pub key_frames: KeyFrameRequests,
    /// Extended number of the latest start of a key frame, and when it came.
    key_frame: Option<(u64, u64)>,
    /// Packets received, retransmissions included.
    pub packets_received: u64,
    /// Indices of those who get it, or wait for it to begin with.
    pub consumers: Vec<usize>,
    /// Indices of those who get another one and will get this from a key frame on.
    pub joining: Vec<usize>,
}

impl Encoding {
    fn new(declared: InboundEncoding, video: bool) -> Self {
        let capacity = if video {
            VIDEO_CACHE_PACKETS
        } else {
            AUDIO_CACHE_PACKETS
        };
        Self {
            ssrc: declared.ssrc,
            rtx_ssrc: declared.rtx_ssrc,
            declared,
            sequences: SequenceUnwrapper::new(),
            losses: LossDetector::new(),
            cache: PacketCache::new(capacity),
            reception: Reception::default(),
            activity: Activity::default(),
            key_frames: KeyFrameRequests::default(),
            key_frame: None,
            packets_received: 0,
            consumers: Vec::new(),
            joining: Vec::new(),
        }
    }
}

impl Encoding {
    /// Counts a packet and keeps it for retransmission.
    pub fn keep(&mut self, extended: u64, header: &RtpHeader, packet: &[u8]) {
        self.packets_received += 1;
        self.cache.put(extended, header, packet);
    }

    /// A key frame begins with this packet.
    pub fn note_key_frame(&mut self, extended: u64, now_micros: u64) {
        self.key_frames.satisfy();
        if self.key_frame.is_none_or(|(newest, _)| newest < extended) {
            self.key_frame = Some((extended, now_micros));
        }
    }

    /// The start of a key frame so young that to ask for another one would be too soon.
    pub fn fresh_key_frame(&self, now_micros: u64) -> Option<u64> {
        let (extended, came_at_micros) = self.key_frame?;
        let age_micros = now_micros.saturating_sub(came_at_micros);
        (age_micros < MIN_INTERVAL_MICROS).then_some(extended)
    }

    /// Nobody may start with the latest one.
    pub fn forget_key_frame(&mut self) {
        self.key_frame = None;
    }

    /// Only another key frame leads on.
    pub fn restart(&mut self) {
        self.forget_key_frame();
        self.key_frames.want();
    }
}

/// How sure it is that a stream belongs to a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognition {
    /// By MID or RID.
    Certain {
        encoding: usize,
        rtx: bool,
    },
    /// Nothing but the payload type speaks for it.
    Likely {
        encoding: usize,
        rtx: bool,
    },
    No,
}

pub struct Producer {
    pub handle: u32,
    pub transport: usize,
    pub video: bool,
    pub paused: bool,
    pub nack: bool,
    pub mid: Option<String>,
    pub codecs: Vec<Codec>,
    pub extensions: ExtensionIds,
    pub encodings: Vec<Encoding>,
}

impl Producer {
    pub fn new(handle: u32, transport: usize, config: ProducerConfig) -> Self {
        let video = config.video;
        let codecs = config.codecs.iter().map(|codec| Codec {
            payload_type: codec.payload_type,
            clock_rate: codec.clock_rate,
            rtx_payload_type: codec.rtx_payload_type,
            key_frames: match codec.name.as_str() {
                "vp8" => KeyFrames::Vp8,
                _ => KeyFrames::Opaque,
            },
        });
        Self {
            handle,
            transport,
            video,
            paused: config.paused,
            nack: config.nack,
            mid: config.mid,
            codecs: codecs.collect(),
            extensions: config.extensions,
            encodings: config
                .encodings
                .into_iter()
                .map(|declared| Encoding::new(declared, video))
                .collect(),
        }
    }

    pub fn codec(&self, payload_type: u8) -> Option<Codec> {
        self.codecs
            .iter()
            .find(|codec| codec.payload_type == payload_type)
            .copied()
    }

    /// The codec whose retransmissions have this payload type.
    pub fn codec_of_rtx(&self, payload_type: u8) -> Option<Codec> {
        self.codecs
            .iter()
            .find(|codec| codec.rtx_payload_type == Some(payload_type))
            .copied()
    }

    /// Whether a stream with an SSRC that was not declared is one of this producer's.
    pub fn recognise(&self, stream: &StreamTraits) -> Recognition {
        let rtx = match (
            self.codec(stream.payload_type),
            self.codec_of_rtx(stream.payload_type),
        ) {
            (Some(_), _) => false,
            (None, Some(_)) => true,
            (None, None) => return Recognition::No,
        };
        let mid = stream.text(&self.extensions, Extension::Mid);
        let same_mid = match (mid, self.mid.as_deref()) {
            (Some(theirs), Some(ours)) if theirs != ours => return Recognition::No,
            (Some(_), Some(_)) => true,
            _ => false,
        };
        match self.rid_of(stream, rtx) {
            Some(rid) => self.by_rid(rid, rtx),
            None => self.sole(same_mid, rtx),
        }
    }

    fn rid_of<'a>(&self, stream: &'a StreamTraits, rtx: bool) -> Option<&'a str> {
        let rid = stream.text(&self.extensions, Extension::Rid);
        if !rtx {
            return rid;
        }
        stream.text(&self.extensions, Extension::Rrid).or(rid)
    }

    fn by_rid(&self, rid: &str, rtx: bool) -> Recognition {
        let position = self
            .encodings
            .iter()
            .position(|encoding| encoding.declared.rid.as_deref() == Some(rid));
        match position {
            Some(encoding) => Recognition::Certain { encoding, rtx },
            None => Recognition::No,
        }
    }

    fn sole(&self, same_mid: bool, rtx: bool) -> Recognition {
        let [sole] = self.encodings.as_slice() else {
            return Recognition::No;
        };
        let declared = if rtx {
            sole.declared.rtx_ssrc
        } else {
            sole.declared.ssrc
        };
        match (declared, sole.declared.rid.as_ref(), same_mid) {
            (Some(_), _, _) => Recognition::No,
            (None, _, true) => Recognition::Certain { encoding: 0, rtx },
            (None, None, false) => Recognition::Likely { encoding: 0, rtx },
            (None, Some(_), false) => Recognition::No,
        }
    }

    /// Gives an encoding its SSRC. False when it has another one, which it keeps.
    pub fn bind(&mut self, role: StreamRole, ssrc: u32) -> bool {
        let Some(encoding) = self.encodings.get_mut(role.encoding) else {
            return false;
        };
        let place = if role.rtx {
            &mut encoding.rtx_ssrc
        } else {
            &mut encoding.ssrc
        };
        *place.get_or_insert(ssrc) == ssrc
    }
}
