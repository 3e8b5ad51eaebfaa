//! Who asks AWS, where, and through which connections.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

use crate::advice::Failure;
use crate::arguments::{Arguments, given};

/// Credentials that AWS has accepted, in a region.
pub struct Session {
    /// Credentials, region and endpoint.
    pub config: SdkConfig,
    /// The region's name.
    pub region: String,
    /// The account's number.
    pub account: String,
    /// For CloudFormation.
    pub cloudformation: aws_sdk_cloudformation::Client,
    /// For what has no client of its own.
    pub http: reqwest::Client,
}

impl Session {
    /// Finds the credentials and the region, and asks AWS whose they are.
    ///
    /// # Errors
    /// There are none, or AWS refuses them.
    pub async fn open(arguments: &Arguments) -> Result<Self, Failure> {
        let tls = Provider::Rustls(CryptoMode::Ring);
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).http_client(Builder::new().tls_provider(tls).build_https());
        if let Some(region) = given(arguments.region.as_ref()) {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let config = loader.load().await;
        let region = config.region().map(|region| region.as_ref().to_owned()).filter(|region| !region.is_empty());
        let region = region.ok_or_else(|| {
            let advice = "give --region, AWS_REGION or AWS_DEFAULT_REGION, such as eu-central-1";
            Failure::new("no region: where is the machine to be?", advice).usage()
        })?;
        if !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(
                Failure::new(format!("no region is called {region:?}"), "give one such as eu-central-1").usage()
            );
        }
        let caller = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
        let caller = caller.map_err(|error| Failure::of_sdk("sts:GetCallerIdentity", &error))?;
        let http = reqwest::Client::builder().build();
        let http =
            http.map_err(|error| Failure::new(format!("no TLS: {error}"), "check the certificates of this system"))?;
        Ok(Self {
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            account: caller.account.unwrap_or_default(),
            config,
            region,
            http,
        })
    }
}
