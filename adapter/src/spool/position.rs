//! Where a message stands in its lane.

use crate::domain::Lane;

/// The place of a message in its lane, from 1, one more for each message appended. Never reused within a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);

impl Position {
    /// Whether so many messages can ever have been appended. A file that says more would let the counting end.
    pub(super) const fn is_believable(self) -> bool {
        self.0 < 1 << 62
    }

    /// The place after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The newest position of each lane at one moment; 0 where nothing was ever appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tails {
    /// Of [`Lane::Urgent`].
    pub urgent: Position,
    /// Of [`Lane::Values`].
    pub values: Position,
}

impl Tails {
    /// The newest position of `lane`.
    pub const fn of(self, lane: Lane) -> Position {
        match lane {
            Lane::Urgent => self.urgent,
            Lane::Values => self.values,
        }
    }
}
