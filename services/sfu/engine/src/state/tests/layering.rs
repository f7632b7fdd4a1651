//! From one encoding of a producer to another.

use super::lab::*;
use crate::command::Command;
use crate::event::{ConsumerStats, Event};
use crate::wire::rtcp::{Compound, Packet as Control};

/// SSRCs of three encodings, lowest first.
pub const LAYERS: [u32; 3] = [0x11, 0x22, 0x33];
pub const OUT: u32 = 0x2222;
const OUT_RTX: u32 = 0x2223;

/// A publisher of three encodings on transport 1 and a viewer, whose consumer 1 begins with the lowest.
pub fn call(lab: &mut Lab) -> (Client, Client) {
    let publisher = lab.connect(1);
    let viewer = lab.connect(2);
    let encodings = LAYERS.map(|ssrc| (Some(ssrc), Some(ssrc + 0x1000), None));
    lab.apply(add_producer(1, 1, video(Some("1"), &encodings)));
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, Some(OUT_RTX))));
    lab.sent();
    (publisher, viewer)
}

pub fn send(lab: &mut Lab, publisher: &Client, layer: usize, sequence: u16, key: bool) {
    let head = header(
        VIDEO_TYPE,
        LAYERS[layer],
        sequence,
        u32::from(sequence) * 3_000,
    );
    let mut payload = vp8(key);
    payload.push(layer as u8);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &payload));
}

pub fn set_layer(lab: &mut Lab, layer: usize) {
    lab.apply(Command::SetConsumerLayer { consumer: 1, layer });
}

/// Layers of the packets that the viewer got.
pub fn layers(viewer: &mut Client, lab: &mut Lab) -> Vec<u8> {
    let packets = viewer.packets(&lab.sent());
    packets
        .iter()
        .map(|packet| packet.payload.last().copied().unwrap())
        .collect()
}

fn told(lab: &mut Lab) -> Vec<u32> {
    lab.pass(10);
    lab.events()
        .iter()
        .filter_map(|event| match event {
            Event::ConsumerLayer { consumer: 1, layer } => Some(*layer),
            _ => None,
        })
        .collect()
}

fn stats(lab: &mut Lab) -> ConsumerStats {
    lab.apply(Command::RequestConsumerStats {
        consumer: 1,
        token: 0,
    });
    let found = lab.events().into_iter().find_map(|event| match event {
        Event::ConsumerStats { stats, .. } => stats,
        _ => None,
    });
    found.expect("a consumer that is there")
}

#[test]
fn switch_happens_at_a_key_frame_of_the_target_and_the_layer_before_goes_on_until_then() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    send(&mut lab, &publisher, 0, 10, true);
    assert_eq!(told(&mut lab), [0]);
    set_layer(&mut lab, 2);
    send(&mut lab, &publisher, 2, 500, false);
    send(&mut lab, &publisher, 0, 11, false);
    send(&mut lab, &publisher, 2, 501, true);
    send(&mut lab, &publisher, 0, 12, false);
    send(&mut lab, &publisher, 2, 502, false);
    let packets = viewer.packets(&lab.sent());
    let layers: Vec<u8> = packets.iter().map(|packet| packet.payload[11]).collect();
    assert_eq!(layers, [0, 0, 2, 2]);
    let first = packets[0].header;
    for (packet, number) in packets.iter().zip(0..) {
        assert_eq!(packet.header.sequence, first.sequence + number);
        assert_eq!(packet.header.ssrc, OUT);
    }
    for pair in packets.windows(2) {
        assert!(pair[0].header.timestamp < pair[1].header.timestamp);
    }
    assert_eq!(told(&mut lab), [2]);
}

#[test]
fn key_frame_of_the_target_is_asked_for_until_it_comes() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    for layer in 0..3 {
        send(&mut lab, &publisher, layer, 10, true);
    }
    lab.pass(500);
    let before = lab.counter("plis_out");
    set_layer(&mut lab, 1);
    assert_eq!(lab.counter("plis_out"), before + 1);
    lab.pass(1_000);
    let asked = lab.counter("plis_out");
    assert!(asked > before + 2);
    send(&mut lab, &publisher, 1, 11, true);
    lab.pass(2_000);
    assert_eq!(lab.counter("plis_out"), asked);
}

#[test]
fn wish_for_the_layer_that_is_forwarded_cancels_a_switch() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    send(&mut lab, &publisher, 0, 10, true);
    set_layer(&mut lab, 2);
    set_layer(&mut lab, 1);
    assert_eq!(stats(&mut lab).target_layer, 1);
    set_layer(&mut lab, 0);
    send(&mut lab, &publisher, 1, 10, true);
    send(&mut lab, &publisher, 2, 10, true);
    send(&mut lab, &publisher, 0, 11, false);
    assert_eq!(layers(&mut viewer, &mut lab), [0, 0]);
    let stats = stats(&mut lab);
    assert_eq!((stats.layer, stats.target_layer), (Some(0), 0));
}

#[test]
fn layer_that_the_producer_does_not_have_is_counted_and_changes_nothing() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    send(&mut lab, &publisher, 0, 10, true);
    set_layer(&mut lab, 1);
    set_layer(&mut lab, 3);
    assert_eq!(lab.counter("layers_unknown"), 1);
    send(&mut lab, &publisher, 1, 10, true);
    assert_eq!(layers(&mut viewer, &mut lab), [0, 1]);
}

#[test]
fn layer_of_who_waits_changes_at_once() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    assert_eq!(stats(&mut lab).layer, None);
    set_layer(&mut lab, 2);
    send(&mut lab, &publisher, 0, 10, true);
    assert!(layers(&mut viewer, &mut lab).is_empty());
    send(&mut lab, &publisher, 2, 10, true);
    assert_eq!(layers(&mut viewer, &mut lab), [2]);
    assert_eq!(told(&mut lab), [2]);
}

#[test]
fn pause_with_a_switch_under_way_ends_it_and_resuming_begins_with_the_target() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    let pauses = [
        (
            Command::PauseConsumer { consumer: 1 },
            Command::ResumeConsumer { consumer: 1 },
        ),
        (
            Command::PauseProducer { producer: 1 },
            Command::ResumeProducer { producer: 1 },
        ),
    ];
    for (round, (pause, resume)) in (0..).zip(pauses) {
        let sequence = 10 + 10 * round;
        set_layer(&mut lab, 0);
        send(&mut lab, &publisher, 0, sequence, true);
        set_layer(&mut lab, 1);
        lab.apply(pause);
        send(&mut lab, &publisher, 1, sequence, true);
        lab.apply(resume);
        send(&mut lab, &publisher, 0, sequence + 1, true);
        send(&mut lab, &publisher, 1, sequence + 1, true);
        assert_eq!(layers(&mut viewer, &mut lab), [0, 1]);
    }
}

#[test]
fn who_leaves_with_a_switch_under_way_leaves_nothing_behind() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    send(&mut lab, &publisher, 0, 10, true);
    set_layer(&mut lab, 1);
    lab.apply(Command::RemoveConsumer { consumer: 1 });
    // Takes the place of the one that left.
    lab.apply(add_consumer(1, 1, 2, consumer(OUT + 9, None)));
    lab.sent();
    send(&mut lab, &publisher, 1, 10, true);
    assert!(layers(&mut viewer, &mut lab).is_empty());
    lab.pass(1_000);
    lab.apply(Command::RemoveConsumer { consumer: 1 });
    lab.apply(add_consumer(2, 1, 2, consumer(OUT + 10, None)));
    lab.apply(Command::RemoveProducer { producer: 1 });
    assert_eq!(lab.counter("commands_stale"), 0);
}

#[test]
fn layer_that_found_no_room_in_the_ring_is_told_later_and_only_the_latest() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    lab.fill_event_ring(true);
    send(&mut lab, &publisher, 0, 10, true);
    set_layer(&mut lab, 1);
    send(&mut lab, &publisher, 1, 10, true);
    lab.pass(100);
    lab.fill_event_ring(false);
    lab.pass(10);
    assert_eq!(told(&mut lab), [1]);
    lab.pass(100);
    assert!(told(&mut lab).is_empty());
}

#[test]
fn codec_without_known_key_frames_switches_at_the_next_packet() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    let mut viewer = lab.connect(2);
    let encodings = LAYERS.map(|ssrc| (Some(ssrc), None, None));
    let mut config = video(Some("1"), &encodings);
    config.codecs[0].name = "h264".into();
    lab.apply(add_producer(1, 1, config));
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, None)));
    send(&mut lab, &publisher, 0, 10, false);
    set_layer(&mut lab, 1);
    send(&mut lab, &publisher, 0, 11, false);
    send(&mut lab, &publisher, 1, 10, false);
    send(&mut lab, &publisher, 0, 12, false);
    assert_eq!(layers(&mut viewer, &mut lab), [0, 0, 1]);
}

/// SSRCs that the publisher was asked for key frames of.
fn asked(publisher: &mut Client, lab: &mut Lab) -> Vec<u32> {
    let control = publisher.control(&lab.sent());
    let parts = control.iter().flat_map(|packet| Compound::new(packet));
    parts
        .filter_map(|part| match part {
            Control::Pli { media_ssrc, .. } => Some(media_ssrc),
            _ => None,
        })
        .collect()
}

#[test]
fn wishes_for_several_layers_are_one_request_and_the_layer_that_did_not_answer_is_asked_again() {
    let mut lab = Lab::new();
    let (mut publisher, _viewer) = call(&mut lab);
    for layer in 0..3 {
        send(&mut lab, &publisher, layer, 10, layer == 0);
    }
    lab.pass(1_000);
    lab.sent();
    for layer in 0..3 {
        let mut config = consumer(OUT + 10 + layer as u32, None);
        config.layer = layer;
        lab.apply(add_consumer(10 + layer as u32, 1, 2, config));
    }
    set_layer(&mut lab, 2);
    assert_eq!(asked(&mut publisher, &mut lab), [LAYERS[0]]);
    lab.pass(50);
    send(&mut lab, &publisher, 0, 11, true);
    send(&mut lab, &publisher, 1, 11, true);
    lab.pass(240);
    assert!(asked(&mut publisher, &mut lab).is_empty());
    lab.pass(20);
    assert_eq!(asked(&mut publisher, &mut lab), [LAYERS[2]]);
    send(&mut lab, &publisher, 2, 11, true);
    lab.pass(5_000);
    assert!(asked(&mut publisher, &mut lab).is_empty());
}

#[test]
fn layer_that_is_not_sent_is_asked_for_when_it_is_sent_again() {
    let mut lab = Lab::new();
    let (mut publisher, _viewer) = call(&mut lab);
    send(&mut lab, &publisher, 0, 10, true);
    set_layer(&mut lab, 2);
    lab.pass(2_000);
    assert!(asked(&mut publisher, &mut lab).is_empty());
    send(&mut lab, &publisher, 2, 10, false);
    lab.pass(10);
    assert_eq!(asked(&mut publisher, &mut lab), [LAYERS[2]]);
}

#[test]
fn layer_that_is_quiet_is_left_at_once_for_a_key_frame_that_has_just_come() {
    let mut lab = Lab::new();
    let (mut publisher, mut viewer) = call(&mut lab);
    set_layer(&mut lab, 2);
    for layer in 0..3 {
        send(&mut lab, &publisher, layer, 10, true);
    }
    lab.pass(500);
    send(&mut lab, &publisher, 1, 11, true);
    send(&mut lab, &publisher, 1, 12, false);
    lab.pass(100);
    assert_eq!(layers(&mut viewer, &mut lab), [2]);
    set_layer(&mut lab, 1);
    let packets = viewer.packets(&lab.sent());
    let timestamps: Vec<_> = packets
        .iter()
        .map(|packet| packet.header.timestamp)
        .collect();
    // The key frame came 500 ms after the last packet of the layer before.
    assert_eq!(timestamps, [30_000 + 45_000, 30_000 + 48_000]);
    lab.pass(1_000);
    assert!(asked(&mut publisher, &mut lab).is_empty());
    assert_eq!(told(&mut lab), [2, 1]);
}

#[test]
fn key_frame_that_is_older_than_what_the_viewer_has_seen_starts_nothing() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    for layer in 0..3 {
        send(&mut lab, &publisher, layer, 10, true);
    }
    lab.pass(30);
    send(&mut lab, &publisher, 0, 11, false);
    set_layer(&mut lab, 1);
    assert_eq!(layers(&mut viewer, &mut lab), [0, 0]);
    send(&mut lab, &publisher, 1, 11, true);
    assert_eq!(layers(&mut viewer, &mut lab), [1]);
}

#[test]
fn key_frame_of_the_target_without_its_start_starts_nothing_until_that_is_mended() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    send(&mut lab, &publisher, 0, 10, true);
    send(&mut lab, &publisher, 1, 9, false);
    set_layer(&mut lab, 1);
    let rest = header(VIDEO_TYPE, LAYERS[1], 11, 33_000);
    let second = publisher.protect(rest, &[], &[0x00, 0xaa, 1]);
    lab.receive(publisher.tuple, &second);
    send(&mut lab, &publisher, 0, 11, false);
    assert_eq!(layers(&mut viewer, &mut lab), [0, 0]);
    let head = header(RTX_TYPE, LAYERS[1] + 0x1000, 1, 33_000);
    let mut original = vec![0, 10];
    original.extend(vp8(true));
    original.push(1);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &original));
    send(&mut lab, &publisher, 1, 12, false);
    assert_eq!(layers(&mut viewer, &mut lab), [1, 1, 1]);
}

#[test]
fn late_packet_of_the_layer_before_a_switch_is_dropped() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    send(&mut lab, &publisher, 0, 10, true);
    send(&mut lab, &publisher, 0, 12, false);
    set_layer(&mut lab, 1);
    send(&mut lab, &publisher, 1, 10, true);
    send(&mut lab, &publisher, 0, 11, false);
    assert_eq!(layers(&mut viewer, &mut lab), [0, 0, 1]);
    set_layer(&mut lab, 0);
    send(&mut lab, &publisher, 0, 14, true);
    send(&mut lab, &publisher, 0, 13, false);
    assert_eq!(layers(&mut viewer, &mut lab), [0]);
    assert_eq!(lab.counter("dropped_late"), 1);
}

#[test]
fn nobody_who_watches_is_no_reason_to_ask_for_a_key_frame() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    lab.apply(Command::RemoveConsumer { consumer: 1 });
    let before = lab.counter("plis_out");
    send(&mut lab, &publisher, 0, 10, true);
    send(&mut lab, &publisher, 0, 20_000, false);
    lab.pass(1_000);
    assert_eq!(lab.counter("streams_restarted"), 1);
    assert_eq!(lab.counter("plis_out"), before);
}

#[test]
fn viewer_that_was_away_with_a_switch_under_way_gets_a_picture_when_it_is_back() {
    let mut lab = Lab::new();
    let (mut publisher, mut viewer) = call(&mut lab);
    for layer in 0..3 {
        send(&mut lab, &publisher, layer, 10, true);
    }
    set_layer(&mut lab, 2);
    // Its consent expires, while key frames come.
    for number in 0..320 {
        lab.pass(100);
        lab.check(publisher.tuple, "ufrag1", true);
        for layer in 0..3 {
            send(&mut lab, &publisher, layer, 11 + number, number == 315);
        }
    }
    layers(&mut viewer, &mut lab);
    for number in 320..330 {
        lab.pass(100);
        lab.check(publisher.tuple, "ufrag1", true);
        for layer in 0..3 {
            send(&mut lab, &publisher, layer, 11 + number, false);
        }
    }
    assert!(layers(&mut viewer, &mut lab).is_empty());
    lab.check(viewer.tuple, "ufrag2", true);
    lab.sent();
    lab.pass(10);
    let sent = lab.sent();
    viewer.packets(&sent);
    let control = publisher.control(&sent);
    let asked = control.iter().flat_map(|packet| Compound::new(packet));
    assert_eq!(
        asked
            .filter(|part| matches!(part, Control::Pli { .. }))
            .count(),
        1
    );
    for layer in 0..3 {
        send(&mut lab, &publisher, layer, 400, true);
    }
    assert_eq!(layers(&mut viewer, &mut lab), [2]);
}

#[test]
fn what_is_repaired_of_a_pause_is_not_seen_after_it() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    send(&mut lab, &publisher, 0, 9, true);
    lab.apply(Command::PauseProducer { producer: 1 });
    for sequence in 11..15 {
        send(&mut lab, &publisher, 0, sequence, false);
    }
    lab.apply(Command::ResumeProducer { producer: 1 });
    // The start of a key frame that was taken during the pause.
    send(&mut lab, &publisher, 0, 10, true);
    assert_eq!(layers(&mut viewer, &mut lab), [0]);
    send(&mut lab, &publisher, 0, 15, true);
    assert_eq!(layers(&mut viewer, &mut lab), [0]);
}

#[test]
fn layer_that_never_answers_keeps_no_other_from_being_asked_for() {
    let mut lab = Lab::new();
    let (mut publisher, mut viewer) = call(&mut lab);
    let mut upper = consumer(OUT + 10, None);
    upper.layer = 2;
    lab.apply(add_consumer(2, 1, 2, upper));
    for layer in 0..3 {
        send(&mut lab, &publisher, layer, 10, false);
    }
    // Answers for each layer on its own, but never for the lowest.
    for sequence in 11..60 {
        lab.pass(100);
        let sent = lab.sent();
        viewer.packets(&sent);
        let control = publisher.control(&sent);
        let asked = control
            .iter()
            .flat_map(|packet| Compound::new(packet))
            .any(|part| matches!(part, Control::Pli { media_ssrc, .. } if media_ssrc == LAYERS[2]));
        for layer in 0..3 {
            send(&mut lab, &publisher, layer, sequence, asked && layer == 2);
        }
    }
    let got = layers(&mut viewer, &mut lab);
    assert!(got.contains(&2), "{got:?}");
}
