//! `steps-server healthcheck`: asks the server of the same settings on this machine whether it is well, as a container's health
//! check does. It opens no database and reads no secret.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::{Response, redirect};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use steps_shared::innermost;
use tokio::time::{Instant, sleep, timeout_at};

use super::Settings;
use super::tls::{TlsError, first_certificate};
use crate::maintenance::HealthcheckFlags;

/// How long it may take altogether.
const LIMIT: Duration = Duration::from_secs(3);
/// How long to wait for a server that has not loaded a changed certificate yet.
const PAUSE: Duration = Duration::from_millis(250);
/// The most bytes of an answer that are read.
const MOST_BYTES: usize = 4096;

/// Why the server counts as not well.
#[derive(Debug, thiserror::Error)]
enum Unhealthy {
    #[error(
        "--listen {0} lets the system choose a port, which is not known here; give the server a port of its own, and the same here"
    )]
    AnyPort(SocketAddr),
    #[error(transparent)]
    Certificate(#[from] TlsError),
    #[error("{0} cannot be asked: {1}")]
    Client(Endpoint, String),
    #[error("nothing answers on {0}: {1}; if the server has other settings, give them here, too")]
    NoAnswer(Endpoint, String),
    #[error("{0} does not answer within {limit} s", limit = LIMIT.as_secs())]
    TimedOut(Endpoint),
    #[error(
        "{0} shows another certificate than that in {1}: it is another server, or one that could not load the file; its log says so"
    )]
    OtherCertificate(Endpoint, String),
    #[error("{0} answers {1}")]
    Problem(Endpoint, String),
    #[error("{0} answers, but not as steps-server does")]
    OtherServer(Endpoint),
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
struct Endpoint {
    scheme: &'static str,
    address: SocketAddr,
    path: &'static str,
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scheme, address, path } = self;
        write!(f, "{scheme}://{address}{path}")
    }
}

/// Asks the server that has these settings, on this machine. A sentence about a server that is well.
///
/// # Errors
/// It is not, or does not answer; in a sentence.
pub async fn healthcheck(settings: &Settings, flags: &HealthcheckFlags) -> anyhow::Result<String> {
    let until = Instant::now() + LIMIT;
    let (path, status) = if flags.ready { ("/readyz", "ready") } else { ("/healthz", "ok") };
    let scheme = if settings.tls_cert.is_some() { "https" } else { "http" };
    let endpoint = Endpoint { scheme, address: reachable(settings.listen)?, path };
    let mut before = Unhealthy::TimedOut(endpoint);
    loop {
        let asked = ask(endpoint, status, settings.tls_cert.as_deref());
        match timeout_at(until, asked).await {
            Ok(Ok(())) => return Ok(format!("{endpoint} answers: {status}")),
            // A server looks at its files every two seconds.
            Ok(Err(other @ Unhealthy::OtherCertificate(..))) if Instant::now() + PAUSE < until => {
                before = other;
                sleep(PAUSE).await;
            }
            Ok(Err(unhealthy)) => return Err(unhealthy.into()),
            // What was seen before the time was over says more than that it is over.
            Err(_) => return Err(before.into()),
        }
    }
}

/// The address under which this machine reaches a server that listens there.
fn reachable(listen: SocketAddr) -> Result<SocketAddr, Unhealthy> {
    if listen.port() == 0 {
        return Err(Unhealthy::AnyPort(listen));
    }
    let mut address = listen;
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Ok(address)
}

async fn ask(endpoint: Endpoint, status: &str, certificate: Option<&Path>) -> Result<(), Unhealthy> {
    let Endpoint { scheme, address, path } = endpoint;
    let failed = |error: &dyn std::error::Error| Unhealthy::Client(endpoint, innermost(error));
    // Connections go to this address, whatever the URL says; the name in it is one that every server answers to.
    let client = reqwest::Client::builder().no_proxy().redirect(redirect::Policy::none()).resolve("localhost", address);
    let other_shown = Arc::new(AtomicBool::new(false));
    let provider = Arc::new(ring::default_provider());
    let client = match certificate {
        Some(file) => {
            let only = OnlyThis {
                certificate: first_certificate(file)?,
                other_shown: Arc::clone(&other_shown),
                provider: Arc::clone(&provider),
            };
            let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
            let config = config.map_err(|error| failed(&error))?.dangerous();
            client.tls_backend_preconfigured(
                config.with_custom_certificate_verifier(Arc::new(only)).with_no_client_auth(),
            )
        }
        None => {
            // Nothing is sent over TLS, but the client wants to know how it would be.
            let _ = ring::default_provider().install_default();
            client.tls_certs_only([])
        }
    };
    let client = client.build().map_err(|error| failed(&error))?;
    let sent = client.get(format!("{scheme}://localhost:{}{path}", address.port())).send().await;
    let response = sent.map_err(|error| match certificate {
        Some(file) if other_shown.load(Ordering::Relaxed) => {
            Unhealthy::OtherCertificate(endpoint, file.display().to_string())
        }
        _ => Unhealthy::NoAnswer(endpoint, innermost(&error)),
    })?;
    let code = response.status();
    let body: serde_json::Value = serde_json::from_slice(&beginning(response).await).unwrap_or_default();
    match body.get("detail").and_then(serde_json::Value::as_str) {
        _ if code.is_success() && body.get("status").is_some_and(|said| said == status) => Ok(()),
        _ if code.is_success() => Err(Unhealthy::OtherServer(endpoint)),
        Some(detail) => Err(Unhealthy::Problem(endpoint, format!("{}: {detail}", code.as_u16()))),
        None => Err(Unhealthy::Problem(endpoint, code.to_string())),
    }
}

/// The beginning of an answer's body.
async fn beginning(mut response: Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < MOST_BYTES
        && let Ok(Some(chunk)) = response.chunk().await
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes
}

/// Trusts one certificate, whatever names and times it has and whoever signed it.
#[derive(Debug)]
struct OnlyThis {
    certificate: CertificateDer<'static>,
    /// Whether the server has shown another one.
    other_shown: Arc<AtomicBool>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OnlyThis {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *shown == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        self.other_shown.store(true, Ordering::Relaxed);
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_asked_on_loopback() {
        for (listen, asked) in [
            ("127.0.0.1:7878", "127.0.0.1:7878"),
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:7878", "[::1]:7878"),
            ("10.0.0.7:7878", "10.0.0.7:7878"),
            ("[fd00::1]:7878", "[fd00::1]:7878"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).unwrap().to_string(), asked);
        }
        let said = reachable("127.0.0.1:0".parse().unwrap()).unwrap_err().to_string();
        assert!(said.contains("127.0.0.1:0") && said.contains("a port of its own"), "{said}");
    }
}
