//! The clocks of the machine.

use std::mem::MaybeUninit;

use crate::state::now::Now;

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// This moment.
pub fn now() -> Now {
    Now {
        micros: read_clock(libc::CLOCK_MONOTONIC) / 1_000,
        wall_nanos: read_clock(libc::CLOCK_REALTIME),
    }
}

fn read_clock(clock: libc::clockid_t) -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the pointer is valid for one timespec, which the call fills; these clocks always exist.
    let time = unsafe {
        libc::clock_gettime(clock, time.as_mut_ptr());
        time.assume_init()
    };
    time.tv_sec as u64 * NANOS_PER_SECOND + time.tv_nsec as u64
}
