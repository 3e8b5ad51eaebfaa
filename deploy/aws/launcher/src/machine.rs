//! The server on the machine: whether it answers over TLS, and records and reads.

use std::time::Duration;

use reqwest::{Certificate, Client, Method, StatusCode};
use serde_json::{Value, json};
use steps_shared::TokenSecret;
use tokio::time::Instant;

use crate::advice::Failure;
use crate::progress::Progress;
use crate::query::with_causes;

/// The component of the one step that a launcher records.
const COMPONENT: &str = "steps-launcher";

/// A server, its token, and the certificate that it must have.
pub struct Machine {
    url: String,
    token: TokenSecret,
    http: Client,
}

impl Machine {
    /// `certificate` is trusted beside the system's.
    ///
    /// # Errors
    /// It is no certificate.
    pub fn new(url: &str, token: TokenSecret, certificate: &str) -> Result<Self, Failure> {
        let wrong =
            |error| Failure::new(format!("the certificate of the machine: {error}"), "run --destroy, and launch again");
        let certificates = Certificate::from_pem_bundle(certificate.as_bytes()).map_err(wrong)?;
        let http = Client::builder().tls_certs_merge(certificates).timeout(Duration::from_secs(10)).no_proxy();
        Ok(Self { url: url.to_owned(), token, http: http.build().map_err(wrong)? })
    }

    /// Whether it is ready; else why not.
    pub async fn ready(&self) -> Result<(), String> {
        let answer = self.http.get(format!("{}/readyz", self.url)).send().await.map_err(|error| with_causes(&error))?;
        match answer.status() {
            StatusCode::OK => Ok(()),
            status => Err(format!("it answers {status}")),
        }
    }

    /// Waits until it is ready.
    ///
    /// # Errors
    /// It is not so in time.
    pub async fn wait_until_ready(&self, time: Duration, progress: &Progress) -> Result<(), Failure> {
        let deadline = Instant::now() + time;
        progress.doing(&format!("waiting for {}", self.url));
        loop {
            let Err(reason) = self.ready().await else { return Ok(()) };
            if Instant::now() >= deadline {
                let advice = "wait, and run the same command again (--wait MINUTES for longer); of a domain: let its name lead to \
                              the address, then restart the machine; else --destroy, and launch again";
                return Err(Failure::new(format!("{} does not answer: {reason}", self.url), advice));
            }
            progress.doing(&format!("waiting for {}: {reason}", self.url));
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    }

    /// Records a step with this id, and reads it back. The same id again records nothing new.
    ///
    /// # Errors
    /// The server refuses, or has something else.
    pub async fn prove(&self, id: &str) -> Result<(), Failure> {
        let step = json!({
            "id": id, "component": COMPONENT, "version": "1", "owner": COMPONENT, "environment": "launch", "status": "succeeded",
        });
        self.ask(Method::POST, "/v1/steps", Some(step)).await?;
        let list = self.ask(Method::GET, &format!("/v1/steps?component={COMPONENT}&format=json"), None).await?;
        if list.to_string().contains(id) {
            return Ok(());
        }
        Err(Failure::new(
            "the step that was recorded is not among those that are read",
            "look at the server's log: journalctl -u steps-server",
        ))
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let failed =
            |what: String| Failure::new(format!("{method} {}{path}: {what}", self.url), "run the same command again");
        let request = self.http.request(method.clone(), format!("{}{path}", self.url)).bearer_auth(self.token.expose());
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = request.send().await.map_err(|error| failed(with_causes(&error)))?;
        let status = answer.status();
        let value: Value = answer.json().await.unwrap_or_default();
        match status {
            status if status.is_success() => Ok(value),
            // The step is there already, of another version of this program.
            StatusCode::CONFLICT => Ok(value),
            StatusCode::UNAUTHORIZED => Err(Failure::new(
                format!("{} does not know the token", self.url),
                "was another one made its bootstrap token by hand? Put that into the token file, or --destroy and launch again",
            )),
            status => Err(failed(format!("{status}: {value}"))),
        }
    }
}

/// The certificate in what the machine told CloudFormation: JSON, by the name of who told.
pub fn certificate_of(data: &str) -> Option<String> {
    let told: Value = serde_json::from_str(data).ok()?;
    let mut texts = told.as_object()?.values().filter_map(Value::as_str);
    texts.find(|text| text.starts_with("-----BEGIN CERTIFICATE-----")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_is_found_in_what_was_told() {
        let pem = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n";
        let data = json!({ "machine": pem }).to_string();
        assert_eq!(certificate_of(&data).as_deref(), Some(pem));
        for wrong in ["", "{}", "[]", r#"{"machine": "no"}"#, r#"{"machine": 1}"#] {
            assert_eq!(certificate_of(wrong), None);
        }
    }
}
