//! The product's own rules, asked once for every case, so that the model cannot drift from them.

use std::collections::BTreeMap;

use imocha_cancel::invitation::InvitationId;
use imocha_cancel::listing::ListedState;
use imocha_cancel::outcome::Status;
use imocha_cancel::reply::{BodyEnd, Failure, Reply, Sent};
use imocha_cancel::text::Scrubber;
use imocha_cancel::verdict::{Next, Verdict, judge};
use imocha_cancel::verification::{Listed, compare};

use crate::process::Row;
use crate::world::Answer;

/// What [`judge`] says of each answer to a row that stood so.
#[derive(Debug)]
pub(crate) struct Rules {
    verdicts: BTreeMap<(Option<Status>, Answer), Row>,
}

impl Rules {
    pub(crate) fn ask() -> Self {
        let standings = std::iter::once(None).chain(Status::ALL.iter().copied().map(Some));
        let cases = standings.flat_map(|standing| Answer::ALL.map(|answer| (standing, answer)));
        Self { verdicts: cases.map(|(standing, answer)| ((standing, answer), judged(standing, answer))).collect() }
    }

    /// What becomes of a row that stood so, after this answer.
    pub(crate) fn after(&self, standing: Option<Status>, answer: Answer) -> Row {
        self.verdicts[&(standing, answer)]
    }

    /// As what `verify` settles a row that ended with `status`, when it is in this list.
    pub(crate) fn settled(status: Status, list: ListedState) -> Option<Status> {
        let listed = if list == ListedState::Cancelled { Listed::Cancelled } else { Listed::Over(list) };
        compare(status, listed).1
    }
}

fn judged(standing: Option<Status>, answer: Answer) -> Row {
    let id = InvitationId::new(292).unwrap();
    let scrubber = Scrubber::new("a-key-of-a-test".parse().unwrap());
    let earlier = standing.map(|status| Verdict::of_earlier_run(status, None, ""));
    let verdict = judge(id, &reply(id, answer), earlier.as_ref(), &scrubber);
    match verdict.next {
        Next::Again(_) => Row::BackingOff(Some(verdict.status)),
        Next::End | Next::Stop(_) => Row::Ended(verdict.status),
    }
}

fn reply(id: InvitationId, answer: Answer) -> Result<Reply, Failure> {
    let http_status = match answer {
        Answer::Confirmed => 200,
        Answer::Unclear => 202,
        Answer::Undocumented => 302,
        Answer::Refused => 400,
        Answer::Unauthorized => 401,
        Answer::Forbidden => 403,
        Answer::NotFound => 404,
        Answer::Limited => 429,
        Answer::Failed => 500,
        Answer::Lost => return Err(Failure { sent: Sent::Maybe, what: "no answer in time".to_owned() }),
        Answer::Unsent => return Err(Failure { sent: Sent::No, what: "no connection".to_owned() }),
    };
    let body = format!(r#"{{"testInvitationId":{id},"status":"Cancelled"}}"#).into_bytes();
    Ok(Reply { http_status, body, body_end: BodyEnd::Complete, retry_after: None })
}
