use tokio::time::advance;

use super::*;

const MINUTES: Duration = Duration::from_secs(60);

fn throttle(rate: &str) -> Throttle {
    Throttle::new(rate.parse().unwrap(), 10 * MINUTES)
}

/// When each of `calls` permits is given, with a paused clock that steps by whole milliseconds as the real one does.
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

/// How long a permit is in coming.
async fn wait_for_permit(throttle: &Throttle) -> Duration {
    let started = Instant::now();
    throttle.permit().await;
    started.elapsed()
}

/// The end of a call that had its permit.
fn end(throttle: &Throttle, sign: Sign, role: Role) -> Advice {
    throttle.in_flight.fetch_add(1, Ordering::Relaxed);
    throttle.note(sign, role)
}

fn fail(throttle: &Throttle, times: usize) -> Advice {
    (0..times).map(|_| end(throttle, Sign::Failed, Role::Ordinary)).last().unwrap()
}

#[tokio::test(start_paused = true)]
async fn no_second_has_more_calls_than_the_rate_and_nearly_as_many_are_made() {
    // What the way to the server may take from the time between two calls: 3 ms less a timer's step.
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
    assert_eq!(end(&throttle, Sign::Limited(Some(Duration::from_secs(7))), Role::Ordinary), Advice::GoOn);
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
        end(&throttle, Sign::Limited(Some(Duration::from_secs(30))), Role::Ordinary)
    });
    assert!(wait >= Duration::from_millis(30_300), "{wait:?}");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_pause_only_moves_later() {
    let throttle = throttle("unlimited");
    end(&throttle, Sign::Limited(Some(Duration::from_secs(20))), Role::Ordinary);
    end(&throttle, Sign::Limited(Some(Duration::from_secs(3))), Role::Ordinary);
    end(&throttle, Sign::Answered, Role::Ordinary);
    assert!(wait_for_permit(&throttle).await >= Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn without_a_usable_retry_after_the_pauses_double() {
    let throttle = throttle("unlimited");
    for (retry_after, expected) in [(None, 1), (None, 2), (Some(Duration::ZERO), 4), (None, 8)] {
        end(&throttle, Sign::Limited(retry_after), Role::Ordinary);
        let wait = wait_for_permit(&throttle).await;
        assert!(wait >= Duration::from_secs(expected) && wait < Duration::from_secs(expected + 1), "{wait:?}");
    }
    end(&throttle, Sign::Answered, Role::Ordinary);
    end(&throttle, Sign::Limited(None), Role::Ordinary);
    assert!(wait_for_permit(&throttle).await < Duration::from_secs(2), "an answer begins a new series");
}

#[tokio::test(start_paused = true)]
async fn a_429_halves_the_rate_once_for_each_pause_and_answers_raise_it_again() {
    let throttle = throttle("100/s");
    for _ in 0..8 {
        end(&throttle, Sign::Limited(Some(Duration::from_secs(1))), Role::Ordinary);
    }
    let ten = |throttle| async move { span(&permits(throttle, 11).await) };
    let halved = ten(&throttle).await;
    assert!(halved > Duration::from_millis(190) && halved < Duration::from_millis(215), "{halved:?}");
    let mut answers = 0;
    while ten(&throttle).await > Duration::from_millis(110) {
        (0..ANSWERS_A_STEP).for_each(|_| drop(end(&throttle, Sign::Answered, Role::Ordinary)));
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
        let advice = end(&throttle("5/s"), Sign::Limited(Some(Duration::from_secs(seconds))), Role::Ordinary);
        assert!(matches!(advice, Advice::Stop(stop) if stop.reason.word() == "rate_limited"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_series_of_429s_beyond_the_operators_patience_stops_the_run() {
    let throttle = throttle("unlimited");
    let started = Instant::now();
    let stop = loop {
        if let Advice::Stop(stop) = end(&throttle, Sign::Limited(Some(Duration::from_secs(90))), Role::Ordinary) {
            break stop;
        }
        throttle.permit().await;
    };
    assert_eq!(stop.reason.word(), "rate_limited");
    assert!(started.elapsed() >= 10 * MINUTES && started.elapsed() < 12 * MINUTES, "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn ten_failures_in_a_row_are_an_outage_and_an_answer_between_them_begins_anew() {
    let throttle = throttle("unlimited");
    assert_eq!(fail(&throttle, 9), Advice::GoOn);
    end(&throttle, Sign::Answered, Role::Ordinary);
    assert_eq!(fail(&throttle, 9), Advice::GoOn);
    assert_eq!(wait_for_permit(&throttle).await, Duration::ZERO);
    assert_eq!(fail(&throttle, 1), Advice::Probe(Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn an_outage_takes_as_many_failures_as_calls_were_in_flight() {
    let throttle = throttle("unlimited");
    permits(&throttle, 30).await;
    for _ in 0..29 {
        assert_eq!(throttle.note(Sign::Failed, Role::Ordinary), Advice::GoOn);
    }
    assert!(matches!(throttle.note(Sign::Failed, Role::Ordinary), Advice::Probe(_)));
}

#[tokio::test(start_paused = true)]
async fn the_probe_of_an_outage_that_is_over_is_no_probe_of_the_next() {
    let throttle = throttle("unlimited");
    fail(&throttle, 10);
    let stale = Role::Probe(throttle.streak());
    end(&throttle, Sign::Answered, Role::Ordinary);
    assert!(matches!(fail(&throttle, 10), Advice::Probe(_)));
    assert_eq!(end(&throttle, Sign::Failed, stale), Advice::GoOn);
}

#[tokio::test(start_paused = true)]
async fn a_429_that_ends_an_outage_halves_the_rate_too() {
    let throttle = throttle("10/s");
    fail(&throttle, 10);
    end(&throttle, Sign::Limited(Some(Duration::from_secs(1))), Role::Probe(throttle.streak()));
    assert!(span(&permits(&throttle, 6).await) > Duration::from_millis(950));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_rate_lets_no_two_calls_fall_together() {
    let throttle = throttle("10/s");
    end(&throttle, Sign::Limited(Some(Duration::from_secs(1))), Role::Ordinary);
    let mut given = vec![Instant::now()];
    for answers in 0..120 {
        // The rate changes while the next caller waits for its turn.
        let (permit, ()) = tokio::join!(permits(&throttle, 1), async {
            advance(Duration::from_millis(answers % 90)).await;
            end(&throttle, Sign::Answered, Role::Ordinary);
        });
        given.extend(permit);
    }
    for pair in given.windows(2) {
        assert!(span(pair) + Duration::from_millis(6) >= Duration::from_millis(100), "{:?}", span(pair));
    }
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_all_wait_but_the_probe_whose_waits_double() {
    let throttle = throttle("unlimited");
    let mut advice = fail(&throttle, 10);
    let waiting = wait_for_permit(&throttle);
    let probing = async {
        let mut waits = Vec::new();
        while let Advice::Probe(wait) = advice {
            waits.push(wait.as_secs());
            assert!(matches!(throttle.probe_permit(wait).await, Role::Probe(_)));
            // A call that was in flight when the outage began changes nothing.
            assert_eq!(end(&throttle, Sign::Failed, Role::Ordinary), Advice::GoOn);
            let sign = if waits.len() < 9 { Sign::Failed } else { Sign::Answered };
            advice = end(&throttle, sign, Role::Probe(throttle.streak()));
        }
        waits
    };
    let (waited, waits) = tokio::join!(waiting, probing);
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(waited, Duration::from_secs(243), "the others go on the moment it is over");
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_call_that_was_in_flight_ends_an_outage_too() {
    let throttle = throttle("unlimited");
    assert!(matches!(fail(&throttle, 10), Advice::Probe(_)));
    let (role, _) = tokio::join!(throttle.probe_permit(MINUTES), async {
        advance(Duration::from_secs(5)).await;
        end(&throttle, Sign::Answered, Role::Ordinary)
    });
    assert_eq!(role, Role::Ordinary, "there is nothing left to probe");
}

#[tokio::test(start_paused = true)]
async fn an_outage_beyond_the_operators_patience_stops_the_run_after_a_last_probe() {
    let throttle = throttle("unlimited");
    let started = Instant::now();
    let mut advice = fail(&throttle, 10);
    while let Advice::Probe(wait) = advice {
        throttle.probe_permit(wait).await;
        advice = end(&throttle, Sign::Failed, Role::Probe(throttle.streak()));
    }
    assert!(matches!(advice, Advice::Stop(stop) if stop.reason.word() == "outage"));
    assert_eq!(started.elapsed(), 10 * MINUTES);
}

#[tokio::test(start_paused = true)]
async fn failures_of_an_outage_are_told_from_others() {
    let throttle = throttle("unlimited");
    fail(&throttle, 3);
    let hiccup = throttle.streak();
    end(&throttle, Sign::Answered, Role::Ordinary);
    let outage = throttle.streak();
    fail(&throttle, 10);
    assert!(!throttle.was_outage(hiccup) && throttle.was_outage(outage));
    end(&throttle, Sign::Answered, Role::Probe(throttle.streak()));
    assert!(throttle.was_outage(outage) && !throttle.was_outage(throttle.streak()));
}
