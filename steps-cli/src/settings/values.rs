//! The values of settings that are not texts or addresses.

use std::time;

use steps_shared::Duration;

const MIN_TIMEOUT: time::Duration = time::Duration::from_millis(1);
const MAX_TIMEOUT: time::Duration = time::Duration::from_secs(24 * 60 * 60);

/// Reads how long to wait for the server: from a millisecond to a day.
pub fn parse_timeout(text: &str) -> Result<time::Duration, String> {
    let duration: Duration = text.parse()?;
    match time::Duration::from(duration) {
        timeout if (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&timeout) => Ok(timeout),
        _ => Err(format!("must be from 1ms to 24h, not {text:?}")),
    }
}

/// Reads a number of bytes: `67108864`, `64MiB`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit.trim_start() {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let size = number.parse().ok().zip(unit).and_then(|(number, unit): (u64, u64)| number.checked_mul(unit));
    size.ok_or_else(|| format!("is not a size: {text:?}; write 64MiB, 500KiB or a number of bytes"))
}

/// Reads `true` or `false`, in their usual spellings.
pub fn parse_switch(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("must be true or false, not {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_durations_up_to_a_day() {
        let timeouts = ["5", "5s", " 500ms", "1.5"].map(|text| parse_timeout(text).unwrap().as_millis());
        assert_eq!(timeouts, [5000, 5000, 500, 1500]);
        for text in ["", "0", "0s", "25h", "5 apples", "-1"] {
            assert!(parse_timeout(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_have_a_unit_or_are_bytes() {
        let sizes = ["0", "4096", "4096B", "1KiB", " 64 MiB ", "2GiB"].map(|text| parse_size(text).unwrap());
        assert_eq!(sizes, [0, 4096, 4096, 1024, 64 << 20, 2 << 30]);
        for text in ["", "MiB", "-1", "1.5MiB", "64 apples", "99999999999GiB"] {
            assert!(parse_size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn switches_are_on_or_off() {
        assert_eq!(["1", "TRUE", " yes "].map(parse_switch), [const { Ok(true) }; 3]);
        assert_eq!(["0", "false", "off"].map(parse_switch), [const { Ok(false) }; 3]);
        assert!(parse_switch("maybe").unwrap_err().contains("true or false"));
    }
}
