//! TLS: the certificate and its key, loaded together and again when their files change; handshakes on a thread of their own.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Settings;
use super::connections::Connections;
use super::priority::give_way;
use super::service_manager;
use super::socket::Socket;

/// HTTP/2, as ALPN names it.
pub const HTTP_2: &[u8] = b"h2";
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// The most bytes of each file.
const FILE_BYTES: u64 = 1024 * 1024;
/// The most handshakes that are under way. When there are more, those that have said nothing for longest are closed.
const HANDSHAKES: u32 = 1024;

/// Why there is no TLS. None of them holds anything of the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {error}; --tls-cert and --tls-key name files in PEM", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A file holds something else.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The key is not that of the certificate.
    #[error("the key in {} is not that of the certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The file of the certificate.
        cert: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The TLS library or the system refuses.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
}

/// TLS for the connections of clients.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    loaded: Contents,
    current: Arc<Current>,
    acceptor: Acceptor,
}

/// The two files. Links are followed each time: a mounted secret is a link that is turned to another folder.
#[derive(Debug, Clone)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
}

/// What stands in the two files.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents").finish_non_exhaustive()
    }
}

/// The certificate that new connections are shown.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Tls {
    /// That of the settings; `None` where they name no certificate.
    ///
    /// # Errors
    /// A file cannot be read or holds something else, or the two do not belong together.
    pub fn load(settings: &Settings) -> Result<Option<Self>, TlsError> {
        let (Some(cert), Some(key)) = (&settings.tls_cert, &settings.tls_key) else { return Ok(None) };
        let files = Files { cert: cert.clone(), key: key.clone() };
        let loaded = files.read()?;
        let current = Arc::new(Current(ArcSwap::from_pointee(files.pair(&loaded)?)));
        let acceptor = Acceptor::start(Arc::clone(&current))?;
        Ok(Some(Self { files, loaded, current, acceptor }))
    }

    /// What makes connections of sockets.
    pub fn acceptor(&self) -> Acceptor {
        self.acceptor.clone()
    }

    /// Loads the files again when they have changed, and on SIGHUP, for ever. A pair that cannot be loaded is told once, and the
    /// one before is kept. Connections go on with what they began with.
    pub async fn keep_loaded(mut self) {
        let mut hangup = match signal(SignalKind::hangup()) {
            Ok(hangup) => hangup,
            Err(error) => {
                tracing::warn!(%error, "SIGHUP is not heard; the certificate is loaded again when its files change");
                return std::future::pending().await;
            }
        };
        let mut told = None;
        loop {
            let asked = tokio::select! {
                _ = hangup.recv() => true,
                () = tokio::time::sleep(LOOK) => false,
            };
            if asked {
                service_manager::say_reloading();
            }
            let files = self.files.clone();
            // A folder on a network may take its time.
            let read = tokio::task::spawn_blocking(move || files.read()).await;
            let taken = match read {
                Ok(read) => read.and_then(|contents| self.take(contents, asked)),
                Err(error) => Err(TlsError::Setup(error.to_string())),
            };
            let problem = taken.err().map(|error| error.to_string());
            if let Some(problem) = &problem
                && (asked || told.as_ref() != Some(problem))
            {
                tracing::error!("the certificate is not loaded again, and the one before is kept: {problem}");
            }
            told = problem;
            if asked {
                service_manager::say_reloaded();
            }
        }
    }

    /// Shows what was read from now on, where it is something else.
    fn take(&mut self, contents: Contents, asked: bool) -> Result<(), TlsError> {
        if contents != self.loaded {
            self.current.0.store(Arc::new(self.files.pair(&contents)?));
            self.loaded = contents;
            tracing::info!(certificate = %self.files.cert.display(), "the certificate was loaded again");
        } else if asked {
            tracing::info!(certificate = %self.files.cert.display(), "SIGHUP: the certificate is the same");
        }
        Ok(())
    }
}

impl Files {
    fn read(&self) -> Result<Contents, TlsError> {
        Ok(Contents { cert: read(&self.cert)?, key: read(&self.key)? })
    }

    /// The certificate with its key.
    fn pair(&self, contents: &Contents) -> Result<CertifiedKey, TlsError> {
        let certificates = certificates(&self.cert, &contents.cert)?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|_| {
            let encrypted = contents.key.windows(9).any(|bytes| bytes == b"ENCRYPTED");
            let reason = if encrypted {
                "the key has a passphrase; give one without"
            } else {
                "it holds no private key; PEM is read"
            };
            wrong(&self.key, reason.to_owned())
        })?;
        CertifiedKey::from_der(certificates, key, &rustls::crypto::ring::default_provider()).map_err(
            |error| match error {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    TlsError::Mismatch { cert: self.cert.clone(), key: self.key.clone() }
                }
                rustls::Error::InvalidCertificate(error) => wrong(&self.cert, error.to_string()),
                error => wrong(&self.key, error.to_string()),
            },
        )
    }
}

/// The certificate in a file of the settings, without its chain.
///
/// # Errors
/// The file cannot be read or holds something else.
pub fn first_certificate(path: &Path) -> Result<CertificateDer<'static>, TlsError> {
    Ok(certificates(path, &read(path)?)?.swap_remove(0))
}

/// The certificates that stand in a file: at least one.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|error| wrong(path, format!("no PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(wrong(path, "it holds no certificate; PEM is read".to_owned()));
    }
    Ok(certificates)
}

fn wrong(path: &Path, reason: String) -> TlsError {
    TlsError::Content { path: path.to_owned(), reason }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |error| TlsError::File { path: path.to_owned(), error };
    let mut contents = Vec::new();
    File::open(path).and_then(|file| file.take(FILE_BYTES).read_to_end(&mut contents)).map_err(failed)?;
    Ok(contents)
}

/// Makes connections with TLS of sockets. A handshake costs up to a millisecond of computing, which is done on a thread of its own
/// that gives way to the one that serves; there the handshake is answered, and then the connection comes back.
#[derive(Clone)]
pub struct Acceptor {
    acceptor: TlsAcceptor,
    thread: tokio::runtime::Handle,
    /// The handshakes under way.
    pub handshakes: Arc<Connections>,
    _stop: Arc<oneshot::Sender<()>>,
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("handshakes", &self.handshakes).finish_non_exhaustive()
    }
}

impl Acceptor {
    fn start(current: Arc<Current>) -> Result<Self, TlsError> {
        let setup = |error: &dyn fmt::Display| TlsError::Setup(error.to_string());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| setup(&error))?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(current);
        config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(|error| setup(&error))?;
        // The sockets are of the other runtime; only deadlines are needed here.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| setup(&error))?;
        let thread = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            give_way();
            // The sender is dropped with the last acceptor.
            let _ = runtime.block_on(stopped);
        };
        std::thread::Builder::new().name("tls".to_owned()).spawn(run).map_err(|error| setup(&error))?;
        let handshakes = Arc::new(Connections::new(HANDSHAKES));
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), thread, handshakes, _stop: Arc::new(stop) })
    }

    /// The connection of a socket. When this is dropped, the handshake ends.
    ///
    /// # Errors
    /// The client breaks off, or speaks otherwise.
    pub async fn accept(&self, socket: Socket) -> io::Result<TlsStream<Socket>> {
        let (mut done, receive) = oneshot::channel();
        let handshake = self.acceptor.accept(socket);
        self.thread.spawn(async move {
            let accepted = tokio::select! {
                accepted = handshake => accepted,
                () = done.closed() => return,
            };
            // Whoever waited for it may have gone in this moment.
            drop(done.send(accepted));
        });
        receive.await.unwrap_or_else(|_| Err(io::Error::other("the thread for TLS has ended")))
    }
}
