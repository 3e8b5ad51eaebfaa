//! The template, and what is said to it.

use std::collections::BTreeMap;

use crate::advice::Failure;
use crate::arguments::{Architecture, Arguments, given};

/// The template, `deploy/aws/steps.yaml`.
pub const TEMPLATE: &str = include_str!("../../steps.yaml");

/// What an update may never replace: the data, and the address and the machine that have it. CloudFormation refuses before it
/// changes anything.
pub const UPDATE_POLICY: &str = r#"{"Statement": [
  {"Effect": "Allow", "Principal": "*", "Action": "Update:*", "Resource": "*"},
  {"Effect": "Deny", "Principal": "*", "Action": ["Update:Replace", "Update:Delete"],
   "Resource": ["LogicalResourceId/Data", "LogicalResourceId/Machine", "LogicalResourceId/Address"]}
]}"#;

/// The tag of everything that a launcher makes; its value is the stack's name.
pub const TAG: &str = "steps-launcher";

/// Where releases stand.
const RELEASES: &str = "https://github.com/steps-dev/steps/releases/download";

/// Values of the template's parameters, by their names.
pub type Parameters = BTreeMap<&'static str, String>;

/// What was said on the command line, the package aside.
pub fn said(arguments: &Arguments) -> Parameters {
    let mut said = Parameters::new();
    let mut say = |name, value: Option<String>| said.extend(value.map(|value| (name, value)));
    let text = |value: &Option<String>| given(value.as_ref()).map(str::to_owned);
    say("KeyName", text(&arguments.key_name));
    say("SshCidr", text(&arguments.ssh_from));
    say("Zone", text(&arguments.zone));
    say("Domain", text(&arguments.domain));
    say("DataSnapshot", text(&arguments.snapshot));
    say("DataSize", arguments.data_size.map(|size| size.to_string()));
    say("Architecture", arguments.architecture.map(|architecture| architecture.name().to_owned()));
    let usual = (arguments.architecture == Some(Architecture::Amd64)).then(|| "t3.small".to_owned());
    say("InstanceType", text(&arguments.instance_type).or(usual));
    said
}

/// The address of the package for this processor.
pub fn package_url(arguments: &Arguments, architecture: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let usual = || format!("{RELEASES}/v{version}/steps-server_{version}-1_{architecture}.deb");
    given(arguments.package.as_ref()).map_or_else(usual, str::to_owned)
}

/// The checksum of the package: the one that was given, else the one that stands beside it in `SHA256SUMS`.
///
/// # Errors
/// The list cannot be read, or does not name the package.
pub async fn package_sha256(arguments: &Arguments, http: &reqwest::Client, package: &str) -> Result<String, Failure> {
    if let Some(given) = given(arguments.package_sha256.as_ref()) {
        return Ok(given.to_ascii_lowercase());
    }
    let (folder, file) = package.rsplit_once('/').unwrap_or_default();
    let list = format!("{folder}/SHA256SUMS");
    let advice =
        "give --package URL and --package-sha256 HEX of a steps-server_…_arm64.deb that the machine can download";
    let failed = |error: reqwest::Error| {
        Failure::new(format!("the package's checksum cannot be read: {}", crate::query::with_causes(&error)), advice)
    };
    let answer = http.get(&list).send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    let text = answer.text().await.map_err(failed)?;
    checksum_of(&text, file).ok_or_else(|| Failure::new(format!("{list} does not name {file}"), advice))
}

/// The checksum of a file in a list as `sha256sum` writes it.
fn checksum_of(list: &str, file: &str) -> Option<String> {
    let mut lines = list.lines().filter_map(|line| line.split_once(' '));
    let (checksum, _) = lines.find(|(_, name)| name.trim_start_matches([' ', '*']) == file)?;
    (checksum.len() == 64 && checksum.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| checksum.to_ascii_lowercase())
}

/// How many resources the template has.
pub fn resource_count() -> usize {
    resource_names().count()
}

fn resource_names() -> impl Iterator<Item = &'static str> {
    let resources = TEMPLATE.split("\nResources:\n").nth(1).unwrap_or_default();
    let resources = resources.split("\nOutputs:\n").next().unwrap_or_default();
    resources.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?.strip_suffix(':')?;
        name.starts_with(|c: char| c.is_ascii_uppercase()).then_some(name)
    })
}

/// What a resource of the template is, for people.
pub fn in_words(name: &str) -> &str {
    match name {
        "Network" => "the network",
        "Gateway" | "GatewayAttachment" => "its gateway",
        "Subnet" => "its subnet",
        "Routes" | "DefaultRoute" | "SubnetRoutes" => "its routes",
        "Firewall" => "the firewall",
        "Address" | "AddressAssociation" => "the address",
        "Interface" => "the network interface",
        "Data" => "the volume for the data",
        "DataAttachment" => "the volume's attachment",
        "TokenSecret" => "the secret with the token",
        "Role" | "Profile" => "the machine's role",
        "Machine" => "the machine",
        "Answer" | "Answers" => "the machine's answer: it installs the database and the server",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn each_resource_has_words() {
        assert!(resource_count() > 15);
        for name in resource_names() {
            assert_ne!(in_words(name), name);
        }
    }

    #[test]
    fn what_is_said_are_parameters_of_the_template() {
        let line = "steps-launcher --key-name k --ssh-from 203.0.113.7/32 --zone z --domain d.example --snapshot snap-1 \
                    --data-size 20 --architecture amd64 --instance-type t3.micro";
        let said = said(&Arguments::parse_from(line.split_whitespace()));
        assert_eq!(said.len(), 8);
        for name in said.keys().chain(&["Token", "PackageUrl", "PackageSha256", "ImageId"]) {
            assert!(TEMPLATE.contains(&format!("\n  {name}:\n")), "{name}");
        }
    }

    #[test]
    fn an_empty_variable_says_nothing() {
        assert!(said(&Arguments::parse_from(["steps-launcher", "--key-name", "", "--ssh-from", ""])).is_empty());
    }

    #[test]
    fn a_checksum_is_found_by_the_whole_name() {
        let sum = "0123456789abcdef".repeat(4);
        let list =
            format!("{}  a_arm64.deb.sig\n{sum}  a_arm64.deb\n{sum} *b.deb\nbroken\nxyz  c.deb\n", "f".repeat(64));
        assert_eq!(checksum_of(&list, "a_arm64.deb"), Some(sum.clone()));
        assert_eq!(checksum_of(&list, "b.deb"), Some(sum));
        assert_eq!((checksum_of(&list, "a"), checksum_of(&list, "c.deb")), (None, None));
    }
}
