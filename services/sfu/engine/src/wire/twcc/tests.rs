use super::*;
use crate::wire::octet::{read_u16, read_u24, read_u32};
use crate::wire::rtcp::{Compound, Packet};
use crate::wire::testing::{Xorshift, hex};

/// What a sender reads out of a feedback message.
#[derive(Debug, PartialEq, Eq)]
struct Report {
    base: u16,
    feedback_count: u8,
    /// Arrival in ticks of 250 us for each sequence number from `base` on.
    arrivals: Vec<Option<i64>>,
}

fn parse(packet: &[u8]) -> Report {
    assert!(matches!(
        Compound::new(packet).next(),
        Some(Packet::TransportCc { .. })
    ));
    assert_eq!(Compound::new(packet).count(), 1);
    let count = usize::from(read_u16(packet, 14).unwrap());
    let mut statuses = Vec::new();
    let mut at = 20;
    while statuses.len() < count {
        let chunk = read_u16(packet, at).unwrap();
        at += 2;
        match chunk >> 14 {
            0b10 => statuses.extend((0..14).map(|place| chunk >> (13 - place) & 1)),
            0b11 => statuses.extend((0..7).map(|place| chunk >> (12 - 2 * place) & 3)),
            _ => statuses.extend((0..chunk & 0x1fff).map(|_| chunk >> 13 & 3)),
        }
    }
    statuses.truncate(count);
    let mut tick = i64::from(read_u24(packet, 16).unwrap()) * 256;
    let mut arrivals = Vec::new();
    for status in statuses {
        let delta = match status {
            0 => None,
            1 => Some(i64::from(packet[at])),
            2 => Some(i64::from(read_u16(packet, at).unwrap() as i16)),
            _ => panic!("reserved status"),
        };
        at += usize::from(status);
        tick += delta.unwrap_or(0);
        arrivals.push(delta.map(|_| tick));
    }
    assert!(packet.len() - at < 4, "only padding is left");
    assert!(packet[at..].iter().all(|byte| *byte == 0));
    Report {
        base: read_u16(packet, 12).unwrap(),
        feedback_count: packet[19],
        arrivals,
    }
}

fn take(recorder: &mut ArrivalRecorder, room_bytes: usize) -> Vec<Report> {
    let mut buffer = vec![0xee; room_bytes];
    let mut reports = Vec::new();
    while let Some(length) = recorder.write_feedback(&mut buffer, 1, 2) {
        assert_eq!(
            (read_u32(&buffer, 4), read_u32(&buffer, 8)),
            (Some(1), Some(2))
        );
        reports.push(parse(&buffer[..length]));
    }
    assert!(!recorder.has_pending());
    reports
}

fn received(report: &Report) -> Vec<u16> {
    (0..)
        .zip(&report.arrivals)
        .filter(|(_, arrival)| arrival.is_some())
        .map(|(offset, _): (u16, _)| report.base.wrapping_add(offset))
        .collect()
}

#[test]
fn a_message_is_laid_out_as_the_draft_says() {
    let mut recorder = ArrivalRecorder::new();
    recorder.record(0xfffe, 128_000 + 1_000);
    recorder.record(0xffff, 128_000 + 1_250);
    recorder.record(1, 128_000 + 101_250);
    let mut buffer = [0xee; 400];
    let length = recorder
        .write_feedback(&mut buffer, 0x0102_0304, 0x0506_0708)
        .unwrap();
    // Statuses small, small, missing, large: one two-bit vector. Deltas 4, 1 and 400 ticks.
    let expected = hex("8fcd0006 01020304 05060708 fffe0004 00000200 d480 04 01 0190 0000");
    assert_eq!(buffer[..length].to_vec(), expected);
    assert_eq!(recorder.write_feedback(&mut buffer, 1, 2), None);
}

#[test]
fn messages_are_counted_and_go_on_where_the_last_one_ended() {
    let mut recorder = ArrivalRecorder::new();
    assert!(!recorder.has_pending());
    recorder.record(10, 0);
    let first = take(&mut recorder, 400);
    recorder.record(13, 1_000);
    let second = take(&mut recorder, 400);
    assert_eq!((first[0].base, first[0].feedback_count), (10, 0));
    assert_eq!((second[0].base, second[0].feedback_count), (11, 1));
    assert_eq!(second[0].arrivals, [None, None, Some(4)]);
}

#[test]
fn reordering_within_an_interval_gives_negative_deltas() {
    let mut recorder = ArrivalRecorder::new();
    for (sequence, arrival_us) in [(5, 1_000_000), (7, 1_000_500), (6, 1_020_000)] {
        recorder.record(sequence, arrival_us);
    }
    let reports = take(&mut recorder, 400);
    assert_eq!(reports[0].arrivals, [Some(4_000), Some(4_080), Some(4_002)]);
}

#[test]
fn a_packet_that_is_late_by_an_interval_is_reported_after_all() {
    let mut recorder = ArrivalRecorder::new();
    recorder.record(1, 0);
    recorder.record(3, 500);
    assert_eq!(received(&take(&mut recorder, 400)[0]), [1, 3]);
    recorder.record(2, 60_000);
    let reports = take(&mut recorder, 400);
    assert_eq!((reports[0].base, received(&reports[0])), (2, vec![2, 3]));
}

#[test]
fn a_duplicate_keeps_the_first_arrival_and_makes_no_message() {
    let mut recorder = ArrivalRecorder::new();
    recorder.record(1, 1_000);
    recorder.record(1, 9_000);
    assert_eq!(take(&mut recorder, 400)[0].arrivals, [Some(4)]);
    recorder.record(1, 10_000);
    assert!(!recorder.has_pending());
}

#[test]
fn a_pause_too_long_for_a_delta_starts_another_message() {
    let mut recorder = ArrivalRecorder::new();
    recorder.record(1, 0);
    recorder.record(2, 8_191_750);
    recorder.record(3, 8_191_750 + 8_192_000);
    let reports = take(&mut recorder, 400);
    assert_eq!(reports.len(), 2);
    assert_eq!(received(&reports[0]), [1, 2]);
    assert_eq!((reports[1].base, received(&reports[1])), (3, vec![3]));
    assert_eq!(reports[1].arrivals, [Some(32_767 + 32_768)]);
}

#[test]
fn a_jump_beyond_the_window_forgets_what_was_before() {
    let mut recorder = ArrivalRecorder::new();
    recorder.record(1, 0);
    recorder.record(30_000, 1_000);
    let reports = take(&mut recorder, 1_200);
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].arrivals.len(), 1_024);
    assert_eq!(received(&reports[0]), [30_000]);
    recorder.record(20_000, 2_000);
    assert!(!recorder.has_pending(), "older than the window");
    recorder.record(30_001, 3_000);
    assert_eq!(received(&take(&mut recorder, 400)[0]), [30_001]);
}

#[test]
fn a_buffer_without_room_keeps_everything_for_later() {
    let mut recorder = ArrivalRecorder::new();
    recorder.record(1, 0);
    for room in 0..320 {
        assert_eq!(recorder.write_feedback(&mut vec![0; room], 1, 2), None);
    }
    assert_eq!(received(&take(&mut recorder, 320)[0]), [1]);
}

/// Every way of packing chunks, against what was recorded.
#[test]
fn any_pattern_of_arrivals_survives_in_messages_of_any_size() {
    let mut random = Xorshift::new(41);
    for round in 0..300 {
        let mut recorder = ArrivalRecorder::new();
        let start = random.draw() as u16;
        let mut arrival_us = 1_000_000 + random.below(1 << 40);
        let (loss, pause) = (random.below(10), 1 + random.below(4));
        let mut truth = Vec::new();
        for offset in 0..1 + random.below(900) as u16 {
            let lost = offset > 0 && random.below(10) < loss;
            arrival_us += random.below([500, 5_000, 100_000, 9_000_000][pause as usize - 1]);
            if !lost {
                recorder.record(start.wrapping_add(offset), arrival_us);
                truth.push((start.wrapping_add(offset), (arrival_us / 250) as i64));
            }
        }
        let room_bytes = 320 + random.below(900) as usize;
        let mut seen = Vec::new();
        let mut next_base = start;
        for report in take(&mut recorder, room_bytes) {
            assert_eq!(report.base, next_base, "round {round}");
            next_base = report.base.wrapping_add(report.arrivals.len() as u16);
            for (offset, arrival) in (0..).zip(&report.arrivals) {
                if let Some(tick) = arrival {
                    seen.push((report.base.wrapping_add(offset), *tick));
                }
            }
        }
        // The reference time has 24 bits of 64 ms.
        let modulus = 1 << 32;
        let wrapped = |list: Vec<(u16, i64)>| -> Vec<_> {
            list.into_iter()
                .map(|(sequence, tick)| (sequence, tick.rem_euclid(modulus)))
                .collect()
        };
        assert_eq!(wrapped(seen), wrapped(truth), "round {round}");
    }
}

#[test]
fn a_steady_stream_needs_two_bytes_of_chunks() {
    let mut recorder = ArrivalRecorder::new();
    for sequence in 0..500u16 {
        recorder.record(sequence, u64::from(sequence) * 1_000);
    }
    let mut buffer = [0; 1_200];
    assert_eq!(
        recorder.write_feedback(&mut buffer, 1, 2),
        Some(20 + 2 + 500 + 2)
    );
}

#[test]
fn hostile_sequence_numbers_and_times_never_panic() {
    let mut random = Xorshift::new(43);
    let mut recorder = ArrivalRecorder::new();
    let mut buffer = [0; 600];
    for _ in 0..50_000 {
        recorder.record(random.draw() as u16, random.draw() >> random.below(60));
        if random.below(50) == 0 {
            for _ in 0..2_000 {
                match recorder.write_feedback(&mut buffer, 1, 2) {
                    Some(length) => drop(parse(&buffer[..length])),
                    None => break,
                }
            }
            assert!(!recorder.has_pending());
        }
    }
}
