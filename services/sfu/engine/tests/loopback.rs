//! The engine with its thread and real sockets, on loopback.

#[path = "support/check.rs"]
mod check;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use check::Check;
use invigil_engine::command::{
    Command, ConsumerConfig, Credentials, InboundCodec, InboundEncoding, Keys, OutboundCodec,
    ProducerConfig,
};
use invigil_engine::engine::{CommandRefused, Engine, EngineConfig};
use invigil_engine::event::Event;
use invigil_engine::state::extension::ExtensionIds;
use invigil_engine::wire::demux::{Protocol, classify};
use invigil_engine::wire::rtp::{OutgoingHeader, RtpHeader, write_packet};
use invigil_engine::wire::srtp::{InboundContext, OutboundContext, Profile};

const PASSWORD: &str = "a password with enough characters";
const DEADLINE: Duration = Duration::from_secs(5);
const PROFILE: Profile = Profile::AeadAes128Gcm;
const PACKETS: u16 = 200;

fn engine(address: &str) -> Engine {
    Engine::start(&EngineConfig {
        address: address.parse().unwrap(),
        port: 0,
        receive_buffer_bytes: 1_000_000,
        send_buffer_bytes: 1_000_000,
        event_capacity: 64,
        consent_timeout_ms: 30_000,
    })
    .unwrap()
}

fn socket(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind((address.parse::<IpAddr>().unwrap(), 0)).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

/// Whether the host has this address; every one has those of IPv4 loopback.
fn has_address(address: &str) -> bool {
    let ip: IpAddr = address.parse().unwrap();
    ip.is_ipv4() || UdpSocket::bind((ip, 0)).is_ok()
}

fn until<T>(mut probe: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < end, "it never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Nominates a pair; answers the address that the engine has seen.
fn connect(engine: &Engine, transport: u32, socket: &UdpSocket, target: SocketAddr) -> SocketAddr {
    let ufrag = format!("ufrag{transport}");
    let check = Check {
        ufrag: &ufrag,
        password: PASSWORD,
        nominates: true,
        controlled: false,
    };
    let credentials = Credentials {
        ufrag: ufrag.clone(),
        password: PASSWORD.into(),
    };
    let before = engine.counters().ticks.get();
    engine
        .command(Command::AddTransport {
            transport,
            credentials,
        })
        .unwrap();
    // The check must not overtake the command: it is obeyed in this round or the next.
    until(|| (engine.counters().ticks.get() >= before + 2).then_some(()));
    socket.send_to(&check.bytes(), target).unwrap();
    let mut buffer = [0; 1_500];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(from, target, "answered from another address");
    assert_eq!(buffer[..2], [0x01, 0x01]);
    assert!(length > 20);
    until(|| {
        engine.drain().into_iter().find_map(|event| match event {
            Event::IceConnected { remote, .. } => Some(remote),
            _ => None,
        })
    })
}

#[test]
fn wildcard_socket_answers_from_the_address_that_was_asked() {
    for (bound, ours, theirs) in [
        ("0.0.0.0", "127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1", "127.0.0.77"),
        ("::", "127.0.0.1", "127.0.0.77"),
        ("::", "::1", "::1"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
    ] {
        if !has_address(bound) || !has_address(ours) {
            eprintln!("skipped on a host without IPv6: {bound} from {ours}");
            continue;
        }
        let engine = engine(bound);
        let client = socket(ours);
        let target = SocketAddr::new(theirs.parse().unwrap(), engine.port());
        let seen = connect(&engine, 1, &client, target);
        assert_eq!(seen, client.local_addr().unwrap());
    }
}

#[test]
fn dtls_passes_both_ways() {
    let engine = engine("127.0.0.1");
    let client = socket("127.0.0.1");
    let target = SocketAddr::new("127.0.0.1".parse().unwrap(), engine.port());
    connect(&engine, 1, &client, target);
    client.send_to(&[22, 1, 2], target).unwrap();
    let event = until(|| engine.drain().pop());
    assert_eq!(
        event,
        Event::Dtls {
            transport: 1,
            datagram: vec![22, 1, 2]
        }
    );
    engine
        .command(Command::SendDtls {
            transport: 1,
            datagram: vec![22, 3],
        })
        .unwrap();
    let mut buffer = [0; 100];
    assert_eq!(client.recv(&mut buffer).unwrap(), 2);
    assert_eq!(buffer[..2], [22, 3]);
}

fn set_keys(engine: &Engine, transport: u32) {
    let (up, down) = (transport as u8, transport as u8 ^ 0xff);
    engine
        .command(Command::SetKeys {
            transport,
            keys: Keys {
                profile: PROFILE,
                receive_key: vec![up; 16],
                receive_salt: vec![up; 12],
                send_key: vec![down; 16],
                send_salt: vec![down; 12],
            },
        })
        .unwrap();
}

fn add_audio_producer(engine: &Engine) {
    let config = ProducerConfig {
        video: false,
        mid: None,
        codecs: vec![InboundCodec {
            name: "opus".into(),
            payload_type: 111,
            clock_rate: 48_000,
            rtx_payload_type: None,
        }],
        encodings: vec![InboundEncoding {
            ssrc: Some(5),
            ..InboundEncoding::default()
        }],
        extensions: ExtensionIds::default(),
        nack: false,
        transport_cc: false,
        paused: false,
    };
    let producer = Command::AddProducer {
        producer: 1,
        transport: 1,
        config: Box::new(config),
    };
    engine.command(producer).unwrap();
}

fn add_audio_consumer(engine: &Engine) {
    let config = ConsumerConfig {
        mid: "0".into(),
        ssrc: 6,
        rtx_ssrc: None,
        codecs: vec![OutboundCodec {
            producer_payload_type: 111,
            payload_type: 100,
            rtx_payload_type: None,
        }],
        extensions: ExtensionIds::default(),
        cname: "c".into(),
        layer: 0,
        paused: false,
    };
    let consumer = Command::AddConsumer {
        consumer: 1,
        producer: 1,
        transport: 2,
        config: Box::new(config),
    };
    engine.command(consumer).unwrap();
}

#[test]
fn media_goes_from_one_client_to_another_and_a_dead_third_does_not_disturb() {
    let engine = engine("127.0.0.1");
    let target = SocketAddr::new("127.0.0.1".parse().unwrap(), engine.port());
    let (publisher, viewer) = (socket("127.0.0.1"), socket("127.0.0.1"));
    connect(&engine, 1, &publisher, target);
    connect(&engine, 2, &viewer, target);
    // A client that closed its socket makes the kernel report errors on ours.
    let dead = socket("127.0.0.1");
    connect(&engine, 3, &dead, target);
    drop(dead);
    set_keys(&engine, 1);
    set_keys(&engine, 2);
    add_audio_producer(&engine);
    add_audio_consumer(&engine);
    for _ in 0..10 {
        let datagram = vec![22];
        let command = Command::SendDtls {
            transport: 3,
            datagram,
        };
        engine.command(command).unwrap();
    }
    until(|| (engine.counters().dtls_out.get() == 10).then_some(()));

    let outbound = OutboundContext::new(PROFILE, &[1; 16], &[1; 12]).unwrap();
    let down = 2 ^ 0xff;
    let mut inbound = InboundContext::new(PROFILE, &[down; 16], &[down; 12]).unwrap();
    let mut buffer = [0; 1_500];
    for sequence in 0..PACKETS {
        let header = OutgoingHeader {
            marker: false,
            payload_type: 111,
            sequence,
            timestamp: u32::from(sequence) * 960,
            ssrc: 5,
        };
        let plain = write_packet(&mut buffer, &header, &[], &sequence.to_be_bytes()).unwrap();
        let length = outbound.protect_rtp(&mut buffer, plain, 0).unwrap();
        publisher.send_to(&buffer[..length], target).unwrap();
    }
    let mut received = 0;
    while received < PACKETS {
        let length = viewer.recv(&mut buffer).unwrap();
        if classify(&buffer[..length]) != Some(Protocol::Rtp) {
            continue;
        }
        let plain = inbound.unprotect_rtp(&mut buffer[..length]).unwrap();
        let header = RtpHeader::parse(&buffer[..plain]).unwrap();
        assert_eq!((header.ssrc, header.payload_type), (6, 100));
        assert_eq!(header.payload(&buffer[..plain]), received.to_be_bytes());
        received += 1;
    }
    assert_eq!(engine.counters().send_would_block.get(), 0);
}

#[test]
fn stopped_engine_takes_no_commands_and_frees_its_port() {
    let engine = engine("127.0.0.1");
    let port = engine.port();
    engine.stop();
    engine.stop();
    let command = Command::RemoveTransport { transport: 1 };
    assert_eq!(engine.command(command), Err(CommandRefused::Stopped));
    UdpSocket::bind(("127.0.0.1", port)).unwrap();
}

#[test]
fn idle_engine_turns_by_itself() {
    let engine = engine("127.0.0.1");
    let before = engine.counters().ticks.get();
    until(|| (engine.counters().ticks.get() >= before + 10).then_some(()));
}

#[test]
fn oversized_and_empty_datagrams_are_counted_and_harm_nobody() {
    let engine = engine("127.0.0.1");
    let client = socket("127.0.0.1");
    let target = SocketAddr::new("127.0.0.1".parse().unwrap(), engine.port());
    client.send_to(&[], target).unwrap();
    client.send_to(&[0x80; 4_000], target).unwrap();
    let counters = engine.counters();
    until(|| (counters.dropped_empty.get() == 1).then_some(()));
    until(|| (counters.dropped_truncated.get() == 1).then_some(()));
}
