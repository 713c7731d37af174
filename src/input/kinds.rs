//! Recognises files that are not CSV by their first bytes, and has a message for each kind.

use crate::error::{Cause, Refusal};

const EXPORT_FROM_EXCEL: &str =
    "open it in Excel, choose File > Save As > CSV UTF-8 (Comma delimited), and give that file";
const UNPACK: &str = "unpack it and give the CSV file in it";
const EXPORT_CSV: &str = "export the list as CSV and give that file";

/// For each kind of file: its first bytes, what it is, and what to do.
const KINDS: [(&[u8], &str, &str); 13] = [
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", "an Excel workbook (.xls) or another old Office file", EXPORT_FROM_EXCEL),
    (b"PK\x05\x06", "an empty zip archive", EXPORT_CSV),
    (b"\x1F\x8B", "compressed with gzip", UNPACK),
    (b"\x28\xB5\x2F\xFD", "compressed with zstd", UNPACK),
    (b"BZh", "compressed with bzip2", UNPACK),
    (b"\xFD7zXZ\0", "compressed with xz", UNPACK),
    (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1A\x07", "a RAR archive", UNPACK),
    (b"%PDF-", "a PDF document", EXPORT_CSV),
    (b"{\\rtf", "an RTF document", EXPORT_CSV),
    (b"PAR1", "a Parquet file", EXPORT_CSV),
    (b"SQLite format 3\0", "an SQLite database", EXPORT_CSV),
    (b"\xFF\xFE\0\0", "in UTF-32", "export it as UTF-8"),
];

/// Refuses an input that begins as CSV never does.
pub(super) fn refuse_other_kinds(input: &str, sample: &[u8]) -> Result<(), Refusal> {
    let known = KINDS.iter().find(|(signature, _, _)| sample.starts_with(signature));
    let found = known.map(|(_, kind, remedy)| (*kind, *remedy)).or_else(|| archive(sample)).or_else(|| markup(sample));
    match found {
        None => Ok(()),
        Some((kind, remedy)) => {
            let verb = if kind.starts_with("compressed") || kind.starts_with("in ") { "is" } else { "is not CSV but" };
            Err(Refusal::new(Cause::Input, format!("{input} {verb} {kind}")).hint(remedy))
        }
    }
}

/// Zip archives. Newer Excel workbooks are such archives.
fn archive(sample: &[u8]) -> Option<(&'static str, &'static str)> {
    let holds = |text: &[u8]| memchr::memmem::find(sample, text).is_some();
    if !sample.starts_with(b"PK\x03\x04") {
        None
    } else if holds(b"xl/") || holds(b"[Content_Types].xml") {
        Some(("an Excel workbook (.xlsx)", EXPORT_FROM_EXCEL))
    } else if holds(b"opendocument") {
        Some(("an OpenDocument spreadsheet", "open it in a spreadsheet program, save it as CSV, and give that file"))
    } else {
        Some(("a zip archive", UNPACK))
    }
}

/// Other text formats.
fn markup(sample: &[u8]) -> Option<(&'static str, &'static str)> {
    let text = sample.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(sample).trim_ascii_start();
    let begins = |tag: &str| text.get(..tag.len()).is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()));
    if ["<!doctype html", "<html", "<head", "<body", "<table", "<meta", "<script"].iter().any(|tag| begins(tag)) {
        let remedy = "it looks like iMocha's page saved instead of the export: download the CSV export itself";
        Some(("an HTML page", remedy))
    } else if begins("<?xml") {
        Some(("XML", EXPORT_CSV))
    } else if is_json(text) {
        Some(("JSON", EXPORT_CSV))
    } else {
        None
    }
}

/// Whether the text begins like JSON: with a brace or bracket, and a character that JSON allows after it.
/// `[id],[name]`, a header as SQL Server writes it, does not.
fn is_json(text: &[u8]) -> bool {
    let Some((first, rest)) = text.split_first() else { return false };
    let next = rest.trim_ascii_start().first().copied();
    match first {
        b'{' => matches!(next, None | Some(b'"' | b'}')),
        b'[' => matches!(next, None | Some(b'{' | b'[' | b']' | b'"' | b'0'..=b'9' | b'-')),
        _ => false,
    }
}
