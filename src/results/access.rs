//! Decides who may read the files that a run writes. A user who may not read the input may not read them either, since
//! both hold data about the same people. A file that replaces another keeps the owner, group and mode that the operator
//! gave the old one, as far as that rule and the system allow.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

/// Lets users read `file` who may read both `input` and the file it replaces (`present`). So far it is empty, and only
/// its owner may read it. Without an input, it stays so. `plain` finds the rights that any program's new file would
/// have.
#[cfg(unix)]
pub(super) fn grant(
    file: &File,
    input: Option<&Path>,
    present: Option<&Path>,
    plain: impl FnOnce() -> io::Result<Metadata>,
) -> io::Result<()> {
    use std::os::unix::fs::{PermissionsExt, fchown};

    // If the input is gone by now, it is unknown who was allowed to read it.
    let Some(input) = input.and_then(|path| path.metadata().ok()).map(|found| Rights::of(&found)) else {
        return Ok(());
    };
    let present = present.and_then(|path| path.metadata().ok()).filter(Metadata::is_file);
    let present = present.map(|found| Rights::of(&found));
    let own = Rights::of(&file.metadata()?);
    let wished = match present {
        Some(present) => present,
        None => Rights { mode: Rights::of(&plain()?).mode, group: input.group, ..own },
    };
    let owner = if input.admits_owner(wished.owner) { wished.owner } else { own.owner };
    if (owner, wished.group) != (own.owner, own.group) {
        // Only root may give a file to another user; other users may give it only to a group that they are in.
        let both = fchown(file, Some(owner), Some(wished.group));
        drop(both.or_else(|_refused| fchown(file, None, Some(wished.group))));
    }
    let group = Rights::of(&file.metadata()?).group;
    let bound = present.map_or(0o666, |present| present.bound_for(group)) & input.bound_for(group);
    file.set_permissions(std::fs::Permissions::from_mode(0o600 | (wished.mode & bound)))
}

/// On other systems, a file gets the rights of its directory.
#[cfg(not(unix))]
pub(super) fn grant(
    _file: &File,
    _input: Option<&Path>,
    _present: Option<&Path>,
    _plain: impl FnOnce() -> io::Result<Metadata>,
) -> io::Result<()> {
    Ok(())
}

/// The owner, group and mode of a file.
#[cfg(unix)]
#[derive(Debug, Clone, Copy)]
struct Rights {
    owner: u32,
    group: u32,
    mode: u32,
}

#[cfg(unix)]
impl Rights {
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { owner: metadata.uid(), group: metadata.gid(), mode: metadata.mode() }
    }

    /// Whether this user is certain to be allowed to read the file: as its owner, or because everybody may.
    fn admits_owner(self, user: u32) -> bool {
        user == self.owner || self.mode & 0o044 == 0o044
    }

    /// The most that the mode of a file of `group` can allow so that nobody reads it who may not read this one. If the
    /// group is another one, it is unknown which users are in one of the groups, in both or in neither. Then group and
    /// others get only what both group and others may do here.
    fn bound_for(self, group: u32) -> u32 {
        if group == self.group {
            return 0o600 | self.mode & 0o066;
        }
        let both = self.mode >> 3 & self.mode & 0o006;
        0o600 | both << 3 | both
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    use crate::results::part;

    /// The owner, group and mode of a new results file for `input` that replaces `present`. The arguments are an owner,
    /// a group and a mode each.
    fn granted(input: Option<[u32; 3]>, present: Option<[u32; 3]>) -> [u32; 3] {
        let directory = tempfile::tempdir().unwrap();
        let make = |name: &str, [owner, group, mode]: [u32; 3]| {
            let path = directory.path().join(name);
            fs::write(&path, "").unwrap();
            chown(&path, Some(owner), Some(group)).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        };
        let input = input.map(|rights| make("input.csv", rights));
        let present = present.map(|rights| make("results.csv", rights));
        let part = part::create(directory.path(), input.as_deref(), present.as_deref()).unwrap();
        let found = part.as_file().as_file().metadata().unwrap();
        [found.uid(), found.gid(), found.mode() & 0o777]
    }

    /// The user and the group of new files of this process.
    fn own() -> [u32; 2] {
        let file = tempfile::tempfile().unwrap().metadata().unwrap();
        [file.uid(), file.gid()]
    }

    #[test]
    fn who_may_not_read_the_input_may_not_read_the_results() {
        let [user, group] = own();
        for (input, most) in [(0o600, 0o600), (0o640, 0o640), (0o604, 0o604), (0o444, 0o644), (0o060, 0o660)] {
            let [owner, group_now, mode] = granted(Some([user, group, input]), None);
            assert_eq!([owner, group_now], own());
            assert_eq!((mode & !most, mode & 0o600), (0, 0o600), "{mode:o} for {input:o}");
        }
        assert_eq!(granted(None, None), [user, group, 0o600], "nobody knows who may read standard input");
        assert_eq!(granted(None, Some([user, group, 0o666])), [user, group, 0o600]);
    }

    #[test]
    fn what_the_operator_gave_the_file_that_is_replaced_it_keeps() {
        let [user, group] = own();
        for (present, input, then) in [
            (0o600, 0o644, 0o600),
            (0o640, 0o644, 0o640),
            (0o666, 0o666, 0o666),
            (0o644, 0o600, 0o600),
            (0o400, 0o644, 0o600),
        ] {
            let kept = granted(Some([user, group, input]), Some([user, group, present]));
            assert_eq!(kept, [user, group, then], "{present:o} with {input:o}");
        }
    }

    #[test]
    fn as_root_the_group_is_that_of_the_input_or_has_no_say() {
        let [user, group] = own();
        if user != 0 {
            // Only root can give files to other users and groups.
            return;
        }
        let (other, third) = (4_242, 4_343);
        // New results go to the group of the input, and never to its owner.
        assert_eq!(granted(Some([user, other, 0o640]), None), [user, other, 0o640]);
        assert_eq!(granted(Some([other, other, 0o600]), None), [user, other, 0o600]);
        // If the operator gave the old results to an owner and a group, the new ones go to them too, as far as these
        // may read the input.
        let given = |input, present| granted(Some(input), Some(present));
        assert_eq!(given([user, group, 0o644], [other, third, 0o640]), [other, third, 0o640]);
        assert_eq!(given([user, group, 0o640], [other, third, 0o640]), [user, third, 0o600]);
        assert_eq!(given([other, group, 0o600], [other, group, 0o600]), [other, group, 0o600]);
        // Others may read the input, but its group may not: so only the owner is certain to be allowed.
        assert_eq!(given([user, other, 0o604], [user, third, 0o644]), [user, third, 0o600]);
    }
}
