//! What must hold after any power cut: the promises, held against what the server received.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::scene::{JOURNAL, RESULTS, Ran, Scene, World};
use crate::results::disk::tests::{ForgetfulDisk, Image};
use crate::sandbox::Arrival;

/// Statuses that no later run changes.
const FINAL: [&str; 3] = ["cancelled", "not_cancellable", "not_found"];

/// The status of each row, by line, up to the first that is torn.
pub(super) fn statuses(image: &Image) -> Vec<(u64, String)> {
    let text = image.get(RESULTS).map_or(&b""[..], Vec::as_slice);
    let arrived = memchr::memchr(0, text).unwrap_or(text.len());
    let whole = memchr::memrchr(b'\n', &text[..arrived]).map_or(0, |end| end + 1);
    statuses_of(&text[..whole])
}

fn statuses_of(text: &[u8]) -> Vec<(u64, String)> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let width = reader.byte_headers().unwrap().len();
    let whole = reader.byte_records().map(Result::unwrap).filter(|row| row.len() == width && !row[7].is_empty());
    let cell = |cell: &[u8]| std::str::from_utf8(cell).ok().map(str::to_owned);
    whole.filter_map(|row| Some((cell(&row[0])?.parse().ok()?, cell(&row[2])?))).collect()
}

/// The line up to which this journal lets rows be sent.
fn mark(image: &Image) -> u64 {
    let text = image.get(JOURNAL).map_or(&b""[..], Vec::as_slice);
    let entries = text.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    entries.fold(0, |mark, entry| match (entry.get("run"), entry.get("sent_up_to")) {
        (Some(_), _) => 0,
        (None, Some(line)) => mark.max(line.as_u64().unwrap()),
        (None, None) => mark,
    })
}

/// A state in which the power may be cut, and what is known at that moment.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) disk: ForgetfulDisk,
    pub(super) calls: Vec<Arrival>,
    pub(super) promised: BTreeMap<u64, String>,
}

/// Follows a run step by step, checks at each call that the durable journal lets it be made, and returns the moments
/// between two steps.
pub(super) fn moments(scene: &Scene, world: &World, ran: &Ran) -> Result<Vec<Moment>, String> {
    let mut disk = ForgetfulDisk::holding(&ran.before);
    let mut promised = world.promised.clone();
    let mut moments = Vec::new();
    let mut seen = world.calls.len();
    let ends = ran.steps.iter().map(|(at, _)| Some(*at)).chain([None]);
    let mut steps = ran.steps.iter();
    for end in ends {
        // All calls before the next step.
        let until = ran.calls.iter().skip(seen).take_while(|call| end.is_none_or(|end| call.when < end)).count() + seen;
        let mark = mark(&disk.durable());
        for call in &ran.calls[seen..until] {
            let line = scene.line_of(call.invitation.unwrap());
            if line > mark {
                return Err(format!("line {line} was sent while the disk held the mark {mark}"));
            }
        }
        seen = until;
        promised.extend(statuses(&disk.durable()).into_iter().filter(|(_, status)| FINAL.contains(&status.as_str())));
        moments.push(Moment { disk: disk.clone(), calls: ran.calls[..seen].to_vec(), promised: promised.clone() });
        if let Some((_, step)) = steps.next() {
            disk.take(step);
        }
    }
    assert_eq!(text_of(&disk.now()), text_of(&ran.after), "the model of the disk is true to the disk");
    Ok(moments)
}

/// Holds what a run left that came to its end against the record of the server, and makes sure that no power cut takes
/// anything of it any more. Returns the moments of the run.
pub(super) fn check(scene: &Scene, world: &World, ran: &Ran) -> Result<Vec<Moment>, String> {
    let report = ran.ending.as_ref().map_err(|refusal| format!("it is refused: {refusal:?}"))?;
    let rows = statuses(&ran.after);
    if rows.len() != scene.ids.len() {
        return Err(format!("not each row has a result: {rows:?}"));
    }
    let counted = report.tally.all_runs.total();
    if counted != u64::try_from(rows.len()).unwrap() {
        return Err(format!("{counted} rows are counted, and {} are there", rows.len()));
    }
    check_rows(scene, world, ran)?;
    let moments = moments(scene, world, ran)?;
    let durable = moments.last().unwrap().disk.durable();
    if durable != ran.after {
        return Err(format!("it has ended, and the disk keeps no more than {:#?}", text_of(&durable)));
    }
    Ok(moments)
}

/// Holds the rows that a run left, however it ended, against the record of the server.
pub(super) fn check_rows(scene: &Scene, world: &World, ran: &Ran) -> Result<(), String> {
    let rows = statuses(&ran.after);
    let lines: BTreeSet<u64> = rows.iter().map(|(line, _)| *line).collect();
    if lines.len() != rows.len() {
        return Err(format!("a row has two results: {rows:?}"));
    }
    let rescued = statuses_of(ran.said.as_bytes());
    for call in &ran.calls {
        let line = scene.line_of(call.invitation.unwrap());
        if ![&rows, &rescued].iter().any(|rows| rows.iter().any(|(its_line, _)| *its_line == line)) {
            return Err(format!("line {line} was sent, and nothing says what became of it"));
        }
    }
    for (line, status) in rows.iter().chain(&rescued) {
        let (line, status) = (*line, status.as_str());
        let id = scene.ids[usize::try_from(line - 2).unwrap()];
        let received: Vec<&Arrival> = ran.calls.iter().filter(|call| call.invitation == Some(id)).collect();
        let was_cancelled = received.iter().any(|call| call.is_applied());
        let of_this_run: Vec<&Arrival> =
            ran.calls.iter().skip(world.calls.len()).filter(|call| call.invitation == Some(id)).collect();
        let is_clear = received.len() == 1 && of_this_run.iter().any(|call| call.is_applied() && call.fault.is_none());
        let is_true = match status {
            "cancelled" => was_cancelled,
            "not_cancellable" | "not_found" | "forbidden" => !was_cancelled && !received.is_empty(),
            "not_attempted" => received.is_empty(),
            "unconfirmed" => !is_clear,
            _ => false,
        };
        if !is_true {
            return Err(format!("line {line} is told to be {status}: {received:?}"));
        }
        if let Some(before) = world.promised.get(&line)
            && (before != status || !of_this_run.is_empty())
        {
            return Err(format!("line {line} was {before}, is {status}, and was sent again: {of_this_run:?}"));
        }
    }
    Ok(())
}

/// Files as texts, for a message.
pub(super) fn text_of(image: &Image) -> BTreeMap<&str, String> {
    let text = |content: &[u8]| String::from_utf8_lossy(content).replace('\0', "␀");
    image.iter().map(|(name, content)| (name.as_str(), text(content))).collect()
}
