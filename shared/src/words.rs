//! Enums whose values are words: one macro says how each is named, read, written and listed in messages.

use crate::nearest;

/// Declares an enum and the word of each value. It gives `ALL`, `name`, `FromStr` (ASCII case does not matter), `Display`,
/// and the same words in serde.
macro_rules! words {
    ($(#[$meta:meta])* $Name:ident { $($(#[$value_meta:meta])* $Value:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $Name {
            $($(#[$value_meta])* $Value,)*
        }

        impl $Name {
            /// All values, in the order of messages and lists.
            pub const ALL: &'static [Self] = &[$(Self::$Value,)*];

            /// The word for it: in JSON, in parameters, in flags, in tables.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$Value => $word,)*
                }
            }
        }

        impl std::str::FromStr for $Name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                $crate::words::parse(text, Self::ALL, Self::name)
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl serde::Serialize for $Name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $Name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $crate::openapi::one_of(Self::ALL.iter().map(|value| value.name())).into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $Name {}

        impl<'de> serde::Deserialize<'de> for $Name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <String as serde::Deserialize>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use words;

/// The value that `text` names. The error lists all names, and says which is the nearest.
pub(crate) fn parse<T: Copy>(text: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Result<T, String> {
    if let Some(value) = all.iter().find(|value| name(**value).eq_ignore_ascii_case(text)) {
        return Ok(*value);
    }
    let names: Vec<_> = all.iter().map(|value| name(*value)).collect();
    let hint = nearest(text, &names).map_or_else(String::new, |name| format!("; did you mean {name:?}?"));
    let list = match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    };
    Err(format!("must be {list}, not {text:?}{hint}"))
}

#[cfg(test)]
mod tests {
    words! {
        /// How it ended.
        End {
            /// Well.
            Good = "good",
            /// Nobody knows.
            NotKnown = "not known",
            /// Badly.
            Bad = "bad",
        }
    }

    #[test]
    fn each_word_comes_back_from_its_own_text_and_json() {
        for end in End::ALL {
            assert_eq!(end.to_string().parse(), Ok(*end));
            assert_eq!(serde_json::from_str::<End>(&serde_json::to_string(end).unwrap()).unwrap(), *end);
        }
        assert_eq!("GOOD".parse(), Ok(End::Good));
        assert_eq!(serde_json::to_string(&End::NotKnown).unwrap(), r#""not known""#);
    }

    #[test]
    fn an_unknown_word_is_told_what_would_be_right() {
        let error = |text: &str| text.parse::<End>().unwrap_err();
        assert_eq!(error("goood"), r#"must be good, not known or bad, not "goood"; did you mean "good"?"#);
        assert_eq!(error("purple"), r#"must be good, not known or bad, not "purple""#);
        assert!(serde_json::from_str::<End>(r#""purple""#).is_err());
    }
}
