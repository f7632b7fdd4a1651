//! What is counted of streams and transports.

use super::lab::*;
use crate::command::Command;
use crate::event::{EncodingStats, Event, Sample, TransportStats};
use crate::wire::rtcp::{ReportBlock, write_nack, write_receiver_report};

const SSRC: u32 = 0x1111;
const RTX_SSRC: u32 = 0x1112;
const OUT: u32 = 0x2222;
const OUT_RTX: u32 = 0x2223;

fn call(lab: &mut Lab) -> (Client, Client) {
    let publisher = lab.connect(1);
    let viewer = lab.connect(2);
    let encodings = [(Some(SSRC), Some(RTX_SSRC), None)];
    lab.apply(add_producer(7, 1, video(Some("1"), &encodings)));
    lab.apply(add_consumer(9, 7, 2, consumer(OUT, Some(OUT_RTX))));
    (publisher, viewer)
}

fn send(lab: &mut Lab, publisher: &Client, sequence: u16) {
    let head = header(VIDEO_TYPE, SSRC, sequence, 3_000 * u32::from(sequence));
    let datagram = publisher.protect(head, &[], &vp8(sequence == 10));
    lab.receive(publisher.tuple, &datagram);
}

fn send_by_rtx(lab: &mut Lab, publisher: &Client, number: u16, original: u16) {
    let mut payload = original.to_be_bytes().to_vec();
    payload.extend(vp8(false));
    let head = header(RTX_TYPE, RTX_SSRC, number, 3_000 * u32::from(original));
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &payload));
}

fn of_producer(lab: &mut Lab) -> Vec<EncodingStats> {
    lab.events();
    lab.apply(Command::RequestProducerStats {
        producer: 7,
        token: 3,
    });
    match lab.events().remove(0) {
        Event::ProducerStats { token: 3, stats } => stats.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn of_transport(lab: &Lab, handle: u32) -> TransportStats {
    lab.core.transport_stats(handle).unwrap()
}

fn sample(lab: &mut Lab) -> Sample {
    lab.events();
    let room = Sample::with_room(16, 16);
    let given = [room.encodings.as_ptr(), room.consumers.as_ptr()];
    lab.apply(Command::RequestSample {
        token: 5,
        sample: room,
    });
    match lab.events().remove(0) {
        Event::Sample { token: 5, sample } => {
            // What came with the request, and not a larger one.
            assert_eq!(
                [sample.encodings.as_ptr(), sample.consumers.as_ptr()],
                given
            );
            sample
        }
        other => panic!("{other:?}"),
    }
}

fn u32_at(record: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(record[at..at + 4].try_into().unwrap())
}

fn u64_at(record: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(record[at..at + 8].try_into().unwrap())
}

#[test]
fn losses_stay_and_what_rtx_brings_is_counted_beside_them() {
    let mut lab = Lab::new();
    let (publisher, _) = call(&mut lab);
    for sequence in [10, 11, 14, 15] {
        send(&mut lab, &publisher, sequence);
        lab.pass(30);
    }
    send_by_rtx(&mut lab, &publisher, 1, 12);
    // What came already counts no more.
    send_by_rtx(&mut lab, &publisher, 2, 12);
    send(&mut lab, &publisher, 16);
    let [stats] = of_producer(&mut lab)[..] else {
        panic!("one encoding");
    };
    assert_eq!(stats.ssrc, Some(SSRC));
    assert_eq!((stats.packets_received, stats.packets_lost), (6, 2));
    assert_eq!(stats.packets_repaired, Some(1));
    assert_eq!(stats.bytes_received, 6 * vp8(false).len() as u64);
    // 12 and 13 were asked for together, and not again for 150 ms.
    assert_eq!(stats.nacks_sent, 1);
    assert!(stats.key_frame_requests_sent > 0);
    // Frames lie 33.3 ms apart by their timestamps, and came after 30 ms, but for a gap of two.
    assert!((1..20_000).contains(&stats.jitter_micros.unwrap()));

    let record = sample(&mut lab).encodings;
    assert_eq!(record.len(), 32);
    assert_eq!((u32_at(&record, 0), u32_at(&record, 4)), (7, 0));
    let numbers = [8, 16, 24].map(|at| u64_at(&record, at));
    assert_eq!(numbers, [6, 2, 1]);
}

#[test]
fn encoding_that_never_came_has_nothing_but_zeros() {
    let mut lab = Lab::new();
    lab.connect(1);
    let layers = [(None, None, Some("r0")), (None, None, Some("r1"))];
    lab.apply(add_producer(7, 1, video(Some("1"), &layers)));
    let nothing = EncodingStats {
        packets_repaired: Some(0),
        ..EncodingStats::default()
    };
    assert_eq!(of_producer(&mut lab), [nothing, nothing]);
    lab.apply(add_producer(8, 1, audio(5)));
    let of_audio = lab.core.producer_stats(8).unwrap();
    assert_eq!(of_audio[0].packets_repaired, None);
}

#[test]
fn counts_of_an_encoding_go_on_when_another_ssrc_sends_it() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    let layers = [(None, None, Some("r0")), (None, None, Some("r1"))];
    lab.apply(add_producer(7, 1, video(Some("1"), &layers)));
    for (ssrc, sequence) in [(71, 1), (71, 4), (72, 500), (72, 502)] {
        let head = header(VIDEO_TYPE, ssrc, sequence, 0);
        let elements: [(u8, &[u8]); 2] = [(MID, b"1"), (RID, b"r0")];
        let datagram = publisher.protect(head, &elements, &vp8(false));
        lab.receive(publisher.tuple, &datagram);
    }
    let stats = of_producer(&mut lab)[0];
    assert_eq!(stats.ssrc, Some(72));
    assert_eq!((stats.packets_received, stats.packets_lost), (4, 3));
}

#[test]
fn consumer_is_known_by_the_reports_of_its_client_and_what_was_sent_again_by_then() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    for sequence in 10..30 {
        send(&mut lab, &publisher, sequence);
    }
    let packets = viewer.packets(&lab.sent());
    let first = packets[0].header.sequence;
    let before = sample(&mut lab).consumers;
    assert_eq!(before.len(), 28);
    assert_eq!((u32_at(&before, 0), u32_at(&before, 12)), (9, 0));
    assert_eq!(u64_at(&before, 4), 20);

    let mut buffer = [0; 256];
    for millis in [0, 30] {
        lab.pass(millis);
        // One of them twice: it is the same packet.
        let wanted = &[first + 3, first + 4][..if millis == 0 { 2 } else { 1 }];
        let written = write_nack(&mut buffer, 9, OUT, wanted).unwrap();
        let datagram = viewer.protect_rtcp(&buffer[..written.bytes]);
        lab.receive(viewer.tuple, &datagram);
    }
    let block = ReportBlock {
        ssrc: OUT,
        cumulative_lost: 3,
        highest_sequence: u32::from(first) + 17,
        ..ReportBlock::default()
    };
    let length = write_receiver_report(&mut buffer, 9, &[block]).unwrap();
    let datagram = viewer.protect_rtcp(&buffer[..length]);
    lab.receive(viewer.tuple, &datagram);
    let after = sample(&mut lab).consumers;
    assert_eq!((u32_at(&after, 12), u32_at(&after, 16)), (18, 3));
    assert_eq!((u64_at(&after, 20), u64_at(&after, 4)), (2, 20));
    lab.apply(Command::RemoveConsumer { consumer: 9 });
    assert!(sample(&mut lab).consumers.is_empty());
}

#[test]
fn transport_counts_what_comes_and_goes_but_no_checks() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    let start = of_transport(&lab, 1);
    lab.check(publisher.tuple, "ufrag1", true);
    assert_eq!(of_transport(&lab, 1), start);
    let mut bytes = 0;
    for sequence in 10..20 {
        let head = header(VIDEO_TYPE, SSRC, sequence, 0);
        let datagram = publisher.protect(head, &[], &vp8(sequence == 10));
        bytes += datagram.len() as u64;
        lab.receive(publisher.tuple, &datagram);
    }
    lab.apply(Command::SendDtls {
        transport: 2,
        datagram: vec![20; 40],
    });
    lab.pass(2_000);
    let up = of_transport(&lab, 1);
    assert_eq!((up.packets_received, up.bytes_received), (10, bytes));
    // Everything that left is on one of both, ICE's answers excepted.
    let sent = lab.sent();
    for (handle, tuple) in [(1, publisher.tuple), (2, viewer.tuple)] {
        let mine = sent.iter().filter(|one| one.tuple == tuple);
        let mine = mine.filter(|one| one.bytes[0] > 3);
        let (packets, bytes) = mine.fold((0, 0), |(packets, bytes), one| {
            (packets + 1, bytes + one.bytes.len() as u64)
        });
        let stats = of_transport(&lab, handle);
        assert_eq!((stats.packets_sent, stats.bytes_sent), (packets, bytes));
        assert!(packets > 0);
    }
    assert_eq!(viewer.packets(&sent).len(), 10);
}

#[test]
fn what_is_gone_has_no_stats() {
    let mut lab = Lab::new();
    call(&mut lab);
    lab.apply(Command::RemoveTransport { transport: 1 });
    assert_eq!(lab.core.transport_stats(1), None);
    assert_eq!(lab.core.producer_stats(7), None);
    assert_eq!(sample(&mut lab), Sample::default());
}
