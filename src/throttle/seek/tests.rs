//! The seeker against simulated limiters: a discrete-event simulation with fixed seeds.

use super::*;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

const CEILING: f64 = 100.0;
const LIMITS: [u32; 4] = [3, 10, 40, 100];
const IN_FLIGHT: u32 = 32;
/// Runs of the full table.
const FULL: u64 = 20;

struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(7_919).wrapping_add(12_345));
        for _ in 0..10 {
            random.next();
        }
        random
    }

    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }

    /// From 1 to 1 and `noise`; draws nothing where there is none.
    fn longer(&mut self, noise: f64) -> f64 {
        if noise > 0.0 { 1.0 + noise * self.next() } else { 1.0 }
    }

    /// A share of `most`, 0.9 to 1.1 of it.
    fn about(&mut self, most: f64) -> f64 {
        most * (0.9 + 0.2 * self.next())
    }
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Its burst.
    Token(f64),
    /// Its burst; whether calls above the rate wait instead of passing at once.
    Leaky(f64, bool),
    /// Its window, s.
    Fixed(f64),
    /// Its window, s.
    Sliding(f64),
    /// Calls that it works on at once; evenly spaced calls at the limit just pass.
    InFlight(u32),
}

/// All limiters of `limit` calls a second.
fn kinds(limit: u32) -> [Kind; 9] {
    let limit = f64::from(limit);
    let some = (limit / 4.0).floor().max(1.0);
    let in_flight = [(3.0, 2), (10.0, 2), (40.0, 8), (100.0, 20)];
    let slots = in_flight.iter().find(|(at, _)| *at >= limit).map_or(2, |(_, slots)| *slots);
    [
        Kind::Token((limit / 5.0).max(1.0)),
        Kind::Token(limit),
        Kind::Leaky(some, false),
        Kind::Leaky(some, true),
        Kind::Fixed(1.0),
        Kind::Fixed(10.0),
        Kind::Sliding(1.0),
        Kind::Sliding(10.0),
        Kind::InFlight(slots),
    ]
}

struct Limiter {
    kind: Kind,
    limit: f64,
    /// The tokens, or the level of the bucket, or the calls in the window.
    level: f64,
    /// When that was, or when the window began.
    at: f64,
    log: VecDeque<f64>,
    working: u32,
    /// The most calls that waited at once, so far and since the 20th second.
    longest: (f64, f64),
}

impl Limiter {
    fn new(kind: Kind, limit: f64, random: &mut Random) -> Self {
        let (level, at) = match kind {
            Kind::Token(burst) => (burst, 0.0),
            Kind::Fixed(window) => (0.0, -window * random.next()),
            _ => (0.0, 0.0),
        };
        Self { kind, limit, level, at, log: VecDeque::new(), working: 0, longest: (0.0, 0.0) }
    }

    /// The wait of an accepted call, or the time after which to come again.
    fn call(&mut self, now: f64, factor: f64) -> Result<f64, f64> {
        let limit = self.limit * factor;
        match self.kind {
            Kind::Token(burst) => {
                self.level = (self.level + (now - self.at) * limit).min(burst);
                self.at = now;
                if self.level < 1.0 {
                    return Err((1.0 - self.level) / limit);
                }
                self.level -= 1.0;
                Ok(0.0)
            }
            Kind::Leaky(burst, waits) => {
                self.level = (self.level - (now - self.at) * limit).max(0.0);
                self.at = now;
                if self.level > burst {
                    return Err((self.level - burst) / limit);
                }
                self.level += 1.0;
                self.longest.0 = self.longest.0.max(self.level);
                if now > 20.0 {
                    self.longest.1 = self.longest.1.max(self.level);
                }
                Ok(if waits { (self.level - 1.0) / limit } else { 0.0 })
            }
            Kind::Fixed(window) => {
                let windows = ((now - self.at) / window).floor();
                if windows >= 1.0 {
                    self.at += windows * window;
                    self.level = 0.0;
                }
                if self.level + 1.0 > limit * window + 1e-9 {
                    return Err(self.at + window - now);
                }
                self.level += 1.0;
                Ok(0.0)
            }
            Kind::Sliding(window) => {
                while self.log.front().is_some_and(|at| *at <= now - window) {
                    self.log.pop_front();
                    self.level -= 1.0;
                }
                if self.level + 1.0 > limit * window + 1e-9 {
                    return Err(self.log.front().map_or(window, |at| at + window - now));
                }
                self.log.push_back(now);
                self.level += 1.0;
                Ok(0.0)
            }
            Kind::InFlight(slots) => {
                if f64::from(self.working) >= (f64::from(slots) * factor).round() {
                    return Err(1.0);
                }
                self.working += 1;
                Ok(0.0)
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Wake,
    /// The call sent then reaches the API.
    Arrives(Duration),
    /// The API has finished a call.
    Worked,
    Answered(Duration),
    /// With the time to wait, if the API says so.
    Limited(Duration, Option<Duration>),
}

struct Client {
    seeker: Seeker,
    start: f64,
    last_sent: f64,
    /// When it is woken next.
    wake: f64,
    pause: f64,
    /// The next pause without Retry-After, if it follows one.
    longer: Option<f64>,
    in_flight: u32,
    most_in_flight: u32,
    sent: Vec<f64>,
    answered: Vec<f64>,
    limited: u32,
    /// The highest and the lowest rate, and the highest before the first answer.
    rates: (f64, f64, f64),
}

/// One simulation: clients that start ten seconds apart.
struct Trial {
    kind: Kind,
    limit: f64,
    says_wait: bool,
    seed: u64,
    memory: Option<f64>,
    /// The limit is halved from the 60th to the 120th second.
    is_halved: bool,
    clients: u32,
    /// Calls of a client in flight, at most.
    in_flight: u32,
    /// The time of the way to the API, if not by chance; how many times longer the way back may take, and the share of
    /// answers that take two seconds more.
    way: Option<f64>,
    noise: f64,
    slow: f64,
    /// Until then, s, every call is refused, as others have used the limit up.
    taken: f64,
    /// It ends after so many answers of each client, or at this time, s.
    rows: usize,
    until: f64,
}

type Queue = BinaryHeap<Reverse<(Duration, u64, usize, Event)>>;

struct World {
    queue: Queue,
    count: u64,
}

impl World {
    fn at(&mut self, time: f64, client: usize, event: Event) {
        self.count += 1;
        let time = Duration::from_secs_f64(time);
        self.queue.push(Reverse((time, self.count, client, event)));
    }
}

impl Trial {
    fn new(kind: Kind, limit: u32, seed: u64) -> Self {
        let rows = usize::try_from(limit * 60).unwrap_or(0);
        let says_wait = seed.is_multiple_of(2);
        Self {
            kind,
            limit: f64::from(limit),
            says_wait,
            seed,
            memory: None,
            is_halved: false,
            clients: 1,
            in_flight: IN_FLIGHT,
            way: None,
            noise: 0.0,
            slow: 0.0,
            taken: 0.0,
            rows,
            until: 1_000.0,
        }
    }

    fn run(&self) -> Vec<Client> {
        self.run_on().0
    }

    /// The clients, and the most calls that waited at once.
    fn run_on(&self) -> (Vec<Client>, (f64, f64)) {
        let mut random = Random::new(self.seed);
        let way = 0.01 + 0.05 * random.next();
        let way = self.way.unwrap_or(way);
        let mut limiter = Limiter::new(self.kind, self.limit, &mut random);
        let work = match self.kind {
            Kind::InFlight(slots) => (f64::from(slots) / limiter.limit - 0.2 * way) / 1.1,
            _ => 0.0,
        };
        let mut world = World { queue: BinaryHeap::new(), count: 0 };
        let mut clients: Vec<Client> = Vec::new();
        for start in (0..self.clients).map(|client| f64::from(client) * 10.0) {
            world.at(start, clients.len(), Event::Wake);
            clients.push(Client::new(start, self.memory, self.in_flight));
        }
        while let Some(Reverse((time, _, index, event))) = world.queue.pop() {
            let now = time.as_secs_f64();
            if now > self.until || clients.iter().all(|client| client.answered.len() >= self.rows) {
                break;
            }
            let Some(client) = clients.get_mut(index) else {
                break;
            };
            match event {
                Event::Wake if now < client.wake => continue,
                Event::Wake => client.wake = f64::INFINITY,
                Event::Arrives(sent) => {
                    let is_half = self.is_halved && (60.0..120.0).contains(&now);
                    let taken = Some(self.taken - now).filter(|wait| *wait > 0.0);
                    let answer = taken.map_or_else(|| limiter.call(now, if is_half { 0.5 } else { 1.0 }), Err);
                    match answer {
                        Ok(wait) => {
                            let done = now + wait + random.about(work);
                            world.at(done, index, Event::Worked);
                            let slow = if self.slow > 0.0 && random.next() < self.slow { 2.0 } else { 0.0 };
                            let back = random.about(way) * random.longer(self.noise) + slow;
                            world.at(done + back, index, Event::Answered(sent));
                        }
                        Err(wait) => {
                            let wait = Duration::from_secs_f64(wait.ceil().max(1.0));
                            let wait = Some(wait).filter(|_| self.says_wait);
                            world.at(now + way, index, Event::Limited(sent, wait));
                        }
                    }
                    continue;
                }
                Event::Worked => {
                    limiter.working = limiter.working.saturating_sub(1);
                    continue;
                }
                Event::Answered(sent) => client.answered(sent, now),
                Event::Limited(sent, wait) => client.limited(sent, now, wait),
            }
            client.send(now, index, self.rows, random.about(way), &mut world);
        }
        (clients, limiter.longest)
    }
}

impl Client {
    fn new(start: f64, memory: Option<f64>, most_in_flight: u32) -> Self {
        let seeker = Seeker::new(CEILING, memory);
        let rate = seeker.rate();
        Self {
            seeker,
            start,
            last_sent: start - 10.0,
            wake: start,
            pause: 0.0,
            longer: None,
            in_flight: 0,
            most_in_flight,
            sent: Vec::new(),
            answered: Vec::new(),
            limited: 0,
            rates: (rate, rate, rate),
        }
    }

    /// The seeker's time.
    fn time(&self, time: f64) -> Duration {
        Duration::from_secs_f64((time - self.start).max(0.0))
    }

    /// Sends a call if the pace, the pause and the calls in flight let it.
    #[expect(clippy::too_many_arguments, reason = "the parts of a simulation")]
    fn send(&mut self, now: f64, index: usize, rows: usize, way: f64, world: &mut World) {
        let most = if self.seeker.is_alone() { 1 } else { self.most_in_flight };
        let waiting = usize::try_from(self.in_flight).unwrap_or(0);
        if self.in_flight >= most || self.answered.len() + waiting >= rows {
            return;
        }
        let due = (self.last_sent + 1.0 / self.seeker.rate()).max(self.pause);
        if due > now + 1e-7 {
            self.wake_at(due, index, world);
            return;
        }
        self.in_flight += 1;
        self.sent.push(now);
        self.last_sent = now;
        world.at(now + way, index, Event::Arrives(Duration::from_secs_f64(now)));
        self.wake_at(now + 1.0 / self.seeker.rate(), index, world);
    }

    fn wake_at(&mut self, time: f64, index: usize, world: &mut World) {
        if time < self.wake {
            self.wake = time;
            // Never before the time, by rounding.
            world.at(time + 1e-9, index, Event::Wake);
        }
    }

    fn note(&mut self) {
        let rate = self.seeker.rate();
        self.rates.0 = self.rates.0.max(rate);
        self.rates.1 = self.rates.1.min(rate);
        if self.answered.is_empty() {
            self.rates.2 = self.rates.2.max(rate);
        }
    }

    fn answered(&mut self, sent: Duration, now: f64) {
        self.in_flight -= 1;
        self.longer = None;
        self.answered.push(now);
        let sent = self.time(sent.as_secs_f64());
        self.seeker.answered(sent, self.time(now));
        self.note();
    }

    fn limited(&mut self, sent: Duration, now: f64, wait: Option<Duration>) {
        self.in_flight -= 1;
        self.limited += 1;
        if let Some(wait) = wait {
            self.pause = self.pause.max(now + wait.as_secs_f64());
        } else if self.pause <= now {
            let first = self.seeker.first_pause().as_secs_f64();
            let wait = self.longer.unwrap_or(first);
            self.pause = now + wait;
            self.longer = Some((wait * 2.0).min(60.0));
        }
        let sent = self.time(sent.as_secs_f64());
        self.seeker.limited(sent, self.time(now), self.time(self.pause));
        self.note();
    }
}

fn share(part: usize, all: f64) -> f64 {
    f64::from(u32::try_from(part).unwrap_or(u32::MAX)) / all
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / share(values.len(), 1.0)
}

/// Over all limiters and limits: the mean and the least use of the limit, and the mean and
/// the largest share of refused calls (in percent), for a memory of so much of the limit.
fn table(memory: Option<f64>, seeds: std::ops::Range<u64>) -> [f64; 4] {
    let (mut used, mut refused) = (Vec::new(), Vec::new());
    for limit in LIMITS {
        for kind in kinds(limit) {
            for seed in seeds.clone() {
                let mut run = Trial::new(kind, limit, seed);
                run.memory = memory.map(|share| share * f64::from(limit));
                for client in run.run() {
                    used.push(60.0 / client.answered.last().copied().unwrap_or(f64::INFINITY));
                    let all = share(client.answered.len(), 1.0) + f64::from(client.limited);
                    refused.push(100.0 * f64::from(client.limited) / all);
                }
            }
        }
    }
    let least = used.iter().copied().fold(f64::INFINITY, f64::min);
    let most = refused.iter().copied().fold(0.0, f64::max);
    let used: Vec<f64> = used.iter().map(|used| used.min(1.2)).collect();
    [mean(&used), least, mean(&refused), most]
}

/// Seconds after the limit is restored until 90 % of it are used, for all limiters.
fn ways_back(seeds: std::ops::Range<u64>) -> Vec<f64> {
    let mut all = Vec::new();
    for kind in kinds(40) {
        for seed in seeds.clone() {
            let mut run = Trial::new(kind, 40, seed);
            (run.is_halved, run.rows, run.until) = (true, usize::MAX, 200.0);
            for client in run.run() {
                // Five seconds at 90 % of the limit, counted from their start.
                let is_back = |start: &u32| {
                    let from = 120.0 + f64::from(*start);
                    let seconds = from - 1.0..from + 4.0;
                    let count = client.answered.iter().filter(|at| seconds.contains(at)).count();
                    count >= 180
                };
                all.push((0..75).find(is_back).map_or(80.0, f64::from));
            }
        }
    }
    all
}

/// Four clients on one key, after a minute: the least and the largest share of the limit,
/// and all of them, for each run.
fn shares(seeds: std::ops::Range<u64>) -> Vec<[f64; 3]> {
    let mut all = Vec::new();
    for kind in kinds(40) {
        for seed in seeds.clone() {
            let mut run = Trial::new(kind, 40, seed);
            (run.clients, run.rows, run.until) = (4, usize::MAX, 240.0);
            let late = |client: &Client| client.answered.iter().filter(|at| **at >= 90.0).count();
            let shares: Vec<f64> = run.run().iter().map(|client| share(late(client), 40.0 * 150.0)).collect();
            let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
            let most = shares.iter().copied().fold(0.0, f64::max);
            all.push([least, most, shares.iter().sum()]);
        }
    }
    all
}

/// The bars of one table: least mean use, least use, most mean refused, most refused (%).
fn assert_table(name: &str, reached: [f64; 4], bars: [f64; 4]) {
    let [mean_used, least, mean_refused, most] = reached;
    println!("{name}: used {mean_used:.3} (least {least:.3}), refused {mean_refused:.2} % (most {most:.2} %)");
    let [bar_used, bar_least, bar_refused, bar_most] = bars;
    assert!(mean_used >= bar_used && least >= bar_least, "{name}: used {mean_used:.3}, least {least:.3}");
    assert!(mean_refused <= bar_refused && most <= bar_most, "{name}: refused {mean_refused:.2} %, most {most:.2} %");
}

// We want 0.88 used, 0.80 at the least, 1.5 % refused and 4 % at the most. The last is missed at 3 calls a second with windows
// of ten seconds only: one refusal of 180 calls is 0.55 %, and to find such a window without Retry-After takes five or six.
const COLD: [f64; 4] = [0.92, 0.80, 1.3, 7.5];
// We want 0.92 used and 1 % refused.
const REMEMBERED: [f64; 4] = [0.95, 0.80, 0.6, 5.0];
// Twice the limit costs nothing against a cold start; a tenth of it costs a tenth of the use.
const DOUBLE: [f64; 4] = [0.92, 0.70, 1.3, 5.5];
const TENTH: [f64; 4] = [0.80, 0.45, 1.3, 10.0];

#[test]
fn a_cold_start_finds_the_limit() {
    assert_table("cold", table(None, 0..6), COLD);
}

#[test]
fn a_remembered_rate_is_used() {
    assert_table("remembered", table(Some(0.97), 0..6), REMEMBERED);
}

#[test]
fn a_wrong_memory_costs_little() {
    assert_table("double", table(Some(2.0), 0..3), DOUBLE);
    assert_table("tenth", table(Some(0.1), 0..3), TENTH);
}

#[test]
#[ignore = "prints the table of benches/README.md, and takes long without optimization"]
fn the_full_table() {
    assert_table("cold", table(None, 0..FULL), COLD);
    assert_table("remembered", table(Some(0.97), 0..FULL), REMEMBERED);
    assert_table("double", table(Some(2.0), 0..FULL), DOUBLE);
    assert_table("tenth", table(Some(0.1), 0..FULL), TENTH);
    assert_ways_back(&ways_back(0..FULL));
    assert_shares(&shares(0..6));
}

/// We want 20 s for all, and have it in the mean, and for all but windows of ten seconds (where one that closed just then
/// is waited for first) in nearly all runs.
fn assert_ways_back(back: &[f64]) {
    let worst = back.iter().copied().fold(0.0, f64::max);
    let late = share(back.iter().filter(|time| **time > 20.0).count(), share(back.len(), 1.0));
    println!(
        "halved, then restored: 90 % of the limit again after {:.1} s (most {worst:.1} s; {late:.2} of the runs more than 20 s)",
        mean(back)
    );
    assert!(mean(back) <= 20.0 && late <= 0.35, "mean {:.1} s, worst {worst} s, {late:.2} late", mean(back));
}

#[test]
fn a_restored_limit_is_used_again() {
    assert_ways_back(&ways_back(0..4));
}

/// We want shares of 15 to 40 % each, and 85 % in all. With windows of ten seconds a run that comes late finds them used up
/// again and again, and gets hardly anything; elsewhere we have the shares in two of three runs, and come within two
/// hundredths of the 85 %.
fn assert_shares(shares: &[[f64; 3]]) {
    let of = |part: fn(&[f64; 3]) -> f64| -> Vec<f64> { shares.iter().map(part).collect() };
    let all = of(|[_, _, all]| *all);
    let least_of_all = all.iter().copied().fold(f64::INFINITY, f64::min);
    let least = mean(&of(|[least, _, _]| *least));
    let most = mean(&of(|[_, most, _]| *most));
    let is_fair = |[least, most, _]: &&[f64; 3]| *least >= 0.15 && *most <= 0.4;
    let fair = share(shares.iter().filter(is_fair).count(), share(shares.len(), 1.0));
    println!(
        "four on one key: {:.2} of the limit together (least {least_of_all:.2}), shares {least:.2} to {most:.2} in the mean, \
         all between 15 and 40 % in {fair:.2} of the runs",
        mean(&all)
    );
    assert!(mean(&all) >= 0.88 && least_of_all >= 0.6, "all {:.2}, least {least_of_all:.2}", mean(&all));
    assert!(least >= 0.13 && most <= 0.35, "least {least:.2}, most {most:.2} in the mean");
    assert!(fair >= 0.55, "fair in {fair:.2} of the runs");
}

#[test]
fn clients_share_a_key() {
    assert_shares(&shares(0..2));
}

#[test]
fn the_pace_keeps_its_bounds() {
    for memory in [None, Some(97.0), Some(1_000.0), Some(0.001), Some(f64::NAN)] {
        for kind in kinds(100).into_iter().chain(kinds(3)) {
            let mut trial = Trial::new(kind, 100, 1);
            (trial.memory, trial.until) = (memory, 30.0);
            for client in trial.run() {
                let (highest, lowest, at_first) = client.rates;
                assert!(highest <= CEILING && lowest >= 0.1 && at_first <= 2.0, "{kind:?}");
                // No second has more calls than the ceiling.
                let first = client.sent.iter();
                let later = client.sent.iter().skip(100);
                assert!(first.zip(later).all(|(first, later)| later - first > 0.999), "{kind:?}");
            }
        }
    }
}

#[test]
fn an_episode_is_one_cut() {
    let at = Duration::from_millis;
    let mut seeker = Seeker::new(CEILING, None);
    for sent in [0, 110, 120] {
        seeker.answered(at(sent), at(sent + 100));
    }
    assert!(seeker.limited(at(200), at(300), at(1_300)));
    assert!(seeker.is_alone());
    assert!(!seeker.limited(at(250), at(350), at(1_300)), "sent before the pause");
    seeker.answered(at(250), at(360));
    assert!(seeker.is_alone(), "an answer to an earlier call does not end it");
    assert!(!seeker.limited(at(1_300), at(1_400), at(3_400)), "the call alone");
    seeker.answered(at(3_400), at(3_500));
    assert!(!seeker.is_alone());
    assert!(seeker.stage() != Stage::Starting && seeker.learned().is_some());
}

#[test]
fn a_pace_that_calls_do_not_fill_does_not_rise() {
    // So many calls in flight, and so long a way, that no more than these leave in a second.
    for (in_flight, way, real) in [(4, 0.25, 8.0), (1, 0.5, 1.0), (32, 1.0, 16.0), (2, 0.1, 10.0)] {
        for memory in [None, Some(real)] {
            let mut trial = Trial::new(Kind::Token(1_000.0), 100, 1);
            (trial.in_flight, trial.way, trial.memory, trial.until) = (in_flight, Some(way), memory, 300.0);
            let highest = trial.run().iter().map(|client| client.rates.0).fold(0.0, f64::max);
            assert!(highest >= real && highest <= (real * 3.0).max(5.0), "{in_flight} in flight, {way} s: {highest}");
        }
    }
    // Rows come at five a second.
    let mut seeker = Seeker::new(CEILING, None);
    for sent in (0..60_000).step_by(200).map(Duration::from_millis) {
        seeker.answered(sent, sent + Duration::from_millis(50));
        assert!(seeker.rate() < 15.0, "{} after {sent:?}", seeker.rate());
    }
}

#[test]
fn a_limit_that_others_used_up_at_first_is_found_as_soon() {
    for limit in [3, 40] {
        for (kind, seed) in kinds(limit).into_iter().zip(0..) {
            for memory in [None, Some(0.97 * f64::from(limit))] {
                let mut trial = Trial::new(kind, limit, seed);
                (trial.taken, trial.memory) = (0.5, memory);
                let last = trial.run().iter().filter_map(|client| client.answered.last().copied()).fold(0.0, f64::max);
                assert!(last < 60.0 / 0.65, "{kind:?} {limit}/s: {last:.1} s");
            }
        }
    }
}

#[test]
fn less_than_a_call_a_second_is_found() {
    for limit in [1.0 / 6.0, 0.2, 0.5] {
        for (kind, seed) in [
            (Kind::Token(1.0), 1),
            (Kind::Token(5.0), 2),
            (Kind::Leaky(2.0, false), 3),
            (Kind::Fixed(60.0), 4),
            (Kind::Sliding(60.0), 5),
        ] {
            let mut trial = Trial::new(kind, 1, seed);
            (trial.limit, trial.rows, trial.until) = (limit, 100, 2_000.0);
            for client in trial.run() {
                let used = 100.0 / limit / client.answered.last().copied().unwrap_or(f64::INFINITY);
                assert!(client.answered.len() == 100 && used > 0.7, "{kind:?} {limit}/s: {used:.2}");
                assert!(client.limited <= 25 && client.rates.1 >= 0.1, "{kind:?} {limit}/s: {}", client.limited);
            }
        }
    }
}

/// Where calls wait instead of being refused: of a bucket of 50, less than half is filled once the limit is found.
#[test]
fn calls_do_not_pile_up_where_answers_slow_down() {
    for (limit, in_flight, noise) in [(40, 32, 0.0), (40, 64, 0.0), (10, 32, 0.0), (3, 32, 0.0), (40, 32, 2.0)] {
        for seed in 0..3 {
            let mut trial = Trial::new(Kind::Leaky(50.0, true), limit, seed);
            (trial.in_flight, trial.noise) = (in_flight, noise);
            let (clients, (most, later)) = trial.run_on();
            let used = clients.iter().filter_map(|client| client.answered.last()).map(|last| 60.0 / last);
            let used = used.fold(f64::INFINITY, f64::min);
            assert!(
                used > 0.92 && most < 45.0 && later < 25.0,
                "{limit}/s {in_flight} {noise} {seed}: {used:.2}, {most:.0}, then {later:.0} wait"
            );
        }
    }
}

#[test]
fn answers_that_vary_are_no_backlog() {
    // Up to three times as long as the fastest, and one in twenty takes two seconds more.
    for (noise, slow) in [(2.0, 0.0), (0.0, 0.05), (2.0, 0.05)] {
        for seed in 0..4 {
            let mut trial = Trial::new(Kind::Token(1_000.0), 100, seed);
            (trial.noise, trial.slow) = (noise, slow);
            let clients = trial.run();
            let last = clients.iter().filter_map(|client| client.answered.last().copied()).fold(0.0, f64::max);
            assert!(last < 66.0, "{noise} {slow} {seed}: {last:.1} s at the ceiling of 60");
        }
    }
}

#[test]
fn an_api_that_answers_more_slowly_for_good_is_no_backlog() {
    let mut backlog = Backlog::new();
    let mut began = 0;
    for call in 0_u32..4_000 {
        let sent = f64::from(call) / 20.0;
        let takes = if call < 2_000 { 0.05 } else { 0.4 };
        began += u32::from(backlog.answered(sent, sent + takes).is_some());
    }
    assert!((1..=2).contains(&began) && !backlog.stands(), "{began}");
}
