//! A row of numbers as tall as they are.

use super::canvas::Glyphs;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One character for each number, the lowest from 1; a space where there is none.
///
/// The lowest bar is the smallest number, or half of the largest where that is less: what hardly changes looks flat.
pub fn sparkline(values: &[Option<f64>], glyphs: Glyphs) -> String {
    let known = || values.iter().copied().flatten();
    let most = known().fold(0.0, f64::max);
    let least = known().fold(most / 2.0, f64::min);
    let bar = |value: f64| {
        // All are 0, where there is no space between the least and the most.
        let height = if most > least { (value - least) / (most - least) } else { 0.0 };
        let at = (height * 8.0).floor().clamp(0.0, 7.0) as usize;
        match glyphs {
            Glyphs::Unicode => BARS[at],
            Glyphs::Ascii => char::from(b'1' + at as u8),
        }
    };
    values.iter().map(|value| value.map_or(' ', bar)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_tall_as_they_are() {
        let spark = |values: &[Option<f64>]| sparkline(values, Glyphs::Unicode);
        let eight: Vec<_> = (0..8).map(|value| Some(f64::from(value))).collect();
        assert_eq!(spark(&eight), "▁▂▃▄▅▆▇█");
        assert_eq!(spark(&[Some(4.0), None, Some(8.0)]), "▁ █");
        assert_eq!(spark(&[Some(100.0), Some(98.0), Some(97.0)]), "███", "what hardly changes looks flat");
        assert_eq!(spark(&[Some(0.0), None, None, Some(0.0)]), "▁  ▁");
        assert_eq!(spark(&[]), "");
        assert_eq!(sparkline(&eight, Glyphs::Ascii), "12345678");
        assert_eq!(sparkline(&[Some(1.0), None, Some(9.0)], Glyphs::Ascii), "1 8");
    }
}
