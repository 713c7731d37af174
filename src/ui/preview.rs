//! Shows the user what a run would do before anything is sent: in the question before a run, and in what a dry run
//! prints.

use std::time::Duration;

use indicatif::{HumanCount, HumanDuration};

use crate::text::{plural, push_line};

/// Shorter times are not shown.
const TELLING: Duration = Duration::from_secs(1);

/// What a run would do.
#[derive(Debug)]
pub struct Preview {
    /// How many invitations would be cancelled; `None` if nobody knows.
    pub cancels: Option<u64>,
    /// The host at which they would be cancelled.
    pub host: String,
    /// The details, one line each: a name and its value.
    pub particulars: Vec<(&'static str, String)>,
    /// The least time that it would take at the given rate.
    pub time: Duration,
}

impl Preview {
    /// What the user has to know before saying yes.
    pub fn question(&self) -> String {
        let mut text = String::new();
        push_line(&mut text, format_args!("About to cancel {} at {}", self.invitations(), self.host));
        for (name, particular) in &self.particulars {
            push_line(&mut text, format_args!("  {name:<10}{particular}"));
        }
        if let Some(time) = self.time_in_words() {
            push_line(&mut text, format_args!("  {:<10}{time}", "time"));
        }
        push_line(&mut text, format_args!("Each candidate is e-mailed; this cannot be undone."));
        text
    }

    /// What a dry run found.
    pub fn rehearsal(&self) -> String {
        let mut text = String::new();
        push_line(&mut text, format_args!("dry run: nothing was cancelled"));
        for (name, particular) in &self.particulars {
            push_line(&mut text, format_args!("  {name:<12}{particular}"));
        }
        let time = self.time_in_words().map(|time| format!(", in {time}")).unwrap_or_default();
        match self.cancels {
            Some(_known) => {
                push_line(&mut text, format_args!("{} would be cancelled at {}{time}", self.invitations(), self.host));
            }
            None => push_line(
                &mut text,
                format_args!("nobody can say how many invitations are left to be cancelled at {}", self.host),
            ),
        }
        text
    }

    /// The number of invitations, in words.
    pub(super) fn invitations(&self) -> String {
        match self.cancels {
            Some(cancels) => format!("{} {}", HumanCount(cancels), plural(cancels, "invitation")),
            None => "invitations".to_owned(),
        }
    }

    fn time_in_words(&self) -> Option<String> {
        (self.time >= TELLING).then(|| format!("{} at the least", HumanDuration(self.time)))
    }
}
