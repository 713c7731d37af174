//! Cancels iMocha test invitations in bulk: a row of a CSV file goes in, a cancellation goes out, and a results row says
//! what came of it. This is the library behind the `imocha-cancel` command; `README.md` is for those who run it.
//!
//! A cancel e-mails a real candidate and cannot be taken back. So three rules stand above all others: **never cancel
//! what was not asked for, never report what was not confirmed, never lose track of a row.**
//!
//! # The house
//!
//! | floor | room | what it owns |
//! | --- | --- | --- |
//! | data | [`invitation`] | [`InvitationId`](invitation::InvitationId), and how a cell becomes one |
//! | | [`row`] | [`Row`](row::Row): a row of the input; [`Layout`](row::Layout): the form around it |
//! | | [`outcome`] | [`Status`](outcome::Status), [`Outcome`](outcome::Outcome): how a row ended; [`Summary`](outcome::Summary): the counts |
//! | rules | [`config`] | the settings, each checked once; the defaults with their reasons |
//! | | [`error`] | [`Refusal`](error::Refusal): why a run did not start |
//! | | [`reply`] | [`Reply`](reply::Reply), [`Failure`](reply::Failure): what one attempt brought |
//! | | [`verdict`] | [`judge`](verdict::judge): what that means |
//! | | [`listing`] | [`Listing`](listing::Listing): iMocha's own list of invitations in one state |
//! | | [`verification`] | what those lists say of the rows of results |
//! | | [`backoff`] | how long a row waits before it is tried again |
//! | | [`text`] | what makes a server's text harmless, and how an operator's is quoted |
//! | | [`clock`] | how long something takes, as people mean it |
//! | | [`ending`] | the ways in which a command ends, and the exit codes |
//! | edges | [`input`] | the CSV file: survey, then rows |
//! | | [`results`] | the results file, and the journal by which a later run goes on |
//! | | [`client`] | one attempt over HTTP |
//! | | [`throttle`] | when the next call may leave |
//! | | [`shutdown`] | the end before the last row |
//! | | [`monitor`] | what a run tells those who watch |
//! | engine | [`engine`] | the order of things |
//! | shell | [`cli`] | flags |
//! | | [`ui`] | all that is shown |
//! | | [`app`] | one function for each command |
//! | apart | [`sandbox`] | a simulated iMocha, which shares no code with the rest |
//!
//! A room knows only the floors below its own. Data and rules name no runtime, socket or terminal; edges do not know
//! each other and meet in the engine; nothing but the shell and the tests knows the sandbox. A test holds the walls.
//!
//! # One row's way
//!
//! 1. [`input::survey_file`] reads the whole file once: how many rows, which of them duplicates, in which dialect. So
//!    the question before the run, its guards and its progress know the truth before the first call.
//! 2. [`input::RowReader`] reads the same bytes again, row by row. A row that is not to be sent ends at once.
//! 3. The [`results::Journal`] says durably that the row may be sent, with those next to it. So after a crash, a row beyond
//!    the mark was certainly never sent, and a row within it without a result may have been.
//! 4. A worker of the [`engine`] takes the row, waits for a permit of the [`throttle::Throttle`], makes the call with
//!    the [`client::Client`], and has the answer judged by [`verdict::judge`]: the row ends, or is tried again.
//! 5. The recorder of the engine writes the outcome with the [`results::ResultsWriter`], and only then counts it and
//!    tells the [`monitor::Monitor`].

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
pub mod shutdown;
pub mod text;
pub mod throttle;
pub mod ui;
pub mod verdict;
pub mod verification;
