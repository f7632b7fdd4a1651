//! CPU time of this thread, the kernel's work for it included.

use std::mem::MaybeUninit;

/// Nanoseconds that `work` took of the processor. What loopback does on the receiver's behalf happens
/// inside the sender's call and counts.
pub fn spent(work: impl FnOnce()) -> u64 {
    let before = thread_nanos();
    work();
    thread_nanos() - before
}

fn thread_nanos() -> u64 {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the pointer is valid for one timespec, which the call fills; the clock always exists.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, time.as_mut_ptr());
        time.assume_init()
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
