//! Room for a row on the stack.

/// Calls `f` with `length` zeros, which lie on the stack unless there are more than 64 of them.
pub(crate) fn with_scratch<R>(length: usize, f: impl FnOnce(&mut [f64]) -> R) -> R {
    let (mut narrow, mut wide, mut heap);
    let buffer: &mut [f64] = match length {
        // One feature is by far the most frequent, and clearing a large buffer costs more than scoring it.
        0..=4 => {
            narrow = [0.0; 4];
            &mut narrow[..length]
        }
        5..=64 => {
            wide = [0.0; 64];
            &mut wide[..length]
        }
        _ => {
            heap = vec![0.0; length];
            &mut heap
        }
    };
    f(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_long_as_asked_and_clear() {
        for length in [0, 1, 4, 5, 64, 65, 1000] {
            with_scratch(length, |buffer| assert_eq!(*buffer, *vec![0.0; length]));
        }
    }
}
