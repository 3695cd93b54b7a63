//! The last values of an input.

use serde::{Deserialize, Serialize};

/// The last values of an input, in a buffer of fixed length. It starts full of zeros.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub(super) struct Ring {
    values: Box<[f64]>,
    /// Where the next value goes, which is where the oldest one stands.
    next: usize,
}

impl Ring {
    /// A ring of `size` zeros, at least one.
    pub(super) fn new(size: usize) -> Self {
        Self { values: vec![0.0; size].into(), next: 0 }
    }

    /// Puts a value in the place of the oldest one.
    pub(super) fn push(&mut self, value: f64) {
        self.values[self.next] = value;
        self.next = if self.next + 1 == self.values.len() { 0 } else { self.next + 1 };
    }

    pub(super) fn size(&self) -> usize {
        self.values.len()
    }

    /// The values where they stand: those from `next` on are older than those before it.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// Where the next value will go: 0 whenever the ring has been filled up to its end.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    pub(super) fn oldest(&self) -> f64 {
        self.values[self.next]
    }

    /// The values from the oldest to the newest.
    pub(super) fn oldest_first(&self) -> impl Iterator<Item = f64> {
        self.values[self.next..].iter().chain(&self.values[..self.next]).copied()
    }

    /// The newest value less the oldest one, cut to the range of a float.
    pub(super) fn span(&self) -> f64 {
        let newest = self.values[self.next.checked_sub(1).unwrap_or(self.values.len() - 1)];
        (newest - self.oldest()).clamp(f64::MIN, f64::MAX)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    values: Box<[f64]>,
    next: usize,
}

impl TryFrom<Written> for Ring {
    type Error = &'static str;

    fn try_from(Written { values, next }: Written) -> Result<Self, Self::Error> {
        if next >= values.len() {
            return Err("a ring points past its end; start with a fresh memory");
        }
        if !values.iter().all(|value| value.is_finite()) {
            return Err("a ring holds a value that is not finite; start with a fresh memory");
        }
        Ok(Self { values, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_the_last_values_in_order() {
        let mut ring = Ring::new(3);
        for value in [1.0, 2.0, 3.0, 4.0] {
            ring.push(value);
        }
        assert_eq!(ring.oldest_first().collect::<Vec<_>>(), [2.0, 3.0, 4.0]);
        assert_eq!(ring.span().to_bits(), 2.0_f64.to_bits());
    }

    #[test]
    fn a_span_too_wide_for_a_float_is_cut() {
        let mut ring = Ring::new(2);
        ring.push(f64::MIN);
        ring.push(f64::MAX);
        assert_eq!(ring.span().to_bits(), f64::MAX.to_bits());
    }

    #[test]
    fn a_written_ring_that_cannot_be_is_refused() {
        let check = |text: &str, expected: &str| {
            let error = serde_json::from_str::<Ring>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(r#"{"values":[],"next":0}"#, "past its end");
        check(r#"{"values":[1.0,2.0],"next":2}"#, "past its end");
    }
}
