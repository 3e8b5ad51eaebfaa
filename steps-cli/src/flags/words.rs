//! Values that are words of a set, which completions offer.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};

/// Reads one of several words. A wrong one is answered by the type itself, which says what would be right, and what is nearest.
#[derive(Debug, Clone, Copy)]
pub struct Words<T: 'static> {
    all: &'static [T],
    name: fn(T) -> &'static str,
    parse: fn(&str) -> Result<T, String>,
}

impl<T> Words<T> {
    /// The words `name` of `all`, as `parse` reads them.
    pub const fn new(all: &'static [T], name: fn(T) -> &'static str, parse: fn(&str) -> Result<T, String>) -> Self {
        Self { all, name, parse }
    }
}

impl<T: Copy + Send + Sync + 'static> TypedValueParser for Words<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        self.parse.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.all.iter().map(|word| PossibleValue::new((self.name)(*word)))))
    }
}
