//! Outages: when they begin, which call checks whether they are over, and when they end.

use super::*;

#[tokio::test(start_paused = true)]
async fn ten_rows_that_fail_in_a_row_are_an_outage_and_an_answer_between_them_begins_anew() {
    let throttle = throttle("unlimited");
    assert_eq!(fail(&throttle, 9), Advice::BackOff(Duration::ZERO));
    end(&throttle, Sign::Answered);
    assert_eq!(fail(&throttle, 9), Advice::BackOff(Duration::ZERO));
    assert!(!throttle.is_down());
    assert_eq!(fail(&throttle, 1), Advice::Queue);
    assert!(throttle.is_down());
}

#[tokio::test(start_paused = true)]
async fn an_outage_takes_as_many_failures_as_calls_were_in_flight() {
    let throttle = throttle("unlimited");
    let in_flight: Vec<Permit> =
        (0..30).map(|_| lock(&throttle.weather).begin(Role::Ordinary, Instant::now())).collect();
    for (index, permit) in in_flight.into_iter().enumerate() {
        let advice = throttle.note((Sign::Failed, permit), &mut Troubles::default(), Untried::Left);
        assert_eq!(advice, if index < 29 { Advice::BackOff(Duration::ZERO) } else { Advice::Queue });
    }
}

#[tokio::test(start_paused = true)]
async fn fewer_rows_are_no_outage_however_often_they_fail() {
    for sign in [Sign::Failed, Sign::Unreachable] {
        let throttle = throttle("unlimited");
        let mut rows: Vec<Troubles> = (0..9).map(|_| Troubles::default()).collect();
        for row in &mut rows {
            (0..4).for_each(|_| drop(end_of_row(&throttle, row, sign)));
        }
        assert!(!throttle.is_down(), "{sign:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_failed_before_are_an_outage_where_nothing_can_be_reached() {
    for (sign, is_outage) in [(Sign::Failed, false), (Sign::Unreachable, true)] {
        let throttle = throttle("unlimited");
        let mut rows: Vec<Troubles> = (0..10).map(|_| Troubles::default()).collect();
        for row in &mut rows {
            end_of_row(&throttle, row, Sign::Failed);
            end(&throttle, Sign::Answered);
        }
        for row in &mut rows {
            end_of_row(&throttle, row, sign);
        }
        assert_eq!(throttle.is_down(), is_outage, "{sign:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_call_at_a_time_looks_whether_it_is_over_each_for_another_row() {
    let throttle = throttle("unlimited");
    fail(&throttle, 10);
    let began = Instant::now();
    let mut looks = Vec::new();
    while began.elapsed() < 9 * MINUTES {
        let permit = throttle.permit().await;
        assert!(matches!(permit.role, Role::Probe(_)));
        looks.push(began.elapsed());
        let others = tokio::time::timeout(Duration::from_secs(5), throttle.permit()).await;
        assert!(others.is_err(), "nobody else looks at the same time");
        // A call that was in flight when the outage began changes nothing.
        assert_eq!(end(&throttle, Sign::Failed), Advice::Queue);
        assert_eq!(throttle.note((Sign::Failed, permit), &mut Troubles::default(), Untried::Left), Advice::Queue);
    }
    assert_eq!(looks[0], Duration::from_secs(1));
    for pair in looks.windows(2) {
        let (at, wait) = (pair[0], pair[1].saturating_sub(pair[0]));
        let expected = Duration::from_secs(5) + ((at + Duration::from_secs(5)) / 10).max(Duration::from_secs(1));
        assert!(wait.abs_diff(expected) < Duration::from_millis(10), "{wait:?} after {at:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_look_to_end_looks_next() {
    let throttle = throttle("unlimited");
    fail(&throttle, 10);
    let permit = throttle.permit().await;
    let (next, _) = tokio::join!(throttle.permit(), async {
        advance(Duration::from_millis(500)).await;
        throttle.note((Sign::Failed, permit), &mut Troubles::default(), Untried::Left)
    });
    assert_eq!(next.role, permit.role, "each looks at the same outage");
}

#[tokio::test(start_paused = true)]
async fn all_go_on_the_moment_an_outage_is_over() {
    let throttle = throttle("unlimited");
    fail(&throttle, 10);
    advance(MINUTES).await;
    let permit = throttle.permit().await;
    let (waited, _) = tokio::join!(wait_for_permit(&throttle), async {
        advance(Duration::from_secs(3)).await;
        throttle.note((Sign::Answered, permit), &mut Troubles::default(), Untried::Left)
    });
    assert_eq!(waited, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_call_that_was_in_flight_ends_an_outage_too() {
    let throttle = throttle("unlimited");
    assert_eq!(fail(&throttle, 10), Advice::Queue);
    let (permit, _) = tokio::join!(throttle.permit(), async {
        advance(Duration::from_millis(500)).await;
        end(&throttle, Sign::Answered)
    });
    assert_eq!(permit.role, Role::Ordinary, "there is nothing left to look at");
}

#[tokio::test(start_paused = true)]
async fn the_look_at_an_outage_that_is_over_is_none_at_the_next() {
    let throttle = throttle("unlimited");
    fail(&throttle, 10);
    let stale = throttle.permit().await;
    end(&throttle, Sign::Answered);
    assert_eq!(fail(&throttle, 10), Advice::Queue);
    let next = throttle.permit().await;
    throttle.note((Sign::Failed, stale), &mut Troubles::default(), Untried::Left);
    let others = tokio::time::timeout(Duration::from_secs(50), throttle.permit()).await;
    assert!(others.is_err(), "the look that counts is under way: {next:?}");
}

#[tokio::test(start_paused = true)]
async fn a_look_waits_for_the_end_of_a_pause() {
    let throttle = throttle("unlimited");
    end(&throttle, limited(30));
    fail(&throttle, 10);
    let started = Instant::now();
    assert!(matches!(throttle.permit().await.role, Role::Probe(_)));
    assert!(started.elapsed() >= Duration::from_secs(30), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_429_that_ends_an_outage_halves_the_rate_too() {
    let throttle = throttle("10/s");
    fail(&throttle, 10);
    look(&throttle, &mut Troubles::default(), limited(1), Untried::Left).await;
    assert!(span(&permits(&throttle, 6).await) > Duration::from_millis(950));
}

#[tokio::test(start_paused = true)]
async fn an_outage_beyond_the_operators_patience_stops_the_run_after_a_last_look() {
    let throttle = throttle("unlimited");
    let started = Instant::now();
    let mut advice = fail(&throttle, 10);
    while advice == Advice::Queue {
        advice = look(&throttle, &mut Troubles::default(), Sign::Failed, Untried::Left).await;
    }
    assert!(matches!(advice, Advice::Stop(stop) if stop.reason.word() == "outage"));
    assert_eq!(started.elapsed(), 10 * MINUTES);
}

#[tokio::test(start_paused = true)]
async fn when_nothing_is_left_but_rows_that_fail_they_end_after_a_minute() {
    let throttle = throttle("unlimited");
    end(&throttle, Sign::Answered);
    fail(&throttle, 10);
    let began = Instant::now();
    let mut rows: Vec<Troubles> = (0..12).map(|_| Troubles::default()).collect();
    let mut advice = Advice::Queue;
    while advice == Advice::Queue {
        rows.rotate_left(1);
        advice = look(&throttle, &mut rows[0], Sign::Failed, Untried::None).await;
    }
    assert_eq!(advice, Advice::End);
    assert!(began.elapsed() >= MINUTES && began.elapsed() < 2 * MINUTES, "{:?}", began.elapsed());
    for row in &mut rows {
        assert_eq!(look(&throttle, row, Sign::Failed, Untried::None).await, Advice::End, "without a further wait");
    }
    assert!(began.elapsed() < 2 * MINUTES);
}

#[tokio::test(start_paused = true)]
async fn an_outage_stays_one_while_nothing_is_reached_or_rows_are_left_or_nobody_was_ever_answered() {
    for (answered, sign, untried) in [
        (true, Sign::Unreachable, Untried::None),
        (true, Sign::Failed, Untried::Left),
        (false, Sign::Failed, Untried::None),
    ] {
        let throttle = throttle("unlimited");
        if answered {
            end(&throttle, Sign::Answered);
        }
        (0..10).for_each(|_| drop(end(&throttle, sign)));
        advance(9 * MINUTES).await;
        assert_eq!(look(&throttle, &mut Troubles::default(), sign, untried).await, Advice::Queue, "{sign:?}");
    }
}
