//! Finds the header of a file that has titles above it, so that the refusal can name its line. Only the operator can say
//! that it is the header: a row above it may be meant.

use std::num::NonZeroU64;

use super::ReadingOptions;
use super::blocks::BLOCK_BYTES;
use super::columns::{cells, names_id, take_header_on};
use super::dialect::{CANDIDATES, Sample};
use super::names::is_id;
use crate::error::{Cause, Refusal};

/// The line of the first row below `line` that looks like the header: it names the ID column, and holds no ID. The
/// delimiter may have been found wrongly, because of a title with another in it, so each is tried.
pub(super) fn header_below(line: u64, sample: &Sample, options: &ReadingOptions) -> Option<u64> {
    let delimiters = options.delimiter.map_or_else(|| CANDIDATES.to_vec(), |given| vec![given]);
    let first_in = |delimiter: u8| {
        sample.records(delimiter).into_iter().find_map(|(below, record)| {
            let cells = cells(&record);
            let is_header = below > line && names_id(&cells, options) && !cells.iter().any(|cell| is_id(cell));
            is_header.then_some(below)
        })
    };
    delimiters.into_iter().filter_map(first_in).min()
}

/// Makes sure that a row begins on the line that the operator named for the header, and near enough to the beginning to
/// be looked at.
pub(super) fn check_header_line(
    input: &str,
    wanted: NonZeroU64,
    found: Option<u64>,
    sample: &Sample,
    delimiter: u8,
) -> Result<(), Refusal> {
    let problem = match found {
        None => format!("{input} has no row on line {wanted} or below"),
        Some(line) if line != wanted.get() => format!("{input}, line {wanted}: this line is empty"),
        Some(_) if sample.records(delimiter).is_empty() => {
            format!("{input}, line {wanted}: this is not within the first {} KiB of the file", BLOCK_BYTES / 1024)
        }
        Some(_) => return Ok(()),
    };
    let hint = match header_below(wanted.get(), sample, &ReadingOptions::default()) {
        Some(line) => take_header_on(line),
        None => "name the line of the header with --header-line, the first of the file being 1".to_owned(),
    };
    Err(Refusal::new(Cause::Input, problem).hint(hint))
}
