//! Cancels iMocha test invitations in bulk: for each row of a CSV file it sends a cancellation, and writes a results
//! row that says how it ended. This is the library behind the `imocha-cancel` command; `README.md` is for users of the
//! command.
//!
//! A cancellation e-mails a real candidate and cannot be undone. So three rules come before all others: **never cancel
//! what was not asked for, never report what was not confirmed, never lose track of a row.**
//!
//! # The house
//!
//! | floor | room | what it owns |
//! | --- | --- | --- |
//! | data | [`invitation`] | [`InvitationId`](invitation::InvitationId), and how a cell becomes one |
//! | | [`row`] | [`Row`](row::Row): a row of the input; [`Layout`](row::Layout): the layout of its file |
//! | | [`outcome`] | [`Status`](outcome::Status), [`Outcome`](outcome::Outcome): how a row ended; the counts of a run |
//! | rules | [`config`] | the settings, each checked once; the defaults with their reasons |
//! | | [`error`] | [`Refusal`](error::Refusal): why a run did not start |
//! | | [`reply`] | [`Reply`](reply::Reply), [`Failure`](reply::Failure): what one attempt brought |
//! | | [`verdict`] | [`judge`](verdict::judge): what that means |
//! | | [`listing`] | [`Listing`](listing::Listing): iMocha's own list of invitations in one state |
//! | | [`verification`] | what those lists say of the rows of results |
//! | | [`shard`] | [`Shard`](shard::Shard): which rows of an input one of several runs takes |
//! | | [`backoff`] | how long a row waits before it is tried again |
//! | | [`text`] | makes a server's text harmless, and quotes an operator's |
//! | | [`clock`] | how long something takes, including sleep of the machine |
//! | | [`ending`] | the ways in which a command ends, and the exit codes |
//! | edges | [`input`] | the CSV file: survey, then rows |
//! | | [`results`] | the results file, and the journal from which a later run resumes |
//! | | [`client`] | one attempt over HTTP |
//! | | [`throttle`] | when the next call may start |
//! | | [`shutdown`] | how a run ends before its last row |
//! | | [`monitor`] | what a run reports to those who watch it |
//! | engine | [`engine`] | takes each row from the input to the results |
//! | shell | [`cli`] | the flags |
//! | | [`ui`] | all that users and scripts see |
//! | | [`app`] | one function for each command |
//! | apart | [`sandbox`] | a simulated iMocha, which shares no code with the rest |
//!
//! A room uses only the floors below its own; rooms of data, of rules and of the shell may also use rooms of their own
//! floor. Data and rules name no runtime, socket or terminal. The edges do not use each other; they meet in the engine.
//! Only the shell and the tests use the sandbox. A test checks these walls.
//!
//! # One row's way
//!
//! 1. [`input::survey_file`] reads the whole file once and finds out how many rows there are, which of them are
//!    duplicates, and in which dialect they are written. So the question before the run, its guards and its progress
//!    have the true numbers before the first call.
//! 2. [`input::RowReader`] reads the same bytes again, row by row. A row that must not be sent ends at once.
//! 3. The [`results::Journal`] records on disk that the row, and those next to it, may be sent. So after a crash, a row
//!    beyond this mark was certainly never sent; a row before it without a result may have been.
//! 4. A worker of the [`engine`] takes the row, waits for a permit of the [`throttle::Throttle`] and makes the call
//!    with the [`client::Client`]. Then [`verdict::judge`] judges the answer: the row ends, or is tried again.
//! 5. The recorder of the engine writes the outcome with the [`results::ResultsWriter`]. Only after that it counts the
//!    row and tells the [`monitor::Monitor`].

pub mod app;
pub mod backoff;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod ending;
pub mod engine;
pub mod error;
pub mod input;
pub mod invitation;
pub mod listing;
pub mod monitor;
pub mod outcome;
pub mod reply;
pub mod results;
pub mod row;
pub mod sandbox;
pub mod shard;
pub mod shutdown;
pub mod text;
pub mod throttle;
pub mod ui;
pub mod verdict;
pub mod verification;
