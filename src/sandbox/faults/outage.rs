//! The times at which the sandbox does not listen at all.
//!
//! A file of faults plans outages; the calls decide when one is due; the server stops listening and listens again. This
//! file owns the channel in between: [`OutageAnnouncer`] sends each outage that becomes due, and [`Outages`], which the
//! server holds, receives it.

use std::cmp::Reverse;
use std::future::pending;
use std::ops::Range;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep_until;

/// An outage as a file of faults plans it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OutagePlan {
    /// It begins and ends at these times after the first call.
    Within(Range<Duration>),
    /// It begins after a number of calls.
    After {
        /// The number of calls. The last of them is still answered.
        calls: u64,
        /// How long it lasts.
        length: Duration,
    },
}

/// An outage whose beginning and end are known.
#[derive(Debug)]
pub(crate) struct DueOutage {
    from: Instant,
    to: Instant,
    // Dropped when the sandbox has stopped listening. That ends the receiver of the call which waits for it.
    begun: Option<oneshot::Sender<()>>,
}

/// The sending end, for the file that counts the calls: it announces each outage when it is due.
#[derive(Debug)]
pub(super) struct OutageAnnouncer {
    plans: Vec<OutagePlan>,
    due: mpsc::Sender<DueOutage>,
}

/// The receiving end, for the server: the outages that are due.
#[derive(Debug)]
pub(crate) struct Outages {
    announced: mpsc::Receiver<DueOutage>,
    // The earliest is the last in the list.
    ahead: Vec<DueOutage>,
}

/// The two ends of a channel for these plans. Each outage happens once.
pub(super) fn plan(plans: Vec<OutagePlan>) -> (OutageAnnouncer, Outages) {
    let (due, announced) = mpsc::channel(plans.len().max(1));
    (OutageAnnouncer { plans, due }, Outages { announced, ahead: Vec::new() })
}

impl OutageAnnouncer {
    /// Announces the outages that become due with the `call`th call (from 1), which came at `when`.
    ///
    /// For each outage that begins with this very call, it returns a receiver that ends when the outage has begun. The
    /// call must wait for that before it is answered: its caller then finds that nothing listens any more.
    pub(super) fn note(&self, call: u64, when: Instant) -> Vec<oneshot::Receiver<()>> {
        let mut begins = Vec::new();
        for plan in &self.plans {
            match plan {
                OutagePlan::Within(time) if call == 1 => self.announce(DueOutage::new(when, time.clone())),
                OutagePlan::After { calls, length } if call == *calls => {
                    let (begun, until_begun) = oneshot::channel();
                    self.announce(DueOutage { begun: Some(begun), ..DueOutage::new(when, Duration::ZERO..*length) });
                    begins.push(until_begun);
                }
                OutagePlan::Within(_) | OutagePlan::After { .. } => {}
            }
        }
        begins
    }

    fn announce(&self, due: DueOutage) {
        // The channel has room for all plans, so this fails only when the server has ended.
        if self.due.try_send(due).is_err() {
            tracing::debug!("an outage of the sandbox came after its end");
        }
    }
}

impl DueOutage {
    fn new(when: Instant, time: Range<Duration>) -> Self {
        Self { from: when + time.start, to: when + time.end, begun: None }
    }
}

impl Outages {
    /// Waits until the next outage begins.
    ///
    /// # Cancel safety
    ///
    /// No outage is lost when this is cancelled.
    pub(crate) async fn next(&mut self) -> DueOutage {
        loop {
            let next = self.ahead.last().map(|due| due.from);
            tokio::select! {
                Some(due) = self.announced.recv() => {
                    self.ahead.push(due);
                    self.ahead.sort_unstable_by_key(|due| Reverse(due.from));
                }
                () = wait_until(next) => if let Some(due) = self.ahead.pop() {
                    return due;
                }
            }
        }
    }

    /// Waits until the outage is over, and any outages that begin before its end.
    pub(crate) async fn pass(&mut self, outage: DueOutage) {
        let mut end = outage.to;
        drop(outage.begun);
        loop {
            tokio::select! {
                // On a busy machine both can be due by now: then the outage that begins before the end counts.
                biased;
                another = self.next() => end = end.max(another.to),
                () = sleep_until(end.into()) => return,
            }
        }
    }
}

async fn wait_until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn outages_come_when_they_are_due() {
        let plans = vec![OutagePlan::Within(HOUR..HOUR * 2), OutagePlan::After { calls: 3, length: HOUR }];
        let (announcer, mut outages) = plan(plans);
        let now = Instant::now();
        assert!(announcer.note(1, now).is_empty());
        assert!(announcer.note(2, now).is_empty());
        let mut begins = announcer.note(3, now);
        assert_eq!(begins.len(), 1);
        let due = outages.next().await;
        assert_eq!((due.from, due.to), (now, now + HOUR));
        assert_eq!(begins[0].try_recv(), Err(oneshot::error::TryRecvError::Empty));
        drop(due);
        assert_eq!(begins[0].try_recv(), Err(oneshot::error::TryRecvError::Closed));
        assert!(announcer.note(4, now).is_empty());
        assert_eq!(outages.ahead.last().map(|due| due.from), Some(now + HOUR));
    }

    #[tokio::test]
    async fn outages_that_overlap_are_one() {
        let [none, first, second, last] = [0, 10, 20, 40].map(Duration::from_millis);
        let (announcer, mut outages) = plan(vec![OutagePlan::Within(first..last), OutagePlan::Within(none..second)]);
        let now = Instant::now();
        announcer.note(1, now);
        let outage = outages.next().await;
        assert_eq!(outage.to, now + second);
        outages.pass(outage).await;
        assert!(Instant::now() >= now + last);
        assert!(outages.ahead.is_empty());
    }
}
