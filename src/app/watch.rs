//! Waits for signals while other threads work. Work that may block has its own threads, and the main thread only waits
//! for them. So a signal is noticed at any time, and the main thread can still put in order what it owns before the
//! process ends.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder as ThreadBuilder};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::engine::Threads;
use crate::error::{Cause, Refusal};
use crate::outcome::Stop;
use crate::shutdown::{Shutdown, Signals};
use crate::ui::Console;

/// Why a command did not come to its end.
#[derive(Debug)]
pub(super) enum Halt {
    /// It was refused.
    Refused(Refusal),
    /// It was stopped.
    Stopped(Stop),
    /// It was stopped while results were being changed: some may be changed.
    Midway(Stop),
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// How many tasks the runtime polls at most before it checks the sockets again. A call takes about three polls, and
/// there are as many tasks as calls in flight, so everything that is ready is done first. Measured with 64 tasks: with
/// tokio's default of 61, a call takes 1.15 times the processor time, most of it to wake the other end; beyond 256
/// nothing changes.
const POLLS_A_LOOK: u32 = 256;
/// How long the runtime keeps an idle thread: longer than any run.
const FOR_EVER: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// How many threads a run needs besides those that it starts at its beginning: one for blocking work before the run,
/// one for the journal and the names of hosts, and two of the simulated API.
const FURTHER_THREADS: usize = 4;
/// How long the end still waits for something when the user wants to leave: a disk or a pipe that works takes less.
/// Chosen by us.
const GRACE: Duration = Duration::from_secs(1);

/// Waits for work and for signals.
#[derive(Debug)]
pub(super) struct Watch {
    runtime: Runtime,
    shutdown: Shutdown,
}

impl Watch {
    /// Begins to listen for signals, and starts all threads that a run needs, those of the engine included.
    ///
    /// # Errors
    ///
    /// If the system allows too few threads, or similar.
    pub(super) fn start(console: &Console, shutdown: &Shutdown) -> Result<(Self, Threads), Refusal> {
        // Start the writer first, so that messages have their thread whatever fails next.
        console.start_writer().map_err(too_few_threads)?;
        Signals::listen(shutdown.clone()).map_err(too_few_threads)?;
        Self::without_signals(shutdown)
    }

    /// Does the same, but neither listens for signals nor writes messages.
    pub(super) fn without_signals(shutdown: &Shutdown) -> Result<(Self, Threads), Refusal> {
        let threads = Threads::start().map_err(too_few_threads)?;
        try_further_threads().map_err(too_few_threads)?;
        let runtime = runtime()?;
        // Start the first thread for blocking work now: if no second one can be started later, this one does all of it,
        // one piece after the other.
        drop(runtime.block_on(runtime.spawn_blocking(|| ())));
        Ok((Self { runtime, shutdown: shutdown.clone() }, threads))
    }

    /// Does work that may block, unless the run is stopped before it is done.
    ///
    /// # Errors
    ///
    /// If the run was stopped, or no thread could be started. Work that has begun is not waited for.
    pub(super) fn unless_stopped<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Halt> {
        let done = begin(work).map_err(too_few_threads)?;
        let done = self.runtime.block_on(async {
            tokio::select! {
                done = done => done.ok(),
                () = self.shutdown.stopped() => None,
            }
        });
        self.check_going()?;
        match done {
            Some(Ok(done)) => Ok(done),
            Some(Err(panic)) => resume_unwind(panic),
            None => Err(Halt::Stopped(Stop::of_panic())),
        }
    }

    /// Does something that may block and should not be left in the middle: only who gives up does not wait for it.
    ///
    /// # Errors
    ///
    /// When it was given up, and when there is no room for a thread.
    pub(super) fn to_its_end<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Halt> {
        let done = begin(work).map_err(too_few_threads)?;
        let done = self.runtime.block_on(async {
            tokio::select! {
                biased;
                done = done => done.ok(),
                () = self.shutdown.given_up() => None,
            }
        });
        match done {
            Some(Ok(done)) => Ok(done),
            Some(Err(panic)) => resume_unwind(panic),
            None => Err(Halt::Stopped(self.shutdown.reason().cloned().unwrap_or_else(Stop::of_panic))),
        }
    }

    /// Does work that does not block, and waits for it.
    pub(super) fn wait_for<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The switch that signals set.
    pub(super) fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Whether calls may have started.
    pub(super) fn has_begun(&self) -> bool {
        self.shutdown.has_begun()
    }

    /// Records that calls may start from now on.
    pub(super) fn calls_begin(&self) {
        self.shutdown.calls_begin();
    }

    /// Makes sure that the run is not stopped.
    ///
    /// # Errors
    ///
    /// When it is.
    pub(super) fn check_going(&self) -> Result<(), Halt> {
        match self.shutdown.reason() {
            Some(stop) => Err(Halt::Stopped(stop.clone())),
            None => Ok(()),
        }
    }

    /// Does work at the end that may block, and waits for it. Once the end is hurried, it waits only a moment longer.
    pub(super) fn at_the_end(&self, hurry: Hurry, work: impl FnOnce() + Send + 'static) {
        // A lock, because a new thread does the work, or this one if no thread can be started.
        let work = Arc::new(Mutex::new(Some(work)));
        let for_the_thread = Arc::clone(&work);
        let Ok(done) = begin(move || do_once(&for_the_thread)) else { return do_once(&work) };
        let hurried = async {
            match hurry {
                Hurry::WhenStopped => self.shutdown.stopped().await,
                Hurry::WhenGivenUp => self.shutdown.given_up().await,
            }
            sleep(GRACE).await;
        };
        self.runtime.block_on(async {
            tokio::select! {
                _done = done => {}
                () = hurried => {}
            }
        });
    }

    /// Ends the watch without waiting for threads that are still busy, for example with a look-up of a name or a read
    /// of standard input.
    pub(super) fn end(self) {
        self.runtime.shutdown_background();
    }

    /// What will hurry an end that begins now.
    pub(super) fn hurry(&self) -> Hurry {
        if self.shutdown.is_stopped() { Hurry::WhenGivenUp } else { Hurry::WhenStopped }
    }

    /// Whether the end is hurried now.
    pub(super) fn is_hurried(&self, hurry: Hurry) -> bool {
        match hurry {
            Hurry::WhenStopped => self.shutdown.is_stopped(),
            Hurry::WhenGivenUp => self.shutdown.is_given_up(),
        }
    }
}

/// What makes the end hurried: it then waits only a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hurry {
    /// The first signal, if nothing is left that has to be stopped in order.
    WhenStopped,
    /// The second signal, which gives the run up.
    WhenGivenUp,
}

fn do_once(work: &Mutex<Option<impl FnOnce()>>) {
    let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(work) = work {
        work();
    }
}

/// Begins work on a thread of its own.
fn begin<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<thread::Result<T>>> {
    let (ended, end) = oneshot::channel();
    // The send may fail: the caller may no longer wait for the end.
    let work = move || drop(ended.send(catch_unwind(AssertUnwindSafe(work))));
    ThreadBuilder::new().name("work".to_owned()).spawn(work)?;
    Ok(end)
}

/// Checks whether the system allows the threads that come later.
fn try_further_threads() -> io::Result<()> {
    let mut waiting = Vec::new();
    for _ in 0..FURTHER_THREADS {
        let (end, ended) = channel::<()>();
        // The thread waits until the sender is dropped.
        let thread = ThreadBuilder::new().spawn(move || ended.iter().for_each(drop))?;
        waiting.push((end, thread));
    }
    for (end, thread) in waiting {
        drop(end);
        drop(thread.join());
    }
    Ok(())
}

fn too_few_threads(error: io::Error) -> Refusal {
    // The error of the system when a limit is reached (source: pthread_create(3), "EAGAIN").
    let is_limit = error.kind() == io::ErrorKind::WouldBlock;
    let refusal = if is_limit {
        Refusal::new(Cause::Usage, "this system allows too few threads for a run").hint(
            "raise the limit on processes and threads: `ulimit -u`, TasksMax= of a systemd unit, the pids of a container",
        )
    } else {
        Refusal::new(Cause::Usage, "could not start the threads of a run")
    };
    refusal.caused_by(error)
}

/// Makes the runtime for calls: one thread, on which nothing blocks. A second thread would cost half as much processor
/// time again and bring no gain.
pub(super) fn runtime() -> Result<Runtime, Refusal> {
    Builder::new_current_thread()
        .enable_all()
        .event_interval(POLLS_A_LOOK)
        .thread_keep_alive(FOR_EVER)
        .build()
        .map_err(|error| Refusal::new(Cause::Usage, "could not start the runtime").caused_by(error))
}
