//! Runs without sockets, on the clock of the runtime, which jumps to the next timer: the throttle and the rows' waits are
//! the product's own, the limits are the sandbox's own. Between them are a network and workers as the engine has them.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use imocha_cancel::backoff::Backoff;
use imocha_cancel::config::{MaxAttempts, Rate};
use imocha_cancel::reply::retry_after;
use imocha_cancel::sandbox::{LimiterKind, RateGate, RateLimit, RetryAfter};
use imocha_cancel::throttle::{Advice, Sign, Throttle, Troubles, Untried};

/// Calls in flight, as `--rate auto` has them by default.
const CONCURRENCY: usize = 32;
/// The time between the starts of runs on one key.
const BETWEEN_STARTS: Duration = Duration::from_secs(10);
/// While the limit is halved.
const HALVED: std::ops::Range<Duration> = Duration::from_secs(60)..Duration::from_secs(120);

/// What keeps the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limiter {
    /// A token bucket that holds what comes in so many milliseconds.
    TokenBucket(u32),
    /// A leaky bucket that holds what comes in so many milliseconds.
    LeakyBucket(u32),
    /// With a window of so many seconds.
    FixedWindow(u32),
    /// With a window of so many seconds.
    SlidingWindow(u32),
    InFlight,
}

impl Limiter {
    /// The gate that lets `limit` calls a second through.
    fn gate(self, limit: u32, says: RetryAfter) -> RateGate {
        let of = |share_ms: u32| limit * share_ms / 1000;
        let (calls, seconds, kind) = match self {
            Self::TokenBucket(ms) => (limit, 1, LimiterKind::TokenBucket { burst: one_at_least(of(ms)) }),
            Self::LeakyBucket(ms) => (limit, 1, LimiterKind::LeakyBucket { burst: one_at_least(of(ms)).get() }),
            Self::FixedWindow(seconds) => (limit * seconds, seconds, LimiterKind::FixedWindow),
            Self::SlidingWindow(seconds) => (limit * seconds, seconds, LimiterKind::SlidingWindow),
            Self::InFlight => (slots(limit), 1, LimiterKind::InFlight),
        };
        let limit = RateLimit::new(one_at_least(calls), Duration::from_secs(u64::from(seconds))).unwrap();
        RateGate::new(limit.with_limiter(kind).with_retry_after(says))
    }
}

fn one_at_least(calls: u32) -> NonZeroU32 {
    NonZeroU32::new(calls).unwrap_or(NonZeroU32::MIN)
}

/// The calls in flight that stand for a limit of so many calls a second: a fifth of a second's, and two at the least.
fn slots(limit: u32) -> u32 {
    (limit / 5).max(2)
}

/// What is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trial {
    pub(super) limiter: Limiter,
    /// Calls a second.
    pub(super) limit: u32,
    pub(super) says: RetryAfter,
    pub(super) seed: u64,
    /// What the runs remember, in calls a second.
    pub(super) remembered: Option<f64>,
    /// The limit is halved in the second minute.
    pub(super) is_halved: bool,
    /// The network is slow at times, as is one that others use as well: up to three times, for two seconds each.
    pub(super) is_noisy: bool,
    /// So many runs on one key, each ten seconds after the one before.
    pub(super) runs: usize,
    /// The rows of each.
    pub(super) rows: u64,
    /// It ends when all rows have, or now.
    pub(super) until: Duration,
}

/// What one run came to. Times are seconds since the start of the first.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// When calls were answered by anything but a 429.
    pub(super) answered: Vec<f64>,
    /// When calls left.
    pub(super) sent: Vec<f64>,
    /// How many were told 429.
    pub(super) refused: usize,
    /// How many rows ended without an answer.
    pub(super) given_up: usize,
}

impl Trial {
    /// One run with nothing remembered, over what the limit lets through in a minute.
    pub(super) fn new(limiter: Limiter, limit: u32, says: RetryAfter, seed: u64) -> Self {
        let (rows, until) = (u64::from(limit) * 60, Duration::from_secs(1000));
        let (is_halved, is_noisy) = (false, false);
        Self { limiter, limit, says, seed, remembered: None, is_halved, is_noisy, runs: 1, rows, until }
    }

    /// Tries it, and says what each run came to.
    fn run(self) -> Vec<Course> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let api = Arc::new(Api::new(self));
            let courses: Vec<_> = (0..self.runs).map(|_| Arc::new(Mutex::new(Course::default()))).collect();
            let mut running = JoinSet::new();
            for (number, course) in courses.iter().enumerate() {
                let (api, course) = (Arc::clone(&api), Arc::clone(course));
                running.spawn(async move {
                    sleep(BETWEEN_STARTS * u32::try_from(number).unwrap()).await;
                    run(self, number, api, course).await;
                });
            }
            let all = async { while running.join_next().await.transpose().unwrap().is_some() {} };
            drop(timeout(self.until, all).await);
            courses.iter().map(|course| std::mem::take(&mut *course.lock().unwrap())).collect()
        })
    }
}

/// Tries all of these, on all processors, and returns what the runs of each came to, in the same order.
pub(super) fn try_all(trials: &[Trial]) -> Vec<Vec<Course>> {
    let next = AtomicUsize::new(0);
    let courses: Vec<_> = trials.iter().map(|_| Mutex::new(Vec::new())).collect();
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(trial) = trials.get(number) else { return };
            *courses[number].lock().unwrap() = trial.run();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(work);
        }
    });
    courses.into_iter().map(|courses| courses.into_inner().unwrap()).collect()
}

/// The API behind its limit, and the network to it.
struct Api {
    began: Instant,
    /// The first, the second and the later minutes' gate.
    gates: [RateGate; 3],
    is_halved: bool,
    /// How long after the gates' start the first run begins: windows do not wait for it.
    offset: Duration,
    /// A call's way to the API, and an answer's way back, about.
    way: Duration,
    /// What decides how slow the network is.
    noise: Option<u64>,
    /// The time that the API works on a call, about.
    work: Duration,
    random: Mutex<Rng>,
}

impl Api {
    fn new(trial: Trial) -> Self {
        let mut random = Rng::with_seed(trial.seed);
        let half = (trial.limit / 2).max(1);
        let gates = [trial.limit, half, trial.limit].map(|limit| trial.limiter.gate(limit, trial.says));
        let way = Duration::from_millis(10).mul_f64(1.0 + 5.0 * random.f64());
        // Evenly spaced calls at the limit just pass, though the times vary by a tenth.
        let work = match trial.limiter {
            Limiter::InFlight => {
                (f64::from(slots(trial.limit)) / f64::from(trial.limit) - 0.2 * way.as_secs_f64()) / 1.1
            }
            _ => 0.0,
        };
        Self {
            began: Instant::now(),
            gates,
            is_halved: trial.is_halved,
            offset: Duration::from_secs(10).mul_f64(random.f64()),
            way,
            noise: trial.is_noisy.then_some(trial.seed),
            work: Duration::from_secs_f64(work),
            random: Mutex::new(random),
        }
    }

    fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Waits for this time, give or take a tenth.
    async fn pass(&self, time: Duration) {
        let share = 0.9 + 0.2 * self.random.lock().unwrap().f64();
        sleep(time.mul_f64(share)).await;
    }

    /// A call's way to the API, or an answer's way back.
    async fn travel(&self) {
        let slower = self.noise.map_or(0.0, |seed| {
            let phase = self.began.elapsed().as_secs() / 2;
            2.0 * Rng::with_seed(seed * 1_000_003 + phase).f64()
        });
        self.pass(self.way.mul_f64(1.0 + slower)).await;
    }

    /// Makes a call, as the client does, and says what it told.
    async fn call(&self) -> Sign {
        self.travel().await;
        let (elapsed, gate) = (self.began.elapsed(), self.gate());
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + self.offset + elapsed;
        match gate.admit_at(self.offset + elapsed, now) {
            Ok(passage) => {
                if !self.work.is_zero() {
                    self.pass(self.work).await;
                }
                drop(passage);
                self.travel().await;
                Sign::Answered
            }
            Err(value) => {
                self.travel().await;
                // The answer's own date, by which a date is read, has no fractions of a second.
                let date = httpdate::parse_http_date(&httpdate::fmt_http_date(now)).unwrap();
                Sign::Limited(value.and_then(|value| retry_after(value.to_str().unwrap(), date)))
            }
        }
    }

    fn gate(&self) -> &RateGate {
        match self.began.elapsed() {
            elapsed if self.is_halved && HALVED.contains(&elapsed) => &self.gates[1],
            elapsed if self.is_halved && elapsed >= HALVED.end => &self.gates[2],
            _ => &self.gates[0],
        }
    }
}

/// A row that is to be called for.
struct Row {
    troubles: Troubles,
    backoff: Backoff,
    back: Sender<Self>,
}

/// Rows that come back go first, as in the engine.
struct Queue {
    untried: u64,
    returned: Receiver<Row>,
    /// `None` once all rows have been taken.
    back: Option<Sender<Row>>,
    random: Rng,
}

impl Queue {
    fn new(rows: u64, seed: u64) -> Self {
        let (back, returned) = channel(1024);
        Self { untried: rows, returned, back: Some(back), random: Rng::with_seed(seed) }
    }

    /// The next row, and whether there may be more that were never tried; `None` when all have ended.
    async fn next(&mut self) -> Option<(Row, Untried)> {
        if let Ok(row) = self.returned.try_recv() {
            return Some((row, if self.back.is_some() { Untried::Left } else { Untried::None }));
        }
        if let Some(back) = &self.back {
            let backoff = Backoff::new(self.random.fork());
            let row = Row { troubles: Troubles::default(), backoff, back: back.clone() };
            self.untried -= 1;
            if self.untried == 0 {
                self.back = None;
            }
            return Some((row, Untried::Left));
        }
        self.returned.recv().await.map(|row| (row, Untried::None))
    }
}

/// One run, to its last row.
async fn run(trial: Trial, number: usize, api: Arc<Api>, course: Arc<Mutex<Course>>) {
    let max_outage = Duration::from_secs(600);
    let throttle = Throttle::remembering(Rate::AUTO, trial.remembered, max_outage, MaxAttempts::default());
    let throttle = Arc::new(throttle);
    let seed = trial.seed * 1000 + u64::try_from(number).unwrap();
    let queue = Arc::new(tokio::sync::Mutex::new(Queue::new(trial.rows, seed)));
    let mut workers = JoinSet::new();
    for _ in 0..CONCURRENCY {
        let worker = (Arc::clone(&throttle), Arc::clone(&api), Arc::clone(&course), Arc::clone(&queue));
        workers.spawn(async move {
            let (throttle, api, course, queue) = worker;
            loop {
                let Some((mut row, untried)) = queue.lock().await.next().await else { return };
                let permit = throttle.permit().await;
                course.lock().unwrap().sent.push(api.seconds());
                let sign = api.call().await;
                let advice = throttle.note((sign, permit), &mut row.troubles, untried);
                let mut course = course.lock().unwrap();
                match (sign, advice) {
                    (Sign::Answered, _) => course.answered.push(api.seconds()),
                    (_, Advice::BackOff(wait)) => {
                        course.refused += 1;
                        back_off(row, wait);
                    }
                    _ => course.given_up += 1,
                }
            }
        });
    }
    while workers.join_next().await.transpose().unwrap().is_some() {}
}

fn back_off(mut row: Row, wait: Duration) {
    let wait = wait + row.backoff.next().unwrap();
    tokio::spawn(async move {
        sleep(wait).await;
        let back = row.back.clone();
        assert!(back.try_send(row).is_ok(), "more rows under way than there are workers for");
    });
}
