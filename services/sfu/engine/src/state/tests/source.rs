//! Which SSRC feeds an encoding, and what becomes of it when another one does.

use super::lab::*;
use crate::wire::rtcp::{Compound, Packet as Control, write_nack};
use crate::wire::rtx;

const OUT: u32 = 0x2222;
const OUT_RTX: u32 = 0x2223;

/// A publisher of the RIDs r0 and r1, and a viewer of r0.
fn call(lab: &mut Lab) -> (Client, Client) {
    let publisher = lab.connect(1);
    let viewer = lab.connect(2);
    let layers = [(None, None, Some("r0")), (None, None, Some("r1"))];
    lab.apply(add_producer(1, 1, video(Some("1"), &layers)));
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, Some(OUT_RTX))));
    (publisher, viewer)
}

/// A frame that names its RID, of an SSRC of its own.
fn send(lab: &mut Lab, publisher: &Client, ssrc: u32, rid: &str, sequence: u16, key: bool) {
    let head = header(VIDEO_TYPE, ssrc, sequence, u32::from(sequence) * 3_000);
    let elements: [(u8, &[u8]); 2] = [(MID, b"1"), (RID, rid.as_bytes())];
    let payload = numbered_vp8(key, sequence, sequence as u8);
    lab.receive(
        publisher.tuple,
        &publisher.protect(head, &elements, &payload),
    );
}

#[test]
fn ssrc_that_names_the_encoding_takes_over_at_its_key_frame_and_numbers_go_on() {
    let mut lab = Lab::new();
    let (mut publisher, mut viewer) = call(&mut lab);
    send(&mut lab, &publisher, 71, "r0", 60_000, true);
    send(&mut lab, &publisher, 71, "r0", 60_001, false);
    lab.pass(400);
    let before = viewer.packets(&lab.sent());
    // It counts from where the one before has just been.
    send(&mut lab, &publisher, 72, "r0", 60_000, false);
    send(&mut lab, &publisher, 71, "r0", 60_002, true);
    lab.pass(10);
    let sent = lab.sent();
    assert!(viewer.packets(&sent).is_empty());
    let control = publisher.control(&sent);
    let asked = control.iter().flat_map(|packet| Compound::new(packet));
    let asked = asked.filter(|part| matches!(part, Control::Pli { media_ssrc: 72, .. }));
    assert_eq!(asked.count(), 1);
    send(&mut lab, &publisher, 72, "r0", 60_003, true);
    let after = viewer.packets(&lab.sent());
    let (last, first) = (&before[1], &after[0]);
    assert_eq!(first.header.sequence, last.header.sequence + 1);
    // 410 ms later by our clock, since its own says nothing.
    let elapsed = first.header.timestamp - last.header.timestamp;
    assert_eq!(elapsed, 410 * 90);
    assert_eq!(first.payload[2..4], [0x80 | (60_002_u16 >> 8) as u8, 0x62]);
    assert_eq!(lab.counter("ssrcs_changed"), 1);
    assert_eq!(lab.counter("nacks_out"), 0);

    // What the one before has sent can still be had, unless the same number came again since.
    let mut buffer = [0; 64];
    let lost = last.header.sequence;
    let written = write_nack(&mut buffer, 9, OUT, &[lost - 1, lost]).unwrap();
    let nack = viewer.protect_rtcp(&buffer[..written.bytes]);
    lab.receive(viewer.tuple, &nack);
    let again = viewer.packets(&lab.sent());
    let (original, payload) = rtx::parse(&again[0].payload).unwrap();
    assert_eq!((original, payload), (lost, &last.payload[..]));
    assert_eq!(lab.counter("nack_gone"), 1);
}

#[test]
fn ssrcs_that_change_with_each_packet_are_heard_twice_a_second_and_harm_no_other_layer() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    let mut other = lab.connect(3);
    let mut upper = consumer(OUT, None);
    upper.layer = 1;
    lab.apply(add_consumer(2, 1, 3, upper));
    for sequence in 0..100 {
        let ssrc = 100 + u32::from(sequence);
        send(&mut lab, &publisher, ssrc, "r0", 1, true);
        send(&mut lab, &publisher, 71, "r0", sequence + 1, true);
        send(&mut lab, &publisher, 99, "r1", sequence + 1, sequence == 0);
        lab.pass(10);
    }
    assert!(lab.counter("ssrcs_changed") <= 4);
    assert_eq!(other.packets(&lab.sent()).len(), 100);
}

#[test]
fn ssrc_that_was_replaced_comes_back_only_when_the_other_is_gone() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    send(&mut lab, &publisher, 71, "r0", 1, true);
    send(&mut lab, &publisher, 72, "r0", 1, true);
    for sequence in 2..50 {
        lab.pass(100);
        send(&mut lab, &publisher, 71, "r0", sequence, true);
        send(&mut lab, &publisher, 72, "r0", sequence, false);
    }
    assert_eq!(lab.counter("duplicate_ssrc"), 48);
    assert_eq!(viewer.packets(&lab.sent()).len(), 50);
    for sequence in 50..90 {
        lab.pass(100);
        send(&mut lab, &publisher, 71, "r0", sequence, true);
    }
    assert_eq!(lab.counter("duplicate_ssrc"), 48 + 19);
    let packets = viewer.packets(&lab.sent());
    assert_eq!(packets.len(), 40 - 19);
    for pair in packets.windows(2) {
        let numbers = pair[1].header.sequence - pair[0].header.sequence;
        assert_eq!(numbers, 1);
    }
}

#[test]
fn stream_that_came_before_its_producer_takes_no_place_that_is_declared() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    let mut viewer = lab.connect(2);
    // Left over from a producer that had the same MID.
    send(&mut lab, &publisher, 71, "r0", 1, true);
    let declared = [(Some(72), None, None)];
    lab.apply(add_producer(1, 1, video(Some("1"), &declared)));
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, None)));
    send(&mut lab, &publisher, 72, "r0", 1, true);
    assert_eq!(viewer.packets(&lab.sent()).len(), 1);
    assert_eq!(lab.counter("ssrcs_changed"), 0);
}

#[test]
fn rid_that_was_never_announced_is_remembered_in_bounds_and_forwarded_to_nobody() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    for ssrc in 0..100 {
        send(&mut lab, &publisher, ssrc, "r7", 1, true);
    }
    assert!(viewer.packets(&lab.sent()).is_empty());
    assert_eq!(lab.counter("rtp_before_produce"), 100);
    send(&mut lab, &publisher, 71 + 1_000, "r0", 1, true);
    assert_eq!(viewer.packets(&lab.sent()).len(), 1);
}

#[test]
fn rtx_that_names_its_rid_before_the_media_does_mends_gaps_later() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    let repair = |lab: &mut Lab, sequence, original: &[u8], names: &[(u8, &[u8])]| {
        let head = header(RTX_TYPE, 81, sequence, 6_000);
        lab.receive(publisher.tuple, &publisher.protect(head, names, original));
    };
    // A probe of nothing but padding is the first that comes.
    repair(&mut lab, 1, &[], &[(MID, b"1"), (RRID, b"r0")]);
    assert_eq!(lab.counter("rtx_empty"), 1);
    send(&mut lab, &publisher, 71, "r0", 1, true);
    send(&mut lab, &publisher, 71, "r0", 3, false);
    let mut original = vec![0, 2];
    original.extend(numbered_vp8(false, 2, 2));
    repair(&mut lab, 2, &original, &[]);
    let packets = viewer.packets(&lab.sent());
    let first = packets[0].header.sequence;
    let sent: Vec<_> = packets
        .iter()
        .map(|packet| packet.header.sequence - first)
        .collect();
    assert_eq!(sent, [0, 2, 1]);
}

#[test]
fn rid_that_two_producers_have_is_nobodys_until_the_mid_is_known() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    let layers = [(None, None, Some("r0")), (None, None, Some("r1"))];
    lab.apply(add_producer(2, 1, video(Some("2"), &layers)));
    lab.apply(add_consumer(2, 2, 2, consumer(OUT + 2, None)));
    send(&mut lab, &publisher, 71, "r0", 1, true);
    let transmit = |lab: &mut Lab, sequence, names: &[(u8, &[u8])]| {
        let head = header(VIDEO_TYPE, 91, sequence, 0);
        lab.receive(publisher.tuple, &publisher.protect(head, names, &vp8(true)));
    };
    transmit(&mut lab, 1, &[(RID, b"r0")]);
    assert_eq!(lab.counter("rtp_before_produce"), 1);
    transmit(&mut lab, 2, &[(MID, b"2")]);
    let packets = viewer.packets(&lab.sent());
    let ssrcs: Vec<_> = packets.iter().map(|packet| packet.header.ssrc).collect();
    assert_eq!(ssrcs, [OUT, OUT + 2]);
    assert_eq!(lab.counter("ssrcs_changed"), 0);
}

#[test]
fn ssrc_that_two_producers_declared_is_not_lost_to_the_first_when_the_second_gets_another() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    let mut viewer = lab.connect(2);
    let declared = [(Some(71), None, None)];
    lab.apply(add_producer(1, 1, video(Some("1"), &declared)));
    lab.apply(add_producer(2, 1, video(Some("2"), &declared)));
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, None)));
    let head = header(VIDEO_TYPE, 72, 1, 0);
    let names: [(u8, &[u8]); 1] = [(MID, b"2")];
    lab.receive(
        publisher.tuple,
        &publisher.protect(head, &names, &vp8(true)),
    );
    let head = header(VIDEO_TYPE, 71, 1, 0);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &vp8(true)));
    assert_eq!(viewer.packets(&lab.sent()).len(), 1);
}
