//! Which layers a publisher sends, as the owner is told.

use super::lab::*;
use super::layering::{LAYERS, call, send};
use crate::command::Command;
use crate::event::Event;

/// Encodings and whether they are active, in the order in which they were told.
fn told(lab: &mut Lab) -> Vec<(u32, bool)> {
    let of_encoding = |event| match event {
        Event::Encoding {
            producer: 1,
            encoding,
            active,
        } => Some((encoding, active)),
        _ => None,
    };
    lab.events().into_iter().filter_map(of_encoding).collect()
}

/// Sends frames of some layers for a while. Answers the number of the next one.
fn film(
    lab: &mut Lab,
    publisher: &Client,
    layers: &[usize],
    numbers: std::ops::Range<u16>,
    interval_millis: u64,
) -> u16 {
    for number in numbers.clone() {
        for &layer in layers {
            send(lab, publisher, layer, number, number == 1);
        }
        lab.pass(interval_millis);
    }
    numbers.end
}

#[test]
fn layer_is_told_when_it_sends_and_within_seven_hundred_milliseconds_when_it_is_quiet() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    let next = film(&mut lab, &publisher, &[0, 1, 2], 1..20, 60);
    assert_eq!(told(&mut lab), [(0, true), (1, true), (2, true)]);
    let next = film(&mut lab, &publisher, &[0, 1], next..next + 7, 60);
    assert_eq!(told(&mut lab), []);
    // Of the last packet of the layer that is 660 ms ago, at 17 frames a second.
    let next = film(&mut lab, &publisher, &[0, 1], next..next + 3, 60);
    assert_eq!(told(&mut lab), [(2, false)]);
    film(&mut lab, &publisher, &[0, 1, 2], next..next + 20, 60);
    assert_eq!(told(&mut lab), [(2, true)]);
}

#[test]
fn slow_pictures_and_silence_of_all_layers_make_nobody_quiet() {
    for interval_millis in [200, 1_000] {
        let mut lab = Lab::new();
        let (publisher, _viewer) = call(&mut lab);
        film(&mut lab, &publisher, &[0, 1, 2], 1..10, interval_millis);
        told(&mut lab);
        // One frame of the highest layer is missing.
        film(&mut lab, &publisher, &[0, 1], 10..11, interval_millis);
        film(&mut lab, &publisher, &[0, 1, 2], 11..20, interval_millis);
        lab.pass(10_000);
        film(&mut lab, &publisher, &[0, 1, 2], 20..30, interval_millis);
        assert_eq!(told(&mut lab), []);
    }
}

#[test]
fn neither_padding_nor_retransmissions_make_a_layer_active() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    let next = film(&mut lab, &publisher, &[0, 1], 1..10, 30);
    assert_eq!(told(&mut lab), [(0, true), (1, true)]);
    for number in next..next + 30 {
        send(&mut lab, &publisher, 0, number, false);
        let padding = header(VIDEO_TYPE, LAYERS[2], number, 0);
        lab.receive(publisher.tuple, &publisher.padding(padding));
        let head = header(RTX_TYPE, LAYERS[1] + 0x1000, number, 0);
        let mut original = vec![0, 9];
        original.extend(vp8(false));
        lab.receive(publisher.tuple, &publisher.protect(head, &[], &original));
        lab.pass(30);
    }
    assert_eq!(told(&mut lab), [(1, false)]);
}

#[test]
fn change_that_found_no_room_in_the_ring_is_told_later_and_only_the_latest() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    lab.fill_event_ring(true);
    let next = film(&mut lab, &publisher, &[0, 1, 2], 1..10, 30);
    film(&mut lab, &publisher, &[0, 1], next..next + 30, 30);
    assert_eq!(told(&mut lab), []);
    lab.fill_event_ring(false);
    lab.pass(10);
    assert_eq!(told(&mut lab), [(0, true), (1, true)]);
    lab.pass(100);
    assert_eq!(told(&mut lab), []);
}

#[test]
fn sound_is_not_told_and_a_sole_video_is() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    lab.apply(add_producer(1, 1, audio(5)));
    let head = header(AUDIO_TYPE, 5, 1, 0);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], b"sound"));
    lab.pass(10);
    assert_eq!(told(&mut lab), []);
    lab.apply(Command::RemoveProducer { producer: 1 });
    let sole = [(Some(LAYERS[0]), None, None)];
    lab.apply(add_producer(1, 1, video(Some("1"), &sole)));
    send(&mut lab, &publisher, 0, 1, true);
    lab.pass(10);
    assert_eq!(told(&mut lab), [(0, true)]);
}

#[test]
fn packet_that_comes_again_does_not_make_a_quiet_layer_active() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    let next = film(&mut lab, &publisher, &[0, 1], 1..10, 30);
    // The last but one of layer 1 is lost, and without RTX it comes again under its own number.
    send(&mut lab, &publisher, 1, next + 1, false);
    film(&mut lab, &publisher, &[0], next..next + 30, 30);
    assert_eq!(told(&mut lab), [(0, true), (1, true), (1, false)]);
    send(&mut lab, &publisher, 1, next, false);
    lab.pass(10);
    assert_eq!(told(&mut lab), []);
}
