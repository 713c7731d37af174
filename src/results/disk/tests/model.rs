//! A disk that forgets: what a power cut may leave of the steps that were taken.
//!
//! What is assumed of the file system, and no more, so that what holds here holds on ext4 in any mode, XFS, Btrfs, APFS:
//!
//! - A sync of a file that returns without an error has made its bytes and its length durable, and a sync of a directory
//!   its names. Neither does the other's work.
//! - Of what was not synced, any part may be there after the cut, in any order: of the writes to a file any subset, of the
//!   last of them any part, its length with or without its bytes. Bytes that are lost below the length are zeros, where
//!   nothing stood before. Of two files, either may be ahead.
//! - Of the changes to the names of a directory that were not synced, any subset may be there. Each is there or not: a
//!   rename is never half done.
//! - After a sync that failed, what it was for may be there or not, whatever later syncs say.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::recording::{FileNumber, Step};

/// What stands in a directory: the files by their names.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// The most changes to one file that are taken in every combination.
const MOST_COMBINED: usize = 10;
/// How the name of a file begins that has no name of its own yet, and the one under which all of them stand in an image:
/// the rest is random, and nobody reads one that was left.
const TEMPORARY: &str = ".imocha-cancel-";
const LEFT_OVER: &str = ".imocha-cancel-left.part";

/// A directory on a disk: what is durable, and what is on its way there.
#[derive(Debug, Clone)]
pub(crate) struct ForgetfulDisk {
    files: BTreeMap<FileNumber, Changes<Vec<u8>, FileChange>>,
    names: Changes<Names, NameChange>,
}

type Names = BTreeMap<String, FileNumber>;

/// Something durable, and the changes to it that may not be.
#[derive(Debug, Clone, Default)]
struct Changes<T, C> {
    durable: T,
    changes: Vec<(C, Fate)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Durable, but for an earlier change that may be lost.
    Certain,
    /// Not synced yet.
    Pending,
    /// A sync of it failed.
    Doubtful,
}

/// What can be done to a `T`.
trait Change<T> {
    fn apply(&self, to: &mut T);
}

#[derive(Debug, Clone)]
enum FileChange {
    Write { at: usize, bytes: Vec<u8> },
    Cut(usize),
}

/// Where names lead from now on.
#[derive(Debug, Clone)]
struct NameChange(Vec<(String, Option<FileNumber>)>);

impl Change<Vec<u8>> for FileChange {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => overwrite(content, *at, bytes),
            Self::Cut(length) => content.resize(*length, 0),
        }
    }
}

impl Change<Names> for NameChange {
    fn apply(&self, names: &mut Names) {
        for (name, file) in &self.0 {
            match file {
                Some(file) => drop(names.insert(name.clone(), *file)),
                None => drop(names.remove(name)),
            }
        }
    }
}

fn overwrite(content: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    content.resize(content.len().max(at + bytes.len()), 0);
    content[at..at + bytes.len()].copy_from_slice(bytes);
}

/// What of a write arrived: these of its bytes, and whether its length did.
type Arrived = (Range<usize>, bool);

/// The ways in which a write of so many bytes arrives in part.
fn torn(bytes: usize) -> [Arrived; 6] {
    let half = bytes / 2;
    [
        (0..1.min(bytes), false),
        (0..half, false),
        (0..bytes.saturating_sub(1), false),
        (0..0, true),
        (0..half, true),
        (half..bytes, true),
    ]
}

impl<T: Clone, C: Change<T>> Changes<T, C> {
    fn add(&mut self, change: C) {
        self.changes.push((change, Fate::Pending));
    }

    /// A sync that succeeded makes all pending changes certain; one that failed makes them doubtful.
    fn sync(&mut self, fate: Fate) {
        for (_, its_fate) in self.changes.iter_mut().filter(|(_, fate)| *fate == Fate::Pending) {
            *its_fate = fate;
        }
        let certain = self.changes.iter().take_while(|(_, fate)| *fate == Fate::Certain).count();
        for (change, _) in self.changes.drain(..certain) {
            change.apply(&mut self.durable);
        }
    }

    /// What stands there with these of the changes that may be lost, counted from the first of them.
    fn with(&self, is_there: impl Fn(usize) -> bool) -> T {
        let mut content = self.durable.clone();
        let mut uncertain = 0;
        for (change, fate) in &self.changes {
            if *fate == Fate::Certain || is_there(uncertain) {
                change.apply(&mut content);
            }
            uncertain += usize::from(*fate != Fate::Certain);
        }
        content
    }

    /// How many changes may be lost.
    fn uncertain(&self) -> usize {
        self.changes.iter().filter(|(_, fate)| *fate != Fate::Certain).count()
    }

    /// All combinations of the changes that may be lost, by which of them are there.
    fn combinations(&self) -> Range<usize> {
        let uncertain = self.uncertain();
        assert!(uncertain <= MOST_COMBINED, "{uncertain} changes have too many combinations");
        0..1 << uncertain
    }
}

impl Changes<Vec<u8>, FileChange> {
    /// What may stand in the file after a power cut with these changes: with the last of them whole, torn or zeroed.
    fn torn_with(&self, is_there: impl Fn(usize) -> bool + Copy) -> Vec<Vec<u8>> {
        let mut contents = vec![self.with(is_there)];
        let uncertain = self.changes.iter().filter(|(_, fate)| *fate != Fate::Certain);
        let Some((last, (FileChange::Write { at, bytes }, _))) =
            uncertain.enumerate().filter(|(number, _)| is_there(*number)).last()
        else {
            return contents;
        };
        for (arrived, has_length) in torn(bytes.len()) {
            let mut content = self.with(|number| number != last && is_there(number));
            if has_length {
                content.resize(content.len().max(at + bytes.len()), 0);
            }
            if !arrived.is_empty() {
                overwrite(&mut content, at + arrived.start, &bytes[arrived]);
            }
            contents.push(content);
        }
        contents
    }

    /// What the file may hold after a power cut: every combination.
    fn after_power_cut(&self) -> BTreeSet<Vec<u8>> {
        self.combinations().flat_map(|there| self.torn_with(|number| there >> number & 1 == 1)).collect()
    }
}

/// Which of so many changes are there, at random: as a rule most of them, since a disk writes in the order of time.
fn some(changes: usize, random: &mut fastrand::Rng) -> Vec<bool> {
    let chance = random.f64();
    let first_lost = random.usize(0..=changes);
    (0..changes).map(|number| number < first_lost || random.f64() < chance).collect()
}

impl ForgetfulDisk {
    /// A disk that has kept this.
    pub(crate) fn holding(image: &Image) -> Self {
        let files = image.values().enumerate();
        let names = image.keys().enumerate().map(|(file, name)| (name.clone(), file)).collect();
        Self {
            files: files.map(|(file, bytes)| (file, Changes { durable: bytes.clone(), changes: Vec::new() })).collect(),
            names: Changes { durable: names, changes: Vec::new() },
        }
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Create { name, file } => {
                self.files.insert(*file, Changes { durable: Vec::new(), changes: Vec::new() });
                self.names.add(NameChange(vec![(name.clone(), Some(*file))]));
            }
            Step::Write { file, at, bytes } => {
                self.file(*file).add(FileChange::Write { at: *at, bytes: bytes.clone() });
            }
            Step::Cut { file, length } => self.file(*file).add(FileChange::Cut(*length)),
            Step::Rename { from, to } => {
                let file = self.names.with(|_| true).get(from).copied();
                self.names.add(NameChange(vec![(from.clone(), None), (to.clone(), file)]));
            }
            Step::Remove { name } => self.names.add(NameChange(vec![(name.clone(), None)])),
            Step::Sync { file } => self.file(*file).sync(Fate::Certain),
            Step::FailSync { file } => self.file(*file).sync(Fate::Doubtful),
            Step::SyncNames => self.names.sync(Fate::Certain),
            Step::FailSyncNames => self.names.sync(Fate::Doubtful),
        }
    }

    fn file(&mut self, file: FileNumber) -> &mut Changes<Vec<u8>, FileChange> {
        self.files.get_mut(&file).unwrap()
    }

    /// What stands there as long as the power is on.
    pub(crate) fn now(&self) -> Image {
        let names = self.names.with(|_| true);
        names.into_iter().map(|(name, file)| (name, self.files[&file].with(|_| true))).collect()
    }

    /// What stands there after a power cut that loses all that it may lose.
    pub(crate) fn durable(&self) -> Image {
        let names = self.names.with(|_| false);
        names.into_iter().map(|(name, file)| (name, self.files[&file].with(|_| false))).collect()
    }

    /// Everything that may stand there after a power cut.
    pub(crate) fn after_power_cut(&self) -> BTreeSet<Image> {
        let names = self.names.combinations().map(|there| self.names.with(|number| there >> number & 1 == 1));
        let names: BTreeSet<Names> = names.collect();
        names.iter().flat_map(|names| self.images(names)).collect()
    }

    /// Something of that, for disks on which too much is pending for all combinations.
    pub(crate) fn after_some_power_cut(&self, random: &mut fastrand::Rng) -> Image {
        let there = some(self.names.uncertain(), random);
        let mut image = Image::new();
        for (name, file) in self.names.with(|number| there[number]) {
            let file = &self.files[&file];
            let there = some(file.uncertain(), random);
            let mut contents = file.torn_with(|number| there[number]);
            let content = contents.swap_remove(random.usize(..contents.len()));
            let is_temporary = name.starts_with(TEMPORARY);
            image.insert(if is_temporary { LEFT_OVER.to_owned() } else { name }, content);
        }
        image
    }

    /// The images in which these names lead to what may stand in each file.
    fn images(&self, names: &Names) -> Vec<Image> {
        let mut images = vec![Image::new()];
        for (name, file) in names {
            let (name, contents) = if name.starts_with(TEMPORARY) {
                (LEFT_OVER, BTreeSet::from([Vec::new()]))
            } else {
                (name.as_str(), self.files[file].after_power_cut())
            };
            let with = |image: &Image, content: &Vec<u8>| {
                let mut image = image.clone();
                image.insert(name.to_owned(), content.clone());
                image
            };
            images = images.iter().flat_map(|image| contents.iter().map(|content| with(image, content))).collect();
        }
        images
    }
}

/// The images after a power cut of a file whose steps are these, as texts in which `_` is a zero.
#[cfg(test)]
mod checks {
    use super::*;

    const FILE: FileNumber = 0;

    fn all(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    fn write(at: usize, bytes: &str) -> Step {
        Step::Write { file: FILE, at, bytes: bytes.as_bytes().to_vec() }
    }

    fn taken(before: &str, steps: &[Step]) -> ForgetfulDisk {
        let mut disk = ForgetfulDisk::holding(&Image::from([("f".to_owned(), before.as_bytes().to_vec())]));
        for step in steps {
            disk.take(step);
        }
        disk
    }

    fn after(before: &str, steps: &[Step]) -> BTreeSet<String> {
        let text = |image: Image| String::from_utf8(image["f"].clone()).unwrap().replace('\0', "_");
        taken(before, steps).after_power_cut().into_iter().map(text).collect()
    }

    #[test]
    fn of_what_is_not_synced_any_part_may_be_lost() {
        let one = after("ab", &[write(2, "cdef")]);
        assert_eq!(one, all(&["ab", "abc", "abcd", "abcde", "abcdef", "ab____", "abcd__", "ab__ef"]));
        let two = after("", &[write(0, "a"), write(1, "b")]);
        assert_eq!(two, all(&["", "a", "_", "ab", "_b", "a_", "__"]));
        let cut = after("abcd", &[Step::Cut { file: FILE, length: 1 }, write(1, "x")]);
        assert_eq!(cut, all(&["abcd", "a", "axcd", "ax", "a_"]));
    }

    #[test]
    fn what_is_synced_stays_unless_the_sync_failed() {
        assert_eq!(after("", &[write(0, "a"), Step::Sync { file: FILE }]), all(&["a"]));
        let doubtful = [write(0, "a"), Step::FailSync { file: FILE }, write(1, "b"), Step::Sync { file: FILE }];
        assert_eq!(after("", &doubtful), all(&["ab", "_b"]));
    }

    #[test]
    fn a_name_is_durable_when_its_directory_was_synced() {
        let create = Step::Create { name: ".imocha-cancel-x.part".to_owned(), file: 7 };
        let bytes = Step::Write { file: 7, at: 0, bytes: b"new".to_vec() };
        let rename = Step::Rename { from: ".imocha-cancel-x.part".to_owned(), to: "f".to_owned() };
        let synced = after("old", &[create.clone(), bytes.clone(), Step::Sync { file: 7 }, rename.clone()]);
        assert_eq!(synced, all(&["new", "old"]));
        let too_early = after("old", &[create.clone(), bytes.clone(), rename.clone(), Step::SyncNames]);
        assert_eq!(too_early, all(&["", "n", "ne", "new", "___", "n__", "_ew"]));
        let done = [create, bytes, Step::Sync { file: 7 }, rename, Step::SyncNames];
        assert_eq!(after("old", &done), all(&["new"]));
    }
}
