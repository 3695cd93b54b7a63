//! What a namespace index of the mapping means: what it stood for when it was first used, however the server has ordered
//! its NamespaceArray since.
//!
//! A server that comes back with another order would otherwise have another node under the same `ns=` index, and its
//! values would go out under the name of the one that was meant.

use std::{
    collections::{BTreeMap, HashMap},
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracing::warn;

use crate::opcua::session::node::NamespaceTable;
use crate::{config::effective::Tag, domain::NodeLocator, supervisor::state_dir::write_atomically};

/// The file in the state directory.
const FILE: &str = "namespaces.json";

/// Why what is remembered of a server's namespaces cannot be used.
#[derive(Debug, Error)]
pub enum NamespaceMemoryError {
    /// The file cannot be read.
    #[error("cannot read `{}`; see to its permissions", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error(
        "`{}` does not hold the meanings of namespace indices ({reason}); delete it if the server's namespaces have the \
         order that the mapping was written for",
        path.display()
    )]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
}

/// The meanings of all indices that a mapping uses; lives as long as the process, and in the state directory.
#[derive(Debug, Default)]
pub struct NamespaceMemory {
    /// Where it is kept; nowhere for tools that look only once.
    path: Option<PathBuf>,
    server: String,
    used: BTreeMap<u16, Use>,
    state: Mutex<State>,
}

/// The tags that name a namespace by this index.
#[derive(Debug)]
struct Use {
    count: usize,
    example: Tag,
}

#[derive(Debug, Default)]
struct State {
    meanings: BTreeMap<u16, String>,
    /// Whether the file says less than `meanings`.
    is_behind: bool,
    /// Where each index was last said to be, so that it is not said with every session.
    said: HashMap<u16, Option<u16>>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Stored {
    /// Another server has namespaces of its own.
    server: String,
    namespaces: BTreeMap<u16, String>,
}

impl NamespaceMemory {
    /// For the tags of a mapping; meanings are learned from the first session and forgotten with this value.
    pub fn new(server: &str, tags: &[Tag]) -> Self {
        let mut used: BTreeMap<u16, Use> = BTreeMap::new();
        for tag in tags {
            let mut indices = tag.node.namespace_indices();
            indices.dedup();
            for index in indices {
                used.entry(index).or_insert_with(|| Use { count: 0, example: tag.clone() }).count += 1;
            }
        }
        Self { path: None, server: server.to_owned(), used, state: Mutex::default() }
    }

    /// As `new`, with what an earlier process has learned, and kept in `state_dir` for the next one. Indices that the
    /// mapping no longer uses are forgotten, and so is another server.
    pub fn open(state_dir: &Path, server: &str, tags: &[Tag]) -> Result<Self, NamespaceMemoryError> {
        let memory = Self { path: Some(state_dir.join(FILE)), ..Self::recall(state_dir, server, tags)? };
        Ok(memory)
    }

    /// As `open`, and leaves the file as it is: for a look from outside while the adapter may run.
    pub fn recall(state_dir: &Path, server: &str, tags: &[Tag]) -> Result<Self, NamespaceMemoryError> {
        let path = state_dir.join(FILE);
        let memory = Self::new(server, tags);
        let stored: Stored = match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|reason| NamespaceMemoryError::Content { path, reason })?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(memory),
            Err(source) => return Err(NamespaceMemoryError::Io { path, source }),
        };
        if stored.server == server {
            let used = stored.namespaces.into_iter().filter(|(index, _)| memory.used.contains_key(index));
            memory.lock().meanings.extend(used);
        }
        Ok(memory)
    }

    /// The place with the URI of each namespace that an index of the mapping is known to mean.
    pub fn by_uri(&self, node: &NodeLocator) -> NodeLocator {
        let state = self.lock();
        node.with_uris(|index| state.meanings.get(&index).cloned())
    }

    /// Takes a server's NamespaceArray: learns what is new, and returns a table in which every index means what it
    /// meant at first.
    pub(in crate::opcua) fn settle(&self, uris: Vec<String>) -> NamespaceTable {
        let mut state = self.lock();
        let before = state.meanings.len();
        for index in self.used.keys() {
            if let Some(uri) = uris.get(usize::from(*index)).filter(|uri| !uri.is_empty()) {
                state.meanings.entry(*index).or_insert_with(|| uri.clone());
            }
        }
        // What a full disk has refused is tried again with the next session.
        if state.meanings.len() > before || state.is_behind {
            state.is_behind = !self.save(&state.meanings);
        }
        let table = NamespaceTable::new(uris).with_meanings(state.meanings.clone());
        self.say(&mut state, &table);
        table
    }

    /// Whether it is kept, as far as it is to be.
    fn save(&self, meanings: &BTreeMap<u16, String>) -> bool {
        let Some(path) = &self.path else { return true };
        let stored = Stored { server: self.server.clone(), namespaces: meanings.clone() };
        let written = serde_json::to_vec_pretty(&stored).map_err(io::Error::from);
        let saved = written.and_then(|bytes| write_atomically(path, &bytes));
        if let Err(error) = &saved {
            warn!(path = %path.display(), %error, "the meaning of namespace indices is not kept over a restart; free or mend the disk");
        }
        saved.is_ok()
    }

    /// Says of each index what it stands for and what to write instead; again only when it has moved.
    fn say(&self, state: &mut State, table: &NamespaceTable) {
        for (index, Use { count, example }) in &self.used {
            let Some(uri) = state.meanings.get(index) else { continue };
            let position = table.position_of(*index);
            let before = state.said.insert(*index, position);
            if before == Some(position) {
                continue;
            }
            let meanings = &state.meanings;
            let write = example.node.with_uris(|index| meanings.get(&index).cloned());
            let instead = format!("{}: '{}'", example.node.key(), write.to_string().replace('\'', "''"));
            match position {
                Some(position) if position == *index => {
                    warn!(tags = count, tag = %example.name, instead, "ns={index} stands for `{uri}`; an index may change, so write the URI");
                }
                Some(position) => {
                    warn!(tags = count, tag = %example.name, instead, "ns={index} stood for `{uri}`, which is ns={position} on the server now; the tags are taken from there, write the URI");
                }
                None => {
                    warn!(tags = count, tag = %example.name, instead, "ns={index} stood for `{uri}`, which the server no longer has; its tags get no values");
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{domain::NodeLocator, opcua::test_support::tag};

    const SERVER: &str = "opc.tcp://plc:4840";

    fn uris(rest: &[&str]) -> Vec<String> {
        ["http://opcfoundation.org/UA/", "urn:server"].iter().chain(rest).map(|uri| (*uri).to_owned()).collect()
    }

    /// What the tag's index becomes with these namespaces.
    fn index(memory: &NamespaceMemory, tag: &Tag, rest: &[&str]) -> Result<u16, String> {
        let NodeLocator::Id(address) = &tag.node else { panic!("no node id") };
        memory.settle(uris(rest)).resolve(address).map(|node| node.namespace).map_err(|error| error.to_string())
    }

    #[test]
    fn an_index_goes_with_the_uri_that_it_first_stood_for() {
        let tags = [tag("t", 2, "x")];
        let memory = NamespaceMemory::new(SERVER, &tags);
        assert_eq!(index(&memory, &tags[0], &["urn:a", "urn:b"]), Ok(2));
        assert_eq!(index(&memory, &tags[0], &["urn:b", "urn:a"]), Ok(3));
        let gone = index(&memory, &tags[0], &["urn:b"]).unwrap_err();
        assert!(gone.contains("ns=2") && gone.contains("urn:a"), "{gone}");
        assert_eq!(index(&memory, &tags[0], &["urn:a"]), Ok(2));
    }

    #[test]
    fn an_index_that_the_server_does_not_have_yet_is_learned_when_it_comes() {
        let tags = [tag("t", 2, "x")];
        let memory = NamespaceMemory::new(SERVER, &tags);
        assert_eq!(index(&memory, &tags[0], &[]), Ok(2), "the server says that there is nothing");
        assert_eq!(index(&memory, &tags[0], &["urn:a"]), Ok(2));
        assert_eq!(index(&memory, &tags[0], &["urn:b", "urn:a"]), Ok(3));
    }

    #[test]
    fn the_meaning_outlives_the_process_but_not_the_server_or_the_use() {
        let folder = tempfile::tempdir().unwrap();
        let open = |server: &str, tags: &[Tag]| NamespaceMemory::open(folder.path(), server, tags).unwrap();
        let tags = [tag("t", 2, "x")];
        open(SERVER, &tags).settle(uris(&["urn:a", "urn:b"]));
        assert_eq!(index(&open(SERVER, &tags), &tags[0], &["urn:b", "urn:a"]), Ok(3));
        let recalled = NamespaceMemory::recall(folder.path(), SERVER, &tags).unwrap();
        assert_eq!(index(&recalled, &tags[0], &["urn:b", "urn:a"]), Ok(3));
        assert_eq!(index(&open("opc.tcp://other:4840", &tags), &tags[0], &["urn:b", "urn:a"]), Ok(2));
    }

    #[test]
    fn a_meaning_that_the_disk_refused_is_kept_with_the_next_session() {
        let folder = tempfile::tempdir().unwrap();
        let tags = [tag("t", 2, "x")];
        // In the place of the new file, which cannot be made then.
        let obstacle = folder.path().join("namespaces.new");
        fs::create_dir(&obstacle).unwrap();
        let memory = NamespaceMemory::open(folder.path(), SERVER, &tags).unwrap();
        memory.settle(uris(&["urn:a", "urn:b"]));
        assert!(!folder.path().join(FILE).exists());
        fs::remove_dir(&obstacle).unwrap();
        memory.settle(uris(&["urn:a", "urn:b"]));
        let next = NamespaceMemory::open(folder.path(), SERVER, &tags).unwrap();
        assert_eq!(index(&next, &tags[0], &["urn:b", "urn:a"]), Ok(3));
    }

    #[test]
    fn a_file_that_holds_something_else_is_not_taken_for_no_file() {
        let folder = tempfile::tempdir().unwrap();
        for content in ["", "[]", "{\"server\":1}", "{\"server\":\"a\",\"namespaces\":{\"x\":\"urn\"}}"] {
            fs::write(folder.path().join(FILE), content).unwrap();
            let error = NamespaceMemory::open(folder.path(), SERVER, &[]).unwrap_err().to_string();
            assert!(error.contains(FILE) && error.contains("delete it"), "{error}");
        }
    }
}
