//! Rows that fail through their own fault: they must not hold up the others, and must not lose attempts to an outage.

use super::*;
use crate::outcome::Status;
use crate::throttle::troubles::LEAST_OWN_LIMITED;

#[tokio::test(start_paused = true)]
async fn a_row_that_fails_while_others_are_answered_uses_up_its_attempts() {
    let throttle = throttle("unlimited");
    let mut row = Troubles::default();
    for _ in 0..4 {
        assert_eq!(end_of_row(&throttle, &mut row, Sign::Failed), Advice::BackOff(Duration::ZERO));
        assert!(!throttle.is_used_up(&row));
        end(&throttle, Sign::Answered);
    }
    let Advice::AwaitEnd(streak) = end_of_row(&throttle, &mut row, Sign::Failed) else { panic!("nobody knows yet") };
    let ((), ()) = tokio::join!(throttle.end_of(streak), async {
        tokio::task::yield_now().await;
        assert!(!throttle.is_used_up(&row));
        end(&throttle, Sign::Answered);
    });
    assert!(throttle.is_used_up(&row), "others were answered, so it was the row");
}

#[tokio::test(start_paused = true)]
async fn failures_of_an_outage_are_given_back_however_few_attempts_there_are() {
    let throttle = Throttle::new("unlimited".parse().unwrap(), 10 * MINUTES, "1".parse().unwrap());
    let mut rows: Vec<Troubles> = (0..10).map(|_| Troubles::default()).collect();
    let mut advice = Vec::new();
    for row in &mut rows {
        advice.push(end_of_row(&throttle, row, Sign::Failed));
    }
    assert!(advice[..9].iter().all(|advice| matches!(advice, Advice::AwaitEnd(_))), "{advice:?}");
    let Advice::AwaitEnd(streak) = advice[0] else { panic!("{advice:?}") };
    throttle.end_of(streak).await;
    look(&throttle, &mut Troubles::default(), Sign::Answered, Untried::Left).await;
    assert!(!rows.iter().any(|row| throttle.is_used_up(row)));
}

#[tokio::test(start_paused = true)]
async fn when_a_row_that_failed_is_answered_the_others_failed_for_the_same_cause() {
    let throttle = Throttle::new("unlimited".parse().unwrap(), 10 * MINUTES, "1".parse().unwrap());
    end(&throttle, Sign::Answered);
    let (mut first, mut second) = (Troubles::default(), Troubles::default());
    end_of_row(&throttle, &mut first, Sign::Failed);
    end_of_row(&throttle, &mut second, Sign::Failed);
    advance(Duration::from_secs(40)).await;
    assert!(matches!(end_of_row(&throttle, &mut second, Sign::Failed), Advice::AwaitEnd(_)), "not after 40 s");
    end_of_row(&throttle, &mut first, Sign::Answered);
    assert!(!throttle.is_used_up(&second));
}

#[tokio::test(start_paused = true)]
async fn the_last_rows_are_given_a_minute_and_no_more_than_the_operator_waits() {
    for (max_outage, patience) in [(10 * MINUTES, MINUTES), (Duration::from_secs(5), Duration::from_secs(5))] {
        let throttle = Throttle::new("unlimited".parse().unwrap(), max_outage, "1".parse().unwrap());
        end(&throttle, Sign::Answered);
        let mut row = Troubles::default();
        let began = Instant::now();
        while end_of_row(&throttle, &mut row, Sign::Failed) != Advice::End {
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(began.elapsed(), patience);
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_failed_before_others_were_answered_are_no_outage() {
    let throttle = throttle("unlimited");
    let mut rows: Vec<Troubles> = (0..30).map(|_| Troubles::default()).collect();
    for row in &mut rows {
        end_of_row(&throttle, row, Sign::Failed);
        end(&throttle, Sign::Answered);
    }
    for row in &mut rows {
        assert_eq!(end_of_row(&throttle, row, Sign::Failed), Advice::BackOff(Duration::ZERO));
    }
    assert!(!throttle.is_down());
    let mut earlier = Troubles::of_earlier_run(Status::ServerError, Some(500));
    (0..30).for_each(|_| drop(end_of_row(&throttle, &mut earlier, Sign::Failed)));
    assert!(!throttle.is_down(), "nor is one that failed in an earlier run");
}

#[tokio::test(start_paused = true)]
async fn a_429_that_is_told_to_one_row_alone_neither_pauses_nor_slows_the_others_and_ends_it() {
    let throttle = throttle("10/s");
    let mut row = Troubles::default();
    let Advice::BackOff(wait) = end_of_row(&throttle, &mut row, limited(1)) else { panic!("it is tried again") };
    assert!(wait >= Duration::from_secs(2), "others go first: {wait:?}");
    advance(Duration::from_secs(1)).await;
    assert!(span(&permits(&throttle, 6).await) > Duration::from_millis(950), "the first halves the rate");
    (0..6).for_each(|_| drop(end(&throttle, Sign::Answered)));
    let mut own = 0;
    while let Advice::BackOff(wait) = end_of_row(&throttle, &mut row, limited(1)) {
        own += 1;
        assert!(own < 5, "it never ends");
        assert!(wait < Duration::from_secs(2) && wait_for_permit(&throttle).await < Duration::from_millis(200));
        end(&throttle, Sign::Answered);
    }
    assert_eq!(own, 4);
    assert!(span(&permits(&throttle, 6).await) < Duration::from_millis(550), "the rate is whole again");
}

#[tokio::test(start_paused = true)]
async fn a_row_of_its_own_account_that_asks_for_too_long_a_wait_ends_and_the_run_goes_on() {
    let throttle = throttle("unlimited");
    let mut row = Troubles::default();
    end_of_row(&throttle, &mut row, limited(1));
    advance(Duration::from_secs(1)).await;
    end(&throttle, Sign::Answered);
    assert_eq!(end_of_row(&throttle, &mut row, limited(3600)), Advice::End);
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_all_told_429_lose_nothing() {
    let throttle = Throttle::new("unlimited".parse().unwrap(), 10 * MINUTES, "1".parse().unwrap());
    let mut rows: Vec<Troubles> = (0..8).map(|_| Troubles::default()).collect();
    for _ in 0..20 {
        for row in &mut rows {
            assert!(matches!(end_of_row(&throttle, row, limited(1)), Advice::BackOff(_)));
        }
        advance(Duration::from_secs(1)).await;
        end(&throttle, Sign::Answered);
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_were_told_429_in_an_earlier_run_lose_nothing_when_all_are_told_so_again() {
    let throttle = Throttle::new("unlimited".parse().unwrap(), 10 * MINUTES, "1".parse().unwrap());
    let mut rows = [(); 4].map(|()| Troubles::of_earlier_run(Status::RateLimited, Some(429)));
    for _ in 0..20 {
        for row in &mut rows {
            assert!(matches!(end_of_row(&throttle, row, limited(1)), Advice::BackOff(_)));
        }
        assert!(wait_for_permit(&throttle).await > Duration::ZERO, "all calls pause");
        advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_row_of_a_list_that_an_earlier_run_left_with_a_429_is_given_a_minute() {
    let throttle = throttle("unlimited");
    let mut row = Troubles::of_earlier_run(Status::RateLimited, Some(429));
    let began = Instant::now();
    while end_of_row(&throttle, &mut row, limited(1)) != Advice::End {
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(began.elapsed(), MINUTES);
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_each_told_429_alone_do_not_speak_for_one_another() {
    let throttle = throttle("unlimited");
    let mut rows: Vec<Troubles> = (0..3).map(|_| Troubles::default()).collect();
    rows.iter_mut().map(|row| end_of_row(&throttle, row, limited(1))).for_each(drop);
    (0..40).map(|_| end(&throttle, Sign::Answered)).for_each(drop);
    advance(Duration::from_secs(1)).await;
    // All others have ended.
    for round in 1..=LEAST_OWN_LIMITED {
        for row in &mut rows {
            let ends = end_of_row(&throttle, row, limited(1)) == Advice::End;
            assert_eq!(ends, round == LEAST_OWN_LIMITED, "round {round}");
        }
        assert_eq!(wait_for_permit(&throttle).await, Duration::ZERO, "nobody else waits");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_a_call_that_left_before_a_failure_does_not_say_whose_fault_it_was() {
    let throttle = Throttle::new("unlimited".parse().unwrap(), 10 * MINUTES, "1".parse().unwrap());
    let before = lock(&throttle.weather).begin(Role::Ordinary, Instant::now());
    let mut row = Troubles::default();
    assert!(matches!(end_of_row(&throttle, &mut row, Sign::Failed), Advice::AwaitEnd(_)));
    throttle.note((Sign::Answered, before), &mut Troubles::default(), Untried::Left);
    assert!(!throttle.is_used_up(&row));
    end(&throttle, Sign::Answered);
    assert!(throttle.is_used_up(&row));
}
