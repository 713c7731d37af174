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

#[cfg(unix)]
mod access;
mod again;
mod answers;
mod attention;
mod before_the_first_call;
mod blame;
mod browser;
mod canned;
#[cfg(unix)]
mod completions;
mod doubtful_rows;
mod engine;
mod expect;
mod failed;
mod flags;
mod found_pace;
mod guards;
mod happy;
mod journal;
mod key;
mod lists;
mod manual;
mod metrics;
mod mistakes;
#[cfg(unix)]
mod nginx;
mod order;
mod output;
mod pace;
mod packaging;
mod rate_auto;
mod readme;
mod refusals;
mod report;
mod resume;
mod retries;
mod samples;
mod server;
mod shard;
mod signals;
mod standard_streams;
mod stops;
mod storm;
mod stuck;
mod support;
#[cfg(unix)]
mod terminal;
mod threads;
mod titles;
mod tls;
mod transport;
mod verify;
mod walls;
