//! How loud publishers are, as the owner is told.

use super::lab::*;
use crate::command::Command;
use crate::event::{AudioLevel, Event};
use crate::state::extension::Extension;

const SSRC: u32 = 0x1111;
const TOKEN: u64 = 77;

fn levels(lab: &mut Lab) -> Vec<(u32, u8)> {
    lab.events();
    lab.apply(Command::RequestAudioLevels {
        token: TOKEN,
        levels: Vec::with_capacity(8),
    });
    let events = lab.events();
    let [Event::AudioLevels { token, levels }] = events.as_slice() else {
        panic!("one answer, not {events:?}");
    };
    assert_eq!((*token, levels.capacity()), (TOKEN, 8));
    let pair = |told: &AudioLevel| (told.producer, told.level);
    levels.iter().map(pair).collect()
}

/// 300 ms of packets that say one level each.
fn speak(lab: &mut Lab, publisher: &Client, ssrc: u32, first: u16, level: &[u8]) -> u16 {
    for sequence in first..first + 15 {
        let head = header(AUDIO_TYPE, ssrc, sequence, 960 * u32::from(sequence));
        let elements: &[(u8, &[u8])] = if level.is_empty() {
            &[]
        } else {
            &[(LEVEL, level)]
        };
        let datagram = publisher.protect(head, elements, b"sound");
        lab.receive(publisher.tuple, &datagram);
        lab.pass(20);
    }
    first + 15
}

#[test]
fn owner_is_told_who_was_loud_since_it_asked_last_and_nobody_who_was_silent() {
    let mut lab = Lab::new();
    let ada = lab.connect(1);
    let ben = lab.connect(2);
    lab.apply(add_producer(1, 1, audio(SSRC)));
    lab.apply(add_producer(2, 2, audio(SSRC)));
    lab.apply(add_producer(
        3,
        2,
        video(Some("1"), &[(Some(9), None, None)]),
    ));
    assert_eq!(levels(&mut lab), []);
    let next = speak(&mut lab, &ada, SSRC, 1, &[0x80 | 28]);
    speak(&mut lab, &ben, SSRC, 1, &[100]);
    // Ada has been silent for as long.
    assert_eq!(levels(&mut lab), [(1, 44)]);
    assert_eq!(levels(&mut lab), []);
    speak(&mut lab, &ada, SSRC, next, &[28]);
    assert_eq!(levels(&mut lab), [(1, 28)]);
    lab.pass(300);
    assert_eq!(levels(&mut lab), []);
}

#[test]
fn producer_that_is_paused_or_gone_is_silent_whatever_it_sends() {
    let mut lab = Lab::new();
    let ada = lab.connect(1);
    lab.apply(add_producer(1, 1, audio(SSRC)));
    lab.apply(Command::PauseProducer { producer: 1 });
    let next = speak(&mut lab, &ada, SSRC, 1, &[10]);
    assert_eq!(levels(&mut lab), []);
    lab.apply(Command::ResumeProducer { producer: 1 });
    assert_eq!(levels(&mut lab), []);
    let next = speak(&mut lab, &ada, SSRC, next, &[10]);
    assert_eq!(levels(&mut lab), [(1, 10)]);
    speak(&mut lab, &ada, SSRC, next, &[10]);
    lab.apply(Command::RemoveProducer { producer: 1 });
    assert_eq!(levels(&mut lab), []);
}

#[test]
fn level_that_was_not_negotiated_or_has_another_length_is_none() {
    let mut lab = Lab::new();
    let ada = lab.connect(1);
    let ben = lab.connect(2);
    let mut without = audio(SSRC);
    without.extensions.clear(Extension::AudioLevel);
    lab.apply(add_producer(1, 1, without));
    lab.apply(add_producer(2, 2, audio(SSRC)));
    speak(&mut lab, &ada, SSRC, 1, &[0]);
    let next = speak(&mut lab, &ben, SSRC, 1, &[0, 0]);
    let next = speak(&mut lab, &ben, SSRC, next, &[0; 16]);
    speak(&mut lab, &ben, SSRC, next, &[]);
    assert_eq!(levels(&mut lab), []);
}

#[test]
fn packets_that_come_again_or_late_count_once() {
    let mut lab = Lab::new();
    let ada = lab.connect(1);
    lab.apply(add_producer(1, 1, audio(SSRC)));
    let packet = |sequence: u16, level: u8| {
        let head = header(AUDIO_TYPE, SSRC, sequence, 960 * u32::from(sequence));
        ada.protect(head, &[(LEVEL, &[level])], b"sound")
    };
    for sequence in 1..=10 {
        lab.receive(ada.tuple, &packet(2 * sequence, 30));
        lab.pass(20);
    }
    let before = levels(&mut lab);
    // Those that are missing come after all, and are loud.
    for sequence in 1..=9 {
        lab.receive(ada.tuple, &packet(2 * sequence + 1, 0));
    }
    lab.pass(20);
    assert_eq!(before, [(1, 30)]);
    assert_eq!(levels(&mut lab), []);
}

#[test]
fn answer_that_finds_no_room_is_lost_and_the_next_one_is_right() {
    let mut lab = Lab::new();
    let ada = lab.connect(1);
    lab.apply(add_producer(1, 1, audio(SSRC)));
    let next = speak(&mut lab, &ada, SSRC, 1, &[10]);
    lab.fill_event_ring(true);
    lab.apply(Command::RequestAudioLevels {
        token: 1,
        levels: Vec::new(),
    });
    lab.fill_event_ring(false);
    assert_eq!(levels(&mut lab), []);
    speak(&mut lab, &ada, SSRC, next, &[20]);
    assert_eq!(levels(&mut lab), [(1, 20)]);
}
