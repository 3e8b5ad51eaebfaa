//! The bodies of requests.

use steps_shared::openapi::{new_exclusion, new_finish, new_inclusion, new_note, new_step, new_token, pattern, text};
use steps_shared::{MAX_BATCH_BYTES, MAX_BATCH_STEPS};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, SchemaType};
use utoipa::openapi::{Content, Ref, RefOr, Required, Schema};

/// The schemas that requests refer to.
pub fn schemas() -> [(String, RefOr<Schema>); 7] {
    [
        ("NewSession".to_owned(), new_session().into()),
        ("NewStep".to_owned(), new_step().into()),
        ("NewFinish".to_owned(), new_finish().into()),
        ("NewExclusion".to_owned(), new_exclusion().into()),
        ("NewInclusion".to_owned(), new_inclusion().into()),
        ("NewNote".to_owned(), new_note().into()),
        ("NewToken".to_owned(), new_token().into()),
    ]
}

/// A JSON object.
pub fn json(schema: &str) -> RequestBody {
    let content = Content::new(Some(Ref::from_schema_name(schema)));
    RequestBodyBuilder::new().required(Some(Required::True)).content("application/json", content).build()
}

/// A form, or a JSON object.
pub fn form_or_json(schema: &str) -> RequestBody {
    let content = || Content::new(Some(Ref::from_schema_name(schema)));
    RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("application/x-www-form-urlencoded", content())
        .content("application/json", content())
        .build()
}

fn new_session() -> ObjectBuilder {
    let token = pattern("^ *steps_[0-9A-Za-z]{49} *$").description(Some("A token of this server"));
    ObjectBuilder::new()
        .property("token", token)
        .required("token")
        .property("next", text().description(Some("Where a form leads to: an address of this server; else `/`")))
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)))
        .description(Some("What begins a session"))
}

/// Many steps: an array, or one a line. What is wrong with one is told of that one, and refuses none of the others.
pub fn batch() -> RequestBody {
    let any = ObjectBuilder::new()
        .schema_type(SchemaType::AnyValue)
        .description(Some("A NewStep; one that is wrong is refused alone, in the answer"));
    let steps = ArrayBuilder::new().items(any);
    let lines = text().description(Some("A NewStep in JSON on each line"));
    RequestBodyBuilder::new()
        .required(Some(Required::True))
        .description(Some(format!("At most {MAX_BATCH_STEPS} steps, and {MAX_BATCH_BYTES} bytes")))
        .content("application/json", Content::new(Some(steps)))
        .content("application/x-ndjson", Content::new(Some(lines)))
        .build()
}
