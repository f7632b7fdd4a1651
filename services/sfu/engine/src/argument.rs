//! What the owner passes, checked: a command that was queued can be carried out.

use std::collections::HashMap;

use crate::command::{
    ConsumerConfig, Credentials, InboundCodec, InboundEncoding, Keys, OutboundCodec, ProducerConfig,
};
use crate::engine::EngineConfig;
use crate::state::extension::{Extension, ExtensionIds};
use crate::wire::srtp::Profile;

/// Name, payload type, clock rate, payload type of its RTX.
pub type RawInboundCodec = (String, u8, u32, Option<u8>);
/// SSRC, SSRC of its RTX, RID.
pub type RawInboundEncoding = (Option<u32>, Option<u32>, Option<String>);
/// Producer's payload type, payload type to send, payload type of its RTX.
pub type RawOutboundCodec = (u8, u8, Option<u8>);

/// Element ids of the one-byte form (RFC 8285, 4.2), the only one that we send.
const ONE_BYTE_IDS: std::ops::RangeInclusive<u8> = 1..=14;
/// Longest value of a one-byte element.
const MAX_MID_BYTES: usize = 16;
/// RFC 3550, 6.5.
const MAX_CNAME_BYTES: usize = 255;
/// RFC 8445, 5.3: at least 4 and 22 characters, at most 256.
const MAX_CREDENTIAL_BYTES: usize = 256;
pub const MAX_ENCODINGS: usize = 8;
const MAX_CODECS: usize = 16;
/// Its memory is taken at once.
const MAX_EVENT_CAPACITY: usize = 1 << 20;

type Checked<T> = Result<T, String>;

fn require(holds: bool, message: &str) -> Checked<()> {
    if holds { Ok(()) } else { Err(message.into()) }
}

pub fn engine_config(
    address: &str,
    port: u16,
    (receive_buffer_bytes, send_buffer_bytes): (usize, usize),
    event_capacity: usize,
    consent_timeout_ms: u32,
) -> Checked<EngineConfig> {
    let address = address.parse();
    let capacity_fits = (1..=MAX_EVENT_CAPACITY).contains(&event_capacity);
    require(capacity_fits, "an event ring has 1 to 1,048,576 places")?;
    let buffer_fits = |bytes: usize| i32::try_from(bytes).is_ok();
    let buffers_fit = buffer_fits(receive_buffer_bytes) && buffer_fits(send_buffer_bytes);
    require(buffers_fit, "a socket's buffer has less than 2^31 bytes")?;
    Ok(EngineConfig {
        address: address.map_err(|_| "no IP address")?,
        port,
        receive_buffer_bytes,
        send_buffer_bytes,
        event_capacity,
        consent_timeout_ms: u64::from(consent_timeout_ms),
    })
}

pub fn credentials(ufrag: String, password: String) -> Checked<Credentials> {
    let ufrag_fits = (4..=MAX_CREDENTIAL_BYTES).contains(&ufrag.len());
    require(ufrag_fits, "a ufrag has 4 to 256 characters")?;
    require(!ufrag.contains(':'), "a ufrag has no colon")?;
    let password_fits = (22..=MAX_CREDENTIAL_BYTES).contains(&password.len());
    require(password_fits, "an ICE password has 22 to 256 characters")?;
    Ok(Credentials { ufrag, password })
}

pub fn keys(
    profile: &str,
    receive_key: Vec<u8>,
    receive_salt: Vec<u8>,
    send_key: Vec<u8>,
    send_salt: Vec<u8>,
) -> Checked<Keys> {
    let profile =
        Profile::from_name(profile).ok_or_else(|| format!("unknown profile {profile:?}"))?;
    let key_fits = |key: &Vec<u8>| key.len() == profile.key_bytes();
    let salt_fits = |salt: &Vec<u8>| salt.len() == profile.salt_bytes();
    let keys_fit = key_fits(&receive_key) && key_fits(&send_key);
    require(keys_fit, "a key has the wrong length for the profile")?;
    let salts_fit = salt_fits(&receive_salt) && salt_fits(&send_salt);
    require(salts_fit, "a salt has the wrong length for the profile")?;
    Ok(Keys {
        profile,
        receive_key,
        receive_salt,
        send_key,
        send_salt,
    })
}

fn payload_type(value: u8) -> Checked<u8> {
    require(value <= 127, "a payload type is 0 to 127")?;
    Ok(value)
}

fn extension_ids(ids: &HashMap<String, u8>, one_byte: bool) -> Checked<ExtensionIds> {
    let mut known = ExtensionIds::default();
    for (name, &id) in ids {
        let extension =
            Extension::from_name(name).ok_or_else(|| format!("unknown extension {name:?}"))?;
        require(id != 0, "an extension id is not 0")?;
        let fits = !one_byte || ONE_BYTE_IDS.contains(&id);
        require(fits, "a consumer's extension id is 1 to 14")?;
        known.set(extension, id);
    }
    Ok(known)
}

/// Everything but the flags, which are false.
pub fn producer_config(
    mid: Option<String>,
    codecs: Vec<RawInboundCodec>,
    encodings: Vec<RawInboundEncoding>,
    extensions: &HashMap<String, u8>,
) -> Checked<ProducerConfig> {
    require(
        (1..=MAX_CODECS).contains(&codecs.len()),
        "a producer has 1 to 16 codecs",
    )?;
    require(
        (1..=MAX_ENCODINGS).contains(&encodings.len()),
        "a producer has 1 to 8 encodings",
    )?;
    let codecs = codecs.into_iter().map(inbound_codec);
    Ok(ProducerConfig {
        video: false,
        mid,
        codecs: codecs.collect::<Checked<_>>()?,
        encodings: encodings
            .into_iter()
            .map(|(ssrc, rtx_ssrc, rid)| InboundEncoding {
                ssrc,
                rtx_ssrc,
                rid,
            })
            .collect(),
        extensions: extension_ids(extensions, false)?,
        nack: false,
        transport_cc: false,
        paused: false,
    })
}

fn inbound_codec(codec: RawInboundCodec) -> Checked<InboundCodec> {
    let (name, media, clock_rate, rtx) = codec;
    require(clock_rate > 0, "a clock rate is not 0")?;
    Ok(InboundCodec {
        name,
        payload_type: payload_type(media)?,
        clock_rate,
        rtx_payload_type: rtx.map(payload_type).transpose()?,
    })
}

/// Everything but layer and pause, which are 0 and false.
pub fn consumer_config(
    mid: String,
    (ssrc, rtx_ssrc): (u32, Option<u32>),
    codecs: Vec<RawOutboundCodec>,
    extensions: &HashMap<String, u8>,
    cname: String,
) -> Checked<ConsumerConfig> {
    let mid_fits = (1..=MAX_MID_BYTES).contains(&mid.len());
    require(mid_fits, "a consumer's MID has 1 to 16 bytes")?;
    require(
        cname.len() <= MAX_CNAME_BYTES,
        "a CNAME has at most 255 bytes",
    )?;
    require(rtx_ssrc != Some(ssrc), "RTX needs an SSRC of its own")?;
    require(
        (1..=MAX_CODECS).contains(&codecs.len()),
        "a consumer has 1 to 16 codecs",
    )?;
    let codecs = codecs.into_iter().map(outbound_codec);
    Ok(ConsumerConfig {
        mid,
        ssrc,
        rtx_ssrc,
        codecs: codecs.collect::<Checked<_>>()?,
        extensions: extension_ids(extensions, true)?,
        cname,
        layer: 0,
        paused: false,
    })
}

fn outbound_codec(codec: RawOutboundCodec) -> Checked<OutboundCodec> {
    let (producer, sent, rtx) = codec;
    Ok(OutboundCodec {
        producer_payload_type: payload_type(producer)?,
        payload_type: payload_type(sent)?,
        rtx_payload_type: rtx.map(payload_type).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_must_fit_their_profile() {
        let key = || vec![0; 16];
        let salt = || vec![0; 12];
        assert!(keys("AEAD_AES_128_GCM", key(), salt(), key(), salt()).is_ok());
        assert!(keys("AEAD_AES_128_GCM", key(), key(), key(), salt()).is_err());
        assert!(keys("AES128_CM_SHA1_80", key(), salt(), key(), salt()).is_err());
        let long = || vec![0; 32];
        assert!(keys("AEAD_AES_256_GCM", long(), salt(), long(), salt()).is_ok());
        assert!(keys("AEAD_AES_256_GCM", long(), salt(), key(), salt()).is_err());
        assert!(keys("NULL", key(), salt(), key(), salt()).is_err());
    }

    #[test]
    fn consumer_sends_only_ids_that_one_byte_elements_can_carry() {
        let with_id = |id| {
            let extensions = HashMap::from([("mid".to_owned(), id)]);
            let codecs = vec![(96, 101, None)];
            consumer_config("0".into(), (5, None), codecs, &extensions, "c".into())
        };
        assert!(with_id(14).is_ok());
        assert!(with_id(15).is_err());
        assert!(with_id(0).is_err());
    }

    #[test]
    fn engine_gets_no_ring_that_memory_could_not_hold() {
        let with_capacity = |places| engine_config("::", 0, (0, 0), places, 30_000);
        assert!(with_capacity(1).is_ok());
        assert!(with_capacity(0).is_err());
        assert!(with_capacity(usize::MAX).is_err());
        assert!(engine_config("localhost", 0, (0, 0), 1, 0).is_err());
        assert!(engine_config("::", 0, (0, usize::MAX), 1, 0).is_err());
    }

    #[test]
    fn payload_types_have_seven_bits() {
        let codecs = vec![("opus".to_owned(), 128, 48_000, None)];
        let encodings = vec![(None, None, None)];
        assert!(producer_config(None, codecs, encodings, &HashMap::new()).is_err());
    }
}
