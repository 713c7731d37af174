use super::*;

fn identity() -> Identity {
    Identity {
        input: "in.csv".to_owned(),
        bytes: 5,
        sha256: "00".to_owned(),
        base_url: "https://host".to_owned(),
        encoding: "UTF-8".to_owned(),
        delimiter: ',',
        header_line: Some(1),
        id_column: Some(1),
        filters: Vec::new(),
        short_rows: false,
    }
}

/// A journal with a mark at line 12 and one at 20, and its bytes.
fn written(results: &Path) -> Vec<u8> {
    let mut journal = Journal::open(results).unwrap();
    journal.begin(identity(), Opening::GoOn(Doubt { in_doubt: vec![7], ..Doubt::default() })).unwrap();
    journal.reserve(12).unwrap();
    journal.reserve(20).unwrap();
    fs::read(Journal::path_of(results)).unwrap()
}

#[test]
fn what_was_written_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    written(&results);
    let journal = Journal::open(&results).unwrap();
    let past = journal.past().unwrap();
    assert_eq!((past.sent_up_to, &past.doubt.in_doubt, &past.identity), (20, &vec![7], &identity()));
}

#[test]
fn a_journal_cut_at_any_byte_of_its_last_line_loses_that_line_alone() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    let whole = written(&results);
    let last = whole.len() - "{\"sent_up_to\":20}\n".len();
    for length in last..whole.len() {
        fs::write(Journal::path_of(&results), &whole[..length]).unwrap();
        let mut journal = Journal::open(&results).unwrap();
        assert_eq!(journal.past().unwrap().sent_up_to, 12, "{length}");
        journal.begin(identity(), Opening::GoOn(Doubt::default())).unwrap();
        journal.reserve(30).unwrap();
        drop(journal);
        assert_eq!(Journal::open(&results).unwrap().past().unwrap().sent_up_to, 30, "{length}");
    }
}

#[test]
fn other_damage_and_a_newer_version_are_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    let whole = String::from_utf8(written(&results)).unwrap();
    for (text, said) in [
        (whole.replace("\"sent_up_to\":12", "\"sent_up_to\":x"), "damaged at its line 2"),
        (whole.split_inclusive('\n').skip(1).collect(), "damaged at its line 1"),
        (whole.replace("\"format\":1", "\"format\":2"), "newer version"),
    ] {
        fs::write(Journal::path_of(&results), text).unwrap();
        let refusal = Journal::open(&results).unwrap_err();
        assert_eq!(refusal.cause, Cause::ResultsExist);
        assert!(refusal.message.contains(said), "{refusal}");
    }
}

#[test]
fn a_journal_that_was_taken_away_is_not_the_one_at_its_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out.csv.journal");
    let held = File::create(&path).unwrap();
    assert!(is_at(&held, &path).unwrap());
    fs::remove_file(&path).unwrap();
    assert!(!is_at(&held, &path).unwrap());
    fs::write(&path, "").unwrap();
    assert!(!is_at(&held, &path).unwrap());
}

#[test]
fn a_journal_of_a_run_that_did_not_begin_goes_again() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    drop(Journal::open(&results).unwrap());
    assert!(!Journal::path_of(&results).exists());
    written(&results);
    drop(Journal::open(&results).unwrap());
    assert!(Journal::path_of(&results).exists());
}

#[test]
fn two_runs_cannot_hold_one_journal_and_the_lock_ends_with_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    let mut first = Journal::open(&results).unwrap();
    first.begin(identity(), Opening::Anew).unwrap();
    let refusal = Journal::open(&results).unwrap_err();
    assert_eq!(refusal.cause, Cause::Locked);
    assert!(refusal.message.contains(&format!("process {}", std::process::id())), "{refusal}");
    drop(first);
    assert!(Journal::open(&results).is_ok());
}
