//! Cancels iMocha test invitations in bulk.

pub mod error;
pub mod input;
pub mod invitation;
pub mod outcome;
pub mod row;
pub mod sandbox;
