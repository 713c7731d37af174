//! Judges from what is known of results how their run can be gone on with.

use crate::outcome::{Status, Summary};
use crate::ui::{NextStep, PageFile};
use crate::verification::MissingRows;

/// How to go on with the run that wrote these results: `counts` are those of their rows, and `missing` is how many rows
/// of the input have none.
pub(super) fn next_step(file: &PageFile, counts: &Summary, missing: u64) -> NextStep {
    if file.gap == Some(MissingRows::AtWork) {
        return NextStep::Wait;
    }
    let is_open = missing > 0 || file.gap.is_some() || counts.has_rows_worth_another_try();
    let is_forbidden = counts.count(Status::Forbidden) > 0;
    if !is_open && !is_forbidden {
        return NextStep::Nothing;
    }
    let Some(run) = &file.run else {
        return NextStep::Impossible(
            "Some rows are open, but the journal of these results is missing or cannot be read, and without it no run goes \
             on: put it back beside them, or begin a new run over what is left.",
        );
    };
    if run.identity.sha256.is_empty() {
        return NextStep::Impossible(
            "Some rows are open, but the input was a stream, which nobody can read again. The results can be the input of \
             a new run, with --where and their status.",
        );
    }
    match run.ended.as_deref() {
        Some("input_changed") => NextStep::Impossible(
            "The input was changed while it was read, so this run cannot go on: begin a new one over the input as it is now, \
             with other results.",
        ),
        Some(_) | None => match &run.identity.notes.going_on {
            command if !is_open => NextStep::AfterPermission(command.clone()),
            Some(command) => NextStep::Command(command.clone()),
            None => NextStep::SayAgain,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{Doubt, Identity, LastRun, RunNotes};

    fn file(ended: Option<&str>, going_on: Option<&str>) -> PageFile {
        let identity = Identity {
            input: "in.csv".to_owned(),
            bytes: 1,
            sha256: "9f86".to_owned(),
            base_url: "sandbox".to_owned(),
            encoding: "UTF-8".to_owned(),
            delimiter: ',',
            header_line: Some(1),
            id_column: Some(1),
            filters: Vec::new(),
            short_rows: false,
            shard: None,
            notes: RunNotes { rows: None, going_on: going_on.map(str::to_owned) },
        };
        let ended = ended.map(str::to_owned);
        let (first_began_at, began_at, version) = (None, None, String::new());
        let run = LastRun { identity, doubt: Doubt::default(), first_began_at, began_at, version, ended };
        PageFile { path: "r.csv".into(), run: Some(run), gap: None, simulated: None, verify_command: None }
    }

    fn counts(rows: &[(Status, u64)]) -> Summary {
        let mut counts = Summary::new();
        for &(status, rows) in rows {
            counts.add_unsent(status, rows);
        }
        counts
    }

    #[test]
    fn a_run_with_open_rows_goes_on_with_its_own_command() {
        let command = NextStep::Command("c --resume".to_owned());
        for (rows, missing, gap) in [
            (counts(&[(Status::Unreachable, 1)]), 0, None),
            (counts(&[(Status::NotAttempted, 9)]), 0, None),
            (counts(&[(Status::Cancelled, 9)]), 1, None),
            (counts(&[(Status::Cancelled, 9)]), 0, Some(MissingRows::Killed)),
            (counts(&[(Status::Cancelled, 9)]), 0, Some(MissingRows::Torn)),
            (counts(&[(Status::Forbidden, 1), (Status::Unconfirmed, 1)]), 0, None),
        ] {
            let file = PageFile { gap, ..file(Some("outage"), Some("c --resume")) };
            assert_eq!(next_step(&file, &rows, missing), command, "{rows:?}");
        }
        let old = file(Some("outage"), None);
        assert_eq!(next_step(&old, &counts(&[(Status::Unreachable, 1)]), 0), NextStep::SayAgain);
    }

    #[test]
    fn a_run_that_is_done_or_at_work_is_not_gone_on_with() {
        let done = counts(&[(Status::Cancelled, 3), (Status::NotFound, 1), (Status::InvalidId, 1)]);
        assert_eq!(next_step(&file(Some("finished"), Some("c")), &done, 0), NextStep::Nothing);
        let at_work = PageFile { gap: Some(MissingRows::AtWork), ..file(None, Some("c")) };
        assert_eq!(next_step(&at_work, &done, 5), NextStep::Wait);
        // Without a journal nothing is known, but nothing is open either.
        let alone = PageFile { run: None, ..file(None, None) };
        assert_eq!(next_step(&alone, &done, 0), NextStep::Nothing);
    }

    #[test]
    fn what_cannot_go_on_says_why() {
        let open = counts(&[(Status::Unreachable, 1)]);
        let why = |file: &PageFile| match next_step(file, &open, 0) {
            NextStep::Impossible(why) => why,
            other => panic!("{other:?}"),
        };
        assert!(why(&PageFile { run: None, ..file(None, None) }).contains("journal"));
        assert!(why(&file(Some("input_changed"), Some("c"))).contains("changed"));
        let mut stream = file(Some("finished"), None);
        stream.run.as_mut().unwrap().identity.sha256.clear();
        assert!(why(&stream).contains("stream"));
    }

    #[test]
    fn what_is_forbidden_waits_for_a_permission() {
        let forbidden = counts(&[(Status::Forbidden, 2), (Status::Cancelled, 3)]);
        let next = next_step(&file(Some("finished"), Some("c --resume")), &forbidden, 0);
        assert_eq!(next, NextStep::AfterPermission(Some("c --resume".to_owned())));
    }
}
