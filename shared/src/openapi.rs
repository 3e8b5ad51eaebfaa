//! How the types of the contract stand in the description of the API (OpenAPI 3.1).
//!
//! Types whose JSON is that of their members derive `ToSchema`. Those with a form of their own are described here: what is
//! answered by the type itself, what is sent by a function, because more texts are read than are written.

use std::sync::OnceLock;

use utoipa::openapi::schema::{
    AdditionalProperties, AllOfBuilder, AnyOfBuilder, ArrayBuilder, ObjectBuilder, RefBuilder, SchemaFormat,
    SchemaType, Type,
};
use utoipa::openapi::{KnownFormat, OneOfBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{
    Age, Attempt, Duration, Glob, Percent, Scope, Scopes, Step, StepColumn, StepId, TimeZone, Timestamp, TokenId,
    TokenSecret,
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

/// Why a field may be left out, and how.
const LEFT_OUT: &str = "May be left out, null or empty, which is the same";

/// A step as it may be sent.
#[must_use]
pub fn new_step() -> Schema {
    use crate::{Component, Environment, Owner, Run, Status, Version};
    let owner = "Who is responsible; where the token has an owner, it may be left out";
    let environment = optional([sent_name(Environment::LIMIT, "")], "Where to; production by default");
    let run = optional([sent_name(Run::LIMIT, "")], "The CI run that it belongs to");
    let attempt = optional(whole(1, 1_000_000, "^0*([1-9][0-9]{0,5}|1000000)$"), "Which attempt of that run");
    let id = optional([id().build().into()], "Its identity, a UUID that is not nil; made by the server by default");
    let not_a_span = || optional([span(false), one_of(["false"]).build().into()], "It is not a span");
    let step = || {
        let object = ObjectBuilder::new()
            .property("component", sent_name(Component::LIMIT, "What is deployed"))
            .property("version", sent_name(Version::LIMIT, "Which version"))
            .property("owner", sent_name(Owner::LIMIT, owner))
            .property("status", sent_name(Status::LIMIT, "The phase that begins, or how the deployment ends"))
            .property("environment", environment.clone())
            .property("run", run.clone())
            .property("attempt", attempt.clone())
            .property("id", id.clone())
            .property("span", not_a_span());
        let required = ["component", "version", "owner", "status"];
        without(
            required.into_iter().fold(object, ObjectBuilder::required),
            &["ts", "age", "outcome", "duration", "ended_at", "exit_code"],
        )
    };
    let ts = "When it began: RFC 3339, or YYYY-MM-DD hh:mm:ss in UTC; at most five minutes in the future";
    let at = || step().property("ts", optional([pattern(SENT_TIME).build().into()], ts));
    let ages = || {
        [number().maximum(Some(Age::MAX_SECONDS)).build().into(), pattern("^[0-9]{1,8}(\\.[0-9]*)?$").build().into()]
    };
    let ago = || step().property("age", optional(ages(), "How many seconds ago it began, in place of ts"));
    let is_span = || either([span(true), one_of(["true"]).build().into()]);
    let begun = |object: ObjectBuilder| object.property("span", is_span()).required("span");
    let known = || step().property("ts", pattern(SENT_TIME).description(Some(ts))).required("ts");
    let lasted = |object| finish(begun(object)).property("duration", duration()).required("duration");
    let ended = |object| finish(begun(object)).property("ended_at", ended_at()).required("ended_at");
    let shapes = [
        (at(), "A step"),
        (ago(), "A step of a moment ago"),
        (begun(at()), "A span, which ends later"),
        (begun(ago()), "A span of a moment ago, which ends later"),
        (lasted(at()), "A span that has ended, and how long it took"),
        (lasted(ago()), "A span of a moment ago, and how long it took"),
        (ended(known()), "A span that has ended, and when"),
        (ended(ago()), "A span of a moment ago, and when it ended"),
    ];
    either(shapes.map(|(shape, about)| shape.description(Some(about)).build().into()))
}

/// Whether something is a span.
fn span(truth: bool) -> Schema {
    boolean()
        .enum_values(Some([truth]))
        .description(Some("Whether its end is recorded, rather than the next step"))
        .build()
        .into()
}

/// The same object, in which these members may only be null or empty, which is as if they were left out; and no others.
fn without(object: ObjectBuilder, members: &[&str]) -> ObjectBuilder {
    let object =
        members.iter().fold(object, |object, member| object.property(*member, optional([], "Not with the others")));
    object.additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

/// The end of a span as it may be sent.
#[must_use]
pub fn new_finish() -> Schema {
    let object = || finish(without(ObjectBuilder::new(), &["duration", "ended_at"]));
    let [lasted, ended] = [
        object().property("duration", optional(durations(), DURATION)),
        object().property("ended_at", optional([ended_at().build().into()], "By default when the server hears of it")),
    ];
    either([lasted.build().into(), ended.build().into()])
}

/// What every end of a span has.
fn finish(object: ObjectBuilder) -> ObjectBuilder {
    let outcomes = crate::StepOutcome::ALL.iter().map(|outcome| outcome.name());
    object
        .property("outcome", one_of(outcomes).description(Some("How it ended")))
        .property(
            "exit_code",
            optional(
                whole(i32::MIN.into(), i32::MAX.into(), "^[+-]?0*[0-9]{1,9}$"),
                "The exit code of the command that it timed",
            ),
        )
        .required("outcome")
}

const DURATION: &str = "How long it took: seconds, or such as 1h30m; it ends at most five minutes in the future";

fn durations() -> [Schema; 2] {
    [number().maximum(Some(MAX_DURATION)), pattern(SENT_DURATION)]
        .map(|form| form.description(Some(DURATION)).build().into())
}

fn duration() -> Schema {
    either(durations())
}

fn ended_at() -> ObjectBuilder {
    pattern(SENT_TIME)
        .description(Some("When it ended: not before its beginning, and at most five minutes in the future"))
}

/// An exclusion as it may be sent.
#[must_use]
pub fn new_exclusion() -> Schema {
    let reason = sent_name(crate::Reason::LIMIT, "Why");
    new_inclusion_object().property("reason", reason).required("reason").build().into()
}

/// An inclusion as it may be sent.
#[must_use]
pub fn new_inclusion() -> Schema {
    new_inclusion_object().build().into()
}

fn new_inclusion_object() -> ObjectBuilder {
    ObjectBuilder::new()
        .property("owner", sent_name(crate::Owner::LIMIT, "Who says so"))
        .required("owner")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
}

/// A token as it may be asked for.
#[must_use]
pub fn new_token() -> Schema {
    let null = || ObjectBuilder::new().schema_type(SchemaType::new(Type::Null)).build().into();
    let scope = || one_of(Scope::ALL.iter().map(|scope| scope.name()));
    let scopes = ArrayBuilder::new().items(scope()).min_items(Some(1)).max_items(Some(crate::MAX_PATTERNS));
    let globs = |what: &str| {
        let glob = || pattern(GLOB).min_length(Some(1)).max_length(Some(Glob::LIMIT));
        let list = ArrayBuilder::new().items(glob()).max_items(Some(crate::MAX_PATTERNS)).description(Some(what));
        either([list.build().into(), glob().build().into(), null()])
    };
    let expires = [number().minimum(Some(0.000_001)).maximum(Some(MAX_DURATION)), pattern(SENT_SPAN)];
    ObjectBuilder::new()
        .property("name", sent_name(crate::TokenName::LIMIT, "What it is called; no other has this name"))
        .property("scopes", either([scopes.build().into(), scope().build().into()]))
        .property("components", globs("Patterns of the components that it is for; all by default"))
        .property("environments", globs("Patterns of the environments that it is for; all by default"))
        .property("owner", nullable(sent_name(crate::Owner::LIMIT, "Who it records as")))
        .property("expires_in", either(expires.map(|form| form.build().into()).into_iter().chain([null()])))
        .required("name")
        .required("scopes")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .build()
        .into()
}

/// The longest duration, in seconds.
const MAX_DURATION: f64 = 3.2e9;

/// A pattern of names: no control character, no blank at its ends, and not the character that stands for what was not read.
const GLOB: &str = "^[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufffd]([^\\u0000-\\u001f\\u007f-\\u009f\\ufffd]*[^\\u0000-\\u0020\\u007f-\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufffd])?$";

/// A field that may be left out, and may be null or empty, which means the same.
fn optional<const N: usize>(schemas: [Schema; N], description: &str) -> Schema {
    let null = ObjectBuilder::new().schema_type(SchemaType::new(Type::Null)).build().into();
    let empty = text().max_length(Some(0)).build().into();
    let mut all = AnyOfBuilder::new().description(Some(format!("{description}. {LEFT_OUT}")));
    for schema in schemas.into_iter().chain([empty, null]) {
        all = all.item(schema);
    }
    all.build().into()
}

/// A whole number, also as a text.
fn whole(least: i64, most: i64, text: &str) -> [Schema; 2] {
    [integer(least, most).build().into(), pattern(text).build().into()]
}
