//! How the types of the contract stand in the description of the API (OpenAPI 3.1).
//!
//! Types whose JSON is that of their members derive `ToSchema`. Those with a form of their own are described here: what is
//! answered by the type itself, what is sent by a function, because more texts are read than are written.

mod sent;

use std::sync::OnceLock;

pub use sent::{new_exclusion, new_finish, new_inclusion, new_note, new_step, new_token};

use utoipa::openapi::schema::{
    AllOfBuilder, AnyOfBuilder, ArrayBuilder, ObjectBuilder, RefBuilder, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{KnownFormat, OneOfBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{
    Attempt, Duration, Glob, Percent, Scopes, Step, StepColumn, StepId, TimeZone, Timestamp, TokenId, TokenSecret,
};

/// Describes a type by an expression.
macro_rules! described {
    ($Type:ty, $schema:expr) => {
        impl utoipa::PartialSchema for $Type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::RefOr::T($schema.into())
            }
        }
        impl utoipa::ToSchema for $Type {}
    };
}

/// The first and last character of each run of characters that satisfy `is_wanted`.
fn ranges(is_wanted: impl Fn(char) -> bool) -> Vec<(char, char)> {
    let mut ranges: Vec<(char, char)> = Vec::new();
    for character in (char::MIN..=char::MAX).filter(|character| is_wanted(*character)) {
        match ranges.last_mut() {
            Some((_, last)) if u32::from(*last) + 1 == u32::from(character) => *last = character,
            _ => ranges.push((character, character)),
        }
    }
    ranges
}

/// The inner part of a class of a regular expression. What is beyond the basic plane stands for itself, because JavaScript and
/// others escape it differently.
fn class(ranges: &[(char, char)]) -> String {
    let one = |character: char| match u32::from(character) {
        code @ ..=0xffff => format!("\\u{code:04x}"),
        _ => character.to_string(),
    };
    ranges
        .iter()
        .map(|(first, last)| if first == last { one(*first) } else { format!("{}-{}", one(*first), one(*last)) })
        .collect()
}

/// Names as they may be sent: no control characters, and at least one character that is seen. Blanks and line ends around them
/// are cut off, which is told of short ones only: a length and what is not counted in it fit no one pattern.
fn sent(limit: usize) -> Schema {
    static PATTERNS: OnceLock<[String; 2]> = OnceLock::new();
    let [whole, trimmed] = PATTERNS.get_or_init(|| {
        let blank = class(&ranges(char::is_whitespace));
        let control = class(&ranges(char::is_control));
        let is_unseen = |character: char| !crate::has_visible(character.encode_utf8(&mut [0; 4]));
        let seen = format!("[^{}]", class(&ranges(is_unseen)));
        [format!("^[^{control}]*{seen}[^{control}]*$"), format!("^[{blank}]*{seen}{{1,16}}[{blank}]*$")]
    });
    let whole = name(limit).pattern(Some(whole.as_str())).build().into();
    let trimmed =
        text().pattern(Some(trimmed.as_str())).description(Some("Blanks and line ends around it are cut off"));
    either([whole, trimmed.build().into()])
}

/// The limits of names that may be sent.
const LIMITS: [usize; 3] = [64, 255, 1000];

/// The schemas that [`sent_name`] refers to.
pub fn sent_names() -> impl Iterator<Item = (String, RefOr<Schema>)> {
    LIMITS.into_iter().map(|limit| (format!("Name{limit}"), sent(limit).into()))
}

/// A name as it is answered.
#[must_use]
pub fn name(limit: usize) -> ObjectBuilder {
    text().min_length(Some(1)).max_length(Some(limit))
}

/// A name as it may be sent.
#[must_use]
pub fn sent_name(limit: usize, about: &str) -> Schema {
    let name = RefBuilder::new().ref_location_from_schema_name(format!("Name{limit}")).description(Some(about)).build();
    AllOfBuilder::new().item(name).description(Some(about)).build().into()
}

/// A text.
#[must_use]
pub fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::String))
}

/// A text of this form.
#[must_use]
pub fn pattern(pattern: &str) -> ObjectBuilder {
    text().pattern(Some(pattern))
}

/// A number from 0.
#[must_use]
pub fn number() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::Number)).minimum(Some(0.0))
}

/// A whole number between these.
#[must_use]
pub fn integer(least: i64, most: i64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer)).minimum(Some(least)).maximum(Some(most))
}

/// True or false.
#[must_use]
pub fn boolean() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::new(Type::Boolean))
}

/// One of these words.
#[must_use]
pub fn one_of(words: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    text().enum_values(Some(words))
}

/// The same, or null.
#[must_use]
pub fn nullable(schema: impl Into<RefOr<Schema>>) -> Schema {
    let null = ObjectBuilder::new().schema_type(SchemaType::new(Type::Null));
    OneOfBuilder::new().item(null).item(schema).build().into()
}

/// One of several.
#[must_use]
pub fn either(schemas: impl IntoIterator<Item = Schema>) -> Schema {
    schemas.into_iter().fold(AnyOfBuilder::new(), |all, schema| all.item(schema)).build().into()
}

/// An identity, which is not nil.
#[must_use]
pub fn id() -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom("uuid".to_owned())))
}

/// A date, a time and an offset, as they may be sent. The days are those that every month has.
pub const SENT_TIME: &str = "^(197[1-9]|19[89][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])[T ]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,6})?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])?$";

/// A duration as it may be sent: `500ms`, `90s`, `1h30m`, or seconds.
pub const SENT_DURATION: &str = "^(0*([0-9]{1,9}(\\.[0-9]*)?|\\.[0-9]+)|([0-9]{1,6}(ms|s|m|h|d|w|y) ?){1,6})$";

/// A span of more than nothing.
pub const SENT_SPAN: &str = "^([1-9][0-9]{0,3}(ms|s|m|h|d|w|y) ?){1,3}$";

/// A share in percent.
pub const SENT_PERCENT: &str = "^([0-9]{1,300}(\\.[0-9]*)?|\\.[0-9]+) ?%?$";

described!(
    Timestamp,
    text()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("RFC 3339, UTC, with microseconds"))
);
described!(Duration, number().description(Some("In seconds")));
described!(Percent, number().description(Some("In percent")));
described!(StepId, id());
described!(TokenId, id());
described!(Attempt, integer(1, 1_000_000));
described!(TimeZone, text().description(Some("A name of the IANA database, such as Europe/Berlin")));
described!(
    Glob,
    text()
        .min_length(Some(1))
        .max_length(Some(Glob::LIMIT))
        .description(Some("A name, in which * stands for any text"))
);
described!(TokenSecret, pattern("^steps_[0-9A-Za-z]{49}$").description(Some("It is shown this once")));
described!(Scopes, ArrayBuilder::new().items(Ref::from_schema_name("Scope")).min_items(Some(1)).unique_items(true));

/// The JSON object of a step.
impl PartialSchema for Step {
    fn schema() -> RefOr<Schema> {
        step_object(&StepColumn::JSON).into()
    }
}

impl ToSchema for Step {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push(("StepOutcome".to_owned(), crate::StepOutcome::schema()));
    }
}

/// The object of a step with these members, none of which is missing.
#[must_use]
pub fn step_object(columns: &[StepColumn]) -> Schema {
    let mut object = ObjectBuilder::new();
    for column in columns {
        object = object.property(column.name(), step_member(*column)).required(column.name());
    }
    object.build().into()
}

/// What stands in a column of a step.
#[must_use]
pub fn step_member(column: StepColumn) -> RefOr<Schema> {
    use crate::{Component, Environment, Owner, Run, Status, Version};
    let outcome = |words: &[&'static str]| nullable(one_of(words.iter().copied()));
    let words: Vec<_> = crate::StepOutcome::ALL.iter().map(|outcome| outcome.name()).collect();
    match column {
        StepColumn::Component => Component::schema(),
        StepColumn::Version => Version::schema(),
        StepColumn::Owner => Owner::schema(),
        StepColumn::Status => Status::schema(),
        StepColumn::Environment => Environment::schema(),
        StepColumn::Run => nullable(Run::schema()).into(),
        StepColumn::Ts | StepColumn::StartedAt => Timestamp::schema(),
        StepColumn::Id => StepId::schema(),
        StepColumn::EndedAt => nullable(Timestamp::schema()).into(),
        StepColumn::DurationSeconds => nullable(Duration::schema()).into(),
        StepColumn::DeploymentId => nullable(StepId::schema()).into(),
        StepColumn::Span => boolean().into(),
        StepColumn::Outcome => outcome(&[&words[..], &["unfinished"]].concat()).into(),
        StepColumn::Result => outcome(&words).into(),
        StepColumn::ExitCode => nullable(integer(i32::MIN.into(), i32::MAX.into())).into(),
        StepColumn::Attempt => nullable(Attempt::schema()).into(),
    }
}
