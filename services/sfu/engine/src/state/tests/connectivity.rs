use super::check::Check;
use super::lab::*;
use crate::command::Command;
use crate::event::Event;
use crate::wire::testing::torment;

fn connected(transport: u32, port: u16) -> Event {
    Event::IceConnected {
        transport,
        remote: tuple(port).remote,
    }
}

#[test]
fn check_is_answered_on_its_own_tuple_and_nomination_is_told_once() {
    let mut lab = Lab::new();
    lab.add_transport(1);
    lab.check(tuple(9), "ufrag1", false);
    assert_eq!(lab.events(), []);
    let sent = lab.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].tuple, tuple(9));
    assert_eq!(sent[0].bytes[..2], [0x01, 0x01]);
    lab.check(tuple(9), "ufrag1", true);
    lab.check(tuple(9), "ufrag1", true);
    assert_eq!(lab.events(), [connected(1, 9)]);
    lab.check(tuple(10), "ufrag1", true);
    lab.pass(10);
    assert_eq!(lab.events(), [connected(1, 10)]);
}

#[test]
fn same_remote_address_over_another_local_one_is_another_path() {
    let mut lab = Lab::new();
    lab.add_transport(1);
    lab.check(tuple(9), "ufrag1", true);
    let mut other = tuple(9);
    other.local = [198, 51, 100, 2].into();
    lab.receive(other, &[22, 1]);
    assert_eq!(lab.counter("dropped_unvalidated"), 1);
}

#[test]
fn bad_checks_are_dropped_silently_and_counted_apart() {
    let mut lab = Lab::new();
    lab.add_transport(1);
    let check = |ufrag, password| Check {
        ufrag,
        password,
        nominates: true,
        controlled: false,
    };
    lab.receive(tuple(9), &check("ufrag1", "wrong").bytes());
    lab.receive(tuple(9), &check("other", PASSWORD).bytes());
    let good = check("ufrag1", PASSWORD).bytes();
    lab.receive(tuple(9), &good[..good.len() - 1]);
    lab.receive(tuple(9), &good[..19]);
    lab.receive(tuple(9), &[]);
    assert_eq!(lab.counter("dropped_stun_integrity"), 1);
    assert_eq!(lab.counter("dropped_stun_unknown_ufrag"), 1);
    assert_eq!(lab.counter("dropped_stun_malformed"), 2);
    assert_eq!(lab.counter("dropped_empty"), 1);
    assert!(lab.sent().is_empty() && lab.events().is_empty());
}

#[test]
fn client_that_claims_to_be_controlled_is_told_487_and_gets_no_path() {
    let mut lab = Lab::new();
    lab.add_transport(1);
    let check = Check {
        ufrag: "ufrag1",
        password: PASSWORD,
        nominates: false,
        controlled: true,
    };
    lab.receive(tuple(9), &check.bytes());
    let sent = lab.sent();
    assert_eq!(sent[0].bytes[..2], [0x01, 0x11]);
    assert!(
        sent[0]
            .bytes
            .windows(4)
            .any(|window| window == [0, 0, 4, 87])
    );
    lab.receive(tuple(9), &[22, 1]);
    assert_eq!(lab.counter("dropped_unvalidated"), 1);
}

#[test]
fn dtls_passes_both_ways_only_over_validated_paths() {
    let mut lab = Lab::new();
    lab.add_transport(1);
    let send = |byte| Command::SendDtls {
        transport: 1,
        datagram: vec![22, byte],
    };
    lab.apply(send(1));
    assert_eq!(lab.counter("dropped_dtls_no_address"), 1);
    lab.receive(tuple(9), &[22, 0]);
    assert_eq!(lab.counter("dropped_unvalidated"), 1);
    lab.check(tuple(9), "ufrag1", false);
    lab.sent();
    lab.receive(tuple(9), &[22, 0]);
    let datagram = vec![22, 0];
    assert_eq!(
        lab.events(),
        [Event::Dtls {
            transport: 1,
            datagram
        }]
    );
    lab.apply(send(2));
    let sent = lab.sent();
    assert_eq!(
        (sent[0].tuple, &sent[0].bytes[..]),
        (tuple(9), &[22, 2][..])
    );
}

#[test]
fn path_of_a_silent_client_that_proves_to_be_anothers_changes_hands() {
    let mut lab = Lab::new();
    lab.add_transport(1);
    lab.add_transport(2);
    lab.check(tuple(9), "ufrag1", true);
    lab.pass(10_000);
    lab.check(tuple(9), "ufrag2", true);
    lab.events();
    lab.receive(tuple(9), &[22, 0]);
    assert!(matches!(
        lab.events()[..],
        [Event::Dtls { transport: 2, .. }]
    ));
    lab.apply(Command::SendDtls {
        transport: 1,
        datagram: vec![22],
    });
    assert_eq!(lab.counter("dropped_dtls_no_address"), 1);
}

#[test]
fn restart_keeps_old_credentials_until_the_new_ones_are_used() {
    let mut lab = Lab::new();
    lab.connect(1);
    lab.apply(Command::RestartIce {
        transport: 1,
        credentials: credentials("fresh"),
    });
    lab.check(tuple(1), "ufrag1", true);
    lab.check(tuple(12), "fresh", true);
    lab.pass(10);
    assert_eq!(lab.events(), [connected(1, 12)]);
    lab.check(tuple(1), "ufrag1", true);
    assert_eq!(lab.counter("dropped_stun_unknown_ufrag"), 1);
}

#[test]
fn silence_ends_consent_and_a_check_restores_it() {
    let mut lab = Lab::new();
    lab.connect(1);
    lab.pass(30_000);
    assert_eq!(lab.events(), []);
    lab.pass(20);
    assert_eq!(lab.events(), [Event::IceDisconnected { transport: 1 }]);
    lab.receive(tuple(1), &[22, 0]);
    assert_eq!(lab.counter("dropped_unvalidated"), 1);
    lab.check(tuple(1), "ufrag1", false);
    assert_eq!(lab.events(), [connected(1, 1)]);
}

#[test]
fn state_that_found_the_ring_full_is_told_when_there_is_room() {
    let mut lab = Lab::new();
    lab.add_transport(1);
    lab.fill_event_ring(true);
    lab.check(tuple(9), "ufrag1", true);
    assert_eq!(lab.events(), []);
    lab.fill_event_ring(false);
    lab.pass(20);
    assert_eq!(lab.events(), [connected(1, 9)]);
}

#[test]
fn mutilated_checks_and_noise_harm_nobody() {
    let mut lab = Lab::new();
    let mut client = lab.connect(1);
    let good = Check {
        ufrag: "ufrag1",
        password: PASSWORD,
        nominates: true,
        controlled: false,
    };
    torment(&good.bytes(), |bytes| lab.receive(tuple(20), bytes));
    let media = client.protect(header(AUDIO_TYPE, 5, 1, 0), &[(MID, b"0")], b"sound");
    torment(&media, |bytes| lab.receive(tuple(1), bytes));
    let control = client.protect_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 1]);
    torment(&control, |bytes| lab.receive(tuple(1), bytes));
    assert_eq!(lab.counter("panics"), 0);
}
