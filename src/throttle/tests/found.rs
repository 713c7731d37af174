//! A pace that is found: how it begins, and how calls go on behind a pause.

use tokio::time::timeout;

use super::*;

/// Makes a call that is answered.
async fn answered(throttle: &Throttle) {
    let permit = throttle.permit().await;
    throttle.note((Sign::Answered, permit), &mut Troubles::default(), Untried::Left);
}

#[tokio::test(start_paused = true)]
async fn it_begins_with_two_calls_a_second_until_the_first_answers_came() {
    let throttle = throttle("auto");
    let given = permits(&throttle, 5).await;
    assert!(span(&given) >= Duration::from_secs(2), "nothing was answered yet: {:?}", span(&given));
}

#[tokio::test(start_paused = true)]
async fn it_climbs_while_calls_are_answered() {
    let throttle = throttle("auto");
    for _ in 0..200 {
        answered(&throttle).await;
    }
    let begun = Instant::now();
    for _ in 0..20 {
        answered(&throttle).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn no_second_has_more_calls_than_the_ceiling() {
    let throttle = throttle("auto:10/s");
    let mut given = Vec::new();
    for _ in 0..150 {
        answered(&throttle).await;
        given.push(Instant::now());
    }
    for second in given.windows(11) {
        assert!(span(second) >= Duration::from_secs(1), "{:?}", span(second));
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_pause_one_call_goes_alone_until_it_is_answered() {
    let throttle = throttle("auto:10/s");
    for _ in 0..60 {
        answered(&throttle).await;
    }
    let mut row = Troubles::default();
    let permit = throttle.permit().await;
    let advice = throttle.note((limited(2), permit), &mut row, Untried::Left);
    assert!(matches!(advice, Advice::BackOff(_)));
    let begun = Instant::now();
    let alone = throttle.permit().await;
    assert!(begun.elapsed() >= Duration::from_secs(2));
    assert!(timeout(MINUTES, throttle.permit()).await.is_err(), "a second call leaves before the first is answered");
    throttle.note((Sign::Answered, alone), &mut Troubles::default(), Untried::Left);
    timeout(MINUTES, throttle.permit()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_alone_that_fails_does_not_hold_up_the_next() {
    let throttle = throttle("auto:10/s");
    let permit = throttle.permit().await;
    throttle.note((limited(1), permit), &mut Troubles::default(), Untried::Left);
    for sign in [Sign::Failed, Sign::Unreachable, limited(1)] {
        let permit = timeout(MINUTES, throttle.permit()).await.unwrap();
        throttle.note((sign, permit), &mut Troubles::default(), Untried::Left);
    }
    timeout(MINUTES, throttle.permit()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_429_that_one_row_alone_is_told_does_not_slow_the_others() {
    let throttle = throttle("auto:20/s");
    for _ in 0..200 {
        answered(&throttle).await;
    }
    let pace = |throttle: &Throttle| throttle.found().borrow().unwrap().per_second;
    let before = pace(&throttle);
    let mut row = Troubles::default();
    let permit = throttle.permit().await;
    throttle.note((limited(1), permit), &mut row, Untried::Left);
    for _ in 0..8 {
        answered(&throttle).await;
    }
    assert!(pace(&throttle) < before, "nobody knows yet whose doing it was");
    let permit = throttle.permit().await;
    throttle.note((limited(1), permit), &mut row, Untried::Left);
    assert!((pace(&throttle) - before).abs() < 1e-9, "{} again", pace(&throttle));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_meets_the_limit_twice_does_not_bring_the_pace_back_that_was_too_fast() {
    let throttle = throttle("auto");
    for _ in 0..100 {
        answered(&throttle).await;
    }
    let pace = |throttle: &Throttle| throttle.found().borrow().unwrap().per_second;
    let before = pace(&throttle);
    let mut row = Troubles::default();
    let (first, other) = (throttle.permit().await, throttle.permit().await);
    throttle.note((Sign::Limited(None), first), &mut row, Untried::Left);
    throttle.note((Sign::Limited(None), other), &mut Troubles::default(), Untried::Left);
    for _ in 0..30 {
        answered(&throttle).await;
    }
    let permit = throttle.permit().await;
    throttle.note((Sign::Limited(None), permit), &mut row, Untried::Left);
    assert!(pace(&throttle) < before, "{} again", pace(&throttle));
}

#[tokio::test(start_paused = true)]
async fn a_call_from_before_a_pause_does_not_hold_up_the_one_behind_it() {
    let throttle = throttle("auto:10/s");
    for _ in 0..40 {
        answered(&throttle).await;
    }
    let _hangs = throttle.permit().await;
    let permit = throttle.permit().await;
    throttle.note((limited(1), permit), &mut Troubles::default(), Untried::Left);
    timeout(MINUTES, throttle.permit()).await.unwrap();
}
