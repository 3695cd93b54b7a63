//! A broker: one of those that the mapping names.

/// Position of a broker in the mapping's list; dense, from 0, so that tables are plain vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(pub u16);

impl BrokerId {
    /// The position as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
