//! The few calls of EC2, Secrets Manager and the tagging API. The SDK's crate for EC2 alone is larger than all else that this program is
//! built of, so these are signed here, by the SDK's own crate for that.

use std::time::SystemTime;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::advice::{AwsError, Failure};
use crate::session::Session;

impl Session {
    /// Whether EC2 has a key pair of this name.
    pub async fn has_key_pair(&self, name: &str) -> Result<(), Failure> {
        self.ec2("DescribeKeyPairs", &[("KeyName.1", name)]).await.map(drop)
    }

    /// The last lines that a machine wrote to its console, oldest first; none while EC2 has not fetched them.
    pub async fn console(&self, machine: &str, lines: usize) -> Result<Vec<String>, Failure> {
        let answer = self.ec2("GetConsoleOutput", &[("InstanceId", machine)]).await?;
        let coded: String = texts(&answer, "output").concat().split_whitespace().collect();
        let text = STANDARD.decode(coded).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        Ok(last_lines(&text, lines))
    }

    /// The snapshots of a volume.
    pub async fn snapshots(&self, volume: &str) -> Result<Vec<String>, Failure> {
        let filter = [("Owner.1", "self"), ("Filter.1.Name", "volume-id"), ("Filter.1.Value.1", volume)];
        Ok(texts(&self.ec2("DescribeSnapshots", &filter).await?, "snapshotId"))
    }

    /// Deletes a snapshot.
    pub async fn delete_snapshot(&self, snapshot: &str) -> Result<(), Failure> {
        self.ec2("DeleteSnapshot", &[("SnapshotId", snapshot)]).await.map(drop)
    }

    /// What a machine does: `running`, `terminated`, or nothing where EC2 knows it no more.
    pub async fn machine_state(&self, machine: &str) -> Result<Option<String>, Failure> {
        match self.ec2("DescribeInstances", &[("InstanceId.1", machine)]).await {
            Ok(answer) => Ok(texts(&answer, "name").into_iter().next()),
            Err(failure) if failure.what.contains("InvalidInstanceID") => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The text of a secret.
    pub async fn secret(&self, arn: &str) -> Result<String, Failure> {
        let answer = self.json("secretsmanager", "secretsmanager.GetSecretValue", &json!({ "SecretId": arn })).await?;
        let text = answer["SecretString"].as_str();
        text.map(str::to_owned)
            .ok_or_else(|| Failure::new(format!("{arn} holds no text"), "run --destroy, and launch again"))
    }

    /// Deletes a secret at once, where a deleted stack has left it. Says whether there was one.
    pub async fn delete_secret(&self, arn: &str) -> Result<bool, Failure> {
        let secret = json!({ "SecretId": arn, "ForceDeleteWithoutRecovery": true });
        match self.json("secretsmanager", "secretsmanager.DescribeSecret", &json!({ "SecretId": arn })).await {
            Err(failure) if failure.what.contains("ResourceNotFoundException") => return Ok(false),
            described => described?,
        };
        match self.json("secretsmanager", "secretsmanager.DeleteSecret", &secret).await {
            Err(failure) if failure.what.contains("ResourceNotFoundException") => Ok(false),
            deleted => deleted.map(|_| true),
        }
    }

    /// The names (ARNs) of all that has this tag.
    pub async fn tagged(&self, key: &str, value: &str) -> Result<Vec<String>, Failure> {
        let (mut found, mut page) = (Vec::new(), Value::from(""));
        loop {
            let filter = json!({ "TagFilters": [{ "Key": key, "Values": [value] }], "PaginationToken": page });
            let answer = self.json("tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", &filter).await?;
            let mappings = answer["ResourceTagMappingList"].as_array().into_iter().flatten();
            found.extend(mappings.filter_map(|mapping| mapping["ResourceARN"].as_str()).map(str::to_owned));
            page = answer["PaginationToken"].clone();
            if page.as_str().is_none_or(str::is_empty) {
                return Ok(found);
            }
        }
    }

    async fn ec2(&self, action: &str, parameters: &[(&str, &str)]) -> Result<String, Failure> {
        let mut body = format!("Action={action}&Version=2016-11-15");
        for (name, value) in parameters {
            // Names, ids and patterns of the template: what is more than letters and digits is coded.
            let coded: String = value.bytes().map(form_coded).collect();
            body.push_str(&format!("&{name}={coded}"));
        }
        let asked = format!("ec2:{action}");
        let (status, text) = self.post("ec2", &asked, "application/x-www-form-urlencoded", None, body).await?;
        if status.is_success() {
            return Ok(text);
        }
        let told = |name| texts(&text, name).into_iter().next();
        Err(Failure::of_aws(&asked, &error_of(status, told("Code"), told("Message"))))
    }

    async fn json(&self, service: &str, target: &str, body: &Value) -> Result<Value, Failure> {
        let action = target.rsplit('.').next().unwrap_or_default();
        let asked = format!("{}:{action}", if service == "tagging" { "tag" } else { service });
        let sent = self.post(service, &asked, "application/x-amz-json-1.1", Some(target), body.to_string());
        let (status, text) = sent.await?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        let code = value["__type"].as_str().and_then(|code| code.rsplit('#').next());
        let message = value["message"].as_str().or(value["Message"].as_str());
        Err(Failure::of_aws(&asked, &error_of(status, code.map(str::to_owned), message.map(str::to_owned))))
    }

    /// Signs and sends; returns the status and the body.
    async fn post(
        &self,
        service: &str,
        asked: &str,
        media_type: &str,
        target: Option<&str>,
        body: String,
    ) -> Result<(StatusCode, String), Failure> {
        let failed = |message: String| Failure::of_aws(asked, &AwsError { code: String::new(), message });
        let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let usual = || format!("https://{service}.{}.{domain}/", self.region);
        let url = self.config.endpoint_url().map_or_else(usual, |url| format!("{}/", url.trim_end_matches('/')));
        let provider = self.config.credentials_provider().ok_or_else(|| failed("no credentials".into()))?;
        let identity: Identity =
            provider.provide_credentials().await.map_err(|error| failed(format!("credentials: {error}")))?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let mut headers = vec![("content-type", media_type)];
        headers.extend(target.map(|target| ("x-amz-target", target)));
        let signable =
            SignableRequest::new("POST", &url, headers.iter().copied(), SignableBody::Bytes(body.as_bytes()));
        let signed = signable.and_then(|signable| sign(signable, &parameters.into()));
        let (instructions, _) = signed.map_err(|error| failed(error.to_string()))?.into_parts();
        let mut request = self.http.post(&url).header(CONTENT_TYPE, media_type);
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        for (name, value) in instructions.headers() {
            request = request.header(name, value);
        }
        let answer = request.body(body).send().await.map_err(|error| failed(with_causes(&error)))?;
        let status = answer.status();
        Ok((status, answer.text().await.map_err(|error| failed(with_causes(&error)))?))
    }
}

/// An error and what caused it.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// What an answer that is no success says of itself.
fn error_of(status: StatusCode, code: Option<String>, message: Option<String>) -> AwsError {
    AwsError {
        code: code.unwrap_or_else(|| status.as_u16().to_string()),
        message: message.unwrap_or_else(|| format!("AWS answered {status} and gave no reason")),
    }
}

/// The texts of all elements of this name.
fn texts(xml: &str, name: &str) -> Vec<String> {
    let Ok(document) = roxmltree::Document::parse(xml) else { return Vec::new() };
    let elements = document.descendants().filter(|node| node.tag_name().name() == name);
    elements.filter_map(|node| node.text()).map(|text| text.trim().to_owned()).collect()
}

fn form_coded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}

fn last_lines(text: &str, count: usize) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let shown = &lines[lines.len().saturating_sub(count)..];
    // What a machine writes may hold what steers a terminal.
    shown.iter().map(|line| line.chars().filter(|c| !c.is_control()).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_whatever_their_namespace() {
        let xml = r#"<R xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><s><snapshotId>snap-1</snapshotId></s><snapshotId>snap-2</snapshotId></R>"#;
        assert_eq!(texts(xml, "snapshotId"), ["snap-1", "snap-2"]);
        assert!(texts("<broken", "x").is_empty());
    }

    #[test]
    fn the_last_lines_hold_no_controls() {
        assert_eq!(last_lines("a\r\n\nb\u{1b}[31m\nc\n", 2), ["b[31m", "c"]);
        assert!(last_lines("", 2).is_empty());
    }

    #[test]
    fn forms_are_coded() {
        assert_eq!("a b&c/ü".bytes().map(form_coded).collect::<String>(), "a%20b%26c%2F%C3%BC");
    }
}
