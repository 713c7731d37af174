//! All that a person or a script sees: errors, the prompt, progress, the summary, the log. Standard output is for data;
//! everything else goes to standard error.

mod console;
mod log;
mod progress;
mod report;

pub use self::console::{Console, Question, Results};
pub use self::progress::{Lines, Progress};
pub(crate) use self::report::plural;
pub use self::report::{DryRun, Ending, Report};
