//! Standard error, and the only place that knows that it may block: a full pipe, a terminal that was stopped with
//! Ctrl-S. All that goes there, the bar included, is written by one thread, in the order in which it was said; who says
//! something does not wait for it, or not for long.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::bar::{Bar, Frame};
use crate::cli::LogFormat;
use crate::shutdown::Shutdown;

/// What may wait to be written before those who log each call wait for it: some thousand lines.
const MOST_WAITING: usize = 256 * 1024;
/// What may wait at the most; what is said beyond it is left out, and the next that is written says so.
const MOST_QUEUED: usize = 1024 * 1024;
/// How long nothing at all may get through before standard error counts as stuck, and calls go on without their lines.
/// Chosen by us.
const STUCK: Duration = Duration::from_secs(5);
/// How often a wait looks whether the run was stopped or given up meanwhile, and how often the bar is drawn.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// How long the end waits for standard error when nobody wants to wait any more. Chosen by us.
const GRACE: Duration = Duration::from_secs(1);
/// How much is written at once. A pipe takes so much as one piece (source: pipe(7), `PIPE_BUF`).
const PIECE: usize = 4096;

/// How much it matters that something gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Nobody may wait to say it.
    Now,
    /// A line for each call: it waits while lines get through, and is left out where they do not.
    EachCall,
    /// The only copy of something: it waits until it gets through, or the run is given up.
    Keep,
}

/// Standard error. Its clones are one.
#[derive(Debug, Clone)]
pub(super) struct StandardError {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// A lock and a condition instead of a channel, because what waits is bounded by bytes, and a wait by time.
    queue: Mutex<Queue>,
    changed: Condvar,
    has_writer: AtomicBool,
    shutdown: Shutdown,
    format: LogFormat,
}

#[derive(Debug)]
struct Queue {
    bytes: Vec<u8>,
    /// Whether the writer is at something that it has taken.
    is_writing: bool,
    /// When something got through last, or the writer was idle.
    moved_at: Instant,
    /// How much was left out since that was said last.
    left_out: u64,
    /// The bar as it is to be.
    frame: Option<Frame>,
    /// Whether there is one on the terminal.
    has_bar: bool,
}

impl StandardError {
    /// Standard error without a writer: what is said is written by whoever says it.
    pub(super) fn new(format: LogFormat, shutdown: Shutdown) -> Self {
        let moved_at = Instant::now();
        let queue = Queue { bytes: Vec::new(), is_writing: false, moved_at, left_out: 0, frame: None, has_bar: false };
        let shared = Shared {
            queue: Mutex::new(queue),
            changed: Condvar::new(),
            has_writer: AtomicBool::new(false),
            shutdown,
            format,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Starts the thread that writes.
    ///
    /// # Errors
    ///
    /// When the system has no room for a thread. Then nothing changes.
    pub(super) fn start_writer(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        Builder::new().name("stderr".to_owned()).spawn(move || shared.write_on())?;
        self.shared.has_writer.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Has this written.
    pub(super) fn send(&self, bytes: &[u8], urgency: Urgency) {
        if !self.shared.has_writer.load(Ordering::Relaxed) {
            // Nobody is left to tell when standard error is gone.
            drop(io::stderr().lock().write_all(bytes));
            return;
        }
        let mut queue = self.shared.lock();
        while !queue.has_room(bytes.len(), urgency) {
            let is_left_out = match urgency {
                Urgency::Now => true,
                Urgency::EachCall => self.shared.shutdown.is_stopped() || queue.is_stuck(),
                Urgency::Keep => self.shared.shutdown.is_given_up(),
            };
            if is_left_out {
                queue.left_out += 1;
                return;
            }
            queue = self.shared.wait(queue);
        }
        queue.bytes.extend_from_slice(bytes);
        self.shared.changed.notify_all();
    }

    /// Shows this as a bar at the foot of what is said, until it is taken away with `None`.
    pub(super) fn show(&self, frame: Option<Frame>) {
        self.shared.lock().frame = frame;
        self.shared.changed.notify_all();
    }

    /// Waits until all is written; once `is_hurried`, no longer than a moment.
    pub(super) fn flush(&self, is_hurried: impl Fn() -> bool) {
        let mut hurried_at = None;
        let mut queue = self.shared.lock();
        while !queue.is_idle() {
            if is_hurried() && hurried_at.get_or_insert_with(Instant::now).elapsed() > GRACE {
                return;
            }
            queue = self.shared.wait(queue);
        }
    }
}

impl Queue {
    fn has_room(&self, bytes: usize, urgency: Urgency) -> bool {
        let most = match urgency {
            Urgency::Now => MOST_QUEUED,
            Urgency::EachCall | Urgency::Keep => MOST_WAITING,
        };
        self.bytes.is_empty() || self.bytes.len() + bytes <= most
    }

    /// Whether all is written, and no bar is left that is to go.
    fn is_idle(&self) -> bool {
        let bar_is_right = self.has_bar == self.frame.is_some();
        !self.is_writing && self.bytes.is_empty() && self.left_out == 0 && bar_is_right
    }

    fn is_stuck(&self) -> bool {
        self.is_writing && self.moved_at.elapsed() > STUCK
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, and not longer than a tick.
    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed.wait_timeout(queue, TICK).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Writes what is said, for as long as the process lives.
    fn write_on(&self) {
        let mut bar: Option<Bar> = None;
        loop {
            let (bytes, left_out, frame) = self.take(bar.is_some());
            bar = match (bar, frame) {
                (Some(bar), Some(frame)) => Some(bar.draw(&frame)),
                (None, Some(frame)) => Some(Bar::start(&frame)),
                (Some(bar), None) => {
                    bar.clear();
                    None
                }
                (None, None) => None,
            };
            let write = || {
                self.write(&bytes);
                if left_out > 0 {
                    self.write(self.told_of(left_out).as_bytes());
                }
            };
            match &bar {
                Some(bar) if !bytes.is_empty() => bar.step_aside(write),
                Some(_) | None => write(),
            }
            let mut queue = self.lock();
            queue.is_writing = false;
            queue.has_bar = bar.is_some();
            queue.moved_at = Instant::now();
            self.changed.notify_all();
        }
    }

    /// Waits until there is something to write or to draw, and takes it.
    fn take(&self, has_bar: bool) -> (Vec<u8>, u64, Option<Frame>) {
        let mut queue = self.lock();
        if queue.bytes.is_empty() && has_bar {
            queue = self.wait(queue);
        }
        while queue.bytes.is_empty() && queue.left_out == 0 && !has_bar && queue.frame.is_none() {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.is_writing = true;
        queue.moved_at = Instant::now();
        (std::mem::take(&mut queue.bytes), std::mem::take(&mut queue.left_out), queue.frame.clone())
    }

    fn write(&self, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE) {
            self.write_piece(piece);
            self.lock().moved_at = Instant::now();
        }
    }

    /// Writes to the end, also where somebody has made standard error one that says "not now" instead of blocking. Where
    /// it is gone, nobody is left to tell.
    fn write_piece(&self, mut piece: &[u8]) {
        let mut output = io::stderr().lock();
        while !piece.is_empty() {
            match output.write(piece) {
                Ok(count) if count > 0 => piece = piece.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => drop(self.wait(self.lock())),
                Ok(_) | Err(_) => return,
            }
        }
    }

    /// What is said where lines are missing.
    fn told_of(&self, left_out: u64) -> String {
        let text = format!("{left_out} messages were left out here: nobody read standard error in time");
        match self.format {
            LogFormat::Text => format!("{text}\n"),
            LogFormat::Json => {
                let now = crate::text::timestamp(jiff::Timestamp::now());
                let event = serde_json::json!({ "timestamp": now, "level": "WARN", "message": text });
                format!("{event}\n")
            }
        }
    }
}
