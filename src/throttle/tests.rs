use tokio::time::advance;

use super::speed::ANSWERS_A_STEP;
use super::*;

const MINUTES: Duration = Duration::from_secs(60);

fn throttle(rate: &str) -> Throttle {
    Throttle::new(rate.parse().unwrap(), 10 * MINUTES, "5".parse().unwrap())
}

/// The times at which `calls` permits are given. The clock is paused and steps by whole milliseconds, as the real one
/// does.
async fn permits(throttle: &Throttle, calls: u32) -> Vec<Instant> {
    let mut given = Vec::new();
    for _ in 0..calls {
        throttle.permit().await;
        given.push(Instant::now());
    }
    given
}

fn span(given: &[Instant]) -> Duration {
    given.last().unwrap().duration_since(given[0])
}

/// How long one permit takes.
async fn wait_for_permit(throttle: &Throttle) -> Duration {
    let started = Instant::now();
    throttle.permit().await;
    started.elapsed()
}

fn limited(seconds: u64) -> Sign {
    Sign::Limited(Some(Duration::from_secs(seconds)))
}

/// Ends a call for this row with `sign`.
fn end_of_row(throttle: &Throttle, row: &mut Troubles, sign: Sign) -> Advice {
    let permit = lock(&throttle.weather).begin(Role::Ordinary, Instant::now());
    throttle.note((sign, permit), row, Untried::Left)
}

/// Ends a call for a row without earlier failures.
fn end(throttle: &Throttle, sign: Sign) -> Advice {
    end_of_row(throttle, &mut Troubles::default(), sign)
}

/// Lets this many different rows fail.
fn fail(throttle: &Throttle, times: usize) -> Advice {
    (0..times).map(|_| end(throttle, Sign::Failed)).last().unwrap()
}

/// Makes a call that checks whether an outage is over, and ends it with `sign`.
async fn look(throttle: &Throttle, row: &mut Troubles, sign: Sign, untried: Untried) -> Advice {
    let permit = throttle.permit().await;
    throttle.note((sign, permit), row, untried)
}

#[tokio::test(start_paused = true)]
async fn no_second_has_more_calls_than_the_rate_and_nearly_as_many_are_made() {
    // How much the way to the server may shorten the time between two calls: 3 ms less a timer's step.
    let to_spare = Duration::from_millis(2);
    for per_second in [1_u32, 3, 5, 10, 20, 21, 100, 333, 1000, 5000, 20_000] {
        let started = Instant::now();
        let given = permits(&throttle(&format!("{per_second}/s")), per_second * 4 + 1).await;
        assert_eq!(given[0], started, "the first call need not wait");
        for second in given.windows(usize::try_from(per_second).unwrap() + 1) {
            let least = Duration::from_secs(1) + to_spare;
            assert!(span(second) >= least, "{per_second}/s: one more in {:?}", span(second));
        }
        assert!(span(&given) < Duration::from_millis(4037), "{per_second}/s: as many as in 4 s in {:?}", span(&given));
    }
}

#[tokio::test(start_paused = true)]
async fn calls_are_evenly_spaced_over_any_period() {
    let (early, late) = (Duration::from_millis(5), Duration::from_millis(7));
    for (rate, interval_ms) in [("5/s", 200), ("300/m", 200), ("5/15s", 3000), ("10000/h", 360), ("1/h", 3_600_000)] {
        let interval = Duration::from_millis(interval_ms);
        for pair in permits(&throttle(rate), 6).await.windows(2) {
            assert!(span(pair) + early >= interval, "{rate}: {:?}", span(pair));
            assert!(span(pair) < interval + interval / 124 + late, "{rate}: {:?}", span(pair));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rest_is_not_made_up_for_with_a_burst() {
    let throttle = throttle("10/s");
    throttle.permit().await;
    advance(MINUTES).await;
    assert!(span(&permits(&throttle, 3).await) + Duration::from_millis(5) >= Duration::from_millis(200));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_takes_no_permit() {
    let throttle = throttle("1/s");
    throttle.permit().await;
    let started = Instant::now();
    let given_up = tokio::time::timeout(Duration::from_millis(500), throttle.permit()).await;
    assert!(given_up.is_err());
    throttle.permit().await;
    assert!(started.elapsed() < Duration::from_millis(1100), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_unlimited_throttle_never_waits() {
    assert_eq!(span(&permits(&throttle("unlimited"), 1000).await), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_429_silences_all_callers_until_its_retry_after() {
    let throttle = throttle("unlimited");
    assert_eq!(end(&throttle, limited(7)), Advice::BackOff(Duration::from_secs(7)));
    let waits = tokio::join!(wait_for_permit(&throttle), wait_for_permit(&throttle), wait_for_permit(&throttle));
    for wait in [waits.0, waits.1, waits.2] {
        assert!(wait >= Duration::from_secs(7) && wait < Duration::from_millis(7010), "{wait:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_waits_for_its_turn_hears_of_a_pause_that_begins_meanwhile() {
    let throttle = throttle("1/s");
    throttle.permit().await;
    let (wait, _) = tokio::join!(wait_for_permit(&throttle), async {
        advance(Duration::from_millis(300)).await;
        end(&throttle, limited(30))
    });
    assert!(wait >= Duration::from_millis(30_300), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_pause_only_moves_later() {
    let throttle = throttle("unlimited");
    end(&throttle, limited(20));
    end(&throttle, limited(3));
    end(&throttle, Sign::Answered);
    assert!(wait_for_permit(&throttle).await >= Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn without_a_usable_retry_after_the_pauses_double() {
    let throttle = throttle("unlimited");
    for (retry_after, expected) in [(None, 1), (None, 2), (Some(Duration::ZERO), 4), (None, 8)] {
        end(&throttle, Sign::Limited(retry_after));
        let wait = wait_for_permit(&throttle).await;
        assert!(wait >= Duration::from_secs(expected) && wait < Duration::from_secs(expected + 1), "{wait:?}");
    }
    end(&throttle, Sign::Answered);
    end(&throttle, Sign::Limited(None));
    assert!(wait_for_permit(&throttle).await < Duration::from_secs(2), "an answer begins a new series");
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_that_are_told_429_in_a_pause_do_not_lengthen_it() {
    let throttle = throttle("unlimited");
    for _ in 0..3 {
        assert!(matches!(end(&throttle, Sign::Limited(None)), Advice::BackOff(_)));
        advance(Duration::from_millis(100)).await;
    }
    let wait = wait_for_permit(&throttle).await;
    assert!(
        (Duration::from_millis(700)..Duration::from_millis(710)).contains(&wait),
        "a second since the first: {wait:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_429_halves_the_rate_once_for_each_pause_and_answers_raise_it_again() {
    let throttle = throttle("100/s");
    for _ in 0..8 {
        end(&throttle, limited(1));
    }
    let ten = |throttle| async move { span(&permits(throttle, 11).await) };
    let halved = ten(&throttle).await;
    assert!(halved > Duration::from_millis(190) && halved < Duration::from_millis(215), "{halved:?}");
    let mut answers = 0;
    while ten(&throttle).await > Duration::from_millis(110) {
        (0..ANSWERS_A_STEP).for_each(|_| drop(end(&throttle, Sign::Answered)));
        answers += ANSWERS_A_STEP;
        assert!(answers < 1000, "the rate never comes back");
    }
    assert!(answers > ANSWERS_A_STEP * 5, "step by step, not at once: {answers}");
    let given = permits(&throttle, 301).await;
    assert!(given.windows(101).all(|second| span(second) >= Duration::from_secs(1)), "the ceiling stands");
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_beyond_the_operators_patience_stops_the_run_at_once() {
    for seconds in [601, u64::MAX] {
        let advice = end(&throttle("5/s"), limited(seconds));
        assert!(matches!(advice, Advice::Stop(stop) if stop.reason.word() == "rate_limited"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_series_of_429s_beyond_the_operators_patience_stops_the_run() {
    let throttle = throttle("unlimited");
    let started = Instant::now();
    let stop = loop {
        if let Advice::Stop(stop) = end(&throttle, limited(90)) {
            break stop;
        }
        throttle.permit().await;
    };
    assert_eq!(stop.reason.word(), "rate_limited");
    assert!(started.elapsed() >= 10 * MINUTES && started.elapsed() < 12 * MINUTES, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_rate_lets_no_two_calls_fall_together() {
    let throttle = throttle("10/s");
    end(&throttle, limited(1));
    let mut given = vec![Instant::now()];
    for answers in 0..120 {
        // The rate changes while the next caller waits for its turn.
        let (permit, ()) = tokio::join!(permits(&throttle, 1), async {
            advance(Duration::from_millis(answers % 90)).await;
            end(&throttle, Sign::Answered);
        });
        given.extend(permit);
    }
    for pair in given.windows(2) {
        assert!(span(pair) + Duration::from_millis(6) >= Duration::from_millis(100), "{:?}", span(pair));
    }
}

mod found;
mod outages;
mod rows;
