//! Cutting what is written or asked for into statements of a bounded length.
//!
//! Over TLS a statement is sent in records of at most 16 KiB, each with a write of its own. The driver does not set
//! TCP_NODELAY, so the second write waits until the database has acknowledged the first, which it delays by 40 ms. Every
//! statement whose length depends on its values is therefore cut here, by bytes.

/// The most bytes of values in one statement: what the protocol adds to them, and the texts before and after them, fit into
/// the rest of a record.
const MAX_BYTES: usize = 14 * 1024;
/// The most rows in one statement. Each number of rows is a statement of its own that the connection keeps prepared; its text
/// takes at most 100 bytes for each row.
const MAX_ROWS: usize = 64;

/// The most ids in one statement: a power of two, and few enough bytes.
const MAX_IDS: usize = 512;

/// The bytes of a number or an id as a bound value, with its type, at most.
const VALUE_BYTES: usize = 20;
/// The bytes that the protocol adds to a text: its type and its length.
const TEXT_BYTES: usize = 6;

/// How many bytes the values of a row take in a statement, at most.
pub(super) fn row_bytes(values: usize, texts: &[&str]) -> usize {
    values * VALUE_BYTES + texts.iter().map(|text| TEXT_BYTES + text.len()).sum::<usize>()
}

/// Cuts rows into those of one statement each. `bytes` says how many bytes a row takes; a row that takes more than a
/// statement should have is alone in one.
pub(super) fn cut<T>(rows: &[T], bytes: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let mut sum = 0;
        let fitting = rest.iter().take(MAX_ROWS).take_while(|row| {
            sum += bytes(row);
            sum <= MAX_BYTES
        });
        let (piece, after) = rest.split_at_checked(fitting.count().max(1))?;
        rest = after;
        Some(piece)
    })
}

/// Cuts ids into those of one statement each. The last of them is repeated, which changes nothing in a list, until their number
/// is a power of two: that keeps the number of different statements small. A connection that has prepared too many closes one
/// for each new one, and waits as above.
pub(super) fn cut_ids<T>(ids: &[T]) -> impl Iterator<Item = Vec<&T>> {
    cut_padded(ids, MAX_IDS)
}

/// The same with conditions that stand in an OR, and with the values of rows that are changed.
pub(super) fn cut_conditions<T>(conditions: &[T]) -> impl Iterator<Item = Vec<&T>> {
    cut_padded(conditions, MAX_ROWS)
}

fn cut_padded<T>(items: &[T], most: usize) -> impl Iterator<Item = Vec<&T>> {
    items.chunks(most).map(|piece| {
        let missing = piece.len().next_power_of_two() - piece.len();
        piece.iter().chain(piece.last().into_iter().cycle().take(missing)).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One TLS record.
    const RECORD: usize = 16 * 1024;

    #[test]
    fn no_statement_is_longer_than_a_record() {
        for length in [0, 1, 60, 255, 1_000, 4_000] {
            let rows = vec!["ä".repeat(length / 2); 500];
            let bytes = |row: &String| row_bytes(8, &[row.as_str(); 6]);
            let pieces: Vec<_> = cut(&rows, bytes).collect();
            assert_eq!(pieces.concat(), rows);
            for piece in pieces {
                let values: usize = piece.iter().map(bytes).sum();
                let text = 300 + 100 * piece.len();
                assert!(piece.len() == 1 || (values + 300 < RECORD && text < RECORD), "{length}: {}", piece.len());
            }
        }
    }

    #[test]
    fn a_row_that_is_too_long_is_alone() {
        let rows = [1, 20_000, 1, 1, 20_000];
        let pieces: Vec<_> = cut(&rows, |bytes| *bytes).map(<[usize]>::len).collect();
        assert_eq!(pieces, [1, 1, 2, 1]);
        assert_eq!(cut(&[] as &[usize], |bytes| *bytes).count(), 0);
    }

    #[test]
    fn lists_are_no_longer_than_a_statement() {
        assert!(MAX_IDS * row_bytes(1, &[]) <= MAX_BYTES);
        // Seven values are what the fold writes of a step.
        assert!(MAX_ROWS * row_bytes(7, &[]) <= MAX_BYTES);
    }

    #[test]
    fn lists_have_few_lengths_and_all_of_the_items() {
        let items: Vec<usize> = (0..300).collect();
        for length in 0..items.len() {
            let items = &items[..length];
            let lists: Vec<_> = cut_conditions(items).collect();
            assert!(lists.iter().all(|list| list.len().is_power_of_two() && list.len() <= MAX_ROWS));
            let mut all: Vec<usize> = lists.concat().into_iter().copied().collect();
            all.dedup();
            assert_eq!(all, items);
        }
    }
}
