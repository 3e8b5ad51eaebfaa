//! The rows of a JSON file: one object a line, or the elements of an array.

use std::fmt;
use std::io::{self, BufRead};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use steps_shared::{FieldError, FieldErrors};

use super::read::MAX_ROW_BYTES;
use super::source::Input;

/// The members of an object in the order they were written, repeated ones included; numbers as they were written.
pub struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object with the fields of a step")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl Members {
    /// Reads one object.
    ///
    /// # Errors
    /// It is none.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(text).map_err(|error| match std::str::from_utf8(text) {
            Ok(_) => format!("is not a JSON object: {error}"),
            Err(_) => "is not UTF-8".to_owned(),
        })
    }

    /// The members that `wanted` picks, as texts: a number or truth value as it is written, `null` as not given.
    ///
    /// # Errors
    /// Every one of them that is an object or an array.
    pub fn into_texts(self, mut wanted: impl FnMut(&str) -> bool) -> Result<Vec<(String, String)>, FieldErrors> {
        let mut texts = Vec::new();
        let mut errors = Vec::new();
        for (name, value) in self.0 {
            let value = value.get();
            if value == "null" || !wanted(&name) {
                continue;
            }
            match value.as_bytes().first() {
                Some(b'"') => match serde_json::from_str(value) {
                    Ok(text) => texts.push((name, text)),
                    Err(error) => errors.push(FieldError::wrong(&name, format!("is not a text: {error}"))),
                },
                Some(b'{' | b'[') => {
                    errors.push(FieldError::wrong(&name, "must be a text or a number, not a list or object"))
                }
                _ => texts.push((name, value.to_owned())),
            }
        }
        if errors.is_empty() { Ok(texts) } else { Err(FieldErrors(errors)) }
    }
}

/// The elements of a JSON document: of an array, of the array `steps` of an object, or objects one after another. They are
/// read one by one, so that the document may be of any length.
pub struct Elements {
    source: Input,
    /// The line that is read.
    line: u64,
    within: Within,
}

/// Where in the document the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Outside of everything.
    Nothing,
    /// In the array that is the document.
    Array,
    /// In the array `steps` of an object.
    Steps,
}

impl Elements {
    /// Begins to read.
    pub fn new(source: Input) -> Self {
        Self { source, line: 1, within: Within::Nothing }
    }

    /// The next element and the line on which it begins.
    ///
    /// # Errors
    /// The document cannot be read, or is not JSON.
    pub fn next(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        loop {
            let next = self.peek_token()?;
            match (self.within, next) {
                (Within::Nothing, None) => return Ok(None),
                (_, None) => return Err(self.wrong("the document ends within its array")),
                (Within::Nothing, Some(b'[')) => {
                    self.take()?;
                    self.within = Within::Array;
                }
                (Within::Nothing, Some(b'{')) => {
                    let line = self.line;
                    if let Some(object) = self.object()? {
                        return Ok(Some((line, object)));
                    }
                }
                (Within::Nothing, Some(_)) => return Err(self.wrong("an array or an object is expected")),
                (Within::Array, Some(b']')) => {
                    self.take()?;
                    self.within = Within::Nothing;
                }
                (Within::Steps, Some(b']')) => {
                    self.take()?;
                    self.within = Within::Nothing;
                    let mut rest = b"{\"\":0".to_vec();
                    self.members(&mut rest)?;
                }
                (_, Some(b',')) => self.take().map(drop)?,
                (_, Some(_)) => {
                    let line = self.line;
                    let mut element = Vec::new();
                    self.value(&mut element)?;
                    return Ok(Some((line, element)));
                }
            }
        }
    }

    /// Reads an object; `None` where it has an array `steps`, whose elements are next.
    fn object(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut object = vec![self.take()?];
        let whole = self.members(&mut object)?;
        Ok(whole.then_some(object))
    }

    /// Reads members up to the end of their object, or to within an array `steps`; says whether it was the end.
    fn members(&mut self, object: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            if object.len() > MAX_ROW_BYTES {
                return Err(self.wrong("an object is longer than 1 MiB"));
            }
            match self.peek_token()? {
                Some(b'}') => {
                    object.push(self.take()?);
                    return Ok(true);
                }
                Some(b',') => object.push(self.take()?),
                Some(b'"') => {
                    let begin = object.len();
                    self.string(object)?;
                    let is_steps = &object[begin..] == b"\"steps\"";
                    if self.peek_token()? != Some(b':') {
                        return Err(self.wrong("a colon is expected"));
                    }
                    object.push(self.take()?);
                    if is_steps && self.peek_token()? == Some(b'[') {
                        self.take()?;
                        self.within = Within::Steps;
                        return Ok(false);
                    }
                    self.value(object)?;
                }
                _ => return Err(self.wrong("a name or a closing brace is expected")),
            }
        }
    }

    /// Reads a value of any kind; whether it is right is seen when it is read as JSON.
    fn value(&mut self, value: &mut Vec<u8>) -> io::Result<()> {
        let mut depth = 0_u32;
        loop {
            match self.peek_token()? {
                None => return Err(self.wrong("the document ends within a value")),
                Some(b'"') => self.string(value)?,
                Some(b'{' | b'[') => {
                    value.push(self.take()?);
                    depth += 1;
                }
                Some(b'}' | b']') if depth > 0 => {
                    value.push(self.take()?);
                    depth -= 1;
                }
                Some(b',' | b':') if depth > 0 => value.push(self.take()?),
                Some(b'}' | b']' | b',' | b':') => return Err(self.wrong("a value is expected")),
                Some(_) => {
                    while let Some(byte) = self.peek()?
                        && !byte.is_ascii_whitespace()
                        && !b"{}[],:\"".contains(&byte)
                    {
                        value.push(self.take()?);
                    }
                }
            }
            if value.len() > MAX_ROW_BYTES {
                return Err(self.wrong("a value is longer than 1 MiB"));
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Reads a string with its quotes.
    fn string(&mut self, value: &mut Vec<u8>) -> io::Result<()> {
        value.push(self.take()?);
        loop {
            let byte = self.take()?;
            value.push(byte);
            match byte {
                b'"' => return Ok(()),
                b'\\' => value.push(self.take()?),
                _ if value.len() > MAX_ROW_BYTES => return Err(self.wrong("a value is longer than 1 MiB")),
                _ => {}
            }
        }
    }

    /// The next byte that is no white space.
    fn peek_token(&mut self) -> io::Result<Option<u8>> {
        while let Some(byte) = self.peek()? {
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            self.take()?;
        }
        Ok(None)
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.source.fill_buf()?.first().copied())
    }

    fn take(&mut self) -> io::Result<u8> {
        let byte = self.peek()?.ok_or_else(|| self.wrong("the document ends within a value"))?;
        self.source.consume(1);
        self.line += u64::from(byte == b'\n');
        Ok(byte)
    }

    fn wrong(&self, reason: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("it is not JSON: {reason} on line {}", self.line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(text: &str) -> Result<Vec<(u64, String)>, String> {
        let mut elements = Elements::new(Box::new(io::Cursor::new(text.to_owned())));
        let mut found = Vec::new();
        while let Some((line, element)) = elements.next().map_err(|error| error.to_string())? {
            found.push((line, String::from_utf8(element).unwrap()));
        }
        Ok(found)
    }

    fn texts(text: &str) -> Vec<String> {
        elements(text).unwrap().into_iter().map(|(_, element)| element).collect()
    }

    #[test]
    fn arrays_documents_and_objects() {
        assert_eq!(
            elements("[\n{\"a\":1},\n{\"a\": [2, {}]}\n]\n").unwrap(),
            [(2, "{\"a\":1}".into()), (3, "{\"a\":[2,{}]}".into())]
        );
        assert_eq!(texts(r#"{"count":2,"steps":[{"a":"]}\""},7],"next":{"x":[]}}"#), [r#"{"a":"]}\""}"#, "7"]);
        assert_eq!(texts(r#"{"steps":[]} {"steps":[{}]}"#), ["{}"]);
        assert_eq!(
            texts("{\n \"a\" : 1.10 ,\n \"steps\": 3\n}\n{\"b\":null}"),
            [r#"{"a":1.10,"steps":3}"#, r#"{"b":null}"#]
        );
        assert_eq!(texts(" [] "), [""; 0]);
        assert_eq!(texts(""), [""; 0]);
    }

    #[test]
    fn what_is_no_json_is_found_where_it_is() {
        for (text, words) in [
            ("[{}\n,{\"a\"", "within a value on line 2"),
            ("[{}\n", "within its array"),
            ("[{}", "within its array"),
            ("[}", "a value is expected"),
            ("{a:1}", "a name"),
            ("{\"a\" 1}", "colon"),
            ("7", "an array or an object"),
            ("{\"steps\":[{}]", "name or a closing brace"),
        ] {
            let error = elements(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        let long = format!("[\"{}\"]", "x".repeat(MAX_ROW_BYTES + 1));
        assert!(elements(&long).unwrap_err().contains("1 MiB"));
        let many = format!("{{{}", "\"a\":1,".repeat(MAX_ROW_BYTES / 4));
        assert!(elements(&many).unwrap_err().contains("1 MiB"));
    }

    #[test]
    fn numbers_are_texts_as_they_are_written() {
        let members =
            Members::read(br#"{"run":9123456789,"version":1.10,"span":true,"x":"\u00e9","none":null,"deep":[1]}"#);
        let texts = members.unwrap().into_texts(|name| name != "deep").unwrap();
        let texts: Vec<_> = texts.iter().map(|(name, text)| format!("{name}={text}")).collect();
        assert_eq!(texts, ["run=9123456789", "version=1.10", "span=true", "x=é"]);
        let error = Members::read(br#"{"deep":[1]}"#).unwrap().into_texts(|_| true).unwrap_err().to_string();
        assert!(error.starts_with("deep must be a text or a number"), "{error}");
        assert!(Members::read(b"[1]").err().unwrap().contains("a JSON object"));
        assert_eq!(Members::read(b"{\"a\":\"\xFF\"}").err().unwrap(), "is not UTF-8");
    }
}
