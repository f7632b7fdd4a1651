use std::net::SocketAddr;

use super::response::{
    write_attribute_header, write_fingerprint, write_integrity, write_message_header,
};
use super::*;
use crate::wire::octet::Writer;
use crate::wire::testing::{hex, torment};

/// RFC 5769 section 2.1.
const SAMPLE_REQUEST: &str = "00010058 2112a442 b7e7a701 bc34d686 fa87dfae
    80220010 5354554e 20746573 7420636c 69656e74 00240004 6e0001ff 80290008 932ff9b1 51263b36
    00060009 6576746a 3a683676 59202020 00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2
    80280004 e57a3bcf";
/// RFC 5769 section 2.2.
const SAMPLE_IPV4_RESPONSE: &str = "0101003c 2112a442 b7e7a701 bc34d686 fa87dfae
    8022000b 74657374 20766563 746f7220 00200008 0001a147 e112a643
    00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7 80280004 c07d4c96";
/// RFC 5769 section 2.3.
const SAMPLE_IPV6_RESPONSE: &str = "01010048 2112a442 b7e7a701 bc34d686 fa87dfae
    8022000b 74657374 20766563 746f7220 00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9
    00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41 80280004 c8fb0b4c";
const SAMPLE_PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

const ID: [u8; 12] = [
    0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae,
];
const BINDING_REQUEST: u16 = 0x0001;

fn key() -> IntegrityKey {
    IntegrityKey::new("a password of ours")
}

/// A request with the given attributes, then MESSAGE-INTEGRITY and FINGERPRINT.
fn request(kind: u16, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut buffer = [0; 600];
    let mut writer = Writer::new(&mut buffer);
    write_message_header(&mut writer, kind, &ID).unwrap();
    for (kind, value) in attributes {
        write_attribute_header(&mut writer, *kind, value.len()).unwrap();
        writer.put(value).unwrap();
        writer.pad_to_word().unwrap();
    }
    write_integrity(&mut writer, &key()).unwrap();
    write_fingerprint(&mut writer).unwrap();
    writer.written().to_vec()
}

fn set_length(message: &mut [u8]) {
    let length = (message.len() - HEADER_BYTES) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

#[test]
fn rfc_5769_section_2_1_sample_request() {
    let bytes = hex(SAMPLE_REQUEST);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.class, Class::Request);
    assert_eq!(message.transaction_id, ID);
    assert_eq!(message.username, Some(&b"evtj:h6vY"[..]));
    assert_eq!(message.local_ufrag(), Some("evtj"));
    assert_eq!(message.priority, Some(0x6e00_01ff));
    assert_eq!(message.controlled, Some(0x932f_f9b1_5126_3b36));
    assert_eq!(message.controlling, None);
    assert!(!message.use_candidate);
    assert!(message.has_fingerprint);
    assert!(message.has_integrity());
    assert_eq!(message.unknown_required, None);
    assert!(message.verify_integrity(&IntegrityKey::new(SAMPLE_PASSWORD)));
    assert!(!message.verify_integrity(&IntegrityKey::new("VOkJxbRl1RmTxUk/WvJxBu")));
}

#[test]
fn rfc_5769_sections_2_2_and_2_3_sample_responses() {
    let mapped: [SocketAddr; 2] = [
        "192.0.2.1:32853".parse().unwrap(),
        "[2001:db8:1234:5678:11:2233:4455:6677]:32853"
            .parse()
            .unwrap(),
    ];
    for (sample, mapped) in [SAMPLE_IPV4_RESPONSE, SAMPLE_IPV6_RESPONSE]
        .into_iter()
        .zip(mapped)
    {
        let bytes = hex(sample);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(message.class, Class::Response);
        assert!(message.verify_integrity(&IntegrityKey::new(SAMPLE_PASSWORD)));
        let mut buffer = [0; 100];
        let length = write_binding_success(&mut buffer, &ID, mapped, &key()).unwrap();
        // The sample begins with SOFTWARE, 16 bytes that ours lacks.
        let address_end = bytes.len() - 32;
        assert_eq!(
            buffer[HEADER_BYTES..length - 32],
            bytes[HEADER_BYTES + 16..address_end]
        );
    }
}

#[test]
fn a_success_response_verifies_and_needs_all_its_room() {
    for address in ["192.0.2.1:9", "[2001:db8::1]:9"] {
        let mut buffer = [0xee; 100];
        let mapped = address.parse().unwrap();
        let length = write_binding_success(&mut buffer, &ID, mapped, &key()).unwrap();
        assert!(length <= 76);
        let message = Message::parse(&buffer[..length]).unwrap();
        assert_eq!(
            (message.class, message.transaction_id),
            (Class::Response, ID)
        );
        assert!(message.has_fingerprint && message.verify_integrity(&key()));
        for room in 0..length {
            assert_eq!(
                write_binding_success(&mut buffer[..room], &ID, mapped, &key()),
                None
            );
        }
    }
}

#[test]
fn an_ipv4_mapped_address_is_written_as_ipv4() {
    let write = |address: &str| {
        let mut buffer = [0; 100];
        let mapped = address.parse().unwrap();
        let length = write_binding_success(&mut buffer, &ID, mapped, &key()).unwrap();
        buffer[..length].to_vec()
    };
    assert_eq!(write("[::ffff:192.0.2.1]:9"), write("192.0.2.1:9"));
}

#[test]
fn error_responses_name_code_reason_and_attribute() {
    let mut buffer = [0; 100];
    let key = key();
    for (code, with_key, expected) in [
        (
            ErrorCode::BadRequest,
            false,
            "0009000f 00000400 42616420 52657175 65737400",
        ),
        (
            ErrorCode::Unauthenticated,
            false,
            "00090013 00000401 556e6175 7468656e 74696361 74656400",
        ),
        (
            ErrorCode::RoleConflict,
            true,
            "00090011 00000457 526f6c65 20436f6e 666c6963 74000000",
        ),
        (
            ErrorCode::UnknownAttribute(0x7ff0),
            true,
            "00090015 00000414 556e6b6e 6f776e20 41747472 69627574 65000000 000a0002 7ff00000",
        ),
    ] {
        let given = with_key.then_some(&key);
        let length = write_binding_error(&mut buffer, &ID, code, given).unwrap();
        let message = Message::parse(&buffer[..length]).unwrap();
        assert_eq!(message.class, Class::Response);
        assert!(message.has_fingerprint);
        assert_eq!(message.verify_integrity(&key), with_key);
        assert!(
            buffer[HEADER_BYTES..].starts_with(&hex(expected)),
            "{code:?}"
        );
        for room in 0..length {
            assert_eq!(
                write_binding_error(&mut buffer[..room], &ID, code, given),
                None
            );
        }
    }
}

#[test]
fn a_nominating_check_of_a_browser_is_understood() {
    let bytes = request(
        BINDING_REQUEST,
        &[
            (attribute::USERNAME, b"ours:theirs"),
            (0xc057, &[0, 1, 0, 10]),
            (attribute::ICE_CONTROLLING, &7u64.to_be_bytes()),
            (attribute::USE_CANDIDATE, &[]),
            (attribute::PRIORITY, &5u32.to_be_bytes()),
        ],
    );
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.local_ufrag(), Some("ours"));
    assert_eq!((message.controlling, message.priority), (Some(7), Some(5)));
    assert!(message.use_candidate);
    assert_eq!(message.unknown_required, None);
    assert!(message.verify_integrity(&key()));
}

#[test]
fn class_and_method_are_told_apart() {
    assert_eq!(
        Message::parse(&request(0x0011, &[])).unwrap().class,
        Class::Indication
    );
    assert_eq!(
        Message::parse(&request(0x0101, &[])).unwrap().class,
        Class::Response
    );
    assert_eq!(
        Message::parse(&request(0x0111, &[])).unwrap().class,
        Class::Response
    );
    for allocate_or_unknown in [0x0003, 0x0021, 0x0201, 0x3fff] {
        let bytes = request(allocate_or_unknown, &[]);
        assert_eq!(
            Message::parse(&bytes).unwrap_err(),
            StunError::UnknownMethod
        );
    }
}

#[test]
fn an_unknown_required_attribute_is_named_and_an_optional_one_is_not() {
    let bytes = request(
        BINDING_REQUEST,
        &[(0x8fff, &[1]), (0x7ff0, &[1]), (0x7ff1, &[])],
    );
    assert_eq!(
        Message::parse(&bytes).unwrap().unknown_required,
        Some(0x7ff0)
    );
}

#[test]
fn only_the_first_of_two_equal_attributes_counts() {
    let bytes = request(
        BINDING_REQUEST,
        &[
            (attribute::USERNAME, b"first:x"),
            (attribute::USERNAME, b"second:x"),
            (attribute::PRIORITY, &1u32.to_be_bytes()),
            (attribute::PRIORITY, &2u32.to_be_bytes()),
        ],
    );
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        (message.local_ufrag(), message.priority),
        (Some("first"), Some(1))
    );
}

#[test]
fn attributes_behind_message_integrity_are_not_believed() {
    let mut bytes = request(BINDING_REQUEST, &[(attribute::USERNAME, b"a:b")]);
    bytes.truncate(bytes.len() - 8);
    bytes.extend(hex("00250000 7ff00000"));
    set_length(&mut bytes);
    let message = Message::parse(&bytes).unwrap();
    assert!(message.verify_integrity(&key()));
    assert!(!message.use_candidate);
    assert_eq!(message.unknown_required, None);
}

#[test]
fn fingerprint_must_be_right_and_last() {
    let mut wrong = request(BINDING_REQUEST, &[]);
    *wrong.last_mut().unwrap() ^= 1;
    assert_eq!(
        Message::parse(&wrong).unwrap_err(),
        StunError::BadFingerprint
    );
    let mut followed = Vec::new();
    let mut buffer = [0; 100];
    let mut writer = Writer::new(&mut buffer);
    write_message_header(&mut writer, BINDING_REQUEST, &ID).unwrap();
    writer.patch_u16(2, 12).unwrap();
    let crc = crc::crc32(writer.written()) ^ 0x5354_554e;
    followed.extend(writer.written());
    followed.extend(hex("80280004"));
    followed.extend(crc.to_be_bytes());
    followed.extend(hex("00250000"));
    assert_eq!(Message::parse(&followed).unwrap_err(), StunError::Malformed);
}

#[test]
fn a_message_without_integrity_or_with_any_bit_changed_does_not_verify() {
    let bytes = hex("00010000 2112a442 b7e7a701 bc34d686 fa87dfae");
    let message = Message::parse(&bytes).unwrap();
    assert!(!message.has_integrity() && !message.verify_integrity(&key()));
    let mut bytes = request(BINDING_REQUEST, &[(attribute::USERNAME, b"ab:cd")]);
    bytes.truncate(bytes.len() - 8);
    set_length(&mut bytes);
    assert!(Message::parse(&bytes).unwrap().verify_integrity(&key()));
    for bit in 0..bytes.len() * 8 {
        let mut forged = bytes.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        let passed = Message::parse(&forged).is_ok_and(|message| message.verify_integrity(&key()));
        assert!(!passed, "bit {bit}");
    }
}

#[test]
fn lengths_that_do_not_fit_are_malformed() {
    for bytes in [
        "00010000 2112a442 b7e7a701 bc34d686 fa87df",
        "00010004 2112a442 b7e7a701 bc34d686 fa87dfae",
        "00010000 2112a442 b7e7a701 bc34d686 fa87dfae 00250000",
        "00010000 2112a443 b7e7a701 bc34d686 fa87dfae",
        "40010000 2112a442 b7e7a701 bc34d686 fa87dfae",
        "00010002 2112a442 b7e7a701 bc34d686 fa87dfae 0000",
        "00010004 2112a442 b7e7a701 bc34d686 fa87dfae 00060001",
        "00010008 2112a442 b7e7a701 bc34d686 fa87dfae 00060005 41424344",
        "00010008 2112a442 b7e7a701 bc34d686 fa87dfae 00240003 41424344",
        "00010008 2112a442 b7e7a701 bc34d686 fa87dfae 802a0004 41424344",
        "00010008 2112a442 b7e7a701 bc34d686 fa87dfae 00080004 41424344",
    ] {
        assert_eq!(
            Message::parse(&hex(bytes)).unwrap_err(),
            StunError::Malformed,
            "{bytes}"
        );
    }
}

#[test]
fn a_username_without_colon_or_with_odd_bytes_names_no_ufrag() {
    for (username, ufrag) in [
        (&b"nocolon"[..], None),
        (b"\xff\xfe:x", None),
        (b":x", Some("")),
        (b"a:b:c", Some("a")),
    ] {
        let bytes = request(BINDING_REQUEST, &[(attribute::USERNAME, username)]);
        assert_eq!(Message::parse(&bytes).unwrap().local_ufrag(), ufrag);
    }
    assert_eq!(
        Message::parse(&request(BINDING_REQUEST, &[]))
            .unwrap()
            .local_ufrag(),
        None
    );
}

#[test]
fn hostile_messages_never_panic() {
    let key = key();
    for sample in [SAMPLE_REQUEST, SAMPLE_IPV6_RESPONSE] {
        torment(&hex(sample), |bytes| {
            if let Ok(message) = Message::parse(bytes) {
                message.local_ufrag();
                message.verify_integrity(&key);
            }
        });
    }
}
