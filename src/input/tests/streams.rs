use std::io::{self, Read};

use super::*;

/// A pipe whose writer sends these pieces one by one and then breaks off.
struct Pieces(std::vec::IntoIter<&'static str>);

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.0.next().ok_or_else(|| io::Error::other("nothing was to be read any more"))?;
        buffer[..piece.len()].copy_from_slice(piece.as_bytes());
        Ok(piece.len())
    }
}

#[test]
fn a_stream_is_not_waited_for_to_its_end() {
    let pieces = Pieces(vec!["i", "d,name\r\n5,\"A", "nn\"\r\n", "6,Bob\r", "\n7"].into_iter());
    let mut reader = RowReader::from_stream(pieces, &options()).unwrap();
    assert_eq!(reader.layout().columns, ["id", "name"]);
    let ids: Vec<_> = (0..2).map(|_| reader.next().unwrap().unwrap()).collect();
    assert_eq!(brief(&ids), ["2 5", "3 6"]);
    let error = reader.next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "could not read standard input");
    assert!(reader.next().is_none());
}

#[test]
fn a_stream_is_understood_from_a_header_and_a_row_and_not_from_blank_lines() {
    let first = |pieces: Vec<&'static str>, options: &ReadingOptions| {
        let mut reader = RowReader::from_stream(Pieces(pieces.into_iter()), options).unwrap();
        let row = reader.next().unwrap().unwrap();
        (reader.layout().columns.clone(), brief(&[row]))
    };
    let columns = ["nr", "a,b"].map(str::to_owned).to_vec();
    for pieces in [
        vec!["\n\r\n\n", "nr;a,b\n", "5;x\n"],
        vec!["\u{feff}\r\n\r\nnr;a,b\r\n\r\n", "5;x\r\n"],
        vec!["\n\nnr;a,b\r\n", "\r5;x\r"],
    ] {
        let (found, rows) = first(pieces, &id_column("1"));
        assert_eq!(found, columns);
        assert!(rows[0].ends_with(" 5"), "{rows:?}");
    }
}

#[test]
fn a_stream_has_room_for_extra_cells_and_knows_duplicates_without_their_first_line() {
    let reader = stream_with("id\n5\n05\n", &options()).unwrap();
    assert!(reader.layout().extra_cells);
    let found: Vec<Screened> = reader.map(Result::unwrap).collect();
    assert_eq!(reason(&found[1]), "same invitation as an earlier line");
}

#[test]
fn a_stream_can_be_surveyed_by_reading_it_to_its_end() {
    let text = "id,s\n5,a\n6,b\n5,a\nx,a\n7,a\n";
    let survey = survey_stream(Cursor::new(text), &filtered(&["s=a"])).unwrap();
    assert_eq!((survey.rows, survey.eligible, survey.invalid, survey.duplicates, survey.filtered), (5, 2, 1, 1, 1));
    assert_eq!(survey.fingerprint, None);
    assert_eq!(survey.skipped.iter().map(|group| group.examples[0].0).collect::<Vec<_>>(), [3, 4, 5]);
    assert!(
        survey_stream(Cursor::new("id,n\n5,\"x\n"), &options()).unwrap_err().message.contains("standard input, line 2")
    );
}

#[test]
fn the_wrong_column_is_found_out_in_the_beginning_of_a_stream() {
    let refusal = stream_with("id\na\nb\n5\n", &options()).unwrap_err();
    assert!(refusal.message.contains("does not hold invitation IDs: 2 of its first 3 cells"), "{refusal}");
}

#[test]
fn the_wrong_column_of_a_stream_that_comes_slowly_is_found_out_row_by_row() {
    let pieces = || Pieces(vec!["id,n\n5,a\n", "x,b\n", "y,c\n6,d\n", "7,e\n"].into_iter());
    let mut reader = RowReader::from_stream(pieces(), &options()).unwrap();
    let sent: Vec<Screened> = reader.by_ref().map_while(Result::ok).collect();
    assert_eq!(brief(&sent), ["2 5", "3 invalid_id \"x\""]);
    assert!(reader.next().is_none());
    let error = RowReader::from_stream(pieces(), &options()).unwrap().find_map(Result::err).unwrap();
    let expected = "standard input, line 4: column 1 does not hold invitation IDs: 2 of its first 3 cells are none";
    assert_eq!(error.to_string(), expected);
    assert!(error.hint().unwrap().contains("--id-column"));
    assert_eq!(survey_stream(pieces(), &options()).unwrap_err().message, expected);
    let insisting = RowReader::from_stream(pieces(), &id_column("id")).unwrap();
    assert_eq!(insisting.map_while(Result::ok).count(), 5);
}

#[test]
fn a_hundred_cells_of_a_stream_settle_that_its_column_is_the_right_one() {
    for (good, bad, read) in [(100, 200, 300), (30, 200, 60)] {
        let (good, bad) = ("5\n".repeat(good), "x\n".repeat(bad));
        let text = format!("id\n{good}");
        let slowly = Cursor::new(text).chain(Cursor::new(bad));
        let reader = RowReader::from_stream(slowly, &options()).unwrap();
        assert_eq!(reader.map_while(Result::ok).count(), read);
    }
}

#[test]
fn a_reader_can_run_in_its_own_thread() {
    let reader = stream_with("id\n5\n", &options()).unwrap();
    assert_eq!(std::thread::spawn(move || reader.count()).join().unwrap(), 1);
}
