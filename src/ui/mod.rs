//! Writes everything that the user or a script sees: errors, the prompt, progress, the summary, the log. Standard
//! output is for data; everything else goes to standard error.

mod attention;
mod bar;
mod console;
mod log;
mod log_event;
mod manual;
mod page;
mod paint;
mod preview;
mod progress;
mod report;
mod sentence;
mod stderr;
mod verified;

pub use self::console::{Console, Results};
pub use self::log_event::LogEvent;
pub use self::manual::{ManualPage, manual_pages};
pub use self::page::{Counting, NextStep, PAGE_BEGINNING, PageDraft, PageFile};
pub use self::preview::Preview;
pub use self::progress::Progress;
pub use self::report::{Api, FoundRate, Report, Wordiness, are_metrics, last_success};
