use super::*;
use crate::outcome::Effect;
use crate::results::disk::tests::{Fault, ForgetfulDisk, Image, Recording};

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
        shard: None,
        notes: RunNotes::default(),
    }
}

/// Writes a journal with marks at lines 12 and 20, and returns its bytes.
fn written(results: &Path) -> Vec<u8> {
    let mut journal = Journal::open(results).unwrap();
    journal.go_on(identity(), Doubt::default()).unwrap();
    journal.reserve(12).unwrap();
    journal.reserve(20).unwrap();
    fs::read(Journal::path_of(results)).unwrap()
}

/// The line up to which a journal says that rows may have been sent.
fn sent_up_to(journal: &Journal) -> u64 {
    let doubt = &journal.last_run().unwrap().doubt;
    (1..1000).find(|&line| doubt.of(line).effect == Effect::None).unwrap() - 1
}

fn open(results: &Path, text: impl AsRef<[u8]>) -> Result<Journal, Refusal> {
    fs::write(Journal::path_of(results), text).unwrap();
    Journal::open(results)
}

#[test]
fn what_was_written_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    written(&results);
    let mut journal = Journal::open(&results).unwrap();
    assert_eq!((sent_up_to(&journal), &journal.last_run().unwrap().identity), (20, &identity()));
    journal.begin_anew(identity()).unwrap();
    drop(journal);
    assert_eq!(sent_up_to(&Journal::open(&results).unwrap()), 0);
}

#[test]
fn a_journal_cut_at_any_byte_of_its_last_line_loses_that_line_alone() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    let whole = written(&results);
    let last = whole.len() - "{\"sent_up_to\":20}\n".len();
    for length in last..whole.len() {
        let mut zeros = whole.clone();
        zeros[length..].fill(0);
        let mut line_end = zeros.clone();
        *line_end.last_mut().unwrap() = b'\n';
        for torn in [&whole[..length], &zeros, &line_end] {
            let mut journal = open(&results, torn).unwrap();
            assert!([12, 20].contains(&sent_up_to(&journal)) && (torn == line_end || sent_up_to(&journal) == 12));
            let doubt = journal.last_run().unwrap().doubt.clone();
            journal.go_on(identity(), doubt).unwrap();
            journal.reserve(30).unwrap();
            drop(journal);
            assert_eq!(sent_up_to(&Journal::open(&results).unwrap()), 30, "{length}");
        }
    }
}

/// Does something to the journal of these results, and then opens what a power cut at any moment may leave of it.
fn opens_after_any_power_cut(results: &Path, fault: Option<Fault>, act: impl FnOnce(Journal)) {
    let recording = Recording::start(results.parent().unwrap(), fault);
    act(Journal::open(results).unwrap());
    let mut disk = ForgetfulDisk::holding(&recording.before);
    let mut images = disk.after_power_cut();
    for (_, step) in recording.steps() {
        disk.take(&step);
        images.extend(disk.after_power_cut());
    }
    drop(recording);
    let mut begun = 0;
    for text in images.iter().filter_map(|image: &Image| image.get("out.csv.journal")) {
        let opened = open(results, text);
        let journal = opened.unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(text)));
        begun += usize::from(journal.last_run().is_some());
    }
    assert!(begun > 0, "a run that has begun is known");
}

#[test]
fn a_first_line_that_has_lost_its_beginning_was_not_written() {
    let directory = tempfile::tempdir().unwrap();
    opens_after_any_power_cut(&directory.path().join("out.csv"), None, |mut journal| {
        journal.go_on(identity(), Doubt::default()).unwrap();
    });
}

#[test]
fn behind_a_torn_line_the_names_of_holders_may_be_torn_too() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    let whole = written(&results);
    for torn in [&whole[..1], &whole[..40], &whole[..whole.len() - 5]] {
        fs::write(Journal::path_of(&results), torn).unwrap();
        opens_after_any_power_cut(&results, None, |mut journal| {
            let doubt = journal.last_run().map(|run| run.doubt.clone());
            journal.go_on(identity(), doubt.unwrap_or_default()).unwrap();
        });
        let noted = [torn, b"\n{\"held\":{\"process\":7,\"ho"].concat();
        assert_eq!(open(&results, &noted).unwrap().last_run().is_some(), torn.len() > 40);
    }
}

#[test]
fn lines_of_earlier_runs_do_not_stand_behind_the_torn_one_of_a_run_that_begins_anew() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    written(&results);
    opens_after_any_power_cut(&results, None, |mut journal| {
        journal.begin_anew(Identity { bytes: 5000, ..identity() }).unwrap();
    });
}

#[test]
fn a_line_whose_sync_failed_does_not_stand_before_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    // The run line and its directory are synced; the mark is not.
    opens_after_any_power_cut(&results, Some(Fault::Sync(3)), |mut journal| {
        journal.go_on(identity(), Doubt::default()).unwrap();
        journal.reserve(12).unwrap_err();
        journal.end("results_unwritable").unwrap();
    });
}

#[test]
fn a_journal_of_the_version_before_is_understood() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    let whole = String::from_utf8(written(&results)).unwrap();
    let opening = whole.lines().next().unwrap();
    let (before, _doubt) = opening.split_once("\"doubt\"").unwrap();
    let older = format!("{before}\"doubt_up_to\":5,\"in_doubt\":[9],\"clear\":[2]}}}}\n{{\"sent_up_to\":7}}\n");
    let journal = open(&results, older.replace("\"format\":2", "\"format\":1")).unwrap();
    let doubt = &journal.last_run().unwrap().doubt;
    let in_doubt: Vec<u64> = (1..12).filter(|&line| doubt.of(line).effect == Effect::Possible).collect();
    assert_eq!(in_doubt, [1, 2, 3, 4, 5, 6, 7, 9], "what is sent again is no longer clear");
}

#[test]
fn other_damage_and_a_newer_version_are_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    let whole = String::from_utf8(written(&results)).unwrap();
    for (text, said) in [
        (whole.replace("\"sent_up_to\":12", "\"sent_up_to\":x"), "damaged at its line 2"),
        (whole.replace("\"bytes\":5", "\"bytes\":x"), "damaged at its line 1"),
        (whole.replace("sent_up_to\":12", "sent_\0\0\0\0\0\0\0\0\0"), "damaged at its line 2"),
        (whole.replacen("{\"run\":{", "\0\0\0\0\0\0\0\0", 1), "damaged at its line 1"),
        (format!("{}\u{1}\u{2}", "\0".repeat(64)), "damaged at its line 1"),
        (whole.split_inclusive('\n').skip(1).collect(), "is not a journal"),
        (whole.replace("\"format\":2", "\"format\":4"), "newer version"),
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
fn a_journal_of_a_run_that_did_not_begin_becomes_what_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    drop(Journal::open(&results).unwrap());
    assert!(!Journal::path_of(&results).exists(), "one that was made for it goes again");
    // If a process is killed before its run begins, its journal only names it as the holder.
    drop(open(&results, "{\"held\":{\"process\":7,\"host\":\"h\",\"since\":\"s\"}}\n").unwrap());
    assert!(!Journal::path_of(&results).exists());

    let whole = written(&results);
    // Anything else that the file held stays.
    let torn_and_held =
        [&whole[..whole.len() - 5], b"\n{\"held\":{\"process\":7,\"host\":\"h\",\"since\":\"s\"}}\n"].concat();
    for text in [&whole[..], &torn_and_held, &whole[..whole.len() - 5], &whole[..40], b"\0\0\0"] {
        let journal = open(&results, text).unwrap();
        assert_ne!(fs::read(Journal::path_of(&results)).unwrap(), text, "it says who holds it");
        drop(journal);
        assert_eq!(fs::read(Journal::path_of(&results)).unwrap(), text);
    }
    let mut journal = open(&results, torn_and_held).unwrap();
    assert_eq!(sent_up_to(&journal), 12);
    journal.go_on(identity(), Doubt::default()).unwrap();
    drop(journal);
    let text = fs::read_to_string(Journal::path_of(&results)).unwrap();
    assert!(text.lines().count() == 3 && !text.contains("held"), "when a run begins they go: {text}");
}

#[test]
fn what_is_no_journal_is_neither_taken_nor_changed() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    let path = Journal::path_of(&results);
    let long = "x".repeat(1_000_000);
    for text in [
        "my notes",
        "my notes\n",
        "\n",
        "  \n",
        "{}\n",
        "[1]",
        "{\"run\":1}\n",
        "{\"run\":{\"step\":1}}",
        "{\"ended\":\"finished\"}\n",
        "\u{1}\0\u{2}",
        "{\"ru\0n",
        "PK\u{3}\u{4}",
        &long,
    ] {
        let refusal = open(&results, text).unwrap_err();
        assert!(refusal.message.contains("is not a journal") && refusal.hint.is_some(), "{text:?}: {refusal}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(Journal::open(&results).unwrap_err().message.contains("not an ordinary file"));
}

#[cfg(unix)]
#[test]
fn a_journal_is_for_its_owner_alone_even_where_it_was_there_before() {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    let mode = || fs::metadata(Journal::path_of(&results)).unwrap().permissions().mode() & 0o777;
    written(&results);
    assert_eq!(mode(), 0o600);
    fs::set_permissions(Journal::path_of(&results), fs::Permissions::from_mode(0o644)).unwrap();
    written(&results);
    assert_eq!(mode(), 0o600);
}

#[test]
fn two_runs_cannot_hold_one_journal_and_the_second_is_told_who_does() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    let text = String::from_utf8(written(&results)).unwrap();
    // The earlier run had another process, and was killed.
    let ours = format!("process {}", std::process::id());
    let before = text.replace(&format!("\"process\":{}", std::process::id()), "\"process\":1");
    let mut first = open(&results, &before).unwrap();
    let refusal = || Journal::open(&results).unwrap_err();
    assert_eq!(refusal().cause, Cause::Locked);
    assert!(refusal().message.contains(&ours), "before it has begun: {}", refusal());
    first.go_on(identity(), Doubt::default()).unwrap();
    assert!(refusal().message.contains(&ours), "{}", refusal());
    first.reserve(3).unwrap();
    assert!(refusal().message.contains(&ours), "{}", refusal());
    first.end("finished").unwrap();
    assert!(!refusal().message.contains("process"), "{}", refusal());
    drop(first);
    assert!(Journal::open(&results).is_ok(), "the lock ends with the first");
}

#[test]
fn a_line_that_could_not_be_written_leaves_no_part_behind() {
    let directory = tempfile::tempdir().unwrap();
    let results = directory.path().join("out.csv");
    written(&results);
    // The holder's name and the beginning of the run find room; the line that follows does not.
    let _recording = Recording::start(directory.path(), Some(Fault::Room(3)));
    let mut journal = Journal::open(&results).unwrap();
    journal.go_on(identity(), Doubt::default()).unwrap();
    let length = journal.length;
    assert!(journal.reserve(40).is_err() && journal.length == length);
    journal.end("results_unwritable").unwrap();
    drop(journal);
    assert!(Journal::open(&results).unwrap().last_run().unwrap().has_ended(), "the next line can be read");
}
