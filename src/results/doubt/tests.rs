use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::outcome::Status;
use crate::results::standing::EarlierResult;

fn tried(status: Status, attempts: u64) -> Tried {
    let (http_status, error) = (Some(403), format!("HTTP 403: {status}"));
    let (duration, finished_at) = (Duration::from_millis(41), Timestamp::from_millisecond(1_768_874_400_060).unwrap());
    Tried { attempts, result: EarlierResult { status, http_status, error, duration, finished_at } }
}

/// Writes the doubt into a journal and reads it again.
fn through_the_journal(doubt: &Doubt) -> Doubt {
    serde_json::from_str(&serde_json::to_string(doubt).unwrap()).unwrap()
}

/// What is carried on if the results have these rows; `None` stands for a row that is done.
fn carried_on(doubt: &Doubt, results: &BTreeMap<u64, Option<Known>>) -> Doubt {
    let open = results.iter().filter(|(_, known)| known.is_some()).map(|(&line, _)| line);
    let known = |line| results.get(&line).cloned().unwrap_or_else(|| Some(doubt.known(line)));
    through_the_journal(&doubt.carried_on(open, known))
}

fn sent_up_to(line: u64) -> Doubt {
    let mut doubt = Doubt::default();
    doubt.sent_up_to(line);
    doubt
}

#[test]
fn what_is_known_of_a_row_outlives_any_number_of_runs() {
    let forbidden = tried(Status::Forbidden, 2);
    let results = BTreeMap::from([
        (1, None),
        (2, Some(Known::Tried(forbidden.clone()))),
        (3, Some(Known::Effect(Effect::None))),
        (5, Some(Known::Tried(tried(Status::ServerError, 4)))),
        (9, Some(Known::Tried(tried(Status::Unconfirmed, 0)))),
    ]);
    let mut doubt = carried_on(&sent_up_to(6), &results);
    for _ in 0..3 {
        assert_eq!(doubt.of(2), Earlier::from(Known::Tried(forbidden.clone())), "it was tried, and no more");
        assert_eq!(doubt.of(2).effect, Effect::None);
        assert_eq!(doubt.of(3), Earlier::default(), "marked as ready, and not come to");
        assert_eq!(
            doubt.of(4),
            Earlier { effect: Effect::Possible, ..Earlier::default() },
            "marked, and without a row"
        );
        assert_eq!((doubt.of(5).attempts, doubt.of(5).effect), (4, Effect::Possible));
        assert_eq!(doubt.of(7), Earlier::default(), "not marked");
        assert_eq!(doubt.of(9).effect, Effect::Possible, "the input said so, and no run came to it");
        // The next run is killed before it marks anything.
        doubt = carried_on(&doubt, &BTreeMap::from([(1, None)]));
    }
}

#[test]
fn a_row_that_may_have_been_sent_again_is_in_doubt_and_keeps_what_was_known() {
    for (before, status) in [
        (Status::Forbidden, Status::Unconfirmed),
        (Status::Unreachable, Status::Unconfirmed),
        (Status::RateLimited, Status::Unconfirmed),
        (Status::ServerError, Status::ServerError),
        (Status::Unconfirmed, Status::Unconfirmed),
    ] {
        let mut doubt = carried_on(&Doubt::default(), &BTreeMap::from([(4, Some(Known::Tried(tried(before, 3))))]));
        assert_eq!(doubt.of(4).result.unwrap().status, before);
        doubt.sent_up_to(4);
        let doubt = carried_on(&doubt, &BTreeMap::new());
        let earlier = doubt.of(4);
        let result = earlier.result.unwrap();
        assert_eq!((earlier.effect, earlier.attempts, result.status), (Effect::Possible, 3, status), "{before}");
        assert!(result.http_status == Some(403) && result.error.contains("HTTP 403"), "{result:?}");
    }
}

#[test]
fn rows_that_ended_in_the_same_way_stand_together_in_the_journal() {
    let results = (2..5).map(|line| (line, Some(Known::Tried(tried(Status::Forbidden, line))))).collect();
    let text = serde_json::to_string(&carried_on(&Doubt::default(), &results)).unwrap();
    assert_eq!(
        text,
        r#"{"up_to":0,"further":[],"clear":[],"tried":[{"status":"forbidden","http_status":403,"error":"HTTP 403: forbidden","rows":[[2,2,41,1768874400060],[3,3,41,1768874400060],[4,4,41,1768874400060]]}]}"#
    );
}

/// What happens to a row in a run that does not reach its end.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// The row is sent, if it is reserved, and the process dies before it writes its results row.
    Lost,
    /// The row ends with this status, and its results row is on disk.
    Ends(Status),
    NotReached,
}

/// The results row that a run leaves.
enum Left {
    Nothing,
    Open(Known),
    Done,
}

/// What a simple model knows about a row.
#[derive(Debug, Clone, Copy, Default)]
struct Model {
    is_done: bool,
    effect: Effect,
    attempts: u64,
    status: Option<Status>,
}

impl Model {
    /// Lets a run deal with the row, and returns the results row that the run leaves.
    fn turn(&mut self, turn: Turn, is_marked: bool) -> Left {
        match turn {
            Turn::Ends(status) if is_marked && status.effect().or(self.effect) == status.effect() => {
                *self =
                    Self { is_done: false, effect: status.effect(), attempts: self.attempts + 1, status: Some(status) };
                self.is_done = !status.is_tried_again();
                if self.is_done { Left::Done } else { Left::Open(Known::Tried(tried(status, self.attempts))) }
            }
            Turn::NotReached if self.status.is_none() && self.effect == Effect::None => {
                Left::Open(Known::Effect(Effect::None))
            }
            Turn::NotReached => {
                let status = self.status.unwrap_or(Status::Unconfirmed);
                self.status = Some(status);
                Left::Open(Known::Tried(tried(status, self.attempts)))
            }
            Turn::Ends(_) | Turn::Lost => {
                if is_marked {
                    self.effect = Effect::Possible;
                    self.status = self.status.map(|status| match status.effect() {
                        Effect::None => Status::Unconfirmed,
                        Effect::Possible => status,
                    });
                }
                Left::Nothing
            }
        }
    }
}

const LINES: usize = 12;

fn turn() -> impl Strategy<Value = Turn> {
    let status = prop::sample::select(vec![
        Status::Cancelled,
        Status::NotFound,
        Status::Forbidden,
        Status::RateLimited,
        Status::ServerError,
        Status::Unconfirmed,
        Status::Unreachable,
    ]);
    prop_oneof![Just(Turn::Lost), status.prop_map(Turn::Ends), Just(Turn::NotReached)]
}

proptest! {
    #[test]
    fn any_sequence_of_runs_leaves_what_a_plain_model_says(
        runs in prop::collection::vec((0..=LINES, prop::collection::vec(turn(), LINES)), 1..8)
    ) {
        let mut model = [Model::default(); LINES];
        let mut doubt = Doubt::default();
        for (marked, turns) in runs {
            let mut results = BTreeMap::new();
            for (index, (row, turn)) in model.iter_mut().zip(turns).enumerate() {
                let line = u64::try_from(index).unwrap() + 1;
                let left = if row.is_done { Left::Done } else { row.turn(turn, index < marked) };
                match left {
                    Left::Nothing => None,
                    Left::Open(known) => results.insert(line, Some(known)),
                    Left::Done => results.insert(line, None),
                };
            }
            doubt.sent_up_to(u64::try_from(marked).unwrap());
            doubt = carried_on(&doubt, &results);
            for (index, row) in model.iter().enumerate().filter(|(_, row)| !row.is_done) {
                let earlier = doubt.of(u64::try_from(index).unwrap() + 1);
                prop_assert_eq!((earlier.effect, earlier.attempts), (row.effect, row.attempts), "row {}", index);
                prop_assert_eq!(earlier.result.map(|result| result.status), row.status, "row {}", index);
            }
        }
    }
}
