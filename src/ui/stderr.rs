//! Writes to standard error. Only this file deals with the fact that it may block: a full pipe, or a terminal stopped
//! with Ctrl-S. One thread writes everything, the bar included, in the order in which it was sent. The threads that
//! send messages do not wait for it, or not for long.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::bar::{Bar, Frame};
use crate::cli::LogFormat;
use crate::shutdown::Shutdown;

/// How many bytes may wait before the threads that log single calls wait for room: some thousand lines.
const MOST_WAITING: usize = 256 * 1024;
/// How many bytes may wait at most. Messages beyond that are left out, and the writer then says how many.
const MOST_QUEUED: usize = 1024 * 1024;
/// If no byte was written for this time, standard error counts as stuck, and calls go on without their log lines.
/// Chosen by us.
const STUCK: Duration = Duration::from_secs(5);
/// How often a waiting thread checks whether the run was stopped or given up, and how often the bar is drawn.
pub(super) const TICK: Duration = Duration::from_millis(100);
/// How long the end still waits for standard error when the user wants to leave. Chosen by us.
const GRACE: Duration = Duration::from_secs(1);
/// How many bytes are written at once. A pipe takes this many in one piece (source: pipe(7), `PIPE_BUF`).
const PIECE: usize = 4096;

/// How important it is that a message gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// The sender must not wait. If there is no room, the message is left out.
    Now,
    /// A log line for a call. The sender waits while standard error takes bytes. If standard error is stuck, or the run
    /// is stopped, the line is left out.
    EachCall,
    /// The only copy of something. The sender waits until it gets through, or the run is given up.
    Keep,
}

/// Standard error. All clones share one queue.
#[derive(Debug, Clone)]
pub(super) struct StandardError {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// A lock and a condition, not a channel, because the queue is bounded by bytes, and the waits by time.
    queue: Mutex<Queue>,
    changed: Condvar,
    has_writer: AtomicBool,
    shutdown: Shutdown,
    format: LogFormat,
}

#[derive(Debug)]
struct Queue {
    bytes: Vec<u8>,
    /// Whether the writer is writing something that it took from the queue.
    is_writing: bool,
    /// When bytes were last written, or the writer was last idle.
    moved_at: Instant,
    /// How many messages were left out since the writer last said so.
    left_out: u64,
    /// The bar that should be shown.
    frame: Option<Frame>,
    /// Whether the terminal shows a bar now.
    has_bar: bool,
}

impl StandardError {
    /// Standard error without a writer thread: each message is written by its sender.
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
    /// If the system cannot start a thread. Then nothing changes.
    pub(super) fn start_writer(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        Builder::new().name("stderr".to_owned()).spawn(move || shared.write_on())?;
        self.shared.has_writer.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Keeps what is sent, and writes nothing.
    #[cfg(test)]
    pub(super) fn keep(&self) {
        self.shared.has_writer.store(true, Ordering::Relaxed);
    }

    /// What was sent and not yet written.
    #[cfg(test)]
    pub(super) fn kept(&self) -> String {
        String::from_utf8_lossy(&self.shared.lock().bytes).into_owned()
    }

    /// Sends bytes to be written.
    pub(super) fn send(&self, bytes: &[u8], urgency: Urgency) {
        if !self.shared.has_writer.load(Ordering::Relaxed) {
            // An error here means that standard error is gone, so it cannot be reported.
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

    /// Shows this bar below the messages, until `None` removes it.
    pub(super) fn show(&self, frame: Option<Frame>) {
        self.shared.lock().frame = frame;
        self.shared.changed.notify_all();
    }

    /// Waits until everything is written. Once `is_hurried` returns true, waits only a moment longer.
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

    /// Whether everything is written, and the terminal shows a bar only if it should.
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

    /// Waits for a change, but no longer than a tick.
    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>) -> MutexGuard<'a, Queue> {
        self.changed.wait_timeout(queue, TICK).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Writes what is sent, as long as the process runs.
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

    /// Waits until there is something to write or draw, and takes it from the queue.
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

    /// Writes the whole piece, even if standard error is non-blocking and answers "not now". If standard error is gone,
    /// that cannot be reported.
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

    /// The message that replaces lines that were left out.
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
