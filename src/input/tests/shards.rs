use proptest::collection::vec;
use proptest::prelude::*;

use super::random::input;
use super::*;

/// Options for each of `of` shards.
fn shards(options: &ReadingOptions, of: u32) -> Vec<ReadingOptions> {
    let shard = |number: u32| Some(format!("{number}/{of}").parse().unwrap());
    (1..=of).map(|number| ReadingOptions { shard: shard(number), ..options.clone() }).collect()
}

/// All rows of all shards, in their order.
fn together(shards: Vec<Vec<Screened>>) -> Vec<Screened> {
    let mut rows: Vec<Screened> = shards.into_iter().flatten().collect();
    rows.sort_by_key(|row| row.row().line);
    rows
}

/// The number of the invitation that a row names, whatever becomes of it.
fn named(row: &Screened) -> Option<String> {
    match row {
        Screened::ToCancel { id, .. } => Some(id.to_string()),
        Screened::Skipped { skip, .. } if skip.status == Status::Duplicate => Some(skip.invitation_id.clone()),
        Screened::Skipped { .. } => None,
    }
}

/// Makes sure that the shards of an input are together what the whole is, as a file and as a stream: each row once, and
/// with the same result.
fn check(bytes: &[u8], options: &ReadingOptions, of: u32) {
    let whole = read_with(bytes, options);
    let parts: Vec<_> = shards(options, of).iter().map(|options| read_with(bytes, options)).collect();
    match whole {
        Err(_refused) => assert!(parts.iter().all(Result::is_err), "what is refused is refused in each shard"),
        Ok((survey, rows)) => {
            let (surveys, parts): (Vec<Survey>, Vec<_>) = parts.into_iter().map(Result::unwrap).unzip();
            assert_eq!(surveys.iter().map(|shard| shard.rows).sum::<u64>(), survey.rows);
            assert_eq!(surveys.iter().map(|shard| shard.eligible).sum::<u64>(), survey.eligible);
            for shard in &surveys {
                assert_eq!(shard.input_rows, survey.rows);
                assert_eq!(shard.other_table, survey.other_table);
                assert_eq!(shard.reading.layout, survey.reading.layout);
                assert_eq!(
                    shard.fingerprint.unwrap().sha256,
                    survey.fingerprint.unwrap().sha256,
                    "that of the whole file"
                );
            }
            for (index, part) in parts.iter().enumerate() {
                let others = parts.iter().enumerate().filter(|(other, _)| *other != index).flat_map(|(_, rows)| rows);
                let others: Vec<String> = others.filter_map(named).collect();
                assert!(part.iter().filter_map(named).all(|id| !others.contains(&id)), "one ID, one shard");
            }
            assert_eq!(together(parts), rows);
        }
    }
    let stream = |options: &ReadingOptions| -> Option<(Vec<Screened>, bool)> {
        let (mut rows, mut is_whole) = (Vec::new(), true);
        for row in stream_with(bytes, options).ok()? {
            match row {
                Ok(row) => rows.push(row),
                Err(_) => is_whole = false,
            }
        }
        Some((rows, is_whole))
    };
    let parts: Vec<_> = shards(options, of).iter().map(stream).collect();
    match stream(options) {
        None => assert!(parts.iter().all(Option::is_none)),
        Some((rows, is_whole)) => {
            let (parts, ends): (Vec<_>, Vec<bool>) = parts.into_iter().map(Option::unwrap).unzip();
            assert!(ends.iter().all(|end| *end == is_whole));
            assert_eq!(together(parts), rows);
        }
    }
}

#[test]
fn rows_with_one_id_are_in_one_shard_and_name_the_first_of_them() {
    let text = "id,x\n81,a\n082,b\n 0081 ,c\n\"81\",d\n82.0,e\n'81,f\n";
    for of in [1, 2, 3, 64] {
        check(text.as_bytes(), &options(), of);
        let of_81: Vec<Vec<String>> = shards(&options(), of)
            .iter()
            .map(|options| brief(&read_with(text, options).unwrap().1))
            .filter(|rows| rows.iter().any(|row| row == "2 81"))
            .collect();
        let [rows] = of_81.as_slice() else { panic!("{of_81:?}") };
        assert!(["4", "5", "7"].iter().all(|line| rows.contains(&format!("{line} duplicate \"81\""))), "{rows:?}");
    }
}

#[test]
fn a_shard_may_have_no_row_or_none_with_an_id_but_an_input_without_any_is_refused() {
    let text = "id\n5\nx\n6\ny\n7\nz\n";
    check(text.as_bytes(), &options(), 50);
    let all: Vec<Vec<Screened>> =
        shards(&options(), 50).iter().map(|options| read_with(text, options).unwrap().1).collect();
    assert!(all.iter().any(Vec::is_empty));
    assert!(all.iter().any(|rows| !rows.is_empty() && rows.iter().all(|row| named(row).is_none())));
    check(b"id\nx\n", &options(), 2);
    for options in shards(&options(), 2) {
        assert!(refused_with("id\nx\n", &options).contains("no row with an invitation ID"));
    }
}

#[test]
fn whether_short_rows_are_whole_is_decided_by_all_rows_not_by_those_of_a_shard() {
    // All rows are of one width, and could be halves of torn ones: they are whole if all IDs are of one length.
    for last in ["2932953,x", "98765432990,x", "x,x"] {
        let text = format!("id,name,note\n2932950,hello\n2932951,x\n2932952,y\n{last}\n");
        for of in [2, 3, 5] {
            check(text.as_bytes(), &options(), of);
        }
    }
}

#[test]
fn another_table_ends_the_list_for_each_shard_and_each_says_so() {
    let text = "id,name\n5,a\n6,b\n\nid,phone\n7,x\n8,y\n9,z\n";
    check(text.as_bytes(), &options(), 3);
    for options in shards(&options(), 40) {
        assert_eq!(read_with(text, &options).unwrap().0.other_table, Some(5));
    }
}

#[test]
fn results_of_earlier_runs_and_messy_files_are_split_like_others() {
    let samples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    for sample in ["invitations.csv", "messy.csv", "results.csv"] {
        let bytes = fs::read(samples.join(sample)).unwrap();
        for of in [1, 2, 4, 7] {
            check(&bytes, &options(), of);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn each_row_of_any_bytes_is_in_exactly_one_shard(bytes in input(), of in 1..6u32) {
        check(&bytes, &options(), of);
    }

    #[test]
    fn each_row_of_a_list_is_in_exactly_one_shard(
        lines in vec(prop::sample::select(vec![
            "2932950,Ann,x", "2932951,Bob,y", " 02932950 ,Ann,y", "2932952.0,Cy,x", "2932952,Cy,y", "'2932953,Dee,x", "",
            "Total,8,9", "8,Total,x", "id,name,note", "phone,name", ",,", "x,Ed,x", "2932955,Flo,x,more", "2932956", "7,8",
            "-5,Gus,x", "2932957,\"two\nlines\",x", "employee", "9007199254741000,Ida,x",
        ]), 0..16),
        of in 1..9u32,
        filter in prop::option::of(prop::sample::select(vec!["note=x", "note!=x", "name=Ann"])),
        short_rows in prop::sample::select(vec![ShortRows::Doubted, ShortRows::Meant]),
    ) {
        let text = format!("id,name,note\n{}\n", lines.join("\n"));
        let filters = filter.into_iter().map(|filter| filter.parse().unwrap()).collect();
        check(text.as_bytes(), &ReadingOptions { filters, short_rows, ..options() }, of);
    }
}
