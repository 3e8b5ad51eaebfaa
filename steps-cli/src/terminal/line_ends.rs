//! The line ends of CSV: CRLF over HTTP, as RFC 4180 says, and LF in the command's output, for shell tools.

/// Turns CRLF into LF in a stream of chunks.
#[derive(Debug, Default)]
pub struct LineEnds {
    /// Whether the last chunk ended with a carriage return. Its line feed may be in the next chunk.
    pending: bool,
}

impl LineEnds {
    /// The chunk with its line ends turned.
    pub fn turn(&mut self, chunk: &[u8]) -> Vec<u8> {
        let mut turned = Vec::with_capacity(chunk.len() + 1);
        for piece in chunk.split_inclusive(|byte| *byte == b'\r') {
            if self.pending && !piece.starts_with(b"\n") {
                turned.push(b'\r');
            }
            let text = piece.strip_suffix(b"\r").unwrap_or(piece);
            self.pending = text.len() < piece.len();
            turned.extend_from_slice(text);
        }
        turned
    }

    /// The bytes that are left when the stream ends.
    pub fn finish(self) -> &'static [u8] {
        if self.pending { b"\r" } else { b"" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(chunks: &[&[u8]]) -> Vec<u8> {
        let mut ends = LineEnds::default();
        let mut turned: Vec<u8> = chunks.iter().flat_map(|chunk| ends.turn(chunk)).collect();
        turned.extend_from_slice(ends.finish());
        turned
    }

    #[test]
    fn turns_line_ends_wherever_the_chunks_are_cut() {
        let text = b"a,b\r\n1,\"2\"\r\n\r\n\r\r\nx\ry\n\r";
        let expected = b"a,b\n1,\"2\"\n\n\r\nx\ry\n\r";
        assert_eq!(turn(&[text]), expected);
        for size in 1..text.len() {
            assert_eq!(turn(&text.chunks(size).collect::<Vec<_>>()), expected, "chunks of {size}");
        }
        assert_eq!(turn(&[b"a\r", b"", b"\nb"]), b"a\nb");
    }
}
