//! The engine's thread and the handle that its owner holds.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{self, abort};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use crate::command::{COMMAND_CAPACITY, Command};
use crate::event::{Event, EventReader, ring};
use crate::io::eventfd::EventFd;
use crate::io::socket::{SocketConfig, UdpSocket};
use crate::round::Round;
use crate::state::core::Core;
use crate::state::counter::Counters;

#[derive(Clone, Debug)]
pub struct EngineConfig {
    pub address: IpAddr,
    /// 0 takes a free one.
    pub port: u16,
    pub receive_buffer_bytes: usize,
    pub send_buffer_bytes: usize,
    pub event_capacity: usize,
    pub consent_timeout_ms: u64,
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandRefused {
    Stopped,
    QueueFull,
}

/// The running engine. Dropping it stops it.
pub struct Engine {
    port: u16,
    commands: SyncSender<Command>,
    wake: Arc<EventFd>,
    stopping: Arc<AtomicBool>,
    events: EventReader,
    counters: Arc<Counters>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// A child that was forked has no such thread to wait for.
    process: u32,
}

impl Engine {
    /// Binds the socket and starts the thread.
    pub fn start(config: &EngineConfig) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind(&SocketConfig {
            address: SocketAddr::new(config.address, config.port),
            receive_buffer_bytes: config.receive_buffer_bytes,
            send_buffer_bytes: config.send_buffer_bytes,
        })?);
        let counters = Arc::new(Counters::default());
        let wake = Arc::new(EventFd::new()?);
        let stopping = Arc::new(AtomicBool::new(false));
        let (commands, receiver) = sync_channel(COMMAND_CAPACITY);
        let (writer, events) = ring(config.event_capacity.max(1))?;
        let core = Core::new(Arc::clone(&counters), config.consent_timeout_ms);
        let port = socket.port();
        let round = Round::new(
            core,
            socket,
            receiver,
            writer,
            Arc::clone(&wake),
            Arc::clone(&counters),
        )?;
        let stop = Arc::clone(&stopping);
        let thread = Builder::new()
            .name("invigil-engine".into())
            .spawn(move || run(round, &stop))?;
        Ok(Self {
            port,
            commands,
            wake,
            stopping,
            events,
            counters,
            thread: Mutex::new(Some(thread)),
            process: process::id(),
        })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Readable while events wait.
    pub fn fileno(&self) -> i32 {
        self.events.fileno()
    }

    pub fn drain(&self) -> Vec<Event> {
        self.events.drain()
    }

    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Queues a command.
    pub fn command(&self, command: Command) -> Result<(), CommandRefused> {
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                TrySendError::Full(_) => CommandRefused::QueueFull,
                TrySendError::Disconnected(_) => CommandRefused::Stopped,
            })?;
        self.wake.signal();
        Ok(())
    }

    /// Ends the thread and waits for its end. Twice is fine.
    pub fn stop(&self) {
        if process::id() != self.process {
            return;
        }
        self.stopping.store(true, Ordering::Release);
        self.wake.signal();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(|poison| poison.into_inner())
            .take();
        if let Some(thread) = thread {
            // The thread has no panic to report: it would have ended the process.
            let _ = thread.join();
        }
    }
}

/// Turns until it is told to stop.
fn run(mut round: Round, stop: &AtomicBool) {
    let turn = || {
        while !stop.load(Ordering::Acquire) {
            round.run();
        }
    };
    // Outside of one datagram nothing says whose fault it is or what still holds.
    if catch_unwind(AssertUnwindSafe(turn)).is_err() {
        abort();
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}
