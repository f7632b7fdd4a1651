//! What clients with credentials, and those who listen to them, might try.

use super::check::Check;
use super::lab::*;
use super::layering::{LAYERS, call};
use crate::command::Command;
use crate::event::Event;
use crate::wire::rtcp::write_nack;

const SSRC: u32 = 0x1111;
const OUT: u32 = 0x2222;
const OUT_RTX: u32 = 0x2223;

fn check(ufrag: &str) -> Vec<u8> {
    let check = Check {
        ufrag,
        password: PASSWORD,
        nominates: true,
        controlled: false,
    };
    check.bytes()
}

fn send_video(lab: &mut Lab, publisher: &Client, sequence: u16) {
    let head = header(VIDEO_TYPE, SSRC, sequence, 3_000);
    let datagram = publisher.protect(head, &[], &vp8(sequence == 1));
    lab.receive(publisher.tuple, &datagram);
}

fn video_call(lab: &mut Lab) -> (Client, Client) {
    let publisher = lab.connect(1);
    let viewer = lab.connect(2);
    let encodings = [(Some(SSRC), None, None)];
    lab.apply(add_producer(1, 1, video(Some("1"), &encodings)));
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, Some(OUT_RTX))));
    lab.sent();
    (publisher, viewer)
}

#[test]
fn check_that_was_recorded_and_replayed_from_elsewhere_moves_nothing() {
    let mut lab = Lab::new();
    lab.connect(1);
    let recorded = check("ufrag1");
    lab.receive(tuple(1), &recorded);
    lab.receive(tuple(1), &recorded);
    assert_eq!(lab.counter("dropped_stun_replayed"), 0);
    lab.events();
    lab.sent();
    lab.receive(tuple(66), &recorded);
    assert_eq!(lab.counter("dropped_stun_replayed"), 1);
    assert_eq!(lab.events(), []);
    assert!(lab.sent().is_empty());
    lab.receive(tuple(66), &[22, 0]);
    assert_eq!(lab.counter("dropped_unvalidated"), 1);
}

#[test]
fn path_in_use_cannot_be_taken_by_another_client() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = video_call(&mut lab);
    lab.add_transport(3);
    lab.receive(viewer.tuple, &check("ufrag3"));
    assert_eq!(lab.counter("dropped_stun_path_in_use"), 1);
    send_video(&mut lab, &publisher, 1);
    assert_eq!(viewer.packets(&lab.sent()).len(), 1);
}

#[test]
fn client_that_lost_its_only_path_to_another_is_still_told_to_be_gone() {
    let mut lab = Lab::new();
    lab.connect(1);
    lab.add_transport(2);
    lab.pass(11_000);
    lab.check(tuple(1), "ufrag2", true);
    lab.events();
    lab.pass(20_000);
    assert_eq!(lab.events(), [Event::IceDisconnected { transport: 1 }]);
}

#[test]
fn panic_over_a_packet_that_waited_for_the_keys_costs_that_transport_only() {
    let mut lab = Lab::new();
    lab.add_transport(1);
    lab.check(tuple(1), "ufrag1", true);
    let publisher = Client::new(1, tuple(1));
    lab.receive(tuple(1), &[0x80; 40]);
    lab.events();
    let index = lab.core.transports.index_of(1).unwrap();
    lab.core.transports.get_mut(index).unwrap().explodes = true;
    lab.apply(publisher.set_keys());
    let failed = Event::TransportFailed {
        transport: 1,
        reason: "panic",
    };
    assert_eq!(lab.events(), [failed]);
    assert_eq!(lab.counter("panics"), 1);
}

#[test]
fn packet_is_resent_ten_times_at_most() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = video_call(&mut lab);
    send_video(&mut lab, &publisher, 1);
    let number = viewer.packets(&lab.sent())[0].header.sequence;
    for _ in 0..30 {
        lab.pass(600);
        ask(&mut lab, &mut viewer, &[number]);
    }
    assert_eq!(lab.counter("retransmitted"), 10);
    assert_eq!(lab.counter("nack_repeated"), 20);
}

fn ask(lab: &mut Lab, viewer: &mut Client, numbers: &[u16]) {
    let mut buffer = [0; 1_400];
    let written = write_nack(&mut buffer, 9, OUT, numbers).unwrap();
    assert_eq!(written.covered, numbers.len());
    let datagram = viewer.protect_rtcp(&buffer[..written.bytes]);
    lab.receive(viewer.tuple, &datagram);
}

#[test]
fn one_datagram_can_ask_for_no_more_than_is_remembered() {
    let mut lab = Lab::new();
    let (_publisher, mut viewer) = video_call(&mut lab);
    let numbers: Vec<u16> = (0..5_000).collect();
    ask(&mut lab, &mut viewer, &numbers);
    assert_eq!(lab.counter("nacks_in"), 512);
    assert_eq!(lab.counter("nack_excess"), 5_000 - 512);
}

#[test]
fn flood_of_dtls_from_one_client_leaves_room_for_others() {
    let mut lab = Lab::new();
    lab.connect(1);
    lab.connect(2);
    for _ in 0..1_000 {
        lab.receive(tuple(1), &[22, 0]);
    }
    lab.receive(tuple(2), &[22, 0]);
    assert_eq!(lab.events().len(), 64 + 1);
    assert_eq!(lab.counter("dropped_dtls_excess"), 1_000 - 64);
    lab.pass(100);
    lab.receive(tuple(1), &[22, 0]);
    assert_eq!(lab.events().len(), 1);
}

#[test]
fn client_that_nominates_to_and_fro_is_told_of_once_a_tick() {
    let mut lab = Lab::new();
    lab.connect(1);
    for _ in 0..100 {
        lab.check(tuple(11), "ufrag1", true);
        lab.check(tuple(12), "ufrag1", true);
    }
    lab.pass(10);
    assert_eq!(lab.events().len(), 1);
}

#[test]
fn losses_that_nobody_asks_for_are_forgotten() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    lab.apply(add_producer(1, 1, audio(5)));
    // Every other packet is lost.
    for round in 0..1_200_u16 {
        let head = header(AUDIO_TYPE, 5, round * 2, 0);
        lab.receive(publisher.tuple, &publisher.protect(head, &[], b"sound"));
        lab.pass(20);
    }
    assert_eq!(lab.counter("streams_restarted"), 0);
    assert_eq!(lab.counter("nacks_out"), 0);
}

#[test]
fn payload_type_that_a_consumer_has_not_negotiated_is_counted() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    lab.connect(2);
    lab.apply(add_producer(1, 1, audio(5)));
    let mut config = consumer(OUT, None);
    config.codecs.truncate(1);
    lab.apply(add_consumer(1, 1, 2, config));
    let head = header(AUDIO_TYPE, 5, 1, 0);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], b"sound"));
    assert_eq!(lab.counter("dropped_payload_type"), 1);
}

#[test]
fn reports_of_one_ssrc_too_many_are_counted_as_such() {
    let mut lab = Lab::new();
    let mut client = lab.connect(1);
    for ssrc in 0..=128_u8 {
        let datagram = client.protect_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, ssrc]);
        lab.receive(client.tuple, &datagram);
    }
    assert_eq!(lab.counter("rtcp_packets_in"), 128);
    assert_eq!(lab.counter("dropped_too_many_ssrcs"), 1);
}

#[test]
fn forged_packets_of_new_ssrcs_make_nobody_forget_old_ones() {
    let mut lab = Lab::new();
    let client = lab.connect(1);
    lab.apply(add_producer(1, 1, audio(0)));
    let datagram = |ssrc| client.protect(header(AUDIO_TYPE, ssrc, 1, 0), &[], b"sound");
    for ssrc in 0..128 {
        lab.receive(client.tuple, &datagram(ssrc));
    }
    lab.apply(Command::RemoveProducer { producer: 1 });
    let mut forged = datagram(500);
    *forged.last_mut().unwrap() ^= 1;
    lab.receive(client.tuple, &forged);
    lab.receive(client.tuple, &datagram(0));
    assert_eq!(lab.counter("srtp_auth_failed"), 1);
    assert_eq!(lab.counter("srtp_replayed"), 1);
}

#[test]
fn publisher_that_restarts_its_stream_over_and_over_makes_nobody_get_old_packets_each_time() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    let send = |lab: &mut Lab, sequence: u16, jump: u32, key| {
        let timestamp = (u32::from(sequence) * 30).wrapping_add(jump);
        let head = header(VIDEO_TYPE, LAYERS[0], sequence, timestamp);
        lab.receive(publisher.tuple, &publisher.protect(head, &[], &vp8(key)));
    };
    send(&mut lab, 100, 0, true);
    for sequence in 150..500 {
        send(&mut lab, sequence, 0, false);
    }
    let before = lab.counter("rtp_packets_out");
    for (round, missing) in (1..).zip(101..150) {
        // Everyone waits, and then comes a start that all the others have overtaken.
        send(
            &mut lab,
            499 + round,
            u32::from(round % 2) * 90_000 * 3_600,
            false,
        );
        let head = header(RTX_TYPE, LAYERS[0] + 0x1000, missing, 0);
        let mut original = missing.to_be_bytes().to_vec();
        original.extend(vp8(true));
        lab.receive(publisher.tuple, &publisher.protect(head, &[], &original));
    }
    assert_eq!(lab.counter("streams_restarted"), 49);
    assert_eq!(lab.counter("rtp_packets_out"), before);
}
