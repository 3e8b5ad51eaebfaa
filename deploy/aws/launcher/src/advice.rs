//! What failed, and what to do about it: the words of AWS on one line, advice on the next.

use std::fmt;

use aws_sdk_cloudformation::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};

use crate::{FAILED, USAGE};

/// Why the program ends without having done what it was asked for.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub advice: String,
    /// The exit code.
    pub code: u8,
}

impl Failure {
    /// A failure of AWS, the machine or the network.
    pub fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into(), code: FAILED }
    }

    /// The same, as a failure of who called.
    pub fn usage(self) -> Self {
        self.with_code(USAGE)
    }

    /// The same, with this exit code.
    pub fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// What AWS's error is about. `asked` is what was asked for, as a permission is written: `cloudformation:CreateStack`.
    pub fn of_aws(asked: &str, error: &AwsError) -> Self {
        let AwsError { code, message } = error;
        let what = if code.is_empty() { format!("{asked}: {message}") } else { format!("{asked}: {message} ({code})") };
        let (advice, is_usage) = advise(asked, code, message);
        let failure = Self::new(what, advice);
        if is_usage { failure.usage() } else { failure }
    }

    /// The same, of an error of the SDK.
    pub fn of_sdk<E, R>(asked: &str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: fmt::Debug,
    {
        Self::of_aws(asked, &AwsError::of_sdk(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  to do: {}", self.what, self.advice)
    }
}

/// An error that AWS answered, or that kept it from answering, which has no code.
#[derive(Debug)]
pub struct AwsError {
    /// `AccessDenied`.
    pub code: String,
    /// A sentence.
    pub message: String,
}

impl AwsError {
    /// What the SDK says.
    pub fn of_sdk<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: fmt::Debug,
    {
        match error.as_service_error() {
            Some(answered) => Self {
                code: answered.code().unwrap_or("no code").to_owned(),
                message: answered.message().unwrap_or("AWS gave no reason").to_owned(),
            },
            None => Self { code: String::new(), message: DisplayErrorContext(error).to_string() },
        }
    }
}

/// What to do about an error, and whether who called is wrong.
fn advise(asked: &str, code: &str, message: &str) -> (String, bool) {
    let keys = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    match code {
        "InvalidClientTokenId" | "UnrecognizedClientException" | "AuthFailure" | "InvalidAccessKeyId" => {
            (format!("AWS does not know this access key: check {keys}; temporary ones need AWS_SESSION_TOKEN as well"), true)
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" | "IncompleteSignature" => {
            ("the secret does not belong to the access key: check AWS_SECRET_ACCESS_KEY, and this machine's clock".into(), true)
        }
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => {
            ("these credentials have expired: get new ones, and check this machine's clock".into(), true)
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => (
            format!("let these credentials do {}; deploy/aws/permissions.json has all that is needed", denied_action(message).unwrap_or(asked)),
            true,
        ),
        "OptInRequired" | "PendingVerification" => ("finish the sign-up of the account, or enable this region in it".into(), true),
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" => ("wait a minute, and run the same command again".into(), false),
        "AlreadyExistsException" => ("another launcher was quicker: run the same command again".into(), false),
        "InvalidKeyPair.NotFound" => {
            ("name a key pair of this region (`aws ec2 describe-key-pairs`), import one (`aws ec2 import-key-pair`), or leave --key-name out".into(), true)
        }
        "" if message.contains("redential") => (
            format!(
                "give credentials: {keys} in the environment, or a profile in ~/.aws with AWS_PROFILE. Of single sign-on: \
                 eval \"$(aws configure export-credentials --format env)\""
            ),
            true,
        ),
        "" => ("check the region's name, the network and the proxy, and run the same command again".into(), false),
        _ => advise_by_reason(message).map_or_else(
            || ("read the sentence above; when it is cured, run the same command again".into(), false),
            |advice| (advice, false),
        ),
    }
}

/// What to do about the reason with which a resource could not be made.
pub fn advise_by_reason(reason: &str) -> Option<String> {
    let lower = reason.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if let Some(action) = denied_action(reason) {
        return Some(format!("let these credentials do {action}; deploy/aws/permissions.json has all that is needed"));
    }
    if has(&["key pair", "invalidkeypair"]) {
        return Some("name a key pair of this region, or leave --key-name out".into());
    }
    if has(&[
        "limitexceeded",
        "limit exceeded",
        "maximum number of",
        "quota",
        "vcpu capacity",
        "addresses have been reached",
    ]) {
        return Some(
            "the account may have no more of this: remove one that is not needed, or ask for more under Service Quotas"
                .into(),
        );
    }
    if has(&[
        "insufficient capacity",
        "insufficientinstancecapacity",
        "requested availability zone",
        "is not supported in",
    ]) {
        return Some("name another zone with --zone, or another --instance-type".into());
    }
    if has(&["waitcondition timed out", "waitcondition received failed", "failed to receive"]) {
        return Some("what the machine said is above; deploy/README.md tells about the usual reasons".into());
    }
    None
}

/// The action that a sentence of AWS says is not permitted: `… is not authorized to perform: ec2:CreateVpc on …`.
fn denied_action(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == ':' || c == '-')).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|action| action.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str, message: &str) -> Failure {
        Failure::of_aws("cloudformation:CreateStack", &AwsError { code: code.into(), message: message.into() })
    }

    #[test]
    fn a_missing_permission_is_named() {
        let sentence = "User: arn:aws:iam::1:user/ann is not authorized to perform: ec2:CreateVpc on resource: x";
        assert!(of("AccessDenied", sentence).advice.contains("do ec2:CreateVpc;"));
        assert!(of("AccessDenied", "no").advice.contains("do cloudformation:CreateStack;"));
        assert!(advise_by_reason(sentence).is_some_and(|advice| advice.contains("ec2:CreateVpc")));
    }

    #[test]
    fn wrong_credentials_are_the_callers() {
        for code in ["InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "AccessDenied"] {
            assert_eq!(of(code, "no").code, USAGE, "{code}");
        }
        let none = of("", "the credential provider was not enabled");
        assert!(none.code == USAGE && none.advice.contains("AWS_ACCESS_KEY_ID"));
        assert_eq!(of("", "dns error").code, FAILED);
    }

    #[test]
    fn reasons_of_resources_have_advice() {
        for (reason, word) in [
            ("The maximum number of addresses has been reached. (Service: Ec2)", "Service Quotas"),
            ("The key pair 'x' does not exist", "--key-name"),
            ("Your requested instance type (t4g.small) is not supported in your requested Availability Zone", "--zone"),
            ("WaitCondition timed out. Received 0 conditions when expecting 1", "deploy/README.md"),
        ] {
            assert!(advise_by_reason(reason).is_some_and(|advice| advice.contains(word)), "{reason}");
        }
        assert_eq!(advise_by_reason("Internal Failure"), None);
    }
}
