//! Keeps watch while others work. What may block is done on threads of their own, and the main thread only waits for them:
//! so a signal is heard at any time, and what the main thread owns is put in order before the process ends.

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
}

impl From<Refusal> for Halt {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// How many tasks are polled at the most before the sockets are looked at again. A call takes about three, and there are as
/// many tasks as calls in flight, so all that is ready is done first. Measured at 64 of them: with tokio's 61 a call takes
/// 1.15 times the processor time, most of it for waking the other end; beyond 256 nothing changes.
const POLLS_A_LOOK: u32 = 256;
/// How long the runtime keeps a thread that has nothing to do: longer than any run.
const FOR_EVER: Duration = Duration::from_secs(366 * 24 * 60 * 60);
/// Threads that a run needs besides those that it starts at its beginning: for what blocks before it, for the journal and
/// the names of hosts, and two of the simulated API.
const FURTHER_THREADS: usize = 4;
/// How long something is waited for once nobody wants to wait any more: a disk or a pipe that works takes less. Chosen by
/// us.
const GRACE: Duration = Duration::from_secs(1);

/// Who keeps watch.
#[derive(Debug)]
pub(super) struct Watch {
    runtime: Runtime,
    shutdown: Shutdown,
}

impl Watch {
    /// Begins to listen to signals, and starts all threads that a run needs, those for the engine included.
    ///
    /// # Errors
    ///
    /// When the system allows too few threads, or the like.
    pub(super) fn start(console: &Console, shutdown: &Shutdown) -> Result<(Self, Threads), Refusal> {
        // First, so that it has a thread of its own whatever comes next.
        console.start_writer().map_err(too_few_threads)?;
        Signals::listen(shutdown.clone()).map_err(too_few_threads)?;
        let threads = Threads::start().map_err(too_few_threads)?;
        try_further_threads().map_err(too_few_threads)?;
        let runtime = runtime()?;
        // Where no second one can be started later, this one does the work of all, one after the other.
        drop(runtime.block_on(runtime.spawn_blocking(|| ())));
        Ok((Self { runtime, shutdown: shutdown.clone() }, threads))
    }

    /// Does something that may block, unless the run is stopped before it is done.
    ///
    /// # Errors
    ///
    /// When the run was stopped, and when there is no room for a thread. What was begun is left to itself.
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

    /// Does something that does not block, and waits for it.
    pub(super) fn wait_for<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// What signals turn.
    pub(super) fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Whether calls may have left.
    pub(super) fn has_begun(&self) -> bool {
        self.shutdown.has_begun()
    }

    /// Takes note that calls may leave from now on.
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

    /// Does something at the end that may block, and waits for it; once `is_hurried`, no longer than a moment.
    pub(super) fn at_the_end(&self, hurry: Hurry, work: impl FnOnce() + Send + 'static) {
        // A lock, because either a thread does it or, where there is no room for one, this one.
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

    /// Ends, without waiting for threads that are still at something: the look-up of a name, a read of standard input.
    pub(super) fn end(self) {
        self.runtime.shutdown_background();
    }

    /// How an end is hurried that begins now.
    pub(super) fn hurry(&self) -> Hurry {
        if self.shutdown.is_stopped() { Hurry::WhenGivenUp } else { Hurry::WhenStopped }
    }

    /// Whether an end is hurried.
    pub(super) fn is_hurried(&self, hurry: Hurry) -> bool {
        match hurry {
            Hurry::WhenStopped => self.shutdown.is_stopped(),
            Hurry::WhenGivenUp => self.shutdown.is_given_up(),
        }
    }
}

/// When somebody wants the end to be short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hurry {
    /// At the first signal: nothing is left to be stopped in order.
    WhenStopped,
    /// When the run is given up.
    WhenGivenUp,
}

fn do_once(work: &Mutex<Option<impl FnOnce()>>) {
    let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(work) = work {
        work();
    }
}

/// Begins something on a thread of its own.
fn begin<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<thread::Result<T>>> {
    let (ended, end) = oneshot::channel();
    // Nobody may wait for it any more.
    let work = move || drop(ended.send(catch_unwind(AssertUnwindSafe(work))));
    ThreadBuilder::new().name("work".to_owned()).spawn(work)?;
    Ok(end)
}

/// Finds out whether there is room for the threads that come later.
fn try_further_threads() -> io::Result<()> {
    let mut waiting = Vec::new();
    for _ in 0..FURTHER_THREADS {
        let (end, ended) = channel::<()>();
        // It waits until the other end is gone.
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
    // What the system says when a limit is reached (source: pthread_create(3), "EAGAIN").
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

/// The runtime for calls: one thread, on which nothing blocks. A second one would cost half as much processor time again
/// and bring nothing.
pub(super) fn runtime() -> Result<Runtime, Refusal> {
    Builder::new_current_thread()
        .enable_all()
        .event_interval(POLLS_A_LOOK)
        .thread_keep_alive(FOR_EVER)
        .build()
        .map_err(|error| Refusal::new(Cause::Usage, "could not start the runtime").caused_by(error))
}
