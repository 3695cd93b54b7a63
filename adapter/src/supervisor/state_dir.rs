//! What must outlive the process: a directory of its own, locked, with the epoch in it.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use thiserror::Error;

use super::epoch::{self, Content};
use crate::domain::Epoch;

/// Bytes that are read of a holder's name; its process id takes few.
const MOST_OF_A_HOLDER: u64 = 64;
/// How often and how long it is waited for one who only looks.
const LOOKS: u32 = 5;
const LOOK: Duration = Duration::from_millis(10);

/// Why the state directory cannot be used.
#[derive(Debug, Error)]
pub enum StateDirError {
    /// The directory or a file in it cannot be made, read or written.
    #[error("cannot use `{path}`; set `adapter.state_dir` to a directory that this user can write", path = path.display())]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process works here.
    #[error(
        "`{path}` is in use by {holder}; each adapter needs an `adapter.id` or `adapter.state_dir` of its own",
        path = path.display()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// Who holds it: a process id where it could be written down.
        holder: String,
    },
    /// The epoch file holds something else.
    #[error(
        "`{path}` holds `{content}` and not the number of the last start; write a number into it that is higher than any \
         epoch your consumers have seen",
        path = path.display()
    )]
    Epoch {
        /// The file.
        path: PathBuf,
        /// What it holds.
        content: String,
    },
}

/// The directory, held until this is dropped.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// The lock goes with the file's last handle, also when the process is killed.
    _lock: File,
}

impl StateDir {
    /// Makes the directory where it is missing, and locks it.
    pub fn open(path: &Path) -> Result<Self, StateDirError> {
        let failed = |at: &Path| {
            let path = at.to_owned();
            move |source| StateDirError::Io { path, source }
        };
        fs::create_dir_all(path).map_err(failed(path))?;
        let lock_path = path.join("lock");
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(failed(&lock_path))?;
        match take(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                lock.read_to_string(&mut holder).map_err(failed(&lock_path))?;
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    id => format!("process {id}"),
                };
                return Err(StateDirError::Locked { path: path.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(StateDirError::Io { path: lock_path, source }),
        }
        sign(&lock, &lock_path);
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Which process holds the directory, as it wrote it; `None` when none does. The directory is not changed.
    ///
    /// # Errors
    ///
    /// When the lock is there and cannot be looked at.
    pub fn holder(path: &Path) -> io::Result<Option<String>> {
        let lock = match File::open(path.join("lock")) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match lock.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                (&lock).take(MOST_OF_A_HOLDER).read_to_string(&mut holder)?;
                Ok(Some(holder.trim().to_owned()))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counts this start; on disk before it is returned, so that no two starts share an epoch.
    pub fn next_epoch(&self) -> Result<Epoch, StateDirError> {
        let path = self.path.join("epoch");
        let failed = |source| StateDirError::Io { path: path.clone(), source };
        let next = match epoch::read(&path).map_err(failed)? {
            Content::Missing => {
                epoch::create(&path, 1).map_err(failed)?;
                1
            }
            Content::Last(last, at) => {
                let next = last
                    .checked_add(1)
                    .ok_or_else(|| StateDirError::Epoch { path: path.clone(), content: last.to_string() })?;
                epoch::write(&path, next, at).map_err(failed)?;
                next
            }
            Content::Foreign(content) => return Err(StateDirError::Epoch { path, content }),
        };
        Ok(Epoch(next))
    }
}

/// Takes the lock. Whoever asks for the holder has a share of it for a moment, which is waited for.
#[expect(clippy::disallowed_methods, reason = "for a moment at the start, when there is nothing else to do")]
fn take(lock: &File) -> Result<(), TryLockError> {
    for _ in 0..LOOKS {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
            outcome => return outcome,
        }
    }
    lock.try_lock()
}

/// Writes down who holds the lock. The lock itself counts, so on a full disk there is none to be read; the number of an
/// earlier holder must not stand there then.
fn sign(lock: &File, path: &Path) {
    // In place, and always of the same length, so that it needs no new room.
    let holder = format!("{:<20}\n", std::process::id());
    if let Err(error) = lock.write_all_at(holder.as_bytes(), 0) {
        tracing::warn!(path = %path.display(), %error, "who holds the state directory cannot be written down");
        // Nothing is left to do about it where this fails, too.
        drop(lock.set_len(0));
    }
}

/// Replaces a file whole or not at all, through power cuts too: a new file, synced, renamed over the old one.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let temporary = path.with_extension("new");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        // On a full disk half of it would take room that others need.
        drop(fs::remove_file(&temporary));
    })?;
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_count_the_starts() {
        let dir = tempfile::tempdir().unwrap();
        for expected in 1..=3 {
            let state = StateDir::open(&dir.path().join("line1")).unwrap();
            assert_eq!(state.next_epoch().unwrap(), Epoch(expected));
        }
    }

    #[test]
    fn a_second_process_is_told_who_holds_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let held = StateDir::open(dir.path()).unwrap();
        let error = StateDir::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(held);
        StateDir::open(dir.path()).unwrap();
    }

    #[test]
    fn who_asks_for_the_holder_takes_nothing_and_makes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(StateDir::holder(dir.path()).unwrap(), None);
        assert!(!dir.path().join("lock").exists());
        let held = StateDir::open(dir.path()).unwrap();
        assert_eq!(StateDir::holder(dir.path()).unwrap(), Some(std::process::id().to_string()));
        drop(held);
        assert_eq!(StateDir::holder(dir.path()).unwrap(), None);
        StateDir::open(dir.path()).unwrap();
    }

    #[test]
    fn the_epoch_of_an_earlier_version_is_counted_on() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("epoch"), "41\n").unwrap();
        for expected in 42..=44 {
            assert_eq!(StateDir::open(dir.path()).unwrap().next_epoch().unwrap(), Epoch(expected));
        }
    }

    #[test]
    fn a_holder_with_a_shorter_number_leaves_nothing_of_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("lock"), "12345678901234567\n").unwrap();
        let held = StateDir::open(dir.path()).unwrap();
        let error = StateDir::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("by process {};", std::process::id())), "{error}");
        drop(held);
    }

    #[test]
    fn what_cannot_be_replaced_stays_and_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        // A directory cannot be replaced by a file.
        fs::create_dir(dir.path().join("kept")).unwrap();
        write_atomically(&dir.path().join("kept"), b"new").unwrap_err();
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["kept"]);
    }

    #[test]
    fn an_epoch_that_is_no_number_is_never_guessed() {
        for content in ["seven", "", "-1", "18446744073709551615"] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("epoch"), content).unwrap();
            let state = StateDir::open(dir.path()).unwrap();
            assert!(matches!(state.next_epoch(), Err(StateDirError::Epoch { .. })), "{content}");
        }
    }
}
