//! A stream that comes in, in one encoding or several.

use super::activity::Activity;
use super::allowance::Allowance;
use super::cache::PacketCache;
use super::extension::{Extension, ExtensionIds};
use super::key_frame::{KeyFrameRequests, MIN_INTERVAL_MICROS};
use super::loudness::Loudness;
use super::reception::Reception;
use super::segment::Segment;
use super::stream::{StreamRole, StreamTraits};
use crate::command::{InboundEncoding, ProducerConfig};
use crate::wire::nack::LossDetector;
use crate::wire::rtp::RtpHeader;
use crate::wire::sequence::SequenceUnwrapper;

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
    /// The key frames of others cannot be told, or there is no such thing.
    pub is_vp8: bool,
}

/// A browser never does it; who does it for each packet has but these.
type Takeovers = Allowance<2, 1_000_000>;

/// What is counted of the stream that comes in, whichever sources it had.
#[derive(Clone, Copy, Debug, Default)]
pub struct Received {
    /// Retransmissions included; what comes twice counts once.
    pub packets: u64,
    /// Of payload.
    pub octets: u64,
    /// Those of the packets that came by RTX.
    pub repaired: u64,
    /// Messages that asked for what is missing.
    pub nacks: u64,
    pub plis: u64,
    /// Of the sources before.
    lost_before: i64,
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
    /// Somebody asked for a key frame whom one would help who does not wait for it.
    pub wanted: bool,
    /// How often other SSRCs may take over.
    pub takeovers: Takeovers,
    /// Extended number of the latest start of a key frame, and when it came.
    key_frame: Option<(u64, u64)>,
    pub received: Received,
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
            wanted: false,
            takeovers: Takeovers::default(),
            key_frame: None,
            received: Received::default(),
            consumers: Vec::new(),
            joining: Vec::new(),
        }
    }
}

impl Encoding {
    /// Counts a packet and keeps it for retransmission.
    pub fn keep(&mut self, extended: u64, header: &RtpHeader, packet: &[u8]) {
        self.received.packets += 1;
        self.received.octets += header.payload(packet).len() as u64;
        self.cache.put(extended, header, packet);
    }

    /// A key frame begins with this packet.
    pub fn note_key_frame(&mut self, extended: u64, now_micros: u64) {
        self.wanted = false;
        if self.key_frame.is_none_or(|(newest, _)| newest < extended) {
            self.key_frame = Some((extended, now_micros));
        }
    }

    /// The start of a key frame so young that to ask for another one would be too soon, and when it
    /// came.
    pub fn fresh_key_frame(&self, now_micros: u64) -> Option<(u64, u64)> {
        self.key_frame.filter(|&(extended, came_at_micros)| {
            let age_micros = now_micros.saturating_sub(came_at_micros);
            age_micros < MIN_INTERVAL_MICROS && self.cache.get(extended).is_some()
        })
    }

    /// Only a key frame that is yet to come leads on. What is missing is given up: the start of a key
    /// frame among it would send everyone again what has come since, over and over.
    pub fn restart(&mut self) {
        self.key_frame = None;
        self.losses.give_up();
    }

    /// Packets that did not come by themselves, as reports tell it: repairs do not count, and what comes
    /// twice makes it less.
    pub fn lost(&self) -> i64 {
        self.received.lost_before + self.reception.lost()
    }

    /// Another SSRC sends it from now on. What was kept of the one before stays for who asks for it.
    pub fn change_source(&mut self) {
        self.received.lost_before = self.lost();
        self.sequences.start_anew();
        self.losses = LossDetector::new();
        self.reception = Reception::default();
    }
}

/// What a stream is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recognition {
    pub role: StreamRole,
    /// By MID, and RID where there are several; else another producer could have the like.
    pub certain: bool,
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
    pub key_frames: KeyFrameRequests,
    /// Of audio.
    pub loudness: Loudness,
}

impl Producer {
    pub fn new(handle: u32, transport: usize, config: ProducerConfig) -> Self {
        let video = config.video;
        let codecs = config.codecs.iter().map(|codec| Codec {
            payload_type: codec.payload_type,
            clock_rate: codec.clock_rate,
            rtx_payload_type: codec.rtx_payload_type,
            is_vp8: codec.name == "vp8",
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
            key_frames: KeyFrameRequests::default(),
            loudness: Loudness::default(),
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

    /// What a stream with an SSRC that was not declared is to this producer, which has this index.
    pub fn recognise(&self, index: usize, stream: &StreamTraits) -> Option<Recognition> {
        let rtx = self.codec(stream.payload_type).is_none();
        if rtx {
            self.codec_of_rtx(stream.payload_type)?;
        }
        let mid = stream.text(&self.extensions, Extension::Mid);
        let same_mid = mid
            .zip(self.mid.as_deref())
            .map(|(theirs, ours)| theirs == ours);
        if same_mid == Some(false) {
            return None;
        }
        let same_mid = same_mid.is_some();
        let (encoding, certain) = match self.rid_of(stream, rtx) {
            // Camera and screen may have the same RIDs, and their MIDs come later.
            Some(rid) => (self.position_of(rid)?, same_mid || self.mid.is_none()),
            None => (0, self.is_sole(same_mid, rtx)?),
        };
        let role = StreamRole {
            producer: index,
            encoding,
            rtx,
        };
        Some(Recognition { role, certain })
    }

    fn rid_of<'a>(&self, stream: &'a StreamTraits, rtx: bool) -> Option<&'a str> {
        let rid = stream.text(&self.extensions, Extension::Rid);
        if !rtx {
            return rid;
        }
        stream.text(&self.extensions, Extension::Rrid).or(rid)
    }

    fn position_of(&self, rid: &str) -> Option<usize> {
        let mut encodings = self.encodings.iter();
        encodings.position(|encoding| encoding.declared.rid.as_deref() == Some(rid))
    }

    /// Whether a stream without RID is certain to be that of the sole encoding; `None` if it is not.
    fn is_sole(&self, same_mid: bool, rtx: bool) -> Option<bool> {
        let [sole] = self.encodings.as_slice() else {
            return None;
        };
        let declared = if rtx {
            sole.declared.rtx_ssrc
        } else {
            sole.declared.ssrc
        };
        let nameless = declared.is_none() && sole.declared.rid.is_none();
        (same_mid || nameless).then_some(same_mid)
    }

    /// Where an encoding's SSRC is kept.
    pub fn ssrc_mut(&mut self, role: StreamRole) -> Option<&mut Option<u32>> {
        let encoding = self.encodings.get_mut(role.encoding)?;
        Some(if role.rtx {
            &mut encoding.rtx_ssrc
        } else {
            &mut encoding.ssrc
        })
    }

    /// What turns timestamps of an encoding into those of another stretch; `None` if that cannot be
    /// told.
    pub fn bridge(&self, layer: usize, source: u32, to: &Segment, clock_rate: u32) -> Option<u32> {
        if source == to.source {
            return Some(0);
        }
        let other = self.encodings.get(to.layer)?;
        let same = other.ssrc == Some(to.source);
        let theirs = other.reception.publisher_report().filter(|_| same)?;
        let ours = self.encodings.get(layer)?.reception.publisher_report()?;
        Some(ours.bridge(theirs, clock_rate))
    }
}
