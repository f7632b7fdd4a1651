//! One round of the engine's loop: wait, read, obey, do what is due, write.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::command::Command;
use crate::event::EventWriter;
use crate::io::clock;
use crate::io::eventfd::EventFd;
use crate::io::receive::ReceiveBatch;
use crate::io::send::SendBatch;
use crate::io::socket::UdpSocket;
use crate::state::core::{Arrival, Core, Io};
use crate::state::counter::Counters;
use crate::state::now::Now;

/// The loop turns at least ten times a second, so that its owner can see that it lives.
const MAX_WAIT_MICROS: u64 = 90_000;
/// Batches per round: a flood must not keep commands and timers waiting.
const MAX_BATCHES: usize = 8;
/// Commands per round, for the same reason.
const MAX_COMMANDS: usize = 4_096;

pub struct Round {
    core: Core,
    socket: Arc<UdpSocket>,
    commands: Receiver<Command>,
    events: EventWriter,
    wake: Arc<EventFd>,
    counters: Arc<Counters>,
    poll: OwnedFd,
    receive: ReceiveBatch,
    send: SendBatch,
}

impl Round {
    pub fn new(
        core: Core,
        socket: Arc<UdpSocket>,
        commands: Receiver<Command>,
        events: EventWriter,
        wake: Arc<EventFd>,
        counters: Arc<Counters>,
    ) -> io::Result<Self> {
        let poll = open_poll(&[socket.fileno(), wake.fileno()])?;
        let send = SendBatch::new(Arc::clone(&socket), Arc::clone(&counters));
        Ok(Self {
            core,
            socket,
            commands,
            events,
            wake,
            counters,
            poll,
            receive: ReceiveBatch::default(),
            send,
        })
    }

    pub fn run(&mut self) {
        self.wait();
        // Commands first: keys and streams that were set up before a packet came must count for it.
        self.obey();
        self.read();
        let now = clock::now();
        let mut io = Io {
            out: &mut self.send,
            events: &mut self.events,
        };
        self.core.tick(now, &mut io);
        self.send.flush();
        self.events.signal();
        self.counters.ticks.one();
    }

    fn wait(&self) {
        let now = clock::now();
        let wait_micros = self.core.wait_micros(now).min(MAX_WAIT_MICROS);
        let timeout_ms = wait_micros.div_ceil(1_000) as libc::c_int;
        let mut ready = [libc::epoll_event { events: 0, u64: 0 }; 2];
        // Which descriptor is ready does not matter: both are tried without blocking. A signal that
        // interrupts the wait makes an idle round.
        // SAFETY: the pointer is valid for the two entries.
        unsafe { libc::epoll_wait(self.poll.as_raw_fd(), ready.as_mut_ptr(), 2, timeout_ms) };
    }

    fn obey(&mut self) {
        self.wake.clear();
        let mut now = None;
        for _ in 0..MAX_COMMANDS {
            let Ok(command) = self.commands.try_recv() else {
                return;
            };
            let now = *now.get_or_insert_with(clock::now);
            let mut io = Io {
                out: &mut self.send,
                events: &mut self.events,
            };
            self.core.apply(command, now, &mut io);
        }
        self.wake.signal();
    }

    fn read(&mut self) {
        for _ in 0..MAX_BATCHES {
            let count = match self.receive.receive(&self.socket) {
                Ok(count) => count,
                Err(_) => {
                    self.counters.receive_errors.one();
                    self.socket.clear_error();
                    return;
                }
            };
            let now = clock::now();
            for index in 0..count {
                self.take(index, now);
            }
            // Packets that are ready must not wait for the next batch to be read.
            self.send.flush();
            if count < self.receive.capacity() {
                return;
            }
        }
    }

    fn take(&mut self, index: usize, now: Now) {
        let Some(received) = self.receive.datagram(index) else {
            self.counters.receive_errors.one();
            return;
        };
        if received.truncated {
            self.counters.dropped_truncated.one();
            return;
        }
        let micros = received
            .wall_nanos
            .map_or(now.micros, |nanos| now.micros_of_wall(nanos));
        let mut io = Io {
            out: &mut self.send,
            events: &mut self.events,
        };
        let arrival = Arrival { now, micros };
        self.core
            .handle_datagram(received.bytes, &received.tuple, arrival, &mut io);
    }
}

fn open_poll(descriptors: &[i32]) -> io::Result<OwnedFd> {
    // SAFETY: no pointers are passed.
    let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new and nobody else owns it.
    let poll = unsafe { OwnedFd::from_raw_fd(fd) };
    for &descriptor in descriptors {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: 0,
        };
        // SAFETY: the pointer is valid for one entry, which the call only reads.
        let added = unsafe { libc::epoll_ctl(fd, libc::EPOLL_CTL_ADD, descriptor, &raw mut event) };
        if added < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(poll)
}
