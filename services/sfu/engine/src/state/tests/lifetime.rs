use super::lab::*;
use crate::command::Command;
use crate::event::Event;
use crate::wire::testing::Xorshift;

fn call(lab: &mut Lab) -> (Client, Client) {
    let publisher = lab.connect(1);
    let viewer = lab.connect(2);
    lab.apply(add_producer(1, 1, audio(5)));
    lab.apply(add_consumer(1, 1, 2, consumer(21, None)));
    (publisher, viewer)
}

fn send(lab: &mut Lab, publisher: &Client, sequence: u16) {
    let head = header(AUDIO_TYPE, 5, sequence, 0);
    lab.receive(publisher.tuple, &publisher.protect(head, &[], b"sound"));
}

#[test]
fn panic_in_one_datagram_costs_that_transport_only() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    let other = lab.connect(3);
    lab.apply(add_producer(3, 3, audio(5)));
    lab.apply(add_consumer(3, 3, 2, consumer(23, None)));
    let index = lab.core.transports.index_of(1).unwrap();
    lab.core.transports.get_mut(index).unwrap().explodes = true;
    send(&mut lab, &publisher, 1);
    let failed = Event::TransportFailed {
        transport: 1,
        reason: "panic",
    };
    assert_eq!(lab.events(), [failed]);
    assert_eq!(lab.counter("panics"), 1);
    send(&mut lab, &publisher, 2);
    assert_eq!(lab.counter("dropped_unvalidated"), 1);
    assert_eq!(lab.core.consumer_stats(1), None);
    send(&mut lab, &other, 1);
    assert_eq!(viewer.packets(&lab.sent()).len(), 1);
}

#[test]
fn failure_that_found_no_room_is_told_later_and_once() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    explode(&mut lab, &publisher);
    assert_eq!(lab.events(), []);
    lab.fill_event_ring(false);
    lab.pass(10);
    let failed = Event::TransportFailed {
        transport: 1,
        reason: "panic",
    };
    assert_eq!(lab.events(), [failed]);
    lab.pass(10);
    assert_eq!(lab.events(), []);
}

#[test]
fn failure_of_a_transport_that_its_owner_removed_is_not_told() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    explode(&mut lab, &publisher);
    lab.apply(Command::RemoveTransport { transport: 1 });
    lab.fill_event_ring(false);
    lab.pass(10);
    assert_eq!(lab.events(), []);
}

/// While the ring is full.
fn explode(lab: &mut Lab, publisher: &Client) {
    let index = lab.core.transports.index_of(1).unwrap();
    lab.core.transports.get_mut(index).unwrap().explodes = true;
    lab.fill_event_ring(true);
    send(lab, publisher, 1);
}

#[test]
fn consumers_without_end_neither_fill_memory_nor_repeat_an_ssrc() {
    let mut lab = Lab::new();
    let (_publisher, _viewer) = call(&mut lab);
    for count in 0..3_000 {
        let config = consumer(100 + 2 * count, Some(101 + 2 * count));
        lab.apply(add_consumer(2, 1, 2, config));
        lab.apply(Command::RemoveConsumer { consumer: 2 });
    }
    assert_eq!(lab.counter("commands_stale"), 0);
    lab.apply(add_consumer(2, 1, 2, consumer(100, None)));
    assert_eq!(lab.counter("commands_stale"), 1);
}

#[test]
fn removing_a_transport_frees_all_that_hangs_on_it() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    lab.apply(Command::RemoveTransport { transport: 1 });
    send(&mut lab, &publisher, 1);
    assert_eq!(lab.counter("dropped_unvalidated"), 1);
    lab.apply(Command::RemoveProducer { producer: 1 });
    lab.apply(Command::RemoveConsumer { consumer: 1 });
    lab.apply(Command::RemoveTransport { transport: 1 });
    assert_eq!(lab.counter("commands_stale"), 3);
    let publisher = lab.connect(1);
    lab.apply(add_producer(1, 1, audio(5)));
    send(&mut lab, &publisher, 1);
    assert_eq!(lab.counter("rtp_packets_in"), 1);
}

#[test]
fn removing_the_viewers_transport_leaves_the_publisher_alone() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    lab.apply(Command::RemoveTransport { transport: 2 });
    send(&mut lab, &publisher, 1);
    assert!(lab.sent().is_empty());
    assert_eq!(lab.counter("rtp_packets_in"), 1);
    assert_eq!(lab.counter("panics"), 0);
}

#[test]
fn ssrc_that_is_used_again_goes_on_with_its_numbers() {
    let mut lab = Lab::new();
    let (publisher, mut viewer) = call(&mut lab);
    send(&mut lab, &publisher, 1);
    let first = viewer.packets(&lab.sent())[0].header.sequence;
    lab.apply(add_consumer(2, 1, 2, consumer(21, None)));
    assert_eq!(lab.counter("commands_stale"), 1);
    lab.apply(Command::RemoveConsumer { consumer: 1 });
    lab.apply(add_consumer(2, 1, 2, consumer(21, None)));
    send(&mut lab, &publisher, 2);
    let second = viewer.packets(&lab.sent())[0].header.sequence;
    assert_eq!(second, first + 1);
}

#[test]
fn keys_cannot_be_set_twice() {
    let mut lab = Lab::new();
    let (publisher, _viewer) = call(&mut lab);
    lab.apply(publisher.set_keys());
    assert_eq!(lab.counter("commands_stale"), 1);
}

#[test]
fn commands_for_unknown_handles_are_counted_and_stats_answer_nothing() {
    let mut lab = Lab::new();
    lab.apply(Command::PauseProducer { producer: 9 });
    lab.apply(Command::ResumeConsumer { consumer: 9 });
    lab.apply(add_consumer(9, 9, 9, consumer(1, None)));
    assert_eq!(lab.counter("commands_stale"), 3);
    lab.apply(Command::RequestConsumerStats {
        consumer: 9,
        token: 4,
    });
    let answer = Event::ConsumerStats {
        token: 4,
        stats: None,
    };
    assert_eq!(lab.events(), [answer]);
}

#[test]
fn layer_that_the_producer_does_not_have_is_refused() {
    let mut lab = Lab::new();
    call(&mut lab);
    let mut config = consumer(22, None);
    config.layer = 1;
    lab.apply(add_consumer(2, 1, 2, config));
    assert_eq!(lab.counter("commands_stale"), 1);
}

#[test]
fn publisher_who_changes_ssrcs_for_ever_is_still_heard() {
    let mut lab = Lab::new();
    let publisher = lab.connect(1);
    for round in 0..300_u32 {
        let ssrc = 1_000 + round;
        lab.apply(add_producer(1, 1, audio(ssrc)));
        for sequence in 1..=3 {
            let head = header(AUDIO_TYPE, ssrc, sequence, 0);
            lab.receive(publisher.tuple, &publisher.protect(head, &[], b"sound"));
        }
        lab.apply(Command::RemoveProducer { producer: 1 });
    }
    assert_eq!(lab.counter("dropped_too_many_ssrcs"), 300 - 128);
    assert_eq!(lab.counter("rtp_packets_in"), 3 * 300 - (300 - 128));
}

#[test]
fn authentic_client_that_sends_nonsense_harms_nobody() {
    let mut lab = Lab::new();
    let (mut publisher, mut viewer) = call(&mut lab);
    lab.apply(add_producer(
        2,
        1,
        video(Some("1"), &[(Some(6), Some(7), None)]),
    ));
    lab.apply(add_consumer(2, 2, 2, consumer(22, Some(23))));
    let mut random = Xorshift::new(77);
    for round in 0..20_000_u32 {
        let mut plain = [0; 200];
        random.fill(&mut plain);
        let length = 12 + random.below(180) as usize;
        // Mostly well formed at the front, so that the noise gets far.
        plain[0] = 0x80 | (plain[0] & 0x3f & (plain[1] | 0x10));
        let types = [AUDIO_TYPE, VIDEO_TYPE, RTX_TYPE, plain[1] & 0x7f];
        plain[1] = types[random.below(4) as usize];
        plain[2..4].copy_from_slice(&((round >> 2) as u16).to_be_bytes());
        let ssrc = [5, 6, 7, random.below(40) as u32][random.below(4) as usize];
        plain[8..12].copy_from_slice(&ssrc.to_be_bytes());
        if let Some(datagram) = publisher.protect_raw(&plain[..length]) {
            lab.receive(publisher.tuple, &datagram);
        }
        let kinds = [200, 201, 202, 203, 205, 206];
        plain[0] = 0x80 | (plain[0] & 0x1f);
        plain[1] = kinds[random.below(6) as usize];
        let words = (length / 4 - 1) as u16;
        plain[2..4].copy_from_slice(&words.to_be_bytes());
        plain[4..8].copy_from_slice(&ssrc.to_be_bytes());
        plain[8..12].copy_from_slice(&(21 + ssrc % 3).to_be_bytes());
        for client in [&mut publisher, &mut viewer] {
            let datagram = client.protect_rtcp(&plain[..length / 4 * 4]);
            lab.receive(client.tuple, &datagram);
        }
        if round % 1_000 == 0 {
            lab.check(publisher.tuple, "ufrag1", false);
            lab.check(viewer.tuple, "ufrag2", false);
        }
        lab.pass(10);
        lab.sent();
    }
    assert_eq!(lab.counter("panics"), 0);
    let mut events = lab.events();
    events.retain(|event| !matches!(event, Event::ConsumerLayer { .. } | Event::Encoding { .. }));
    assert_eq!(events, []);
    for reached in [
        "rtp_packets_out",
        "rtx_in",
        "nacks_in",
        "plis_in",
        "nacks_out",
    ] {
        assert!(lab.counter(reached) > 100, "{reached}");
    }
}
