//! The door to the disk. Every step by which the journal and the results change what a power cut leaves is taken here:
//! to create, write, cut, sync, rename or remove a file. A test checks that no other file of this room takes such a step.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use tempfile::NamedTempFile;

#[cfg(test)]
pub(crate) mod tests;

/// An open file of which it matters what a power cut leaves.
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    #[cfg(test)]
    watched: tests::Watched,
}

impl DiskFile {
    /// Opens the file at `path`, or creates it, as `options` say. A file that is created survives a power cut only after
    /// [`sync_directory`].
    pub(super) fn open(path: &Path, options: &OpenOptions) -> io::Result<Self> {
        #[cfg(test)]
        let watched = tests::Watched::open(path)?;
        let file = options.open(path)?;
        Ok(Self {
            file,
            #[cfg(test)]
            watched,
        })
    }

    /// The file, to read it, lock it, and give it rights.
    pub(super) fn as_file(&self) -> &File {
        &self.file
    }

    /// Removes everything after `length` bytes. What is written next begins there.
    pub(super) fn cut(&mut self, length: u64) -> io::Result<()> {
        #[cfg(test)]
        self.watched.cut(length);
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::Start(length)).map(drop)
    }

    /// Makes what was written so far, and the length, survive a power cut.
    pub(super) fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()?;
        #[cfg(test)]
        self.watched.sync()?;
        Ok(())
    }

    /// Makes the rights survive as well.
    pub(super) fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()?;
        #[cfg(test)]
        self.watched.sync()?;
        Ok(())
    }
}

impl Write for DiskFile {
    /// Writes where the last write ended. A power cut may leave any part of the bytes, and zeros for the others.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(test)]
        self.watched.write(&self.file, bytes)?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Gives a file its name, in one step: `to` leads to the old file or to the new one at any moment. The new one survives a
/// power cut only after [`sync_directory`].
pub(super) fn rename(file: NamedTempFile<DiskFile>, to: &Path) -> io::Result<DiskFile> {
    #[cfg(test)]
    tests::rename(file.path(), to)?;
    Ok(file.persist(to)?)
}

/// Does the same, unless there is a file of that name.
pub(super) fn rename_to_free(file: NamedTempFile<DiskFile>, to: &Path) -> io::Result<DiskFile> {
    #[cfg(test)]
    tests::rename(file.path(), to)?;
    Ok(file.persist_noclobber(to)?)
}

/// Removes a file from its directory.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    tests::remove(path);
    fs::remove_file(path)
}

/// Makes the names in `directory` survive a power cut: which files were created, renamed and removed. Only Unix can sync a
/// directory.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(directory)?.sync_all()?;
    }
    #[cfg(test)]
    tests::sync_directory(directory)?;
    Ok(())
}
