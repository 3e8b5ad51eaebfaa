//! Reading the lines of the spool, one at a time.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Take};

/// A longer line holds no step: what the server takes is a hundredth of it.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// The lines of a part of a file.
#[derive(Debug)]
pub struct Entries {
    reader: BufReader<Take<File>>,
    /// Where the next line begins.
    at: u64,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// With its end; no more than the beginning of a line that is too long.
    pub bytes: Vec<u8>,
    /// Where it begins.
    pub at: u64,
    /// In the file.
    pub length: u64,
}

impl Entry {
    pub fn is_too_long(&self) -> bool {
        self.length > self.bytes.len() as u64
    }

    /// Whether it only separates others: a blank line follows a torn one.
    pub fn is_blank(&self) -> bool {
        self.bytes == b"\n"
    }
}

impl Entries {
    /// Those of the first `length` bytes.
    pub fn new(file: File, length: u64) -> Self {
        Self { reader: BufReader::new(file.take(length)), at: 0 }
    }

    /// Where the next line begins.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next line; `None` at the end.
    pub fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        let (mut bytes, at) = (Vec::new(), self.at);
        let mut length = (&mut self.reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes)? as u64;
        if length == MAX_LINE_BYTES && bytes.last() != Some(&b'\n') {
            length += self.reader.skip_until(b'\n')? as u64;
        }
        self.at += length;
        Ok((length > 0).then_some(Entry { bytes, at, length }))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;

    #[test]
    fn a_long_line_is_one_entry_in_little_memory() {
        let mut file = tempfile::tempfile().unwrap();
        let long = vec![b'x'; 300_000];
        file.write_all(&[b"a\n", &long[..], b"\n\nb"].concat()).unwrap();
        file.rewind().unwrap();
        let length = file.metadata().unwrap().len();
        let mut entries = Entries::new(file, length);
        let mut next = || entries.next_entry().unwrap();
        assert_eq!(next().unwrap().bytes, b"a\n");
        let entry = next().unwrap();
        assert_eq!((entry.is_too_long(), entry.bytes.len() as u64), (true, MAX_LINE_BYTES));
        assert_eq!((entry.at, entry.length), (2, 300_001));
        assert!(next().unwrap().is_blank());
        let last = next().unwrap();
        assert_eq!((last.bytes.as_slice(), last.at, last.is_too_long()), (&b"b"[..], 300_004, false));
        assert_eq!(next(), None);
    }
}
