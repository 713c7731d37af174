use std::io::{self, Read};

use super::*;

/// A pipe whose writer gives these pieces one by one and then breaks off.
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
fn a_stream_has_room_for_extra_cells_and_knows_duplicates_without_their_first_line() {
    let reader = stream_with("id\n5\n05\n", &options()).unwrap();
    assert!(reader.layout().extra_cells);
    let found: Vec<Row> = reader.map(Result::unwrap).collect();
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
fn a_reader_can_run_in_its_own_thread() {
    let reader = stream_with("id\n5\n", &options()).unwrap();
    assert_eq!(std::thread::spawn(move || reader.count()).join().unwrap(), 1);
}
