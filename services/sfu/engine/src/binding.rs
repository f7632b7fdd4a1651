//! The engine as a Python class. `invigil_engine.pyi` is its contract.

use std::collections::HashMap;

use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyOSError, PyOverflowError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use crate::argument::{
    MAX_ENCODINGS, RawInboundCodec, RawInboundEncoding, RawOutboundCodec, consumer_config,
    credentials, engine_config, keys, producer_config,
};
use crate::command::Command;
use crate::engine::{CommandRefused, Engine as Thread};
use crate::event::{ConsumerStats, EncodingStats, Event, Sample, TransportStats};

/// More than a worker has; room for so many takes 28 MB.
const MOST_CONSUMERS: u32 = 1_000_000;

#[pymodule]
fn invigil_engine(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Engine>()
}

#[pyclass(frozen, module = "invigil_engine")]
struct Engine {
    thread: Thread,
}

fn refused(refusal: CommandRefused) -> PyErr {
    PyRuntimeError::new_err(match refusal {
        CommandRefused::Stopped => "the engine has stopped",
        CommandRefused::QueueFull => "the engine's command queue is full",
    })
}

/// With `errno`, so that Python picks the subclass and callers can tell why.
fn os_error(error: std::io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(code) => PyOSError::new_err((code, error.to_string())),
        None => error.into(),
    }
}

fn bad_argument(message: String) -> PyErr {
    PyValueError::new_err(message)
}

/// ValueError for a number out of range; PyO3's own error would be OverflowError, which is none.
fn in_range<'py, T: FromPyObjectOwned<'py>>(object: &Bound<'py, PyAny>) -> PyResult<T> {
    object.extract::<T>().map_err(|error| {
        let error: PyErr = error.into();
        if error.is_instance_of::<PyOverflowError>(object.py()) {
            return bad_argument(format!(
                "a number is out of range: {}",
                error.value(object.py())
            ));
        }
        error
    })
}

impl Engine {
    fn command(&self, command: Command) -> PyResult<()> {
        self.thread.command(command).map_err(refused)
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (
        *,
        address,
        port,
        receive_buffer_bytes = 4_194_304,
        send_buffer_bytes = 4_194_304,
        event_capacity = 8_192,
        consent_timeout_ms = 30_000,
    ))]
    fn new(
        address: &str,
        #[pyo3(from_py_with = in_range)] port: u16,
        #[pyo3(from_py_with = in_range)] receive_buffer_bytes: usize,
        #[pyo3(from_py_with = in_range)] send_buffer_bytes: usize,
        #[pyo3(from_py_with = in_range)] event_capacity: usize,
        #[pyo3(from_py_with = in_range)] consent_timeout_ms: u32,
    ) -> PyResult<Self> {
        let config = engine_config(
            address,
            port,
            (receive_buffer_bytes, send_buffer_bytes),
            event_capacity,
            consent_timeout_ms,
        );
        let config = config.map_err(bad_argument)?;
        let thread = Thread::start(&config).map_err(os_error)?;
        Ok(Self { thread })
    }

    #[getter]
    fn port(&self) -> u16 {
        self.thread.port()
    }

    fn fileno(&self) -> i32 {
        self.thread.fileno()
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for event in self.thread.drain() {
            list.append(to_python(py, event)?)?;
        }
        Ok(list)
    }

    fn tick(&self) -> u64 {
        self.thread.counters().ticks.get()
    }

    fn counters(&self) -> HashMap<&'static str, u64> {
        self.thread.counters().snapshot().into_iter().collect()
    }

    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.thread.stop());
    }

    #[pyo3(signature = (transport, *, ufrag, password))]
    fn add_transport(
        &self,
        #[pyo3(from_py_with = in_range)] transport: u32,
        ufrag: String,
        password: String,
    ) -> PyResult<()> {
        let credentials = credentials(ufrag, password).map_err(bad_argument)?;
        self.command(Command::AddTransport {
            transport,
            credentials,
        })
    }

    #[pyo3(signature = (transport, *, ufrag, password))]
    fn restart_ice(
        &self,
        #[pyo3(from_py_with = in_range)] transport: u32,
        ufrag: String,
        password: String,
    ) -> PyResult<()> {
        let credentials = credentials(ufrag, password).map_err(bad_argument)?;
        self.command(Command::RestartIce {
            transport,
            credentials,
        })
    }

    #[pyo3(signature = (transport, *, profile, receive_key, receive_salt, send_key, send_salt))]
    fn set_keys(
        &self,
        #[pyo3(from_py_with = in_range)] transport: u32,
        profile: &str,
        receive_key: Vec<u8>,
        receive_salt: Vec<u8>,
        send_key: Vec<u8>,
        send_salt: Vec<u8>,
    ) -> PyResult<()> {
        let keys = keys(profile, receive_key, receive_salt, send_key, send_salt);
        self.command(Command::SetKeys {
            transport,
            keys: keys.map_err(bad_argument)?,
        })
    }

    fn send_dtls(
        &self,
        #[pyo3(from_py_with = in_range)] transport: u32,
        datagram: Vec<u8>,
    ) -> PyResult<()> {
        self.command(Command::SendDtls {
            transport,
            datagram,
        })
    }

    fn remove_transport(&self, #[pyo3(from_py_with = in_range)] transport: u32) -> PyResult<()> {
        self.command(Command::RemoveTransport { transport })
    }

    #[pyo3(signature = (
        producer,
        transport,
        *,
        video,
        mid,
        codecs,
        encodings,
        extensions,
        nack,
        transport_cc,
        paused,
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are Python's keyword arguments"
    )]
    fn add_producer(
        &self,
        #[pyo3(from_py_with = in_range)] producer: u32,
        #[pyo3(from_py_with = in_range)] transport: u32,
        video: bool,
        mid: Option<String>,
        #[pyo3(from_py_with = in_range)] codecs: Vec<RawInboundCodec>,
        #[pyo3(from_py_with = in_range)] encodings: Vec<RawInboundEncoding>,
        #[pyo3(from_py_with = in_range)] extensions: HashMap<String, u8>,
        nack: bool,
        transport_cc: bool,
        paused: bool,
    ) -> PyResult<()> {
        let mut config =
            producer_config(mid, codecs, encodings, &extensions).map_err(bad_argument)?;
        config.video = video;
        config.nack = nack;
        config.transport_cc = transport_cc;
        config.paused = paused;
        self.command(Command::AddProducer {
            producer,
            transport,
            config: Box::new(config),
        })
    }

    fn pause_producer(&self, #[pyo3(from_py_with = in_range)] producer: u32) -> PyResult<()> {
        self.command(Command::PauseProducer { producer })
    }

    fn resume_producer(&self, #[pyo3(from_py_with = in_range)] producer: u32) -> PyResult<()> {
        self.command(Command::ResumeProducer { producer })
    }

    fn remove_producer(&self, #[pyo3(from_py_with = in_range)] producer: u32) -> PyResult<()> {
        self.command(Command::RemoveProducer { producer })
    }

    #[pyo3(signature = (
        consumer,
        producer,
        transport,
        *,
        mid,
        ssrc,
        rtx_ssrc,
        codecs,
        extensions,
        cname,
        layer,
        paused,
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are Python's keyword arguments"
    )]
    fn add_consumer(
        &self,
        #[pyo3(from_py_with = in_range)] consumer: u32,
        #[pyo3(from_py_with = in_range)] producer: u32,
        #[pyo3(from_py_with = in_range)] transport: u32,
        mid: String,
        #[pyo3(from_py_with = in_range)] ssrc: u32,
        #[pyo3(from_py_with = in_range)] rtx_ssrc: Option<u32>,
        #[pyo3(from_py_with = in_range)] codecs: Vec<RawOutboundCodec>,
        #[pyo3(from_py_with = in_range)] extensions: HashMap<String, u8>,
        cname: String,
        #[pyo3(from_py_with = in_range)] layer: usize,
        paused: bool,
    ) -> PyResult<()> {
        let mut config = consumer_config(mid, (ssrc, rtx_ssrc), codecs, &extensions, cname)
            .map_err(bad_argument)?;
        config.layer = layer;
        config.paused = paused;
        self.command(Command::AddConsumer {
            consumer,
            producer,
            transport,
            config: Box::new(config),
        })
    }

    fn set_consumer_layer(
        &self,
        #[pyo3(from_py_with = in_range)] consumer: u32,
        #[pyo3(from_py_with = in_range)] layer: usize,
    ) -> PyResult<()> {
        self.command(Command::SetConsumerLayer { consumer, layer })
    }

    fn request_key_frame(&self, #[pyo3(from_py_with = in_range)] consumer: u32) -> PyResult<()> {
        self.command(Command::RequestKeyFrame { consumer })
    }

    fn pause_consumer(&self, #[pyo3(from_py_with = in_range)] consumer: u32) -> PyResult<()> {
        self.command(Command::PauseConsumer { consumer })
    }

    fn resume_consumer(&self, #[pyo3(from_py_with = in_range)] consumer: u32) -> PyResult<()> {
        self.command(Command::ResumeConsumer { consumer })
    }

    fn remove_consumer(&self, #[pyo3(from_py_with = in_range)] consumer: u32) -> PyResult<()> {
        self.command(Command::RemoveConsumer { consumer })
    }

    fn request_consumer_stats(
        &self,
        #[pyo3(from_py_with = in_range)] consumer: u32,
        #[pyo3(from_py_with = in_range)] token: u64,
    ) -> PyResult<()> {
        self.command(Command::RequestConsumerStats { consumer, token })
    }

    fn request_audio_levels(
        &self,
        #[pyo3(from_py_with = in_range)] token: u64,
        #[pyo3(from_py_with = in_range)] producers: u16,
    ) -> PyResult<()> {
        let levels = Vec::with_capacity(usize::from(producers));
        self.command(Command::RequestAudioLevels { token, levels })
    }

    fn request_producer_stats(
        &self,
        #[pyo3(from_py_with = in_range)] producer: u32,
        #[pyo3(from_py_with = in_range)] token: u64,
    ) -> PyResult<()> {
        self.command(Command::RequestProducerStats { producer, token })
    }

    fn request_transport_stats(
        &self,
        #[pyo3(from_py_with = in_range)] transport: u32,
        #[pyo3(from_py_with = in_range)] token: u64,
    ) -> PyResult<()> {
        self.command(Command::RequestTransportStats { transport, token })
    }

    fn request_sample(
        &self,
        #[pyo3(from_py_with = in_range)] token: u64,
        #[pyo3(from_py_with = in_range)] producers: u16,
        #[pyo3(from_py_with = in_range)] consumers: u32,
    ) -> PyResult<()> {
        let encodings = usize::from(producers) * MAX_ENCODINGS;
        let consumers = consumers.min(MOST_CONSUMERS) as usize;
        let sample = Sample::with_room(encodings, consumers);
        self.command(Command::RequestSample { token, sample })
    }
}

fn to_python(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyAny>> {
    let tuple = match event {
        Event::Dtls {
            transport,
            datagram,
        } => {
            let datagram = PyBytes::new(py, &datagram);
            ("dtls", transport, datagram).into_pyobject(py)?
        }
        Event::IceConnected { transport, remote } => {
            ("ice", transport, "connected", remote.to_string()).into_pyobject(py)?
        }
        Event::IceDisconnected { transport } => {
            ("ice", transport, "disconnected").into_pyobject(py)?
        }
        Event::TransportFailed { transport, reason } => {
            ("transport_failed", transport, reason).into_pyobject(py)?
        }
        Event::Encoding {
            producer,
            encoding,
            active,
        } => {
            let state = if active { "active" } else { "quiet" };
            ("encoding", producer, encoding, state).into_pyobject(py)?
        }
        Event::ConsumerLayer { consumer, layer } => {
            ("consumer_layer", consumer, layer).into_pyobject(py)?
        }
        Event::ConsumerStats { token, stats } => {
            let stats = stats.map(|stats| stats_dict(py, &stats)).transpose()?;
            ("consumer_stats", token, stats).into_pyobject(py)?
        }
        Event::AudioLevels { token, levels } => {
            let levels = levels.iter().map(|heard| (heard.producer, heard.level));
            ("audio_levels", token, levels.collect::<Vec<_>>()).into_pyobject(py)?
        }
        Event::ProducerStats { token, stats } => {
            let of_each = |stats: Vec<EncodingStats>| -> PyResult<Vec<_>> {
                stats.iter().map(|one| encoding_dict(py, one)).collect()
            };
            let stats = stats.map(of_each).transpose()?;
            ("producer_stats", token, stats).into_pyobject(py)?
        }
        Event::TransportStats { token, stats } => {
            let stats = stats.map(|stats| transport_dict(py, &stats)).transpose()?;
            ("transport_stats", token, stats).into_pyobject(py)?
        }
        Event::Sample { token, sample } => {
            let encodings = PyBytes::new(py, &sample.encodings);
            let consumers = PyBytes::new(py, &sample.consumers);
            ("sample", token, (encodings, consumers)).into_pyobject(py)?
        }
    };
    Ok(tuple.into_any())
}

fn stats_dict<'py>(py: Python<'py>, stats: &ConsumerStats) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("packets_received", stats.packets_received)?;
    dict.set_item("packets_sent", stats.packets_sent)?;
    dict.set_item("packets_retransmitted", stats.packets_retransmitted)?;
    dict.set_item("nacks_received", stats.nacks_received)?;
    dict.set_item("key_frame_requests_sent", stats.key_frame_requests_sent)?;
    let waiting = u8::from(stats.waiting_for_key_frame);
    dict.set_item("waiting_for_key_frame", waiting)?;
    if let Some(round_trip_ms) = stats.round_trip_ms {
        dict.set_item("round_trip_ms", round_trip_ms)?;
    }
    if let Some(layer) = stats.layer {
        dict.set_item("layer", layer)?;
    }
    dict.set_item("target_layer", stats.target_layer)?;
    Ok(dict)
}

fn encoding_dict<'py>(py: Python<'py>, stats: &EncodingStats) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    if let Some(ssrc) = stats.ssrc {
        dict.set_item("ssrc", ssrc)?;
    }
    dict.set_item("packets_received", stats.packets_received)?;
    dict.set_item("bytes_received", stats.bytes_received)?;
    if let Some(packets_repaired) = stats.packets_repaired {
        dict.set_item("packets_repaired", packets_repaired)?;
    }
    dict.set_item("packets_lost", stats.packets_lost)?;
    if let Some(jitter_micros) = stats.jitter_micros {
        dict.set_item("jitter_micros", jitter_micros)?;
    }
    dict.set_item("nacks_sent", stats.nacks_sent)?;
    dict.set_item("key_frame_requests_sent", stats.key_frame_requests_sent)?;
    Ok(dict)
}

fn transport_dict<'py>(py: Python<'py>, stats: &TransportStats) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("packets_received", stats.packets_received)?;
    dict.set_item("bytes_received", stats.bytes_received)?;
    dict.set_item("packets_sent", stats.packets_sent)?;
    dict.set_item("bytes_sent", stats.bytes_sent)?;
    Ok(dict)
}
