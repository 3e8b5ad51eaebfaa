use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

fn described(is_open: bool) -> Value {
    serde_json::from_slice(&json(is_open)).unwrap()
}

#[test]
fn every_endpoint_is_described_and_no_other() {
    let document = described(false);
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            found.insert((method.to_uppercase(), path.clone()));
            let name = operation["operationId"].as_str().unwrap();
            for member in ["summary", "tags", "responses", "security"] {
                assert!(!operation[member].is_null() && operation[member] != "", "{name} has no {member}");
            }
            let answers = operation["responses"].as_object().unwrap();
            assert!(answers.keys().any(|status| status.starts_with('2')), "{name} has no success");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert_ne!(parameter["description"], "", "{name}: {}", parameter["name"]);
            }
        }
    }
    let served: BTreeSet<_> =
        ENDPOINTS.iter().map(|endpoint| (endpoint.method.to_string(), endpoint.path.to_owned())).collect();
    assert_eq!(found, served);
}

#[test]
fn every_reference_leads_somewhere() {
    let document = described(true);
    let names: BTreeSet<_> = document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(names.contains(name), "{name} is described nowhere");
    }
}

#[test]
fn a_token_is_needed_only_where_it_is() {
    let security = |is_open, path: &str| described(is_open)["paths"][path]["get"]["security"].to_string();
    assert_eq!(security(false, "/v1/steps"), r#"[{"token":["read"]},{"session":["read"]}]"#);
    assert_eq!(security(true, "/v1/steps"), r#"[{},{"token":["read"]},{"session":["read"]}]"#);
    assert_eq!(security(false, "/healthz"), "[]");
}

#[test]
fn the_page_holds_every_operation_and_loads_nothing() {
    let page = String::from_utf8(page::html(false).to_vec()).unwrap();
    for endpoint in ENDPOINTS {
        assert!(page.contains(&format!("id=\"{}\"", endpoint.operation)), "{}", endpoint.operation);
    }
    for forbidden in ["<script", "http://", "https://", "src=", "url(", "@import", " style=", "onclick"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page::policy().starts_with("default-src 'none'; style-src 'sha256-"));
}
