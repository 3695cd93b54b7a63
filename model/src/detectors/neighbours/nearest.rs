//! The nearest rows found so far, in room on the stack.

/// Neighbours that can be asked for.
pub(super) const MOST: usize = 100;

/// The same as the domain of a parameter has it.
pub(super) const MOST_AS_PARAMETER: i64 = 100;
const _: () = assert!(MOST_AS_PARAMETER.unsigned_abs() == MOST as u64);

/// The nearest rows, nearest first, as many as there is room for. Of rows equally far away those found first stay.
pub(super) struct Nearest<'a> {
    /// Ascending; infinite where nothing has been found yet.
    pub(super) distances: &'a mut [f64],
    /// Which row of the reference it is.
    pub(super) places: &'a mut [u32],
}

impl Nearest<'_> {
    /// What a further row must be nearer than.
    pub(super) fn limit(&self) -> f64 {
        self.distances[self.distances.len() - 1]
    }

    /// Takes in a row that is nearer than the [`limit`](Self::limit).
    pub(super) fn insert(&mut self, distance: f64, place: u32) {
        let mut slot = self.distances.len() - 1;
        while slot > 0 && distance < self.distances[slot - 1] {
            self.distances[slot] = self.distances[slot - 1];
            self.places[slot] = self.places[slot - 1];
            slot -= 1;
        }
        self.distances[slot] = distance;
        self.places[slot] = place;
    }
}

/// Calls `f` with room for so many neighbours, from 1 to [`MOST`].
pub(super) fn with_nearest<R>(count: usize, f: impl FnOnce(&mut Nearest<'_>) -> R) -> R {
    // Clearing room for a hundred costs more than finding five among sorted values.
    match count {
        0..=8 => with_room::<8, R>(count, f),
        9..=32 => with_room::<32, R>(count, f),
        _ => with_room::<MOST, R>(count, f),
    }
}

fn with_room<const ROOM: usize, R>(count: usize, f: impl FnOnce(&mut Nearest<'_>) -> R) -> R {
    let (mut distances, mut places) = ([f64::INFINITY; ROOM], [0; ROOM]);
    let count = count.clamp(1, ROOM);
    f(&mut Nearest { distances: &mut distances[..count], places: &mut places[..count] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_stay_in_order_and_the_first_of_equals_stays() {
        with_nearest(3, |nearest| {
            for (place, distance) in (0..).zip([5.0, 2.0, 7.0, 2.0, 4.0, 4.0, 9.0]) {
                if distance < nearest.limit() {
                    nearest.insert(distance, place);
                }
            }
            assert_eq!((&*nearest.distances, &*nearest.places), (&[2.0, 2.0, 4.0][..], &[1, 3, 4][..]));
        });
    }

    #[test]
    fn there_is_room_for_as_many_as_asked() {
        for count in [1, 8, 9, 32, 33, MOST] {
            with_nearest(count, |nearest| assert_eq!((nearest.distances.len(), nearest.places.len()), (count, count)));
        }
    }
}
