use super::lab::*;
use crate::wire::rtcp::{
    Compound, Packet as Control, ReportBlock, write_nack, write_receiver_report,
};
use crate::wire::rtx;

const SSRC: u32 = 0x1111;
const RTX_SSRC: u32 = 0x1112;
const OUT: u32 = 0x2222;
const OUT_RTX: u32 = 0x2223;

fn call(lab: &mut Lab, rtx_out: Option<u32>) -> (Client, Client) {
    let publisher = lab.connect(1);
    let viewer = lab.connect(2);
    let encodings = [(Some(SSRC), Some(RTX_SSRC), None)];
    lab.apply(add_producer(1, 1, video(Some("1"), &encodings)));
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, rtx_out)));
    lab.sent();
    (publisher, viewer)
}

fn send(lab: &mut Lab, publisher: &Client, sequence: u16) {
    let head = header(VIDEO_TYPE, SSRC, sequence, 3_000);
    let datagram = publisher.protect(head, &[], &vp8(sequence == 10));
    lab.receive(publisher.tuple, &datagram);
}

fn nack(lab: &mut Lab, viewer: &mut Client, sequences: &[u16]) {
    let mut buffer = [0; 256];
    let written = write_nack(&mut buffer, 9, OUT, sequences).unwrap();
    let datagram = viewer.protect_rtcp(&buffer[..written.bytes]);
    lab.receive(viewer.tuple, &datagram);
}

#[test]
fn nacked_packet_comes_again_by_rtx() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab, Some(OUT_RTX));
    for sequence in 10..15 {
        send(&mut lab, &publisher, sequence);
    }
    let packets = viewer.packets(&lab.sent());
    let lost = packets[2].header.sequence;
    nack(&mut lab, &mut viewer, &[lost]);
    let again = viewer.packets(&lab.sent());
    assert_eq!(again.len(), 1);
    let head = again[0].header;
    assert_eq!((head.payload_type, head.ssrc), (102, OUT_RTX));
    assert_eq!(head.timestamp, packets[2].header.timestamp);
    let (original, payload) = rtx::parse(&again[0].payload).unwrap();
    assert_eq!((original, payload), (lost, &packets[2].payload[..]));
    assert_eq!(lab.counter("retransmitted"), 1);
}

fn report_loss(lab: &mut Lab, viewer: &mut Client, fraction_lost: u8) {
    let block = ReportBlock {
        ssrc: OUT,
        fraction_lost,
        ..ReportBlock::default()
    };
    let mut buffer = [0; 64];
    let length = write_receiver_report(&mut buffer, 9, &[block]).unwrap();
    let datagram = viewer.protect_rtcp(&buffer[..length]);
    lab.receive(viewer.tuple, &datagram);
}

/// How often one packet that a viewer asks for comes again.
fn copies(lab: &mut Lab, publisher: &Client, viewer: &mut Client, sequence: u16) -> usize {
    send(lab, publisher, sequence);
    let lost = viewer.packets(&lab.sent())[0].header.sequence;
    nack(lab, viewer, &[lost]);
    let again = viewer.packets(&lab.sent());
    let mut numbers: Vec<u16> = again.iter().map(|packet| packet.header.sequence).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), again.len());
    again.len()
}

#[test]
fn on_a_lossy_path_each_repair_goes_twice_but_not_on_a_good_or_a_full_one() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab, Some(OUT_RTX));
    assert_eq!(copies(&mut lab, &publisher, &mut viewer, 10), 1);
    // 5 %, then a third, then nothing, in 256ths.
    for (sequence, fraction, expected) in [(11, 13, 2), (12, 85, 1), (13, 0, 1)] {
        for _ in 0..20 {
            report_loss(&mut lab, &mut viewer, fraction);
        }
        let found = copies(&mut lab, &publisher, &mut viewer, sequence);
        assert_eq!(found, expected, "{fraction} of 256 lost");
    }
}

#[test]
fn without_rtx_nothing_goes_twice_however_lossy_the_path() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab, None);
    for _ in 0..20 {
        report_loss(&mut lab, &mut viewer, 13);
    }
    send(&mut lab, &publisher, 10);
    let lost = viewer.packets(&lab.sent())[0].header.sequence;
    nack(&mut lab, &mut viewer, &[lost]);
    assert_eq!(lab.sent().len(), 1);
    assert_eq!(lab.counter("retransmitted"), 1);
}

#[test]
fn same_packet_is_not_resent_within_a_round_trip() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab, Some(OUT_RTX));
    send(&mut lab, &publisher, 10);
    let lost = viewer.packets(&lab.sent())[0].header.sequence;
    nack(&mut lab, &mut viewer, &[lost]);
    nack(&mut lab, &mut viewer, &[lost]);
    assert_eq!(lab.counter("nack_repeated"), 1);
    lab.pass(20);
    nack(&mut lab, &mut viewer, &[lost]);
    assert_eq!(lab.counter("retransmitted"), 2);
}

#[test]
fn without_rtx_the_very_same_datagram_goes_out_again() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab, None);
    send(&mut lab, &publisher, 10);
    let first = lab.sent();
    let lost = viewer.packets(&first)[0].header.sequence;
    lab.pass(30);
    lab.sent();
    nack(&mut lab, &mut viewer, &[lost]);
    let again = lab.sent();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].bytes, first[0].bytes);
}

#[test]
fn packets_that_were_never_sent_or_are_long_gone_are_counted() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab, Some(OUT_RTX));
    send(&mut lab, &publisher, 10);
    let first = viewer.packets(&lab.sent())[0].header.sequence;
    nack(&mut lab, &mut viewer, &[first.wrapping_sub(1), first + 1]);
    assert_eq!(lab.counter("nack_gone"), 2);
    for sequence in 11..11 + 512 {
        send(&mut lab, &publisher, sequence);
    }
    nack(&mut lab, &mut viewer, &[first]);
    assert_eq!(lab.counter("nack_gone"), 3);
}

#[test]
fn gap_is_asked_for_and_what_comes_by_rtx_fills_it() {
    let mut lab = Lab::new();
    let (mut publisher, mut viewer) = call(&mut lab, None);
    send(&mut lab, &publisher, 10);
    send(&mut lab, &publisher, 12);
    let before = viewer.packets(&lab.sent());
    lab.pass(10);
    let control = publisher.control(&lab.sent());
    let asked: Vec<u16> = control
        .iter()
        .flat_map(|packet| Compound::new(packet))
        .filter_map(|part| match part {
            Control::Nack { lost, .. } => Some(lost),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(asked, [11]);
    let mut payload = vec![0, 11];
    payload.extend(vp8(false));
    let head = header(RTX_TYPE, RTX_SSRC, 1, 3_000);
    let datagram = publisher.protect(head, &[], &payload);
    lab.receive(publisher.tuple, &datagram);
    let packets = viewer.packets(&lab.sent());
    assert_eq!(packets.len(), 1);
    let first = before[0].header.sequence;
    assert_eq!(packets[0].header.sequence, first + 1);
    assert_eq!(packets[0].payload, vp8(false));
    lab.pass(500);
    assert_eq!(lab.counter("nacks_out"), 1);
}

#[test]
fn probes_by_rtx_are_counted_and_dropped() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab, None);
    let head = header(RTX_TYPE, RTX_SSRC, 1, 0);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &[]));
    assert_eq!(lab.counter("rtx_empty"), 1);
    let mut payload = vec![0, 11];
    payload.extend(vp8(true));
    let head = header(RTX_TYPE, RTX_SSRC, 2, 0);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &payload));
    assert_eq!(lab.counter("rtx_orphaned"), 1);
    assert!(viewer.packets(&lab.sent()).is_empty());
}
