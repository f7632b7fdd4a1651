//! The state under test and clients that speak to it.

use std::collections::HashMap;
use std::sync::Arc;

use super::check::Check;
use crate::command::{
    Command, ConsumerConfig, Credentials, InboundCodec, InboundEncoding, Keys, OutboundCodec,
    ProducerConfig,
};
use crate::event::{Event, EventSink};
use crate::state::core::{Arrival, Core, Io};
use crate::state::counter::Counters;
use crate::state::extension::{Extension, ExtensionIds};
use crate::state::now::Now;
use crate::state::outbox::{DATAGRAM_BYTES, Outbox};
use crate::state::tuple::Tuple;
use crate::wire::demux::{Protocol, classify};
use crate::wire::rtp::{OutgoingHeader, RtpHeader, write_packet};
use crate::wire::srtp::{InboundContext, OutboundContext, Profile};

pub const PASSWORD: &str = "a password with enough characters";
pub const MID: u8 = 4;
pub const RID: u8 = 10;
pub const RRID: u8 = 11;
pub const WIDE: u8 = 3;
pub const LEVEL: u8 = 1;
pub const VIDEO_TYPE: u8 = 96;
pub const RTX_TYPE: u8 = 97;
pub const AUDIO_TYPE: u8 = 111;

pub struct Sent {
    pub tuple: Tuple,
    pub bytes: Vec<u8>,
}

#[derive(Default)]
struct Collected {
    slot: Vec<u8>,
    sent: Vec<Sent>,
}

impl Outbox for Collected {
    fn slot(&mut self) -> &mut [u8] {
        self.slot.resize(DATAGRAM_BYTES, 0);
        &mut self.slot
    }

    fn commit(&mut self, length: usize, tuple: &Tuple) {
        self.sent.push(Sent {
            tuple: *tuple,
            bytes: self.slot[..length].to_vec(),
        });
    }
}

struct Events {
    taken: Vec<Event>,
    full: bool,
}

impl EventSink for Events {
    fn push(&mut self, event: Event) -> bool {
        if !self.full {
            self.taken.push(event);
        }
        !self.full
    }
}

pub struct Lab {
    pub core: Core,
    pub now: Now,
    pub counters: Arc<Counters>,
    out: Collected,
    events: Events,
}

impl Lab {
    pub fn new() -> Self {
        let counters = Arc::new(Counters::default());
        Self {
            core: Core::new(Arc::clone(&counters), 30_000),
            now: Now {
                micros: 10_000_000,
                wall_nanos: 1_800_000_000_000_000_000,
            },
            counters,
            out: Collected::default(),
            events: Events {
                taken: Vec::new(),
                full: false,
            },
        }
    }

    pub fn apply(&mut self, command: Command) {
        let mut io = Io {
            out: &mut self.out,
            events: &mut self.events,
        };
        self.core.apply(command, self.now, &mut io);
    }

    pub fn receive(&mut self, tuple: Tuple, bytes: &[u8]) {
        let mut io = Io {
            out: &mut self.out,
            events: &mut self.events,
        };
        let arrival = Arrival {
            now: self.now,
            micros: self.now.micros,
        };
        let mut bytes = bytes.to_vec();
        self.core
            .handle_datagram(&mut bytes, &tuple, arrival, &mut io);
    }

    /// Lets time pass, with the ticks that belong to it.
    pub fn pass(&mut self, millis: u64) {
        for _ in 0..millis.div_ceil(10) {
            self.now = self.now.plus_millis(10);
            let mut io = Io {
                out: &mut self.out,
                events: &mut self.events,
            };
            self.core.tick(self.now, &mut io);
        }
    }

    pub fn fill_event_ring(&mut self, full: bool) {
        self.events.full = full;
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events.taken)
    }

    pub fn sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.out.sent)
    }

    pub fn counter(&self, name: &str) -> u64 {
        let snapshot = self.counters.snapshot();
        let found = snapshot.iter().find(|(known, _)| *known == name);
        found.expect("no such counter").1
    }

    pub fn add_transport(&mut self, handle: u32) {
        self.apply(Command::AddTransport {
            transport: handle,
            credentials: credentials(&format!("ufrag{handle}")),
        });
    }

    pub fn check(&mut self, tuple: Tuple, ufrag: &str, nominates: bool) {
        let check = Check {
            ufrag,
            password: PASSWORD,
            nominates,
            controlled: false,
        };
        self.receive(tuple, &check.bytes());
    }

    /// A transport with a nominated pair and keys, and the client at its other end.
    pub fn connect(&mut self, handle: u32) -> Client {
        self.add_transport(handle);
        let tuple = tuple(handle as u16);
        self.check(tuple, &format!("ufrag{handle}"), true);
        let client = Client::new(handle, tuple);
        self.apply(client.set_keys());
        self.sent();
        self.events();
        client
    }
}

pub fn tuple(port: u16) -> Tuple {
    Tuple {
        remote: ([192, 0, 2, 1], 5_000 + port).into(),
        local: [198, 51, 100, 1].into(),
    }
}

pub fn credentials(ufrag: &str) -> Credentials {
    Credentials {
        ufrag: ufrag.into(),
        password: PASSWORD.into(),
    }
}

/// A packet as a test sees it, decrypted.
#[derive(Clone, Debug)]
pub struct Packet {
    pub header: RtpHeader,
    pub elements: HashMap<u8, Vec<u8>>,
    pub payload: Vec<u8>,
}

pub struct Client {
    pub transport: u32,
    pub tuple: Tuple,
    outbound: OutboundContext,
    inbound: InboundContext,
}

impl Client {
    pub fn new(transport: u32, tuple: Tuple) -> Self {
        let profile = Profile::AeadAes128Gcm;
        let seed = transport as u8;
        let up = ([seed; 16], [seed; 12]);
        let down = ([seed ^ 0xff; 16], [seed ^ 0xff; 12]);
        Self {
            transport,
            tuple,
            outbound: OutboundContext::new(profile, &up.0, &up.1).unwrap(),
            inbound: InboundContext::new(profile, &down.0, &down.1).unwrap(),
        }
    }

    pub fn set_keys(&self) -> Command {
        let seed = self.transport as u8;
        Command::SetKeys {
            transport: self.transport,
            keys: Keys {
                profile: Profile::AeadAes128Gcm,
                receive_key: vec![seed; 16],
                receive_salt: vec![seed; 12],
                send_key: vec![seed ^ 0xff; 16],
                send_salt: vec![seed ^ 0xff; 12],
            },
        }
    }

    /// The protected form of a packet with 16-bit sequence numbers before the first wrap.
    pub fn protect(
        &self,
        header: OutgoingHeader,
        elements: &[(u8, &[u8])],
        payload: &[u8],
    ) -> Vec<u8> {
        let mut buffer = [0; DATAGRAM_BYTES];
        let plain = write_packet(&mut buffer, &header, elements, payload).unwrap();
        let length = self.outbound.protect_rtp(&mut buffer, plain, 0).unwrap();
        buffer[..length].to_vec()
    }

    /// Any bytes, if they are enough of a packet to be protected.
    pub fn protect_raw(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = [0; DATAGRAM_BYTES];
        buffer[..plain.len()].copy_from_slice(plain);
        let length = self
            .outbound
            .protect_rtp(&mut buffer, plain.len(), 0)
            .ok()?;
        Some(buffer[..length].to_vec())
    }

    /// A packet whose number is used up for nothing but padding.
    pub fn padding(&self, header: OutgoingHeader) -> Vec<u8> {
        let mut buffer = [0; DATAGRAM_BYTES];
        let plain = write_packet(&mut buffer, &header, &[], &[0, 0, 0, 4]).unwrap();
        buffer[0] |= 0x20;
        self.protect_raw(&buffer[..plain]).unwrap()
    }

    pub fn protect_rtcp(&mut self, plain: &[u8]) -> Vec<u8> {
        let mut buffer = [0; DATAGRAM_BYTES];
        buffer[..plain.len()].copy_from_slice(plain);
        let length = self
            .outbound
            .protect_rtcp(&mut buffer, plain.len())
            .unwrap();
        buffer[..length].to_vec()
    }

    /// The media packets among what was sent to this client.
    pub fn packets(&mut self, sent: &[Sent]) -> Vec<Packet> {
        let mut packets = Vec::new();
        for datagram in self.mine(sent, Protocol::Rtp) {
            let mut bytes = datagram.to_vec();
            let length = self.inbound.unprotect_rtp(&mut bytes).unwrap();
            bytes.truncate(length);
            let header = RtpHeader::parse(&bytes).unwrap();
            packets.push(Packet {
                header,
                elements: header
                    .elements(&bytes)
                    .map(|(id, value)| (id, value.to_vec()))
                    .collect(),
                payload: header.payload(&bytes).to_vec(),
            });
        }
        packets
    }

    /// The control packets among what was sent to this client, decrypted.
    pub fn control(&mut self, sent: &[Sent]) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        for datagram in self.mine(sent, Protocol::Rtcp) {
            let mut bytes = datagram.to_vec();
            let length = self.inbound.unprotect_rtcp(&mut bytes).unwrap();
            bytes.truncate(length);
            packets.push(bytes);
        }
        packets
    }

    fn mine<'a>(&self, sent: &'a [Sent], protocol: Protocol) -> Vec<&'a [u8]> {
        sent.iter()
            .filter(|datagram| datagram.tuple == self.tuple)
            .map(|datagram| datagram.bytes.as_slice())
            .filter(|bytes| classify(bytes) == Some(protocol))
            .collect()
    }
}

pub fn header(payload_type: u8, ssrc: u32, sequence: u16, timestamp: u32) -> OutgoingHeader {
    OutgoingHeader {
        marker: false,
        payload_type,
        sequence,
        timestamp,
        ssrc,
    }
}

/// A VP8 payload of one packet: descriptor, then the first byte of a key or other frame.
pub fn vp8(key_frame: bool) -> Vec<u8> {
    vec![
        0x10,
        u8::from(!key_frame),
        0,
        0,
        0x9d,
        0x01,
        0x2a,
        0,
        0,
        0,
        0,
    ]
}

/// The same with a picture id of 15 bits and a TL0PICIDX.
pub fn numbered_vp8(key_frame: bool, picture_id: u16, tl0_index: u8) -> Vec<u8> {
    let [high, low] = picture_id.to_be_bytes();
    let mut payload = vec![0x90, 0xc0, 0x80 | high, low, tl0_index];
    payload.extend(&vp8(key_frame)[1..]);
    payload
}

fn ids(pairs: &[(Extension, u8)]) -> ExtensionIds {
    let mut ids = ExtensionIds::default();
    for &(extension, id) in pairs {
        ids.set(extension, id);
    }
    ids
}

/// A video producer with one encoding per entry: SSRC, SSRC of its RTX, RID.
pub fn video(
    mid: Option<&str>,
    encodings: &[(Option<u32>, Option<u32>, Option<&str>)],
) -> ProducerConfig {
    ProducerConfig {
        video: true,
        mid: mid.map(Into::into),
        codecs: vec![InboundCodec {
            name: "vp8".into(),
            payload_type: VIDEO_TYPE,
            clock_rate: 90_000,
            rtx_payload_type: Some(RTX_TYPE),
        }],
        encodings: encodings
            .iter()
            .map(|(ssrc, rtx_ssrc, rid)| InboundEncoding {
                ssrc: *ssrc,
                rtx_ssrc: *rtx_ssrc,
                rid: rid.map(Into::into),
            })
            .collect(),
        extensions: ids(&[
            (Extension::Mid, MID),
            (Extension::Rid, RID),
            (Extension::Rrid, RRID),
            (Extension::TransportCc, WIDE),
        ]),
        nack: true,
        transport_cc: true,
        paused: false,
    }
}

pub fn audio(ssrc: u32) -> ProducerConfig {
    ProducerConfig {
        video: false,
        mid: Some("0".into()),
        codecs: vec![InboundCodec {
            name: "opus".into(),
            payload_type: AUDIO_TYPE,
            clock_rate: 48_000,
            rtx_payload_type: None,
        }],
        encodings: vec![InboundEncoding {
            ssrc: Some(ssrc),
            ..InboundEncoding::default()
        }],
        extensions: ids(&[
            (Extension::Mid, MID),
            (Extension::TransportCc, WIDE),
            (Extension::AudioLevel, LEVEL),
        ]),
        nack: false,
        transport_cc: true,
        paused: false,
    }
}

/// A consumer with router's ids: MID 1, abs-send-time 4, transport-cc 5, audio level 10.
pub fn consumer(ssrc: u32, rtx_ssrc: Option<u32>) -> ConsumerConfig {
    ConsumerConfig {
        mid: "7".into(),
        ssrc,
        rtx_ssrc,
        codecs: vec![
            OutboundCodec {
                producer_payload_type: VIDEO_TYPE,
                payload_type: 101,
                rtx_payload_type: rtx_ssrc.map(|_| 102),
            },
            OutboundCodec {
                producer_payload_type: AUDIO_TYPE,
                payload_type: 100,
                rtx_payload_type: None,
            },
        ],
        extensions: ids(&[
            (Extension::Mid, 1),
            (Extension::AbsSendTime, 4),
            (Extension::TransportCc, 5),
            (Extension::AudioLevel, 10),
        ]),
        cname: "publisher".into(),
        layer: 0,
        paused: false,
    }
}

pub fn add_producer(producer: u32, transport: u32, config: ProducerConfig) -> Command {
    Command::AddProducer {
        producer,
        transport,
        config: Box::new(config),
    }
}

pub fn add_consumer(
    consumer: u32,
    producer: u32,
    transport: u32,
    config: ConsumerConfig,
) -> Command {
    Command::AddConsumer {
        consumer,
        producer,
        transport,
        config: Box::new(config),
    }
}
