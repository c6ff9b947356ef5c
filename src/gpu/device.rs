//! A wgpu device that reports every error and never waits for ever.

use super::adapter::Selection;
use super::features::{self, wanted};
use crate::error::{Context, Error, Kind, Result};
use crate::measure::Step;
use crate::measure::record::Missing;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A submission that takes longer than this is taken for hung. Far above every watchdog, and above
/// the slowest software adapter's longest dispatch of the suites.
const HUNG: Duration = Duration::from_secs(180);

/// Device and queue with all the limits that the adapter has.
pub(super) struct Device {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    first_error: Arc<Mutex<Option<String>>>,
}

impl Device {
    /// Opens the adapter.
    pub fn open(selection: &Selection) -> Result<Device> {
        let adapter = &selection.adapter;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("flopcast"),
            required_features: features::of(adapter) & wanted(),
            // wgpu's defaults would cap bindings at 128 MiB and workgroups at 256 invocations.
            required_limits: adapter.limits(),
            // SAFETY: only for cooperative matrices, whose kernels are proved before they are timed.
            experimental_features: unsafe { wgpu::ExperimentalFeatures::enabled() },
            memory_hints: wgpu::MemoryHints::Performance,
            ..Default::default()
        };
        // wgpu-hal panics where a driver refuses what it reported itself.
        let opened = catch_unwind(AssertUnwindSafe(|| pollster::block_on(adapter.request_device(&descriptor))));
        let opened = opened.map_err(|panic| Error::of_panic(&*panic)).and_then(|opened| opened.or_failed("no device"));
        let (device, queue) = opened.map_err(|error| {
            error
                .of_kind(Kind::NoAdapter)
                .context(format!("adapter `{}` does not open", selection.report.identity.name))
                .hint("`flopcast devices` lists the others; choose one with `--adapter`")
        })?;
        let first_error = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&first_error);
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| note(&slot, error.to_string())));
        let slot = Arc::clone(&first_error);
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                note(&slot, format!("the device is lost: {message}"));
            }
        });
        Ok(Device { device, queue, first_error })
    }

    /// Turns an error that wgpu reported since the last check into the end of the case. wgpu-core
    /// reports synchronously, so a check after each creation and submission misses none.
    pub fn check(&self, what: &str) -> Step<()> {
        let error = self.first_error.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        match error {
            Some(error) => Err(Missing::Failed { error: format!("{what}: {}", one_line(&error)) }),
            None => Ok(()),
        }
    }

    /// A buffer, or why there is none.
    pub fn buffer(&self, label: &str, size: u64, usage: wgpu::BufferUsages) -> Step<wgpu::Buffer> {
        let descriptor = wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        let buffer = self.device.create_buffer(&descriptor);
        self.check(label).map(|()| buffer)
    }

    /// Submits and waits until it is done.
    pub fn run(&self, commands: wgpu::CommandBuffer, what: &str) -> Step<()> {
        let index = self.queue.submit([commands]);
        self.wait(Some(index), what)
    }

    /// Waits until a submission (or everything so far) is done.
    pub fn wait(&self, submission_index: Option<wgpu::SubmissionIndex>, what: &str) -> Step<()> {
        let poll = wgpu::PollType::Wait { submission_index, timeout: Some(HUNG) };
        let polled = self.device.poll(poll);
        self.check(what)?;
        polled.map(|_| ()).map_err(|e| Missing::Failed { error: format!("{what}: {e}") })
    }

    /// Copies a mappable buffer to the host.
    pub fn map(&self, buffer: &wgpu::Buffer, what: &str) -> Step<Vec<u8>> {
        let slice = buffer.slice(..);
        slice.map_async(wgpu::MapMode::Read, |_| {});
        self.wait(None, what)?;
        let bytes = match slice.get_mapped_range() {
            Ok(view) => view.to_vec(),
            Err(e) => return Err(Missing::Failed { error: format!("{what}: {e}") }),
        };
        buffer.unmap();
        Ok(bytes)
    }
}

fn note(slot: &Mutex<Option<String>>, message: String) {
    let mut slot = slot.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    slot.get_or_insert(message);
}

/// wgpu's messages are paragraphs with a source excerpt; a row of a record is a line.
fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
