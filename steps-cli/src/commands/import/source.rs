//! Opens what is imported: a file or the standard input, perhaps compressed, in UTF-8 or UTF-16.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use indicatif::{ProgressBar, ProgressStyle};

/// Text in UTF-8, without a byte order mark.
pub type Input = Box<dyn BufRead + Send>;

/// The most of the first line that is looked at.
const HEAD_BYTES: u64 = 64 * 1024;

/// Opens a file, or the standard input for `-`, with a bar of how much of it was read, which is drawn on a
/// terminal only.
///
/// # Errors
/// It cannot be opened, or not be read.
pub fn open(file: &Path) -> io::Result<(Input, ProgressBar)> {
    let (source, length): (Box<dyn Read + Send>, _) = if file == Path::new("-") {
        (Box::new(io::stdin()), None)
    } else {
        let file = File::open(file)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        (Box::new(file), metadata.is_file().then_some(metadata.len()))
    };
    let (progress, template) = match length {
        Some(length) => (ProgressBar::new(length), "{bar:40} {binary_bytes}/{binary_total_bytes} {msg} {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {binary_bytes} {msg}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        progress.set_style(style);
    }
    let source = BufReader::with_capacity(64 * 1024, progress.wrap_read(source));
    Ok((decode(Box::new(source))?, progress))
}

/// Decompresses gzip and turns UTF-16 into UTF-8, which the first bytes tell.
fn decode(source: Input) -> io::Result<Input> {
    let (start, mut source) = peek(source)?;
    if start.starts_with(&[0x1F, 0x8B]) {
        source = Box::new(BufReader::new(MultiGzDecoder::new(source)));
    }
    let (start, mut source) = peek(source)?;
    let (mark, big_endian) = match start[..] {
        [0xEF, 0xBB, 0xBF] => (3, None),
        [0xFF, 0xFE, ..] => (2, Some(false)),
        [0xFE, 0xFF, ..] => (2, Some(true)),
        // Names of columns and brackets are ASCII.
        [1..=127, 0, ..] => (0, Some(false)),
        [0, 1..=127, ..] => (0, Some(true)),
        _ => (0, None),
    };
    source.read_exact(&mut [0; 3][..mark])?;
    Ok(match big_endian {
        Some(big_endian) => Box::new(BufReader::new(Utf16 { source, big_endian, text: Vec::new(), read: 0 })),
        None => source,
    })
}

/// The first three bytes, and the source with them.
fn peek(mut source: Input) -> io::Result<(Vec<u8>, Input)> {
    let mut start = Vec::new();
    source.by_ref().take(3).read_to_end(&mut start)?;
    let source = Box::new(Cursor::new(start.clone()).chain(source));
    Ok((start, source))
}

/// The first line that is not blank, or the beginning of a very long one, and the source with it.
///
/// # Errors
/// It cannot be read.
pub fn peek_line(mut source: Input) -> io::Result<(Vec<u8>, Input)> {
    let mut head = Vec::new();
    let mut begin = 0;
    while head[begin..].trim_ascii().is_empty() {
        begin = head.len();
        let left = HEAD_BYTES.saturating_sub(begin as u64);
        if source.by_ref().take(left).read_until(b'\n', &mut head)? == 0 {
            break;
        }
    }
    let line = head[begin..].to_vec();
    Ok((line, Box::new(Cursor::new(head).chain(source))))
}

/// UTF-16 as UTF-8.
struct Utf16 {
    source: Input,
    big_endian: bool,
    /// What was decoded, and how much of that was read.
    text: Vec<u8>,
    read: usize,
}

impl Utf16 {
    fn unit(&mut self) -> io::Result<Option<u16>> {
        let mut unit = Vec::with_capacity(2);
        self.source.by_ref().take(2).read_to_end(&mut unit)?;
        match unit[..] {
            [] => Ok(None),
            [first, second] if self.big_endian => Ok(Some(u16::from_be_bytes([first, second]))),
            [first, second] => Ok(Some(u16::from_le_bytes([first, second]))),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it ends within a character of UTF-16")),
        }
    }

    /// Decodes the next line, or the next part of a long one.
    fn decode(&mut self) -> io::Result<()> {
        self.text.clear();
        self.read = 0;
        while self.text.len() < 8192 && self.text.last() != Some(&b'\n') {
            let Some(unit) = self.unit()? else { break };
            let low = if (0xD800..0xDC00).contains(&unit) { self.unit()? } else { None };
            let wrong = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-16");
            for character in char::decode_utf16([unit].into_iter().chain(low)) {
                let character = character.map_err(wrong)?;
                self.text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        Ok(())
    }
}

impl Read for Utf16 {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read == self.text.len() {
            self.decode()?;
        }
        let count = (&self.text[self.read..]).read(buffer)?;
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn text(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        decode(Box::new(Cursor::new(bytes.to_vec())))?.read_to_string(&mut text).map(|_| text)
    }

    fn utf16(text: &str, bytes: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn encodings() {
        let expected = "component;é🚀\r\nc;1\n";
        let marked = format!("\u{feff}{expected}");
        assert_eq!(text(expected.as_bytes()).unwrap(), expected);
        assert_eq!(text(marked.as_bytes()).unwrap(), expected);
        assert_eq!(text(&utf16(&marked, u16::to_le_bytes)).unwrap(), expected);
        assert_eq!(text(&utf16(&marked, u16::to_be_bytes)).unwrap(), expected);
        assert_eq!(text(&utf16(expected, u16::to_le_bytes)).unwrap(), expected);
        assert_eq!(text(&gzip(expected.as_bytes())).unwrap(), expected);
        assert_eq!(text(&gzip(&utf16(&marked, u16::to_le_bytes))).unwrap(), expected);
        let two_members = [gzip(&expected.as_bytes()[..5]), gzip(&expected.as_bytes()[5..])].concat();
        assert_eq!(text(&two_members).unwrap(), expected);
        for short in ["", "a", "ab"] {
            assert_eq!(text(short.as_bytes()).unwrap(), short);
        }
    }

    #[test]
    fn what_is_cut_off_is_no_shorter_file() {
        let zipped = gzip("component,version\n".repeat(100).as_bytes());
        assert!(text(&zipped[..zipped.len() - 9]).is_err());
        assert!(text(&utf16("\u{feff}abc", u16::to_le_bytes)[..7]).is_err());
        assert!(text(&[0xFF, 0xFE, 0x3D, 0xD8]).is_err(), "half a surrogate pair");
    }

    #[test]
    fn the_first_line_is_looked_at_and_kept() {
        let (line, mut source) = peek_line(Box::new(&b"\n  \nfirst\nsecond\n"[..])).unwrap();
        let mut all = String::new();
        source.read_to_string(&mut all).unwrap();
        assert_eq!((&line[..], all.as_str()), (&b"first\n"[..], "\n  \nfirst\nsecond\n"));
        assert_eq!(peek_line(Box::new(&b"\n"[..])).unwrap().0, b"");
    }
}
