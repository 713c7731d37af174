//! Starts the threads on which a run reads and records. They start before the first call, so that a system that allows
//! too few threads stops the run in time.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, Builder};

use tokio::sync::oneshot;

/// The threads of one run, not yet at work.
#[derive(Debug)]
pub struct Threads {
    pub(super) feed: IdleThread,
    pub(super) record: IdleThread,
}

impl Threads {
    /// Starts the threads. If this value is dropped without being used, they end.
    ///
    /// # Errors
    ///
    /// If the system cannot start one of the threads.
    pub fn start() -> io::Result<Self> {
        Ok(Self { feed: IdleThread::start("feed")?, record: IdleThread::start("record")? })
    }
}

/// A thread that waits for its work.
#[derive(Debug)]
pub(super) struct IdleThread {
    work: SyncSender<Work>,
}

type Work = Box<dyn FnOnce() + Send>;

impl IdleThread {
    fn start(name: &str) -> io::Result<Self> {
        let (work, next) = sync_channel::<Work>(1);
        Builder::new().name(name.to_owned()).spawn(move || {
            if let Ok(work) = next.recv() {
                work();
            }
        })?;
        Ok(Self { work })
    }

    /// Gives the thread its work. The receiver yields what the work returns, or its panic.
    pub(super) fn begin<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<thread::Result<T>> {
        let (ended, end) = oneshot::channel();
        let work = move || drop(ended.send(catch_unwind(AssertUnwindSafe(work))));
        // The send succeeds at once: the thread waits for this work, and the channel has room for it. Above, the send
        // of the result may fail, because its receiver may be gone.
        drop(self.work.send(Box::new(work)));
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_made_comes_back_and_so_does_its_panic() {
        let threads = Threads::start().unwrap();
        assert_eq!(threads.feed.begin(|| 7).blocking_recv().unwrap().unwrap(), 7);
        let panic = threads.record.begin(|| assert_eq!(1, 2)).blocking_recv().unwrap().unwrap_err();
        assert!(panic.downcast_ref::<String>().unwrap().contains("left"));
    }
}
