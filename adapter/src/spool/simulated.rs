//! A disk in memory that can be full, fail at a chosen call, and lose what was not synced.

use std::{
    collections::BTreeMap,
    io,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::disk::{Disk, DiskFile};

/// What is on it. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<String, Arc<Mutex<Content>>>,
    /// Calls that change something until one is cut in the middle, and every one after it fails.
    calls_left: Option<u64>,
    is_full: bool,
    /// Whether syncs fail, and nothing else.
    is_unsure: bool,
    /// Reads that touch these offsets of any file fail.
    unreadable: Option<Range<u64>>,
}

#[derive(Debug, Default)]
struct Content {
    bytes: Vec<u8>,
    /// What survives a power cut.
    synced: Vec<u8>,
    /// Whether it was ever synced, and its name with it.
    has_name: bool,
    /// A sync has failed: what was written before may never reach the disk, and no later sync says so.
    has_forgotten: bool,
}

/// How a process comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// All that was written stays.
    Killed,
    /// Only what was synced stays for sure; of the rest this share, in percent, and torn.
    PowerCut { percent: usize },
}

impl SimulatedDisk {
    /// After so many calls that change something, the next one is cut in the middle, and all after it fail.
    pub(crate) fn crash_after(&self, calls: u64) {
        self.lock().calls_left = Some(calls);
    }

    /// Whether it has come to that.
    pub(crate) fn has_crashed(&self) -> bool {
        self.lock().calls_left == Some(0)
    }

    /// Lets every write fail, or work again.
    pub(crate) fn set_full(&self, is_full: bool) {
        self.lock().is_full = is_full;
    }

    /// Lets every sync fail, or work again.
    pub(crate) fn set_unsure(&self, is_unsure: bool) {
        self.lock().is_unsure = is_unsure;
    }

    /// Lets every read that touches these offsets of any file fail.
    pub(crate) fn set_unreadable(&self, range: Option<Range<u64>>) {
        self.lock().unreadable = range;
    }

    /// What the next process finds.
    pub(crate) fn restart(&self, end: End) {
        let mut state = self.lock();
        state.calls_left = None;
        if let End::PowerCut { percent } = end {
            let has_name = |file: &Mutex<Content>| file.lock().unwrap_or_else(PoisonError::into_inner).has_name;
            state.files.retain(|_, file| percent >= 50 || has_name(file));
        }
        for file in state.files.values() {
            let mut content = file.lock().unwrap_or_else(PoisonError::into_inner);
            if let End::PowerCut { percent } = end {
                let synced = content.synced.len();
                let kept = synced + content.bytes.len().saturating_sub(synced) * percent / 100;
                content.bytes.truncate(kept.max(synced));
                if content.bytes.len() < synced {
                    content.bytes = content.synced.clone();
                }
            }
            if end != End::Killed {
                content.synced = content.bytes.clone();
                content.has_name = true;
            }
            content.has_forgotten = false;
        }
    }

    /// Bytes of the files whose names end so, to be looked at and spoiled.
    pub(crate) fn change(&self, suffix: &str, mut change: impl FnMut(&mut Vec<u8>)) {
        for (name, file) in &self.lock().files {
            if name.ends_with(suffix) {
                change(&mut file.lock().unwrap_or_else(PoisonError::into_inner).bytes);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a call may change something: all of it, or, at the crash, a part.
    fn admit(&mut self) -> io::Result<bool> {
        if self.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        match &mut self.calls_left {
            None => Ok(true),
            Some(0) => Err(io::Error::other("crashed")),
            Some(left) => {
                *left -= 1;
                Ok(*left > 0)
            }
        }
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        let length =
            |file: &Arc<Mutex<Content>>| file.lock().unwrap_or_else(PoisonError::into_inner).bytes.len() as u64;
        Ok(self.lock().files.iter().map(|(name, file)| (name.clone(), length(file))).collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.lock();
        if !state.admit()? {
            return Err(io::Error::other("crashed"));
        }
        let content = Arc::<Mutex<Content>>::default();
        state.files.insert(name.to_owned(), Arc::clone(&content));
        Ok(Arc::new(SimulatedFile { content, disk: Arc::clone(&self.state) }))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let content = self.lock().files.get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimulatedFile { content, disk: Arc::clone(&self.state) }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        if state.admit()? {
            state.files.remove(name).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(())
    }

    fn replace(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.lock();
        if !state.admit()? {
            return Err(io::Error::other("crashed"));
        }
        let content = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), content);
        Ok(())
    }
}

#[derive(Debug)]
struct SimulatedFile {
    content: Arc<Mutex<Content>>,
    disk: Arc<Mutex<State>>,
}

impl SimulatedFile {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self) -> io::Result<bool> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner).admit()
    }
}

impl DiskFile for SimulatedFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let is_whole = self.admit()?;
        let bytes = if is_whole { bytes } else { &bytes[..bytes.len() / 2] };
        let mut content = self.content();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        if content.bytes.len() < start + bytes.len() {
            content.bytes.resize(start + bytes.len(), 0);
        }
        content.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        if is_whole { Ok(()) } else { Err(io::Error::other("crashed")) }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let unreadable = self.disk.lock().unwrap_or_else(PoisonError::into_inner).unreadable.clone();
        let end = match unreadable {
            Some(range) if range.contains(&offset) => return Err(io::Error::other("unreadable")),
            Some(range) if offset < range.start => range.start,
            _ => u64::MAX,
        };
        let content = self.content();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = content.bytes.get(start..).unwrap_or_default();
        let count = bytes.len().min(buffer.len()).min(usize::try_from(end - offset).unwrap_or(usize::MAX));
        buffer[..count].copy_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        if self.admit()? {
            self.content().bytes.truncate(usize::try_from(length).map_err(io::Error::other)?);
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let is_unsure = self.disk.lock().unwrap_or_else(PoisonError::into_inner).is_unsure;
        let admitted = if is_unsure { Err(io::Error::other("unsure")) } else { self.admit() };
        let mut content = self.content();
        if !admitted.inspect_err(|_| content.has_forgotten = true)? {
            return Err(io::Error::other("crashed"));
        }
        content.has_name = true;
        if !content.has_forgotten {
            content.synced = content.bytes.clone();
        }
        Ok(())
    }
}
