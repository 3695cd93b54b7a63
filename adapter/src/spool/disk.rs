//! The little that a spool asks of a file system, so that a test can let it fail and crash at every step.

use std::{
    fmt::Debug,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// A directory of files.
pub trait Disk: Debug + Send + Sync {
    /// The names of the files and their lengths in bytes, in any order.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;

    /// Makes an empty file, also where one of that name stands. Its name survives a power cut once it was synced.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that is there.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;

    /// Removes a file. It may come back after a power cut.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Gives the file `from` the name `to`, in place of the file that has it. It survives a power cut when this returns.
    fn replace(&self, from: &str, to: &str) -> io::Result<()>;
}

/// A file of it. What is written survives the process; what is synced survives a power cut.
pub trait DiskFile: Debug + Send + Sync {
    /// Writes all of `bytes` at `offset`. After an error any part of them may be there.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Reads up to `buffer.len()` bytes from `offset` on, and says how many; 0 at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Cuts the file.
    fn truncate(&self, length: u64) -> io::Result<()>;

    /// Returns when all that was written is on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// A directory of the real file system.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes the directory where it is missing.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&path)?;
        Ok(Self { path })
    }
}

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if let (true, Ok(name)) = (metadata.is_file(), entry.file_name().into_string()) {
                files.push((name, metadata.len()));
            }
        }
        Ok(files)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(self.path.join(name))?;
        Ok(Arc::new(RealFile { file, unsynced_name_in: Mutex::new(Some(self.path.clone())) }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.path.join(name);
        // A spool that cannot be written can still be read.
        let file = File::options().read(true).write(true).open(&path).or_else(|_| File::open(&path))?;
        Ok(Arc::new(RealFile::named(file)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn replace(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))?;
        File::open(&self.path)?.sync_all()
    }
}

#[derive(Debug)]
pub(super) struct RealFile {
    file: File,
    /// The directory that is to be synced with the file, since its name is an entry there.
    unsynced_name_in: Mutex<Option<PathBuf>>,
}

impl RealFile {
    /// A file that has been there.
    pub(super) const fn named(file: File) -> Self {
        Self { file, unsynced_name_in: Mutex::new(None) }
    }
}

impl DiskFile for RealFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // What stands before a block that cannot be read is of use.
                Err(_) if filled > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()?;
        let mut directory = self.unsynced_name_in.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = directory.as_ref() {
            File::open(path)?.sync_all()?;
        }
        *directory = None;
        Ok(())
    }
}
