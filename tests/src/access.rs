//! Callers of a server: each with what it may see.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use steps_shared::StepId;

use crate::server::Builder;
use crate::{Answer, Server};

/// Asks a server, with a token or without one.
#[derive(Debug, Clone)]
pub struct Caller<'a> {
    server: &'a Server,
    token: Option<String>,
}

/// A new token, which no server has.
#[must_use]
pub fn generated_token() -> String {
    Builder::bare().run_with(&["token", "generate"]).ok().trim().to_owned()
}

impl<'a> Caller<'a> {
    /// Somebody without a token.
    #[must_use]
    pub fn anonymous(server: &'a Server) -> Self {
        Self { server, token: None }
    }

    /// The holder of this token.
    #[must_use]
    pub fn with(server: &'a Server, token: &str) -> Self {
        Self { server, token: Some(token.to_owned()) }
    }

    /// The holder of a new token with the scopes to record and to read, and these patterns of components and environments. The
    /// server must let anonymous callers make tokens.
    pub async fn limited(server: &'a Server, components: &[&str], environments: &[&str]) -> Self {
        let token = json!({
            "name": format!("t-{}", StepId::generate()), "scopes": ["record", "read"], "components": components,
            "environments": environments,
        });
        let answer = server.post_body("/v1/tokens", "application/json", token.to_string()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let secret = answer.json()["secret"].as_str().expect("a secret").to_owned();
        Self::with(server, &secret)
    }

    /// A request of this caller.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.server.request(method, path);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// `GET path`, and its answer.
    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// `POST path` with this JSON, and its answer.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.request(Method::POST, path).header("content-type", "application/json");
        Answer::of(request.body(body.to_string())).await
    }
}
