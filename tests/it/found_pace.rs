//! The pace that `--rate auto` finds, in a closed loop: the throttle of the product and the limits of the sandbox, on a
//! clock that jumps, with 32 calls in flight and answers that take 20 to 120 ms.
//!
//! A few trials of each kind are tests with bounds. The whole table takes some ten minutes, also in a debug build:
//!
//! ```text
//! cargo test --test it found_pace::table -- --ignored --nocapture --test-threads 1
//! ```

mod world;

use imocha_cancel::sandbox::RetryAfter;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use self::world::{Course, Limiter, Trial, try_all};

const LIMITS: [u32; 4] = [3, 10, 40, 100];
/// The five limiters, as they are met most.
const COMMON: [Limiter; 5] = [
    Limiter::TokenBucket(1000),
    Limiter::LeakyBucket(250),
    Limiter::FixedWindow(1),
    Limiter::SlidingWindow(1),
    Limiter::InFlight,
];
/// Two of them with longer windows, and one with a small burst.
const FURTHER: [Limiter; 3] = [Limiter::TokenBucket(200), Limiter::FixedWindow(10), Limiter::SlidingWindow(10)];
/// The seeds of the whole table.
const SEEDS: Range<u64> = 0..20;

/// With `Retry-After`, of both forms in turn, and without.
fn forms(seed: u64) -> [RetryAfter; 2] {
    [if seed.is_multiple_of(2) { RetryAfter::Seconds } else { RetryAfter::Date }, RetryAfter::None]
}

fn trials(limiters: &[Limiter], limits: &[u32], seeds: Range<u64>) -> Vec<Trial> {
    let mut trials = Vec::new();
    for &limiter in limiters {
        for &limit in limits {
            for seed in seeds.clone() {
                trials.extend(forms(seed).map(|says| Trial::new(limiter, limit, says, seed)));
            }
        }
    }
    trials
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts of some thousands")]
fn share(part: usize, all: usize) -> f64 {
    part as f64 / all.max(1) as f64
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / share(values.len(), 1)
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

/// How well limits were used.
#[derive(Debug, Clone, Default)]
struct Use {
    /// Shares of what the limit lets through in the time that the run took; a burst does not count.
    used: Vec<f64>,
    /// Shares of the calls that were told 429, in percent.
    refused: Vec<f64>,
}

impl Use {
    fn add(&mut self, trial: &Trial, course: &Course) {
        assert_eq!((course.answered.len(), course.given_up), (usize::try_from(trial.rows).unwrap(), 0), "{trial:?}");
        self.used.push((60.0 / most(&course.answered)).min(1.0));
        self.refused.push(100.0 * share(course.refused, course.sent.len()));
    }

    fn line(&self, name: &str) {
        let (used, refused) = (&self.used, &self.refused);
        println!(
            "| {name} | {:.3} | {:.3} | {:.2} % | {:.2} % |",
            mean(used),
            least(used),
            mean(refused),
            most(refused)
        );
    }
}

/// Tries these, with a memory of so much of the limit.
fn uses(name: &str, memory: Option<f64>, mut trials: Vec<Trial>) -> Use {
    for trial in &mut trials {
        trial.remembered = memory.map(|share| share * f64::from(trial.limit));
    }
    let mut all = Use::default();
    let mut parts: BTreeMap<String, Use> = BTreeMap::new();
    for (trial, courses) in trials.iter().zip(try_all(&trials)) {
        let says = if trial.says == RetryAfter::None { "no Retry-After" } else { "Retry-After" };
        let names = [format!("{:?}", trial.limiter), format!("{:3}/s", trial.limit), says.to_owned()];
        for course in &courses {
            all.add(trial, course);
            for name in &names {
                parts.entry(name.clone()).or_default().add(trial, course);
            }
        }
    }
    println!("\n| {name} | used, mean | least | told 429, mean | most |\n| --- | ---: | ---: | ---: | ---: |");
    all.line("all");
    for (name, part) in &parts {
        part.line(name);
    }
    all
}

/// Seconds after a limit that was halved for a minute is whole again, until 90 % of it are used for five seconds.
fn ways_back(mut trials: Vec<Trial>) -> Vec<f64> {
    for trial in &mut trials {
        (trial.is_halved, trial.rows, trial.until) = (true, u64::MAX, Duration::from_secs(205));
    }
    let mut all = Vec::new();
    for (trial, courses) in trials.iter().zip(try_all(&trials)) {
        let enough = 0.9 * 5.0 * f64::from(trial.limit);
        let is_back = |start: &u32| {
            let from = 120.0 + f64::from(*start);
            let seconds = from - 1.0..from + 4.0;
            let count = courses[0].answered.iter().filter(|at| seconds.contains(at)).count();
            share(count, 1) >= enough
        };
        all.push((0..80).find(is_back).map_or(80.0, f64::from));
    }
    all
}

/// Four runs on one key: their shares of the limit in the minute after the first minute that they have together, the
/// least first, for each trial.
fn shares(mut trials: Vec<Trial>) -> Vec<[f64; 4]> {
    for trial in &mut trials {
        (trial.runs, trial.rows, trial.until) = (4, u64::MAX, Duration::from_secs(150));
    }
    let mut all = Vec::new();
    for (trial, courses) in trials.iter().zip(try_all(&trials)) {
        let minute = |course: &Course| course.answered.iter().filter(|at| (90.0..150.0).contains(*at)).count();
        let mut shares: Vec<f64> =
            courses.iter().map(|course| share(minute(course), 60) / f64::from(trial.limit)).collect();
        shares.sort_by(f64::total_cmp);
        all.push(shares.try_into().unwrap());
    }
    all
}

fn print_ways_back(back: &[f64]) {
    println!(
        "halved, then restored: 90 % of the limit used again after {:.1} s (most {:.0} s)",
        mean(back),
        most(back)
    );
}

fn print_shares(shares: &[[f64; 4]]) {
    let together: Vec<f64> = shares.iter().map(|shares| shares.iter().sum()).collect();
    let rank = |rank: usize| shares.iter().map(|shares| shares[rank]).collect::<Vec<f64>>();
    let is_fair = |shares: &&[f64; 4]| shares[0] >= 0.15 && shares[3] <= 0.40;
    println!(
        "four on one key: together {:.2} of the limit (least {:.2}); least share {:.2} (least {:.2}), largest {:.2} (most \
         {:.2}); all from 0.15 to 0.40 in {} of {}",
        mean(&together),
        least(&together),
        mean(&rank(0)),
        least(&rank(0)),
        mean(&rank(3)),
        most(&rank(3)),
        shares.iter().filter(is_fair).count(),
        shares.len()
    );
}

#[test]
#[ignore = "a part of the table of benches/README.md, which takes minutes"]
fn table_cold() {
    uses("cold", None, trials(&COMMON, &LIMITS, SEEDS));
    uses("cold: further limiters", None, trials(&FURTHER, &LIMITS, SEEDS));
}

#[test]
#[ignore = "a part of the table of benches/README.md, which takes minutes"]
fn table_remembered() {
    for (name, memory) in [("remembered, 0.97", 0.97), ("remembered, × 2", 2.0), ("remembered, ÷ 10", 0.1)] {
        uses(name, Some(memory), trials(&COMMON, &LIMITS, SEEDS));
        uses(&format!("{name}: further limiters"), Some(memory), trials(&FURTHER, &LIMITS, SEEDS));
    }
}

#[test]
#[ignore = "a part of the table of benches/README.md, which takes minutes"]
fn table_restored() {
    print_ways_back(&ways_back(trials(&COMMON, &[10, 40, 100], SEEDS)));
    print_ways_back(&ways_back(trials(&FURTHER, &[10, 40, 100], SEEDS)));
}

#[test]
#[ignore = "a part of the table of benches/README.md, which takes minutes"]
fn table_shared() {
    print_shares(&shares(trials(&COMMON, &[40], SEEDS)));
    print_shares(&shares(trials(&FURTHER, &[40], SEEDS)));
}

#[test]
#[ignore = "a part of the table of benches/README.md, which takes minutes"]
fn table_noisy() {
    let mut trials = trials(&COMMON, &LIMITS, 0..8);
    for trial in &mut trials {
        trial.is_noisy = true;
    }
    uses("cold, on a network that is slow at times", None, trials);
}

#[test]
fn the_limit_is_found_and_used_with_few_calls_too_many() {
    let cold = uses("cold", None, trials(&COMMON, &[3, 20], 0..1));
    assert!(mean(&cold.used) >= 0.88 && least(&cold.used) >= 0.75, "{cold:?}");
    assert!(mean(&cold.refused) <= 2.0 && most(&cold.refused) <= 6.0, "{cold:?}");
}

#[test]
fn what_is_remembered_is_used_and_costs_little_where_it_is_wrong() {
    for (name, memory, used, refused) in
        [("right", 0.97, 0.92, 1.0), ("double", 2.0, 0.85, 2.0), ("tenth", 0.1, 0.7, 2.0)]
    {
        let uses = uses(name, Some(memory), trials(&COMMON, &[20], 0..1));
        assert!(mean(&uses.used) >= used && mean(&uses.refused) <= refused, "{uses:?}");
    }
}

#[test]
fn a_limit_that_is_restored_is_used_again() {
    let back = ways_back(trials(&COMMON, &[10], 0..1));
    print_ways_back(&back);
    assert!(mean(&back) <= 25.0, "{back:?}");
}

#[test]
fn runs_with_one_key_share_its_limit() {
    let shares = shares(trials(&COMMON, &[20], 0..1));
    print_shares(&shares);
    for shares in shares {
        assert!(shares.iter().sum::<f64>() >= 0.7 && shares[0] > 0.0, "{shares:?}");
    }
}

#[test]
fn a_network_that_is_slow_at_times_costs_little() {
    let mut trials = trials(&COMMON, &[20], 0..1);
    for trial in &mut trials {
        trial.is_noisy = true;
    }
    let noisy = uses("noisy", None, trials);
    assert!(mean(&noisy.used) >= 0.7, "{noisy:?}");
}
