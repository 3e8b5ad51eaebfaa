//! An authority, certificates, and clients with TLS: of HTTP/1.1 and of HTTP/2.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request, StatusCode};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use reqwest::{Client, ClientBuilder};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::faults::attack::address;
use crate::http::{Answer, builder};
use crate::{PATIENCE, Server};

/// ALPN of HTTP/1.1.
pub const HTTP_1: &[u8] = b"http/1.1";
/// ALPN of HTTP/2.
pub const HTTP_2: &[u8] = b"h2";

/// A certificate for 127.0.0.1 and localhost, its key, and the authority that signed it.
pub struct TlsFiles {
    /// The certificate's file.
    pub cert: PathBuf,
    /// The key's file.
    pub key: PathBuf,
    /// The file of the authority's certificate.
    pub authority: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, as PEM and as DER.
#[derive(Debug)]
pub struct Pair {
    /// As PEM.
    pub cert: String,
    /// As PEM.
    pub key: String,
    /// The certificate as a client is shown it.
    pub der: CertificateDer<'static>,
}

impl std::fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsFiles").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Default for TlsFiles {
    fn default() -> Self {
        Self::new()
    }
}

impl TlsFiles {
    /// Makes an authority and a first pair.
    ///
    /// # Panics
    /// Where that cannot be done.
    #[must_use]
    pub fn new() -> Self {
        let folder = TempDir::with_prefix("steps-tls-").expect("a temporary folder");
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let [cert, key, authority] = ["cert.pem", "key.pem", "ca.pem"].map(|name| folder.path().join(name));
        std::fs::write(&authority, issuer.pem()).expect("a file");
        let files = Self { cert, key, authority, issuer, folder };
        files.write(&files.pair());
        files
    }

    /// The folder they are in.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Another pair of the same authority.
    ///
    /// # Panics
    /// Where none can be made.
    #[must_use]
    pub fn pair(&self) -> Pair {
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        Pair { cert: cert.pem(), key: key.serialize_pem(), der: cert.der().clone() }
    }

    /// Writes a pair into the files.
    ///
    /// # Panics
    /// Where that fails.
    pub fn write(&self, pair: &Pair) {
        std::fs::write(&self.cert, &pair.cert).expect("a file");
        std::fs::write(&self.key, &pair.key).expect("a file");
    }

    /// A client of HTTP/1.1 that trusts the authority.
    ///
    /// # Panics
    /// Where none can be built.
    #[must_use]
    pub fn client(&self) -> Client {
        self.client_builder().build().expect("a client")
    }

    /// The same, about to be built.
    ///
    /// # Panics
    /// Where the authority is none.
    pub fn client_builder(&self) -> ClientBuilder {
        let authority = reqwest::Certificate::from_pem(self.issuer.pem().as_bytes()).expect("a certificate");
        builder().tls_certs_only([authority])
    }

    /// A client of TLS that trusts the authority and offers these protocols.
    ///
    /// # Panics
    /// Where none can be built.
    #[must_use]
    pub fn connector(&self, protocols: &[&[u8]]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_root_certificates(roots);
        let mut config = config.with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    /// A connection that has offered these protocols.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn connect(&self, server: &Server, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
        self.try_connect(server, protocols).await.expect("a handshake")
    }

    /// The same, unless the server closes it.
    ///
    /// # Errors
    /// The server closes it.
    ///
    /// # Panics
    /// Where the server says nothing.
    pub async fn try_connect(&self, server: &Server, protocols: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address(server)).await?;
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let handshake = self.connector(protocols).connect(name, stream);
        tokio::time::timeout(PATIENCE, handshake).await.expect("the handshake ends")
    }

    /// A connection of HTTP/2.
    pub async fn http2(&self, server: &Server) -> Http2 {
        self.http2_with(server, h2::client::Builder::new().initial_max_send_streams(100)).await
    }

    /// The same, with windows and limits.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn http2_with(&self, server: &Server, builder: &h2::client::Builder) -> Http2 {
        let stream = self.connect(server, &[HTTP_2]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(HTTP_2));
        let (send, connection) = builder.handshake::<_, Bytes>(stream).await.expect("HTTP/2");
        let url = server.url().to_owned();
        Http2 { send, connection: tokio::spawn(connection), url }
    }
}

/// A connection of HTTP/2.
#[derive(Debug)]
pub struct Http2 {
    /// Sends requests.
    pub send: SendRequest<Bytes>,
    /// Its end.
    pub connection: JoinHandle<Result<(), h2::Error>>,
    url: String,
}

impl Http2 {
    /// A request, about to be sent.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("{}{path}", self.url))
    }

    /// `GET path`.
    ///
    /// # Errors
    /// There is no whole answer.
    pub async fn get(&self, path: &str) -> Result<Answer, h2::Error> {
        self.ask(self.request("GET", path), Bytes::new()).await
    }

    /// A request with this body, and its answer.
    ///
    /// # Errors
    /// There is no whole answer.
    ///
    /// # Panics
    /// Where the request is none.
    pub async fn ask(&self, request: http::request::Builder, body: Bytes) -> Result<Answer, h2::Error> {
        let request = request.body(()).expect("a request");
        let mut send = self.send.clone().ready().await?;
        let (response, mut stream) = send.send_request(request, body.is_empty())?;
        let sent = async {
            if body.is_empty() {
                return;
            }
            // The library keeps what the server does not take yet. An answer may come before the whole body is taken.
            let _: Result<(), h2::Error> = stream.send_data(body, true);
        };
        sent.await;
        let answer = async {
            let (head, mut body) = response.await?.into_parts();
            let mut bytes = Vec::new();
            while let Some(data) = body.data().await {
                let data = data?;
                body.flow_control().release_capacity(data.len())?;
                bytes.extend_from_slice(&data);
            }
            Ok(answer(head.status, head.headers, bytes))
        };
        tokio::time::timeout(PATIENCE, answer).await.expect("an answer in time")
    }
}

fn answer(status: StatusCode, headers: HeaderMap, bytes: Vec<u8>) -> Answer {
    Answer { status: status.as_u16(), headers, bytes }
}
