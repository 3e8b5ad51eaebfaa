//! What is sent: each body that a request may have, form by form, because more is read than is written.

use utoipa::openapi::Schema;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder, SchemaType, Type};

use super::{
    SENT_DURATION, SENT_SPAN, SENT_TIME, boolean, either, id, integer, nullable, number, one_of, pattern, sent_name,
    text,
};
use crate::{Age, Glob, Scope};

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

/// A note as it may be sent.
#[must_use]
pub fn new_note() -> Schema {
    use crate::{Component, Environment, NoteText, Owner};
    let owner = "Who says so; where the token has an owner, it may be left out";
    let time = |about| optional([pattern(SENT_TIME).build().into()], about);
    let environment = optional([sent_name(Environment::LIMIT, "")], "Where; everywhere by default");
    let id = optional([id().build().into()], "Its identity, a UUID that is not nil; made by the server by default");
    ObjectBuilder::new()
        .property("component", sent_name(Component::LIMIT, "Of what"))
        .property("text", sent_name(NoteText::LIMIT, "What is known"))
        .property("owner", sent_name(Owner::LIMIT, owner))
        .property("environment", environment)
        .property("at", time("When it was, or began: at most five minutes in the future; now by default"))
        .property("until", time("When it ends, not before it begins; of a moment there is none"))
        .property("id", id)
        .required("component")
        .required("text")
        .required("owner")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .build()
        .into()
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
