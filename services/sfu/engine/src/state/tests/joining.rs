//! How soon a viewer who comes later sees something.

use super::lab::*;
use crate::command::Command;

const SSRC: u32 = 0x1111;
const OUT: u32 = 0x2222;

/// A publisher whose first viewer has just got a key frame (number 10) and one frame more.
fn running_call(lab: &mut Lab) -> Client {
    let publisher = lab.connect(1);
    lab.connect(2);
    lab.connect(3);
    let encodings = [(Some(SSRC), None, None)];
    lab.apply(add_producer(1, 1, video(Some("1"), &encodings)));
    lab.apply(add_consumer(1, 1, 2, consumer(OUT, None)));
    send(lab, &publisher, 10, true);
    send(lab, &publisher, 11, false);
    lab.sent();
    publisher
}

fn send(lab: &mut Lab, publisher: &Client, sequence: u16, key: bool) {
    let head = header(VIDEO_TYPE, SSRC, sequence, u32::from(sequence) * 3_000);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], &vp8(key)));
}

#[test]
fn viewer_who_comes_just_after_a_key_frame_starts_with_it_at_once() {
    let mut lab = Lab::new();
    let publisher = running_call(&mut lab);
    let mut late = Client::new(3, tuple(3));
    lab.pass(100);
    lab.sent();
    lab.apply(add_consumer(2, 1, 3, consumer(OUT, None)));
    let sent = lab.sent();
    let packets = late.packets(&sent);
    assert_eq!(packets.len(), 2);
    assert_eq!(packets[0].payload, vp8(true));
    assert_eq!(packets[0].header.timestamp, 30_000);
    send(&mut lab, &publisher, 12, false);
    let next = late.packets(&lab.sent());
    let first = packets[0].header.sequence;
    assert_eq!(next[0].header.sequence, first + 2);
    lab.pass(2_000);
    assert_eq!(lab.counter("plis_out"), 1);
}

#[test]
fn viewer_who_comes_long_after_a_key_frame_asks_for_another() {
    let mut lab = Lab::new();
    running_call(&mut lab);
    let mut late = Client::new(3, tuple(3));
    lab.pass(310);
    lab.apply(add_consumer(2, 1, 3, consumer(OUT, None)));
    assert!(late.packets(&lab.sent()).is_empty());
    assert_eq!(lab.counter("plis_out"), 2);
}

#[test]
fn viewer_who_comes_back_never_sees_old_frames_again() {
    let mut lab = Lab::new();
    running_call(&mut lab);
    let mut viewer = Client::new(2, tuple(2));
    lab.apply(Command::PauseConsumer { consumer: 1 });
    lab.apply(Command::ResumeConsumer { consumer: 1 });
    assert!(viewer.packets(&lab.sent()).is_empty());
}

#[test]
fn key_frame_of_before_a_restart_starts_nobody() {
    let mut lab = Lab::new();
    let publisher = running_call(&mut lab);
    send(&mut lab, &publisher, 5_000, false);
    lab.sent();
    let mut late = Client::new(3, tuple(3));
    lab.apply(add_consumer(2, 1, 3, consumer(OUT, None)));
    assert!(late.packets(&lab.sent()).is_empty());
}
