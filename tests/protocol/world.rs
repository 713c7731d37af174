//! The world outside of the process: iMocha, the network and the candidates. It keeps the true record that every report
//! is held against.

use imocha_cancel::listing::ListedState;

use crate::disk::PerRow;

/// What iMocha has made of one invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Invitation {
    /// It waits for its candidate. A call would cancel it.
    Pending,
    /// It was pending, and a call of ours had no answer that says whether it worked: it may have, or may still work. Which
    /// of these is decided only when somebody looks, since nobody could tell the difference before.
    Unclear,
    /// A call of ours cancelled it.
    Cancelled,
    /// The candidate has completed it.
    Completed,
    /// There is no such invitation.
    Absent,
}

/// How one attempt goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Answer {
    /// 200, with this very invitation and that it is cancelled.
    Confirmed,
    /// 400.
    Refused,
    /// 404.
    NotFound,
    /// 2xx, but not what confirms a cancellation.
    Unclear,
    /// 403.
    Forbidden,
    /// 401.
    Unauthorized,
    /// 429.
    Limited,
    /// 500.
    Failed,
    /// 302.
    Undocumented,
    /// It was sent, and no answer came.
    Lost,
    /// It could not be sent.
    Unsent,
}

impl Answer {
    /// Every answer.
    pub(crate) const ALL: [Self; 11] = [
        Self::Confirmed,
        Self::Refused,
        Self::NotFound,
        Self::Unclear,
        Self::Forbidden,
        Self::Unauthorized,
        Self::Limited,
        Self::Failed,
        Self::Undocumented,
        Self::Lost,
        Self::Unsent,
    ];
}

/// The truth about every invitation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) invitations: PerRow<Invitation>,
    /// Whether a call for it has ever left the machine.
    pub(crate) called: PerRow<bool>,
}

impl World {
    /// What iMocha can say to a call for this row, and what the invitation is then. What must not be expected is trouble.
    pub(crate) fn answers(&self, row: usize) -> &'static [(Answer, Invitation)] {
        match self.invitations[row] {
            Invitation::Pending => &[(Answer::Confirmed, Invitation::Cancelled)],
            // Whether a second cancellation is confirmed or refused is not known, so it may be either.
            Invitation::Unclear | Invitation::Cancelled => {
                &[(Answer::Confirmed, Invitation::Cancelled), (Answer::Refused, Invitation::Cancelled)]
            }
            Invitation::Completed => &[(Answer::Refused, Invitation::Completed)],
            Invitation::Absent => &[(Answer::NotFound, Invitation::Absent)],
        }
    }

    /// What the invitation is after a call that met this trouble; `None` if it cannot meet it.
    pub(crate) fn after_trouble(&self, row: usize, trouble: Answer) -> Option<Invitation> {
        let now = self.invitations[row];
        match trouble {
            Answer::Confirmed => None,
            // The candidate has completed the test, or the invitation was never there: nobody has looked before.
            Answer::Refused => self.is_undecided(row).then_some(Invitation::Completed),
            Answer::NotFound => self.is_undecided(row).then_some(Invitation::Absent),
            Answer::Unclear | Answer::Failed | Answer::Undocumented | Answer::Lost => {
                Some(if now == Invitation::Pending { Invitation::Unclear } else { now })
            }
            Answer::Forbidden | Answer::Unauthorized | Answer::Limited | Answer::Unsent => Some(now),
        }
    }

    /// The process is gone during a call for this row.
    pub(crate) fn lose_call(&mut self, row: usize) {
        self.called[row] = true;
        self.invitations[row] = self.after_trouble(row, Answer::Lost).unwrap_or(self.invitations[row]);
    }

    /// Whether the invitation may turn out to be completed or absent: nobody has looked yet.
    pub(crate) fn is_undecided(&self, row: usize) -> bool {
        matches!(self.invitations[row], Invitation::Pending | Invitation::Unclear)
    }

    /// The lists that this row may be in, once they have caught up with what happened.
    pub(crate) fn lists(&self, row: usize) -> &'static [ListedState] {
        match self.invitations[row] {
            Invitation::Unclear => &[ListedState::Cancelled, ListedState::Completed],
            Invitation::Cancelled => &[ListedState::Cancelled],
            Invitation::Pending | Invitation::Completed => &[ListedState::Completed],
            Invitation::Absent => &[],
        }
    }

    /// The row is in this list, so that is what the invitation was.
    pub(crate) fn show(&mut self, row: usize, list: ListedState) {
        self.invitations[row] =
            if list == ListedState::Cancelled { Invitation::Cancelled } else { Invitation::Completed };
    }

    /// Whether a call of ours that has ended has cancelled this invitation, or still may.
    pub(crate) fn may_be_cancelled(&self, row: usize) -> bool {
        matches!(self.invitations[row], Invitation::Cancelled | Invitation::Unclear)
    }
}
