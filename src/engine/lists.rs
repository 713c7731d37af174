//! Asks for iMocha's lists, one call at a time. Lists are heavy for whoever makes them, so the calls are far apart; 429s and
//! outages are waited out as for rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;
use tokio::time::{Instant, sleep};

use crate::backoff::Backoff;
use crate::client::{Client, ListReply};
use crate::config::{MaxAttempts, Rate, length_of_time};
use crate::listing::{ListFault, ListedState, Listing, ListingWindow};
use crate::outcome::{Stop, StopReason};
use crate::reply::{Failure, Reply, Sent};
use crate::shutdown::Shutdown;
use crate::text::Scrubber;
use crate::throttle::{Advice, Sign, Throttle, Troubles, Untried};
use crate::verdict::server_message;
use crate::verification::Lists;

/// Asks for lists.
#[derive(Debug)]
pub struct Lister {
    client: Client,
    throttle: Throttle,
    /// What cleans the server's text.
    scrubber: Scrubber,
    shutdown: Shutdown,
    /// How long a list that fails is asked for again.
    max_outage: Duration,
    /// How many calls were made. Shared with whoever tells it, however the asking ends.
    calls: Arc<AtomicU64>,
}

/// Why lists could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// No further call may be made.
    Stopped(Stop),
    /// This list is not to be had.
    Unusable {
        /// Which one.
        state: ListedState,
        /// Why, as a lowercase fragment.
        why: String,
    },
}

impl Unread {
    /// The stop that this is for whoever needs the list.
    pub fn into_stop(self) -> Stop {
        match self {
            Self::Stopped(stop) => stop,
            Self::Unusable { state, why } => {
                let detail = format!("iMocha's list of {} invitations could not be read: {why}", state.word());
                Stop { reason: StopReason::UnreadableLists, detail }
            }
        }
    }
}

/// What one list call came to.
enum Asked {
    Read(Listing),
    /// The list is not to be had, whoever asks how often.
    Unusable(String),
    /// It may be had the next time.
    Failed(Sign, String),
    /// The key is rejected.
    Rejected(Stop),
}

impl Lister {
    /// Asks with this client, at this pace, waits out no longer an outage than this, and ends when `shutdown` says so.
    pub fn new(client: Client, (rate, max_outage): (Rate, Duration), scrubber: Scrubber, shutdown: Shutdown) -> Self {
        let throttle = Throttle::new(rate, max_outage, MaxAttempts::default());
        Self { client, throttle, scrubber, shutdown, max_outage, calls: Arc::default() }
    }

    /// How many calls it has made: a count that goes on with them.
    pub fn calls(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.calls)
    }

    /// Asks for all lists of a window.
    ///
    /// # Errors
    ///
    /// When one of them cannot be read. Then nothing is known by the others, either.
    pub async fn read(&self, window: ListingWindow) -> Result<Lists, Unread> {
        let mut lists = Lists::default();
        let mut absent = 0;
        for &state in ListedState::ALL {
            let listing = self.read_one(state, window).await?;
            absent += usize::from(listing.is_absent);
            lists.add(state, listing);
        }
        if absent == ListedState::ALL.len() {
            tracing::warn!(
                "iMocha has none of its lists for this time (404); where some are expected, check --base-url"
            );
        }
        Ok(lists)
    }

    async fn read_one(&self, state: ListedState, window: ListingWindow) -> Result<Listing, Unread> {
        let mut troubles = Troubles::default();
        let mut backoff = Backoff::new(Rng::new());
        let mut failing_since = None;
        loop {
            let permit = tokio::select! {
                biased;
                () = self.shutdown.stopped() => return Err(self.stopped()),
                permit = self.throttle.permit() => permit,
            };
            self.calls.fetch_add(1, Ordering::Relaxed);
            let asked = tokio::select! {
                // A list call changes nothing, so it can be given up.
                biased;
                () = self.shutdown.stopped() => return Err(self.stopped()),
                answer = self.client.list(state, window) => self.understand(answer),
            };
            let (sign, why) = match asked {
                Asked::Read(listing) => {
                    self.throttle.note((Sign::Answered, permit), &mut troubles, Untried::None);
                    tracing::debug!(state = state.word(), entries = listing.entries, "a list was read");
                    return Ok(listing);
                }
                Asked::Unusable(why) => {
                    self.throttle.note((Sign::Answered, permit), &mut troubles, Untried::None);
                    return Err(Unread::Unusable { state, why });
                }
                Asked::Rejected(stop) => return Err(Unread::Stopped(stop)),
                Asked::Failed(sign, why) => (sign, why),
            };
            tracing::debug!(state = state.word(), why, "a list call failed");
            let wait = match self.throttle.note((sign, permit), &mut troubles, Untried::None) {
                Advice::Stop(stop) => return Err(Unread::Stopped(stop)),
                Advice::BackOff(pause) => pause,
                // Whose fault it is, other rows would show. There are none, so it is waited out like an outage.
                Advice::GoOn | Advice::End | Advice::Queue | Advice::AwaitEnd(_) => Duration::ZERO,
            };
            if sign == Sign::Failed || sign == Sign::Unreachable {
                let since = *failing_since.get_or_insert_with(Instant::now);
                if since.elapsed() >= self.max_outage {
                    return Err(Unread::Stopped(self.outage(state, &why)));
                }
            }
            let wait = wait + backoff.next().unwrap_or_default();
            tokio::select! {
                biased;
                () = self.shutdown.stopped() => return Err(self.stopped()),
                () = sleep(wait) => {}
            }
        }
    }

    fn outage(&self, state: ListedState, why: &str) -> Stop {
        let waited = length_of_time(self.max_outage);
        let detail = format!(
            "iMocha's list of {} invitations could not be read for {waited} (--max-outage): {why}",
            state.word()
        );
        Stop { reason: StopReason::Outage, detail }
    }

    fn stopped(&self) -> Unread {
        Unread::Stopped(self.shutdown.reason().cloned().unwrap_or_else(Stop::of_panic))
    }

    fn understand(&self, answer: Result<ListReply, Failure>) -> Asked {
        match answer {
            Ok(ListReply::List(Ok(listing))) => Asked::Read(listing),
            Ok(ListReply::List(Err(fault @ ListFault::Cut(_)))) => Asked::Failed(Sign::Failed, fault.to_string()),
            Ok(ListReply::List(Err(ListFault::Refused(why)))) => Asked::Unusable(self.scrubber.harmless(&why)),
            Ok(ListReply::List(Err(fault @ ListFault::Malformed(_)))) => {
                Asked::Unusable(self.scrubber.harmless(&fault.to_string()))
            }
            Ok(ListReply::Other(reply)) => self.understand_other(&reply),
            Err(Failure { sent, what }) => {
                let sign = if sent == Sent::No { Sign::Unreachable } else { Sign::Failed };
                Asked::Failed(sign, self.scrubber.harmless(&what))
            }
        }
    }

    fn understand_other(&self, reply: &Reply) -> Asked {
        let message = server_message(reply, &self.scrubber).map(|message| format!(": {message}"));
        let said = format!("HTTP {}{}", reply.http_status, message.unwrap_or_default());
        match reply.http_status {
            // Seen where there is nothing in the window (source: public clients of the API).
            404 => Asked::Read(Listing { is_absent: true, ..Listing::default() }),
            401 => {
                let detail = format!("iMocha rejected the API key ({said})");
                Asked::Rejected(Stop { reason: StopReason::Unauthorized, detail })
            }
            429 => Asked::Failed(Sign::Limited(reply.retry_after), said),
            503 if reply.retry_after.is_some() => Asked::Failed(Sign::Limited(reply.retry_after), said),
            500..=599 => Asked::Failed(Sign::Failed, said),
            _ => Asked::Unusable(said),
        }
    }
}
