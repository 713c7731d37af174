//! What a run would do, for a person to look at before anything is sent: the question before a run, and what a dry run
//! prints.

use std::time::Duration;

use indicatif::{HumanCount, HumanDuration};

use crate::text::{plural, push_line};

/// A shorter time is not worth a word.
const TELLING: Duration = Duration::from_secs(1);

/// What a run would do.
#[derive(Debug)]
pub struct Preview {
    /// How many invitations would be cancelled.
    pub cancels: u64,
    /// Where.
    pub host: String,
    /// The particulars, a line each: a name, and what it is.
    pub particulars: Vec<(&'static str, String)>,
    /// How long it would take at the least, as far as the rate says so.
    pub time: Duration,
}

impl Preview {
    /// What a person has to know before saying yes.
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
        push_line(&mut text, format_args!("{} would be cancelled at {}{time}", self.invitations(), self.host));
        text
    }

    /// How many invitations, in words.
    pub(super) fn invitations(&self) -> String {
        format!("{} {}", HumanCount(self.cancels), plural(self.cancels, "invitation"))
    }

    fn time_in_words(&self) -> Option<String> {
        (self.time >= TELLING).then(|| format!("{} at the least", HumanDuration(self.time)))
    }
}
