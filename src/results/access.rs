//! Who may read what a run writes: nobody who may not read its input, for both hold the same people's data. A file that
//! is replaced keeps the owner, the group and the mode that the operator gave it, as far as that goes.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// Gives an empty file, which is the owner's alone so far, to those who may read both `input` and the file that is
/// `present`. Without an input it stays as it is. `plain` makes a file as any program would.
#[cfg(unix)]
pub(super) fn grant(
    file: &File,
    input: Option<&Path>,
    present: Option<&Path>,
    plain: impl FnOnce() -> io::Result<NamedTempFile>,
) -> io::Result<()> {
    use std::os::unix::fs::{PermissionsExt, fchown};

    // The input may be gone by now; then nobody can say who might have read it.
    let Some(input) = input.and_then(|path| path.metadata().ok()).map(|found| Rights::of(&found)) else {
        return Ok(());
    };
    let present = present.and_then(|path| path.metadata().ok()).filter(std::fs::Metadata::is_file);
    let present = present.map(|found| Rights::of(&found));
    let own = Rights::of(&file.metadata()?);
    let wished = match present {
        Some(present) => present,
        None => Rights { mode: Rights::of(&plain()?.as_file().metadata()?).mode, group: input.group, ..own },
    };
    let owner = if input.admits_owner(wished.owner) { wished.owner } else { own.owner };
    if (owner, wished.group) != (own.owner, own.group) {
        // Only root may give a file to somebody else, and others only to a group that they are in.
        let both = fchown(file, Some(owner), Some(wished.group));
        drop(both.or_else(|_refused| fchown(file, None, Some(wished.group))));
    }
    let group = Rights::of(&file.metadata()?).group;
    let bound = present.map_or(0o666, |present| present.bound_for(group)) & input.bound_for(group);
    file.set_permissions(std::fs::Permissions::from_mode(0o600 | (wished.mode & bound)))
}

/// Elsewhere a file has the rights of its directory.
#[cfg(not(unix))]
pub(super) fn grant(
    _file: &File,
    _input: Option<&Path>,
    _present: Option<&Path>,
    _plain: impl FnOnce() -> io::Result<NamedTempFile>,
) -> io::Result<()> {
    Ok(())
}

/// The rights to a file.
#[cfg(unix)]
#[derive(Debug, Clone, Copy)]
struct Rights {
    owner: u32,
    group: u32,
    mode: u32,
}

#[cfg(unix)]
impl Rights {
    fn of(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { owner: metadata.uid(), group: metadata.gid(), mode: metadata.mode() }
    }

    /// Whether this user may read the file for certain: as its owner, or because everybody may.
    fn admits_owner(self, user: u32) -> bool {
        user == self.owner || self.mode & 0o044 == 0o044
    }

    /// The most that a file of `group` can allow without letting anybody read it who may not read this one. With
    /// another group, it is not known who is in both and who in neither: each may do what all but the owner may do
    /// here.
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

    /// Owner, group and mode of a file that takes the place of `present` and holds people of `input`; each of them is
    /// an owner, a group and a mode.
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
        let found = part.as_file().metadata().unwrap();
        [found.uid(), found.gid(), found.mode() & 0o777]
    }

    /// The user and the group of this process.
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
        // Results that the operator gave to a group and an owner stay with them as far as these may read the input.
        let given = |input, present| granted(Some(input), Some(present));
        assert_eq!(given([user, group, 0o644], [other, third, 0o640]), [other, third, 0o640]);
        assert_eq!(given([user, group, 0o640], [other, third, 0o640]), [user, third, 0o600]);
        assert_eq!(given([other, group, 0o600], [other, group, 0o600]), [other, group, 0o600]);
        // Others may read the input, its group may not: so nobody but the owner is sure to be allowed.
        assert_eq!(given([user, other, 0o604], [user, third, 0o644]), [user, third, 0o600]);
    }
}
