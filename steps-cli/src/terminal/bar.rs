//! Bars, gaps and marks to scale, out of characters. Places are shares of the width: 0 is the left edge, 1 the right one.

use super::canvas::Glyphs;

/// A character whose left part is filled, from no eighth to all eight.
const LEFT: [char; 9] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

impl Glyphs {
    /// A bar from `from` to `to` on a line of `width` characters. A bar of no length is as short as the characters allow.
    pub fn bar(self, from: f64, to: f64, width: usize) -> String {
        if width == 0 {
            return String::new();
        }
        let parts = match self {
            Self::Unicode | Self::Markdown => 8,
            Self::Ascii => 1,
        };
        let place = |place: f64| (place.clamp(0.0, 1.0) * (width * parts) as f64).round() as usize;
        let start = place(from).min(width * parts - 1);
        let end = place(to).max(start + 1);
        let cell = |at: usize| {
            let low = start.clamp(at * parts, (at + 1) * parts) - at * parts;
            let high = end.clamp(at * parts, (at + 1) * parts) - at * parts;
            match self {
                Self::Ascii => {
                    if high > low {
                        '#'
                    } else {
                        ' '
                    }
                }
                Self::Unicode | Self::Markdown => eighths(low, high),
            }
        };
        (0..width).map(cell).collect()
    }

    /// A gap from `from` to `to`, in whole characters.
    pub fn gap(self, from: f64, to: f64, width: usize) -> String {
        Self::Ascii.bar(from, to, width).replace('#', self.pick("░", "."))
    }

    /// A mark at a place, on a line of `width` characters.
    pub fn mark(self, at: f64, width: usize) -> String {
        let at = ((at.clamp(0.0, 1.0) * width as f64) as usize).min(width.saturating_sub(1));
        let mark = if width == 0 { "" } else { self.pick("◆", "|") };
        " ".repeat(at) + mark + &" ".repeat(width.saturating_sub(at + 1))
    }

    /// A progress bar of `width` characters.
    pub fn progress(self, done: f64, width: usize) -> String {
        if done <= 0.0 {
            return self.pick("░", ".").repeat(width);
        }
        self.bar(0.0, done, width).replace(' ', self.pick("░", "."))
    }
}

/// The character that is filled from the eighth `low` to the eighth `high`. Few characters are filled in their middle, so
/// that the nearest one is taken.
fn eighths(low: usize, high: usize) -> char {
    match (low, high) {
        (low, high) if high <= low => ' ',
        (0, high) => LEFT[high],
        (low, 8) => match 8 - low {
            1 | 2 => '▕',
            3..=5 => '▐',
            _ => '█',
        },
        (low, high) if low >= 4 && high - low <= 4 => '▐',
        (low, high) => LEFT[high - low],
    }
}

#[cfg(test)]
mod tests {
    use super::super::canvas::Glyphs::{Ascii, Unicode};

    #[test]
    fn bars_are_to_scale_and_always_seen() {
        assert_eq!(Ascii.bar(0.0, 0.5, 10), "#####     ");
        assert_eq!(Ascii.bar(0.5, 1.0, 10), "     #####");
        assert_eq!(Ascii.bar(0.999, 1.0, 10), "         #");
        assert_eq!(Ascii.bar(0.3, 0.3, 10), "   #      ");
        assert_eq!(Unicode.bar(0.0, 1.0, 3), "███");
        assert_eq!(Unicode.bar(0.0, 0.5, 3), "█▌ ");
        assert_eq!(Unicode.bar(0.5, 1.0, 3), " ▐█");
        assert_eq!(Unicode.bar(0.5, 0.5, 2), " ▏");
        assert_eq!(Unicode.bar(1.0, 1.0, 2), " ▕");
        for step in 0..=100 {
            for glyphs in [Ascii, Unicode] {
                let bar = glyphs.bar(f64::from(step) / 100.0, f64::from(step) / 100.0, 7);
                assert_eq!((bar.chars().count(), bar.trim().chars().count()), (7, 1), "{step} {bar:?}");
            }
        }
        assert_eq!(Unicode.bar(0.0, 1.0, 0), "");
    }

    #[test]
    fn gaps_marks_and_progress() {
        assert_eq!(Unicode.gap(0.25, 0.75, 4), " ░░ ");
        assert_eq!(Ascii.gap(0.25, 0.75, 4), " .. ");
        assert_eq!(Unicode.mark(1.0, 4), "   ◆");
        assert_eq!(Ascii.mark(0.0, 4), "|   ");
        assert_eq!(Ascii.mark(0.5, 0), "");
        assert_eq!(Unicode.progress(0.5, 3), "█▌░");
        assert_eq!(Ascii.progress(0.0, 3), "...");
        assert_eq!(Ascii.progress(7.0, 3), "###");
    }
}
