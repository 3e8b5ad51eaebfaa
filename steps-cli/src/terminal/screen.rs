//! CSV and JSON on a terminal.

use steps_shared::{ListFormat, escaped, escaped_json};

/// Turns an export, chunk by chunk, into text that a terminal may be sent: hidden characters are escaped, in JSON so that the
/// document means the same, and bytes that are not UTF-8 are written as `\x9b`. Line ends stay.
#[derive(Debug)]
pub struct ScreenText {
    is_json: bool,
    /// The beginning of a character whose rest is in the next chunk: three bytes at most.
    pending: Vec<u8>,
}

impl ScreenText {
    /// Begins an export in this format.
    pub fn new(format: ListFormat) -> Self {
        Self { is_json: matches!(format, ListFormat::Json | ListFormat::Jsonl), pending: Vec::new() }
    }

    /// The next chunk as text.
    pub fn turn(&mut self, chunk: &[u8]) -> String {
        let bytes = [std::mem::take(&mut self.pending).as_slice(), chunk].concat();
        let mut shown = String::with_capacity(bytes.len());
        let mut rest = bytes.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(text) => {
                    self.escape(text, &mut shown);
                    return shown;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    self.escape(std::str::from_utf8(valid).unwrap_or_default(), &mut shown);
                    let Some(wrong) = error.error_len() else {
                        self.pending = after.to_vec();
                        return shown;
                    };
                    let (wrong, after) = after.split_at(wrong);
                    shown += &bytes_as_text(wrong);
                    rest = after;
                }
            }
        }
    }

    /// What is left when the export ends.
    pub fn finish(self) -> String {
        bytes_as_text(&self.pending)
    }

    fn escape(&self, text: &str, shown: &mut String) {
        if self.is_json {
            *shown += &escaped_json(text);
            return;
        }
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                shown.push('\n');
            }
            *shown += &escaped(line);
        }
    }
}

fn bytes_as_text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(format: ListFormat, chunks: &[&[u8]]) -> String {
        let mut screen = ScreenText::new(format);
        let shown: String = chunks.iter().map(|chunk| screen.turn(chunk)).collect();
        shown + &screen.finish()
    }

    #[test]
    fn is_escaped_wherever_the_chunks_are_cut() {
        let text = "a,\u{1b}[2J,é🚀\nb,\u{202e}\u{9b}\r\n".as_bytes();
        let bytes = [text, b"\xff\x9b\xf0\x9f"].concat();
        let expected = "a,\\u{1b}[2J,é🚀\nb,\\u{202e}\\u{9b}\\r\n\\xff\\x9b\\xf0\\x9f";
        for size in 1..=bytes.len() {
            assert_eq!(turn(ListFormat::Csv, &bytes.chunks(size).collect::<Vec<_>>()), expected, "chunks of {size}");
        }
        let json = "{\"a\":\"\u{202e}\u{7f}\"}\n".as_bytes();
        assert_eq!(turn(ListFormat::Json, &[json]), "{\"a\":\"\\u202e\\u007f\"}\n");
    }
}
