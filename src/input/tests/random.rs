use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::invitation::without_blanks;

/// Random bytes, with many of those that have a meaning in CSV.
pub(super) fn input() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop::sample::select(vec!["\"", "\n", "\r", "\r\n", ",", ";", "5", "6", "12", " ", "\"\"", ",\"", "\"\n", "\t"])
            .prop_map(|text| text.as_bytes().to_vec()),
        2 => prop::sample::select(vec!["id", "a,b", "é", "\u{feff}", "\0", "sep=;", "5,x\n6,y\n", "x", "2,932,950"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..3),
    ];
    let header = prop::sample::select(vec!["", "id\n", "id,name\n", "name;id;x\r\n", "a,testInvitationId,b\r"]);
    (header, vec(piece, 0..24)).prop_map(|(header, pieces)| [header.as_bytes(), &pieces.concat()].concat())
}

/// The numbers of the lines that are not empty, whatever their quotes.
fn lines_with_text(text: &str) -> Vec<u64> {
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    (1..).zip(unified.split('\n')).filter(|(_, line)| !line.is_empty()).map(|(number, _)| number).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_bytes_make_the_reader_panic_and_no_row_is_lost(bytes in input(), number in prop::option::of(1..3usize)) {
        let options = ReadingOptions { id_column: number.map(|number| number.to_string()), ..options() };
        if let Ok((survey, rows)) = read_with(&bytes, &options) {
            let text = survey.reading.encoding.decode(&bytes).0.into_owned();
            let lines = lines_with_text(&text);
            prop_assert!(rows.iter().all(|row| lines.contains(&row.row().line) || row.row().line == 1));
            if !text.contains('"') && !text.contains('\u{feff}') {
                prop_assert_eq!(rows.len() + survey.reading.preamble, lines.len());
                prop_assert_eq!(rows.iter().map(|row| row.row().line).collect::<Vec<_>>(), lines[survey.reading.preamble..].to_vec());
            }
            // A stream has to be understood from its beginning alone, and mixed encodings are read row by row.
            let delimiter = survey.reading.layout.delimiter;
            if survey.reading.encoding != encoding_rs::WINDOWS_1252
                && let Ok(stream) = stream_with(&bytes, &options)
                && stream.layout().delimiter == delimiter
            {
                let streamed: Result<Vec<Screened>, _> = stream.collect();
                // For a file it is known whether all rows have the same width, or more cells than the first.
                let is_blank = |cell: &[u8]| std::str::from_utf8(cell).is_ok_and(|text| without_blanks(text).is_empty());
                let filled = |row: &&Screened| !row.row().cells.iter().all(is_blank);
                let widths: Vec<usize> = rows.iter().filter(filled).map(|row| row.row().cells.len()).collect();
                let is_uniform = widths.iter().all(|width| *width == widths[0]);
                if !is_uniform && survey.reading.header_line.is_some() {
                    prop_assert_eq!(brief(&streamed.unwrap()), brief(&rows));
                }
            }
        }
    }

    #[test]
    fn what_a_proper_writer_wrote_comes_back(
        // Without the letters a, o and u, no cell can say that its row is a total.
        cells in vec(("[b-np-tv-z\",;\r\n é'|\t]{0,8}", "[b\"\n\r,]{0,4}"), 1..20),
        delimiter in prop::sample::select(vec![b',', b';', b'\t', b'|']),
        ends in prop::sample::select(vec![csv::Terminator::CRLF, csv::Terminator::Any(b'\n'), csv::Terminator::Any(b'\r')]),
    ) {
        let mut writer = csv::WriterBuilder::new().delimiter(delimiter).terminator(ends).quote_style(csv::QuoteStyle::Necessary).from_writer(Vec::new());
        writer.write_record(["note", "testInvitationId", "more"]).unwrap();
        for (index, (note, more)) in cells.iter().enumerate() {
            writer.write_record([note.as_str(), &(2_932_950 + index).to_string(), more]).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let (_, rows) = read(&bytes);
        prop_assert_eq!(rows.len(), cells.len());
        for (index, (row, (note, more))) in rows.iter().zip(&cells).enumerate() {
            let id = (2_932_950 + index).to_string();
            let cells = [note.as_bytes(), id.as_bytes(), more.as_bytes()];
            prop_assert_eq!(row.row().cells.iter().collect::<Vec<_>>(), cells);
            let is_to_cancel = matches!(row, Screened::ToCancel { .. });
            prop_assert!(is_to_cancel);
        }
    }

    #[test]
    fn no_number_is_sent_but_a_whole_cell_of_the_id_column_of_a_row_that_is_not_short(
        lines in vec(prop::sample::select(vec![
            "2932950,Ann,x", "2932951,Bob,call,me", "9876543299", "world,2932950,98", "1,2932952,Cy,x", "2932953,Dee", "",
            "Total,8,9", "8,Total,x", "name,id,note", "id,name,note", ",,", "292.000,Ed,x", "2932955,Flo,x,",
            "3,NA,Gus,x", "4,,Hal,x", "employee", "9007199254741000,Ida,x",
        ]), 1..9),
        id_index in 0..2usize,
    ) {
        let header = ["id,name,note", "name,id,note"][id_index];
        let text = format!("{header}\n{}\n2932959,2932959,z\n", lines.join("\n"));
        // If all rows before another table are longer than the header, the file is refused.
        let rows = read_with(&text, &id_column("id")).map(|(_, rows)| rows).unwrap_or_default();
        for row in &rows {
            if let Screened::ToCancel { row, id, .. } = row {
                prop_assert_eq!(cell_of(row, id_index), id.to_string());
                prop_assert!(row.cells.len() >= 3);
                prop_assert!(id.get() > 1_000_000, "{:?}", row);
            }
        }
    }
}

fn cell_of(row: &crate::row::Row, index: usize) -> String {
    String::from_utf8_lossy(&row.cells[index]).into_owned()
}
