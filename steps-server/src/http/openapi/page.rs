//! The description as a page for people. It needs no script, no other host, and no file beside it.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("page.css");

/// What the page may load: its own style, and nothing else.
pub fn policy() -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// The page, made once.
pub fn html(is_open: bool) -> Bytes {
    static PAGES: [OnceLock<Bytes>; 2] = [const { OnceLock::new() }; 2];
    PAGES[usize::from(is_open)].get_or_init(|| page(&super::json(is_open)).into_string().into()).clone()
}

fn page(document: &[u8]) -> Markup {
    let document: Value = serde_json::from_slice(document).unwrap_or_default();
    let info = &document["info"];
    let operations = operations(&document);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "steps " (text(&info["version"])) ": the HTTP API" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "steps: the HTTP API" }
                    p { "Version " (text(&info["version"])) ". For programs: " a href="openapi.json" { "openapi.json" } ", OpenAPI 3.1." }
                    @for paragraph in text(&info["description"]).split("\n\n") { p { (paragraph) } }
                    p { (text(&document["components"]["securitySchemes"][super::BEARER]["description"])) }
                    nav aria-label="Contents" {
                        @for tag in items(&document["tags"]) {
                            h2 { (text(&tag["name"])) }
                            ul {
                                @for operation in operations.iter().filter(|operation| operation.is_of(tag)) {
                                    li { a href=(format!("#{}", operation.id())) { code { (operation.method) " " (operation.path) } } " " (text(&operation.value["summary"])) }
                                }
                            }
                        }
                        h2 { "Schemas" }
                        ul.schemas { @for (name, _) in members(&document["components"]["schemas"]) { li { (schema_link(name)) } } }
                    }
                }
                main {
                    @for tag in items(&document["tags"]) {
                        section {
                            h2 { (text(&tag["name"])) }
                            p { (text(&tag["description"])) "." }
                            @for operation in operations.iter().filter(|operation| operation.is_of(tag)) { (operation.show()) }
                        }
                    }
                    section {
                        h2 { "Schemas" }
                        @for (name, schema) in members(&document["components"]["schemas"]) {
                            article id=(format!("schema-{name}")) {
                                h3 { code { (name) } }
                                (described(schema))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A method of a path.
struct Operation<'a> {
    document: &'a Value,
    method: String,
    path: &'a str,
    value: &'a Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    members(&document["paths"])
        .flat_map(|(path, item)| {
            members(item).map(move |(method, value)| Operation { document, method: method.to_uppercase(), path, value })
        })
        .collect()
}

impl Operation<'_> {
    fn id(&self) -> &str {
        text(&self.value["operationId"])
    }

    fn is_of(&self, tag: &Value) -> bool {
        items(&self.value["tags"]).any(|name| *name == tag["name"])
    }

    /// An answer, which may stand with those that several operations have.
    fn resolved<'a>(&'a self, answer: &'a Value) -> &'a Value {
        match answer["$ref"].as_str().and_then(|reference| self.document.pointer(reference.trim_start_matches('#'))) {
            Some(answer) => answer,
            None => answer,
        }
    }

    fn show(&self) -> Markup {
        let body = &self.value["requestBody"];
        html! {
            article id=(self.id()) {
                h3 { code { (self.method) " " (self.path) } }
                p { strong { (text(&self.value["summary"])) } ". " (text(&self.value["description"])) }
                p { (needs(self.value)) }
                @if items(&self.value["parameters"]).next().is_some() {
                    table {
                        thead { tr { th { "Parameter" } th { "Form" } th { "Meaning" } } }
                        tbody {
                            @for parameter in items(&self.value["parameters"]) {
                                tr {
                                    td { code { (text(&parameter["name"])) } @if parameter["required"] == true { " (needed)" } }
                                    td { (form(&parameter["schema"])) }
                                    td { (text(&parameter["description"])) }
                                }
                            }
                        }
                    }
                }
                @if body.is_object() {
                    h4 { "Body" }
                    p { (text(&body["description"])) }
                    (contents(&body["content"]))
                }
                h4 { "Answers" }
                table {
                    thead { tr { th { "Status" } th { "Meaning" } th { "Body" } } }
                    tbody {
                        @for (status, answer) in members(&self.value["responses"]).map(|(status, answer)| (status, self.resolved(answer))) {
                            tr {
                                td { code { (status) } }
                                td { (text(&answer["description"])) }
                                td { (contents(&answer["content"])) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Which scopes an operation needs.
fn needs(operation: &Value) -> String {
    let schemes = items(&operation["security"]);
    let scopes: Vec<_> = schemes.flat_map(|scheme| items(&scheme[super::BEARER])).map(text).collect();
    match (items(&operation["security"]).next(), scopes.is_empty()) {
        (None, _) => "Needs no token.".to_owned(),
        (_, true) => "Needs a token with any scope.".to_owned(),
        (_, false) => format!("Needs a token with the scope {}.", scopes.join(" and ")),
    }
}

fn contents(content: &Value) -> Markup {
    html! { ul.plain { @for (media_type, content) in members(content) { li { code { (media_type) } " " (form(&content["schema"])) } } } }
}

/// A schema with its members, one a line.
fn described(schema: &Value) -> Markup {
    let parts: Vec<&Value> = ["allOf", "anyOf", "oneOf"].iter().flat_map(|part| items(&schema[*part])).collect();
    let required: Vec<_> = items(&schema["required"]).map(text).collect();
    html! {
        @if !text(&schema["description"]).is_empty() { p { (text(&schema["description"])) } }
        @if schema["properties"].is_object() {
            table {
                thead { tr { th { "Member" } th { "Form" } th { "Meaning" } } }
                tbody {
                    @for (name, member) in members(&schema["properties"]) {
                        tr {
                            td { code { (name) } @if required.contains(&name) { " (always)" } }
                            td { (form(member)) }
                            td { (text(&member["description"])) }
                        }
                    }
                }
            }
        } @else if parts.is_empty() {
            p { (form(schema)) }
        }
        @for part in parts { @if part["$ref"].is_string() { p { "All of " (form(part)) ", and:" } } @else { (described(part)) } }
    }
}

/// What a value looks like, in a few words.
fn form(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str() {
        return schema_link(name.rsplit('/').next().unwrap_or_default());
    }
    let parts: Vec<&Value> = ["anyOf", "oneOf", "allOf"].iter().flat_map(|part| items(&schema[*part])).collect();
    if !parts.is_empty() {
        let shown = parts.iter().filter(|part| part["maxLength"] != 0);
        return html! { @for (at, part) in shown.enumerate() { @if at > 0 { " or " } (form(part)) } };
    }
    let words: Vec<_> =
        items(&schema["enum"]).map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect();
    if !words.is_empty() {
        return html! { @for (at, word) in words.iter().enumerate() { @if at > 0 { ", " } code { (word) } } };
    }
    let bound = |name: &str| {
        schema.get(name).map(|bound| bound.as_f64().map_or_else(|| bound.to_string(), |bound| bound.to_string()))
    };
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(text).collect::<Vec<_>>().join(" or "),
        kind => text(kind).to_owned(),
    };
    html! {
        @if schema["type"] == "array" { "list of " (form(&schema["items"])) }
        @else if schema["format"].is_string() { (text(&schema["format"])) }
        @else if kind.is_empty() { "anything" }
        @else if kind == "string" { "text" }
        @else { (kind) }
        @if let Some(most) = bound("maxLength") { " of at most " (most) " characters" }
        @match (bound("minimum"), bound("maximum")) {
            (Some(least), Some(most)) => { " from " (least) " to " (most) }
            (Some(least), None) => { " from " (least) }
            _ => {}
        }
    }
}

fn schema_link(name: &str) -> Markup {
    html! { a href=(format!("#schema-{name}")) { (name) } }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> std::slice::Iter<'_, Value> {
    value.as_array().map_or(&[][..], Vec::as_slice).iter()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).map(|(name, value)| (name.as_str(), value))
}
