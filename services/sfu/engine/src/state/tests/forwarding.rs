use super::lab::*;
use crate::command::Command;
use crate::wire::rtcp::{Compound, Packet as Control};

const SSRC: u32 = 0x1111;
const OUT: u32 = 0x2222;

/// A publisher of video on transport 1, and a viewer of it on transport 2.
fn video_call(lab: &mut Lab) -> (Client, Client) {
    let publisher = lab.connect(1);
    let viewer = lab.connect(2);
    lab.apply(add_producer(
        1,
        1,
        video(Some("1"), &[(Some(SSRC), None, None)]),
    ));
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, None)));
    (publisher, viewer)
}

fn send_video(lab: &mut Lab, publisher: &Client, sequence: u16, timestamp: u32, key: bool) {
    let head = header(VIDEO_TYPE, SSRC, sequence, timestamp);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &vp8(key)));
}

fn sequences(packets: &[Packet]) -> Vec<u16> {
    let first = packets.first().map_or(0, |packet| packet.header.sequence);
    packets
        .iter()
        .map(|packet| packet.header.sequence.wrapping_sub(first))
        .collect()
}

fn plis(client: &mut Client, sent: &[Sent]) -> usize {
    client
        .control(sent)
        .iter()
        .flat_map(|packet| Compound::new(packet).collect::<Vec<_>>())
        .filter(|part| {
            matches!(
                part,
                Control::Pli {
                    media_ssrc: SSRC,
                    ..
                }
            )
        })
        .count()
}

#[test]
fn audio_leaves_under_the_consumers_names_with_its_own_extensions() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    let mut viewer = lab.connect(2);
    lab.apply(add_producer(1, 1, audio(SSRC)));
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, None)));
    let elements: [(u8, &[u8]); 4] = [(MID, b"0"), (LEVEL, &[0x85]), (WIDE, &[0, 9]), (14, b"?")];
    for sequence in 0..2 {
        let mut head = header(AUDIO_TYPE, SSRC, 500 + sequence, 960 * u32::from(sequence));
        head.marker = sequence == 0;
        lab.receive(
            publisher.tuple,
            &publisher.protect(head, &elements, b"sound"),
        );
    }
    let packets = viewer.packets(&lab.sent());
    assert_eq!(sequences(&packets), [0, 1]);
    let first = &packets[0];
    assert!(first.header.marker);
    assert_eq!((first.header.payload_type, first.header.ssrc), (100, OUT));
    assert_eq!(first.payload, b"sound");
    assert_eq!(first.elements[&1], b"7");
    assert_eq!(first.elements[&10], [0x85]);
    assert_eq!(first.elements[&4].len(), 3);
    assert_eq!(first.elements[&5], [0, 0]);
    assert_eq!(packets[1].elements[&5], [0, 1]);
    assert_eq!(first.elements.len(), 4);
}

#[test]
fn video_starts_at_a_key_frame_that_is_asked_for() {
    let mut lab = Lab::new();
    let (mut publisher, mut viewer) = video_call(&mut lab);
    assert_eq!(plis(&mut publisher, &lab.sent()), 1);
    send_video(&mut lab, &publisher, 10, 0, false);
    assert!(viewer.packets(&lab.sent()).is_empty());
    send_video(&mut lab, &publisher, 11, 3_000, true);
    send_video(&mut lab, &publisher, 12, 6_000, false);
    let packets = viewer.packets(&lab.sent());
    assert_eq!(sequences(&packets), [0, 1]);
    assert_eq!(packets[0].header.payload_type, 101);
    assert_eq!(packets[1].header.timestamp, 6_000);
}

#[test]
fn lost_request_is_repeated_soon_while_somebody_waits_and_not_after() {
    let mut lab = Lab::new();
    let (mut publisher, _viewer) = video_call(&mut lab);
    assert_eq!(plis(&mut publisher, &lab.sent()), 1);
    lab.pass(1_000);
    assert_eq!(plis(&mut publisher, &lab.sent()), 2);
    lab.pass(30_000);
    let rarely = plis(&mut publisher, &lab.sent());
    assert!((12..=14).contains(&rarely), "{rarely}");
    send_video(&mut lab, &publisher, 10, 0, true);
    lab.pass(5_000);
    assert_eq!(plis(&mut publisher, &lab.sent()), 0);
}

#[test]
fn requests_of_many_viewers_become_one_in_three_hundred_milliseconds() {
    let mut lab = Lab::new();
    let (mut publisher, _viewer) = video_call(&mut lab);
    for number in 2..12 {
        lab.apply(add_consumer(number, 1, 2, consumer(OUT + number, None)));
    }
    assert_eq!(plis(&mut publisher, &lab.sent()), 1);
    lab.pass(290);
    assert_eq!(plis(&mut publisher, &lab.sent()), 0);
    lab.pass(20);
    assert_eq!(plis(&mut publisher, &lab.sent()), 1);
}

#[test]
fn pli_of_a_viewer_reaches_the_publisher() {
    let mut lab = Lab::new();
    let (mut publisher, mut viewer) = video_call(&mut lab);
    send_video(&mut lab, &publisher, 10, 0, true);
    lab.pass(400);
    lab.sent();
    let mut buffer = [0; 64];
    let length = crate::wire::rtcp::write_pli(&mut buffer, 9, OUT).unwrap();
    let pli = viewer.protect_rtcp(&buffer[..length]);
    lab.receive(viewer.tuple, &pli);
    assert_eq!(plis(&mut publisher, &lab.sent()), 1);
    assert_eq!(lab.counter("plis_in"), 1);
}

#[test]
fn owner_may_ask_for_a_key_frame_as_often_as_a_viewer() {
    let mut lab = Lab::new();
    let (mut publisher, _viewer) = video_call(&mut lab);
    send_video(&mut lab, &publisher, 10, 0, true);
    lab.pass(400);
    lab.sent();
    let request = Command::RequestKeyFrame { consumer: 1 };
    lab.apply(request.clone());
    lab.apply(request.clone());
    assert_eq!(plis(&mut publisher, &lab.sent()), 1);
    lab.apply(Command::PauseConsumer { consumer: 1 });
    lab.pass(400);
    lab.sent();
    lab.apply(request);
    assert_eq!(plis(&mut publisher, &lab.sent()), 0);
    lab.apply(Command::RequestKeyFrame { consumer: 9 });
    assert_eq!(lab.counter("commands_stale"), 1);
}

#[test]
fn reordered_packets_keep_their_places_and_older_ones_than_the_start_are_dropped() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = video_call(&mut lab);
    for (sequence, key) in [
        (9, false),
        (12, true),
        (14, false),
        (13, false),
        (11, false),
    ] {
        send_video(&mut lab, &publisher, sequence, 0, key);
    }
    let packets = viewer.packets(&lab.sent());
    assert_eq!(sequences(&packets), [0, 2, 1]);
    assert_eq!(lab.counter("dropped_late"), 1);
}

#[test]
fn packets_that_overtook_the_start_of_the_key_frame_follow_it() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = video_call(&mut lab);
    for (sequence, key) in [
        (9, false),
        (11, false),
        (12, false),
        (10, true),
        (13, false),
    ] {
        send_video(&mut lab, &publisher, sequence, 0, key);
    }
    let packets = viewer.packets(&lab.sent());
    assert_eq!(sequences(&packets), [0, 1, 2, 3]);
}

#[test]
fn pause_and_resume_leave_no_gap_and_wait_for_a_key_frame() {
    let mut lab = Lab::new();
    let (mut publisher, mut viewer) = video_call(&mut lab);
    send_video(&mut lab, &publisher, 10, 0, true);
    lab.apply(Command::PauseConsumer { consumer: 1 });
    for sequence in 11..20 {
        send_video(&mut lab, &publisher, sequence, 3_000, false);
    }
    lab.pass(1_000);
    lab.sent();
    lab.apply(Command::ResumeConsumer { consumer: 1 });
    assert_eq!(plis(&mut publisher, &lab.sent()), 1);
    send_video(&mut lab, &publisher, 20, 93_000, false);
    send_video(&mut lab, &publisher, 21, 96_000, true);
    let last = viewer.packets(&lab.sent());
    assert_eq!(last.len(), 1);
    assert_eq!(last[0].header.timestamp, 96_000);
    send_video(&mut lab, &publisher, 22, 99_000, false);
    let next = viewer.packets(&lab.sent());
    assert_eq!(next[0].header.sequence, last[0].header.sequence + 1);
}

#[test]
fn paused_producer_is_received_but_not_forwarded() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = video_call(&mut lab);
    lab.apply(Command::PauseProducer { producer: 1 });
    send_video(&mut lab, &publisher, 10, 0, true);
    assert!(viewer.packets(&lab.sent()).is_empty());
    lab.apply(Command::ResumeProducer { producer: 1 });
    send_video(&mut lab, &publisher, 11, 0, false);
    send_video(&mut lab, &publisher, 12, 0, true);
    assert_eq!(viewer.packets(&lab.sent()).len(), 1);
}

#[test]
fn key_frame_is_asked_for_once_before_the_viewer_could_get_it_and_again_when_it_can() {
    let mut lab = Lab::new();
    let mut publisher = lab.connect(1);
    lab.apply(add_producer(
        1,
        1,
        video(Some("1"), &[(Some(SSRC), None, None)]),
    ));
    lab.add_transport(2);
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, None)));
    assert_eq!(plis(&mut publisher, &lab.sent()), 1);
    lab.pass(1_500);
    assert_eq!(plis(&mut publisher, &lab.sent()), 0);
    lab.check(tuple(2), "ufrag2", true);
    lab.apply(Client::new(2, tuple(2)).set_keys());
    assert_eq!(plis(&mut publisher, &lab.sent()), 1);
}

#[test]
fn viewer_whose_transport_is_ready_a_moment_later_starts_with_the_key_frame_that_is_here() {
    let mut lab = Lab::new();
    let mut publisher = lab.connect(1);
    lab.apply(add_producer(
        1,
        1,
        video(Some("1"), &[(Some(SSRC), None, None)]),
    ));
    lab.add_transport(2);
    let mut paused = consumer(OUT, None);
    paused.paused = true;
    lab.apply(add_consumer(1, 1, 2, paused));
    assert_eq!(plis(&mut publisher, &lab.sent()), 1);
    send_video(&mut lab, &publisher, 10, 0, true);
    send_video(&mut lab, &publisher, 11, 3_000, false);
    lab.check(tuple(2), "ufrag2", true);
    let mut viewer = Client::new(2, tuple(2));
    lab.apply(viewer.set_keys());
    lab.pass(200);
    lab.sent();
    lab.apply(Command::ResumeConsumer { consumer: 1 });
    let sent = lab.sent();
    assert_eq!(plis(&mut publisher, &sent), 0);
    assert_eq!(viewer.packets(&sent).len(), 2);
}

#[test]
fn simulcast_layers_are_told_apart_by_rid_that_came_before_produce() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    let mut viewer = lab.connect(2);
    let send = |lab: &mut Lab, ssrc, sequence, elements: &[(u8, &[u8])], key| {
        let head = header(VIDEO_TYPE, ssrc, sequence, 0);
        lab.receive(
            publisher.tuple,
            &publisher.protect(head, elements, &vp8(key)),
        );
    };
    // MID and RID in different packets, both before anyone knows what the ids mean.
    for (ssrc, rid) in [(71, b"r0"), (72, b"r1")] {
        send(&mut lab, ssrc, 1, &[(RID, rid)], false);
        send(&mut lab, ssrc, 2, &[(MID, b"1")], false);
    }
    assert_eq!(lab.counter("rtp_before_produce"), 4);
    let layers = [(None, None, Some("r0")), (None, None, Some("r1"))];
    lab.apply(add_producer(1, 1, video(Some("1"), &layers)));
    let mut upper = consumer(OUT, None);
    upper.layer = 1;
    lab.apply(add_consumer(1, 1, 2, upper));
    send(&mut lab, 71, 3, &[], true);
    assert!(viewer.packets(&lab.sent()).is_empty());
    send(&mut lab, 72, 3, &[], true);
    assert_eq!(viewer.packets(&lab.sent()).len(), 1);
}

#[test]
fn sole_encoding_without_names_is_found_by_mid_or_payload_type() {
    for elements in [vec![(MID, &b"1"[..])], vec![]] {
        let mut lab = Lab::new();
        let publisher = lab.connect(1);
        let mut viewer = lab.connect(2);
        lab.apply(add_producer(1, 1, audio(5)));
        lab.apply(add_producer(2, 1, video(Some("1"), &[(None, None, None)])));
        lab.apply(add_consumer(1, 2, 2, consumer(OUT, None)));
        let head = header(VIDEO_TYPE, 99, 1, 0);
        lab.receive(
            publisher.tuple,
            &publisher.protect(head, &elements, &vp8(true)),
        );
        assert_eq!(viewer.packets(&lab.sent()).len(), 1);
    }
}

#[test]
fn stream_that_two_producers_could_have_is_given_to_neither() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    lab.apply(add_producer(1, 1, video(Some("1"), &[(None, None, None)])));
    lab.apply(add_producer(2, 1, video(Some("2"), &[(None, None, None)])));
    let head = header(VIDEO_TYPE, 99, 1, 0);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &vp8(true)));
    assert_eq!(lab.counter("rtp_before_produce"), 1);
    let head = header(VIDEO_TYPE, 99, 2, 0);
    lab.receive(
        publisher.tuple,
        &publisher.protect(head, &[(MID, b"2")], &vp8(true)),
    );
    assert_eq!(lab.counter("rtp_before_produce"), 1);
}

#[test]
fn ssrc_that_another_producer_declared_stays_with_it() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = video_call(&mut lab);
    lab.apply(add_producer(
        2,
        1,
        video(Some("2"), &[(Some(SSRC), None, None)]),
    ));
    assert_eq!(lab.counter("duplicate_ssrc"), 1);
    lab.apply(Command::RemoveProducer { producer: 2 });
    send_video(&mut lab, &publisher, 10, 0, true);
    assert_eq!(viewer.packets(&lab.sent()).len(), 1);
}

#[test]
fn gap_too_long_to_mend_is_closed_and_waits_for_a_key_frame() {
    let mut lab = Lab::new();
    let (mut publisher, mut viewer) = video_call(&mut lab);
    send_video(&mut lab, &publisher, 10, 0, true);
    let first = viewer.packets(&lab.sent())[0].header.sequence;
    lab.pass(400);
    lab.sent();
    send_video(&mut lab, &publisher, 5_000, 3_000, false);
    assert_eq!(lab.counter("streams_restarted"), 1);
    lab.pass(10);
    let sent = lab.sent();
    assert!(viewer.packets(&sent).is_empty());
    assert_eq!(plis(&mut publisher, &sent), 1);
    send_video(&mut lab, &publisher, 5_001, 6_000, true);
    let packets = viewer.packets(&lab.sent());
    assert_eq!(packets[0].header.sequence, first + 1);
    assert_eq!(lab.counter("nacks_out"), 0);
}

#[test]
fn packets_before_the_keys_are_forwarded_when_the_keys_come() {
    let mut lab = Lab::new();
    let mut viewer = lab.connect(2);
    lab.add_transport(1);
    lab.check(tuple(1), "ufrag1", true);
    lab.apply(add_producer(1, 1, audio(SSRC)));
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, None)));
    let publisher = Client::new(1, tuple(1));
    for sequence in 0..70 {
        let head = header(AUDIO_TYPE, SSRC, sequence, 0);
        lab.receive(publisher.tuple, &publisher.protect(head, &[], b"sound"));
    }
    assert_eq!(lab.counter("dropped_before_keys"), 6);
    lab.apply(publisher.set_keys());
    assert_eq!(viewer.packets(&lab.sent()).len(), 64);
}

#[test]
fn packets_that_waited_too_long_for_the_keys_are_dropped() {
    let mut lab = Lab::new();
    lab.add_transport(1);
    lab.check(tuple(1), "ufrag1", true);
    let publisher = Client::new(1, tuple(1));
    let head = header(AUDIO_TYPE, SSRC, 1, 0);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], b"sound"));
    lab.pass(210);
    lab.apply(publisher.set_keys());
    assert_eq!(lab.counter("dropped_before_keys"), 1);
    assert_eq!(lab.counter("replayed_after_keys"), 0);
}

#[test]
fn forged_and_replayed_packets_go_nowhere() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = video_call(&mut lab);
    let good = publisher.protect(header(VIDEO_TYPE, SSRC, 10, 0), &[], &vp8(true));
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    lab.receive(publisher.tuple, &forged);
    lab.receive(publisher.tuple, &good);
    lab.receive(publisher.tuple, &good);
    lab.receive(tuple(77), &good);
    assert_eq!(viewer.packets(&lab.sent()).len(), 1);
    assert_eq!(lab.counter("srtp_auth_failed"), 1);
    assert_eq!(lab.counter("srtp_replayed"), 1);
    assert_eq!(lab.counter("dropped_unvalidated"), 1);
}

#[test]
fn sequence_numbers_wrap_with_their_rollover_counter() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    let mut viewer = lab.connect(2);
    lab.apply(add_producer(1, 1, audio(SSRC)));
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, None)));
    // Our own numbers start below 2^15 and must wrap within these; the client's decryption fails if
    // the rollover counter is wrong.
    for sequence in 0..=u16::MAX {
        let head = header(AUDIO_TYPE, SSRC, sequence, u32::from(sequence) * 960);
        lab.receive(publisher.tuple, &publisher.protect(head, &[], b"x"));
        let sent = lab.sent();
        assert_eq!(viewer.packets(&sent).len(), 1);
    }
}

#[test]
fn packet_that_would_outgrow_a_datagram_is_dropped() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    lab.apply(add_producer(1, 1, audio(SSRC)));
    lab.connect(2);
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, None)));
    let head = header(AUDIO_TYPE, SSRC, 1, 0);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &[0; 1_470]));
    assert_eq!(lab.counter("dropped_too_long"), 1);
    assert!(lab.sent().is_empty());
}
