//! What is sent: video of 1,200 bytes of payload with 12 bytes of header extension.

use invigil_engine::wire::rtp::{OutgoingHeader, write_packet};

/// Packets that wait in the socket when the clock starts.
pub const BURST: usize = 32;
/// Header, extension and payload.
pub const PLAIN_BYTES: usize = HEADER_BYTES + PAYLOAD_BYTES;
/// Clear part: 12 bytes of RTP header and 12 of extension.
pub const HEADER_BYTES: usize = 24;
pub const SSRC: u32 = 5;
pub const PAYLOAD_TYPE: u8 = 96;
pub const ABS_SEND_TIME_ID: u8 = 1;
pub const TRANSPORT_CC_ID: u8 = 2;
const PAYLOAD_BYTES: usize = 1_200;
const PACKETS_A_FRAME: u64 = 25;
const TICKS_A_FRAME: u64 = 3_000;

/// Writes packet `number`, unencrypted. The first begins a key frame of VP8, no other does.
pub fn write(buffer: &mut [u8], number: u64) -> usize {
    let header = OutgoingHeader {
        marker: number % PACKETS_A_FRAME == PACKETS_A_FRAME - 1,
        payload_type: PAYLOAD_TYPE,
        sequence: number as u16,
        timestamp: (number / PACKETS_A_FRAME * TICKS_A_FRAME) as u32,
        ssrc: SSRC,
    };
    let mut payload = [0xaa; PAYLOAD_BYTES];
    // X, I and L, a picture id of 15 bits and TL0PICIDX, as browsers send them (RFC 7741, 4.2).
    let [high, low] = ((number / PACKETS_A_FRAME) as u16).to_be_bytes();
    payload[..5].copy_from_slice(&[0x80, 0xc0, 0x80 | high, low, low]);
    if number == 0 {
        payload[0] |= 0x10;
        payload[5..15].copy_from_slice(&[0, 0, 0, 0x9d, 0x01, 0x2a, 64, 1, 240, 0]);
    }
    let wide_sequence = (number as u16).to_be_bytes();
    let elements: [(u8, &[u8]); 2] = [
        (ABS_SEND_TIME_ID, &[1, 2, 3]),
        (TRANSPORT_CC_ID, &wide_sequence),
    ];
    write_packet(buffer, &header, &elements, &payload).unwrap_or(0)
}
