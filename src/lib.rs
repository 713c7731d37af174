//! Cancels iMocha test invitations in bulk.

pub mod client;
pub mod config;
pub mod error;
pub mod exit;
pub mod input;
pub mod invitation;
pub mod outcome;
pub mod results;
pub mod row;
pub mod sandbox;
pub mod text;
pub mod throttle;
pub mod verdict;
