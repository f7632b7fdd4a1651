//! The engine's own loop with one publisher and its viewers, turned by this thread.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use invigil_engine::command::{
    Command, ConsumerConfig, Credentials, InboundCodec, InboundEncoding, Keys, OutboundCodec,
    ProducerConfig,
};
use invigil_engine::event::{EventReader, ring};
use invigil_engine::io::eventfd::EventFd;
use invigil_engine::io::socket::{SocketConfig, UdpSocket as EngineSocket};
use invigil_engine::round::Round;
use invigil_engine::state::core::Core;
use invigil_engine::state::counter::Counters;
use invigil_engine::state::extension::{Extension, ExtensionIds};
use invigil_engine::wire::srtp::{OutboundContext, Profile};

use super::check::Check;
use super::packet::{self, BURST};
use super::{Side, cpu, sink};

const PASSWORD: &str = "a password with enough characters";
const PROFILE: Profile = Profile::AeadAes128Gcm;
const PUBLISHER: u32 = 0;
const RTX_PAYLOAD_TYPE: u8 = 97;
/// Longer than the benchmark: nobody renews consent.
const CONSENT_TIMEOUT_MS: u64 = 600_000;
const COMMANDS: usize = 1_024;

pub struct Rig {
    round: Round,
    commands: SyncSender<Command>,
    events: EventReader,
    counters: Arc<Counters>,
    target: SocketAddr,
    publisher: UdpSocket,
    protect: OutboundContext,
    viewers: Vec<UdpSocket>,
    number: u64,
}

impl Rig {
    pub fn new(fan_out: usize) -> io::Result<Self> {
        let socket = Arc::new(EngineSocket::bind(&SocketConfig {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            receive_buffer_bytes: 4_000_000,
            send_buffer_bytes: 4_000_000,
        })?);
        let target = SocketAddr::from(([127, 0, 0, 1], socket.port()));
        let counters = Arc::new(Counters::default());
        let (commands, receiver) = sync_channel(COMMANDS);
        let (writer, events) = ring(COMMANDS)?;
        let core = Core::new(Arc::clone(&counters), CONSENT_TIMEOUT_MS);
        let wake = Arc::new(EventFd::new()?);
        let count = Arc::clone(&counters);
        let round = Round::new(core, socket, receiver, writer, wake, count)?;
        let protect = OutboundContext::new(PROFILE, &[1; 16], &[1; 12])
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        let mut rig = Self {
            round,
            commands,
            events,
            counters,
            target,
            publisher: sink::bind()?,
            protect,
            viewers: Vec::new(),
            number: 0,
        };
        rig.furnish(fan_out)?;
        Ok(rig)
    }

    fn furnish(&mut self, fan_out: usize) -> io::Result<()> {
        let publisher = self.publisher.try_clone()?;
        self.connect(PUBLISHER, &publisher)?;
        self.obey(Command::AddProducer {
            producer: 1,
            transport: PUBLISHER,
            config: Box::new(producer()),
        });
        for viewer in 1..=fan_out as u32 {
            let socket = sink::bind()?;
            self.connect(viewer, &socket)?;
            sink::shrink(&socket)?;
            self.viewers.push(socket);
            self.obey(Command::AddConsumer {
                consumer: viewer,
                producer: 1,
                transport: viewer,
                config: Box::new(consumer(viewer)),
            });
        }
        self.events.drain();
        Ok(())
    }

    fn obey(&mut self, command: Command) {
        self.commands
            .send(command)
            .expect("the round holds the other end");
        self.round.run();
    }

    /// Nominates a pair and sets keys, as a client and the worker would.
    fn connect(&mut self, transport: u32, socket: &UdpSocket) -> io::Result<()> {
        let ufrag = format!("ufrag{transport}");
        let check = Check {
            ufrag: &ufrag,
            password: PASSWORD,
            nominates: true,
            controlled: false,
        };
        socket.send_to(&check.bytes(), self.target)?;
        let credentials = Credentials {
            ufrag: ufrag.clone(),
            password: PASSWORD.into(),
        };
        self.obey(Command::AddTransport {
            transport,
            credentials,
        });
        let keys = Keys {
            profile: PROFILE,
            receive_key: vec![1; 16],
            receive_salt: vec![1; 12],
            send_key: vec![transport as u8; 16],
            send_salt: vec![2; 12],
        };
        self.obey(Command::SetKeys { transport, keys });
        Ok(())
    }

    fn queue(&mut self) {
        let mut buffer = [0; 2_048];
        for number in self.number..self.number + BURST as u64 {
            let plain = packet::write(&mut buffer, number);
            let rollover = (number >> 16) as u32;
            if let Ok(length) = self.protect.protect_rtp(&mut buffer, plain, rollover) {
                // A packet that is lost here is missing from the count of those that left.
                let _ = self.publisher.send_to(&buffer[..length], self.target);
            }
        }
        self.number += BURST as u64;
    }
}

impl Side for Rig {
    fn burst(&mut self) -> (u64, u64) {
        self.queue();
        let before = self.counters.rtp_packets_out.get();
        let nanos = cpu::spent(|| self.round.run());
        (nanos, self.counters.rtp_packets_out.get() - before)
    }
}

/// The extensions that make 12 bytes.
fn extensions() -> ExtensionIds {
    let mut ids = ExtensionIds::default();
    ids.set(Extension::AbsSendTime, packet::ABS_SEND_TIME_ID);
    ids.set(Extension::TransportCc, packet::TRANSPORT_CC_ID);
    ids
}

fn producer() -> ProducerConfig {
    ProducerConfig {
        video: true,
        mid: None,
        codecs: vec![InboundCodec {
            name: "vp8".into(),
            payload_type: packet::PAYLOAD_TYPE,
            clock_rate: 90_000,
            rtx_payload_type: Some(RTX_PAYLOAD_TYPE),
        }],
        encodings: vec![InboundEncoding {
            ssrc: Some(packet::SSRC),
            rtx_ssrc: Some(packet::SSRC + 1),
            rid: None,
        }],
        extensions: extensions(),
        nack: true,
        transport_cc: true,
        paused: false,
    }
}

fn consumer(viewer: u32) -> ConsumerConfig {
    ConsumerConfig {
        mid: "0".into(),
        ssrc: 1_000 + viewer,
        rtx_ssrc: Some(2_000 + viewer),
        codecs: vec![OutboundCodec {
            producer_payload_type: packet::PAYLOAD_TYPE,
            payload_type: packet::PAYLOAD_TYPE,
            rtx_payload_type: Some(RTX_PAYLOAD_TYPE),
        }],
        extensions: extensions(),
        cname: "bench".into(),
        layer: 0,
        paused: false,
    }
}
