//! Numbers packed into bytes: LEB128, seven bits in each byte, the lowest first.

/// Why packed bytes cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not what a server has written")]
pub struct Corrupt;

/// Small numbers of either sign as small numbers.
pub(super) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Adds a number.
pub(super) fn push(data: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        data.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    data.push(number as u8);
}

/// Takes the number that comes next.
pub(super) fn take(data: &mut &[u8]) -> Result<u64, Corrupt> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = data.split_first().ok_or(Corrupt)?;
        *data = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Corrupt)
}

/// Adds a text with its length.
pub(super) fn push_text(data: &mut Vec<u8>, text: &str) {
    push(data, text.len() as u64);
    data.extend(text.as_bytes());
}

/// Takes the text that comes next.
pub(super) fn take_text<'a>(data: &mut &'a [u8]) -> Result<&'a str, Corrupt> {
    let length = usize::try_from(take(data)?).map_err(|_| Corrupt)?;
    let (text, rest) = data.split_at_checked(length).ok_or(Corrupt)?;
    *data = rest;
    std::str::from_utf8(text).map_err(|_| Corrupt)
}
