//! The tests of the promises: each drives the real binary as an operator does, against a server on the loopback
//! interface, and holds what it says against what the server saw.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]
#![expect(clippy::print_stdout, reason = "a seed that failed is told")]
#![expect(clippy::format_collect, reason = "an input of a few rows need not be built fast")]

mod answers;
mod canned;
mod doubtful_rows;
mod flags;
mod guards;
mod happy;
mod key;
mod output;
mod pace;
mod readme;
mod refusals;
mod resume;
mod retries;
mod samples;
mod server;
mod signals;
mod stops;
mod storm;
mod support;
#[cfg(unix)]
mod terminal;
mod tls;
mod transport;
mod walls;
