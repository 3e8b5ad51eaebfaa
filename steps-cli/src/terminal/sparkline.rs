//! Sparklines out of characters.

use super::canvas::Glyphs;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One character for each level, in ASCII the digits from 1; a space where there is none.
pub fn sparkline(levels: &[Option<u8>], glyphs: Glyphs) -> String {
    let bar = |level: u8| {
        let level = usize::from(level).min(BARS.len() - 1);
        match glyphs {
            Glyphs::Unicode | Glyphs::Markdown => BARS[level],
            Glyphs::Ascii => char::from(b'1' + level as u8),
        }
    };
    levels.iter().map(|level| level.map_or(' ', bar)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_bars_or_digits() {
        let levels: Vec<_> = (0..8).map(Some).collect();
        assert_eq!(sparkline(&levels, Glyphs::Unicode), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&levels, Glyphs::Ascii), "12345678");
        assert_eq!(sparkline(&[Some(0), None, Some(7)], Glyphs::Ascii), "1 8");
    }
}
