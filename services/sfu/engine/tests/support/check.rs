//! Connectivity checks as a browser sends them, without the optional FINGERPRINT.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::hmac;

const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const ICE_CONTROLLED: u16 = 0x8029;
const ICE_CONTROLLING: u16 = 0x802a;

static TRANSACTIONS: AtomicU32 = AtomicU32::new(0);

/// A binding request to the agent that has `ufrag` and `password`.
pub struct Check<'a> {
    pub ufrag: &'a str,
    pub password: &'a str,
    pub nominates: bool,
    pub controlled: bool,
}

impl Check<'_> {
    pub fn bytes(&self) -> Vec<u8> {
        let mut message = vec![0x00, 0x01, 0x00, 0x00];
        message.extend(MAGIC_COOKIE);
        message.extend(b"transact");
        message.extend(TRANSACTIONS.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        let username = format!("{}:remote", self.ufrag);
        attribute(&mut message, USERNAME, username.as_bytes());
        attribute(&mut message, PRIORITY, &1_u32.to_be_bytes());
        let role = if self.controlled {
            ICE_CONTROLLED
        } else {
            ICE_CONTROLLING
        };
        attribute(&mut message, role, &7_u64.to_be_bytes());
        if self.nominates {
            attribute(&mut message, USE_CANDIDATE, &[]);
        }
        // The length covers the attribute that is computed with it.
        let length = (message.len() - 20 + 24) as u16;
        message[2..4].copy_from_slice(&length.to_be_bytes());
        let algorithm = hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
        let key = hmac::Key::new(algorithm, self.password.as_bytes());
        let tag = hmac::sign(&key, &message);
        attribute(&mut message, MESSAGE_INTEGRITY, tag.as_ref());
        message
    }
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend((value.len() as u16).to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
    let length = (message.len() - 20) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}
