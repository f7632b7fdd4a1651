use super::lab::*;
use crate::state::now::ntp_of_unix_nanos;
use crate::wire::rtcp::{
    Compound, Packet as Control, ReportBlock, SenderInfo, write_receiver_report,
    write_sender_report,
};

const AUDIO: u32 = 0x1111;
const VIDEO: u32 = 0x1112;

fn parts(client: &mut Client, lab: &mut Lab, mut visit: impl FnMut(Control<'_>)) {
    for packet in client.control(&lab.sent()) {
        Compound::new(&packet).for_each(&mut visit);
    }
}

fn send_audio(lab: &mut Lab, publisher: &Client, sequence: u16) {
    let head = header(AUDIO_TYPE, AUDIO, sequence, 960 * u32::from(sequence));
    let wide = sequence.to_be_bytes();
    let datagram = publisher.protect(head, &[(WIDE, &wide)], b"sound");
    lab.receive(publisher.tuple, &datagram);
}

#[test]
fn congestion_feedback_goes_out_every_fifty_milliseconds_while_packets_come() {
    let mut lab = Lab::new();
    let mut publisher = lab.connect(1);
    lab.apply(add_producer(1, 1, audio(AUDIO)));
    let mut messages = 0;
    for sequence in 0..50 {
        send_audio(&mut lab, &publisher, sequence);
        lab.pass(20);
        parts(&mut publisher, &mut lab, |part| {
            messages += usize::from(matches!(part, Control::TransportCc { .. }));
        });
    }
    assert!((14..=21).contains(&messages), "{messages} in a second");
    lab.pass(1_000);
    messages = 0;
    parts(&mut publisher, &mut lab, |part| {
        messages += usize::from(matches!(part, Control::TransportCc { .. }));
    });
    assert!(messages <= 1);
}

#[test]
fn publisher_that_expects_no_congestion_feedback_gets_none() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    let mut config = audio(AUDIO);
    config.transport_cc = false;
    lab.apply(add_producer(1, 1, config));
    send_audio(&mut lab, &publisher, 1);
    lab.pass(200);
    assert_eq!(lab.counter("transport_cc_out"), 0);
}

#[test]
fn receiver_report_tells_loss_and_the_delay_since_the_senders_report() {
    let mut lab = Lab::new();
    let mut publisher = lab.connect(1);
    lab.apply(add_producer(1, 1, audio(AUDIO)));
    lab.pass(1_100);
    lab.sent();
    for sequence in [1, 2, 4] {
        send_audio(&mut lab, &publisher, sequence);
    }
    let info = SenderInfo {
        ntp: 0x0005_0004_0003_0002,
        ..SenderInfo::default()
    };
    report(&mut lab, &mut publisher, AUDIO, &info);
    lab.pass(1_000);
    let mut blocks = Vec::new();
    parts(&mut publisher, &mut lab, |part| {
        if let Control::ReceiverReport { blocks: found, .. } = part {
            blocks.extend(found);
        }
    });
    let [block] = blocks[..] else {
        panic!("{blocks:?}");
    };
    assert_eq!((block.ssrc, block.cumulative_lost), (AUDIO, 1));
    assert_eq!(block.fraction_lost, 64);
    assert_eq!(block.last_sr, 0x0004_0003);
    let millis = u64::from(block.delay_since_last_sr) * 1_000 / 65_536;
    assert!((800..=1_000).contains(&millis), "{millis}");
}

fn report(lab: &mut Lab, client: &mut Client, ssrc: u32, info: &SenderInfo) {
    let mut buffer = [0; 256];
    let length = write_sender_report(&mut buffer, ssrc, info, "c").unwrap();
    let datagram = client.protect_rtcp(&buffer[..length]);
    lab.receive(client.tuple, &datagram);
}

/// Sender reports that a viewer gets of both streams, by SSRC.
fn reports(viewer: &mut Client, lab: &mut Lab) -> Vec<(u32, SenderInfo)> {
    let mut found = Vec::new();
    parts(viewer, lab, |part| {
        if let Control::SenderReport { ssrc, info, .. } = part {
            found.push((ssrc, info));
        }
    });
    found
}

#[test]
fn sender_reports_keep_audio_and_video_of_a_publisher_in_step() {
    let mut lab = Lab::new();
    let mut publisher = lab.connect(1);
    let mut viewer = lab.connect(2);
    lab.apply(add_producer(1, 1, audio(AUDIO)));
    lab.apply(add_producer(
        2,
        1,
        video(Some("1"), &[(Some(VIDEO), None, None)]),
    ));
    lab.apply(add_consumer(1, 1, 2, consumer(21, None)));
    lab.apply(add_consumer(2, 2, 2, consumer(22, None)));
    send_audio(&mut lab, &publisher, 1);
    let head = header(VIDEO_TYPE, VIDEO, 1, 9_000);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &vp8(true)));
    lab.pass(1_500);
    assert!(reports(&mut viewer, &mut lab).is_empty());
    // The publisher's clock is a day behind. Its reports speak of the same moment, and the second
    // takes 30 ms longer.
    let theirs = lab.now.wall_nanos - 86_400_000_000_000;
    let info = |rtp_timestamp| SenderInfo {
        ntp: ntp_of_unix_nanos(theirs),
        rtp_timestamp,
        ..SenderInfo::default()
    };
    report(&mut lab, &mut publisher, AUDIO, &info(48_000));
    lab.pass(30);
    report(&mut lab, &mut publisher, VIDEO, &info(180_000));
    lab.pass(1_000);
    let found = reports(&mut viewer, &mut lab);
    let of = |ssrc| {
        let report = found.iter().find(|(found, _)| *found == ssrc);
        report.expect("no report").1
    };
    let (audio, video) = (of(21), of(22));
    assert_eq!((audio.packets, audio.octets), (1, 5));
    let seconds = |rtp: u32, start: u32, rate: f64| f64::from(rtp - start) / rate;
    let heard = seconds(audio.rtp_timestamp, 48_000, 48_000.0);
    let seen = seconds(video.rtp_timestamp, 180_000, 90_000.0);
    let between = (audio.ntp as i64 - video.ntp as i64) as f64 / 4_294_967_296.0;
    assert!((heard - seen - between).abs() < 0.001, "{heard} {seen}");
}

#[test]
fn round_trip_of_a_viewer_is_known_from_its_reports() {
    let mut lab = Lab::new();
    let mut publisher = lab.connect(1);
    let mut viewer = lab.connect(2);
    lab.apply(add_producer(1, 1, audio(AUDIO)));
    lab.apply(add_consumer(1, 1, 2, consumer(21, None)));
    send_audio(&mut lab, &publisher, 1);
    let info = SenderInfo {
        ntp: lab.now.ntp(),
        ..SenderInfo::default()
    };
    report(&mut lab, &mut publisher, AUDIO, &info);
    lab.pass(1_000);
    let (_, sent) = reports(&mut viewer, &mut lab)[0];
    let elapsed = (lab.now.ntp() - sent.ntp) >> 16;
    lab.pass(50);
    let block = ReportBlock {
        ssrc: 21,
        last_sr: (sent.ntp >> 16) as u32,
        delay_since_last_sr: elapsed as u32,
        ..ReportBlock::default()
    };
    let mut buffer = [0; 64];
    let length = write_receiver_report(&mut buffer, 9, &[block]).unwrap();
    let datagram = viewer.protect_rtcp(&buffer[..length]);
    lab.receive(viewer.tuple, &datagram);
    let stats = lab.core.consumer_stats(1).unwrap();
    assert!((49..=51).contains(&stats.round_trip_ms.unwrap()));
    assert_eq!((stats.packets_received, stats.packets_sent), (1, 1));
}
