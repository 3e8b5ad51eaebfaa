//! A TCP proxy on loopback that breaks what goes through it.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the proxy does to its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it passes everything on.
    None,
    /// It breaks every connection, and each new one at once.
    Cut,
    /// It listens no longer: new connections are refused, and those there are break.
    Refuse,
    /// It accepts, and passes nothing on; what was sent meanwhile arrives when this is over.
    BlackHole,
    /// It passes every piece on after so long.
    Delay(Duration),
    /// When these bytes are in what a client sends, or it sends a TLS record that is as long as a query of them, it passes
    /// so many bytes of the answer on and then breaks the connection.
    Truncate(&'static [u8], usize),
}

/// A proxy on a port of its own; it ends, and breaks its connections, with this.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    fault: watch::Sender<Fault>,
    truncated: watch::Receiver<usize>,
    full_records: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts one before this port of 127.0.0.1.
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", super::free_port().await)).await.expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let (fault, faults) = watch::channel(Fault::None);
        let (count, truncated) = watch::channel(0);
        let (full, full_records) = watch::channel(0);
        let task = tokio::spawn(listen(listener, to, faults, Counts { truncated: count, full_records: full }));
        Self { port, fault, truncated, full_records, task }
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on it does this.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Breaks every connection once; new ones are passed on.
    pub async fn cut(&self) {
        self.set(Fault::Cut);
        // Every connection sees it before the next piece is read.
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.set(Fault::None);
    }

    /// How many answers have been truncated.
    #[must_use]
    pub fn truncated(&self) -> usize {
        *self.truncated.borrow()
    }

    /// How many TLS records of the greatest length clients have sent: what they sent at once was longer than one.
    #[must_use]
    pub fn full_records(&self) -> usize {
        *self.full_records.borrow()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What was seen of all connections.
#[derive(Debug, Clone)]
struct Counts {
    truncated: watch::Sender<usize>,
    full_records: watch::Sender<usize>,
}

/// The head of a TLS record of data.
const TLS_DATA: [u8; 3] = [0x17, 3, 3];
/// What TLS 1.3 adds to the data in a record.
const TLS_ADDED: u8 = 17;
/// The head of a record with 16 KiB.
const FULL_RECORD: [u8; 5] = [0x17, 3, 3, 0x40, TLS_ADDED];

/// Whether a client sends these bytes, as far as can be seen.
fn has(piece: &[u8], pattern: &[u8]) -> bool {
    // MySQL's own head has four bytes, and a query one more.
    let record = pattern.len() + 5 + usize::from(TLS_ADDED);
    piece.windows(pattern.len()).any(|window| window == pattern)
        || (piece.len() == record + 5 && piece.starts_with(&TLS_DATA) && usize::from(piece[4]) == record)
}

async fn listen(listener: TcpListener, to: u16, mut faults: watch::Receiver<Fault>, counts: Counts) {
    let address = listener.local_addr().expect("a bound socket");
    let mut listening = Some(listener);
    // They end when this does.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        if *faults.borrow_and_update() == Fault::Refuse {
            listening = None;
        } else if listening.is_none() {
            listening = TcpListener::bind(address).await.ok();
        }
        let Some(listener) = &listening else {
            // Refusing, or somebody else has the port for a moment.
            let _ = tokio::time::timeout(Duration::from_millis(50), faults.changed()).await;
            continue;
        };
        tokio::select! {
            changed = faults.changed() => if changed.is_err() { return },
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                connections.spawn(pass(client, to, faults.clone(), counts.clone()));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until it ends or is broken.
async fn pass(mut client: TcpStream, to: u16, mut faults: watch::Receiver<Fault>, counts: Counts) {
    if matches!(*faults.borrow_and_update(), Fault::Cut | Fault::Refuse) {
        return;
    }
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut up, mut down) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    // So many bytes are still to be passed to the client, once an answer is to be truncated.
    let mut left: Option<usize> = None;
    loop {
        let fault = *faults.borrow_and_update();
        match fault {
            Fault::Cut | Fault::Refuse => return,
            Fault::BlackHole => {
                if faults.changed().await.is_err() {
                    return;
                }
                continue;
            }
            _ => {}
        }
        tokio::select! {
            changed = faults.changed() => if changed.is_err() { return },
            read = client.read(&mut up) => {
                let Ok(1..) = read else { return };
                let piece = &up[..read.unwrap_or_default()];
                let full = piece.windows(FULL_RECORD.len()).filter(|window| *window == FULL_RECORD).count();
                counts.full_records.send_modify(|count| *count += full);
                if let Fault::Delay(time) = fault { tokio::time::sleep(time).await; }
                if let Fault::Truncate(pattern, bytes) = fault && left.is_none() && has(piece, pattern) {
                    left = Some(bytes);
                }
                if server.write_all(piece).await.is_err() { return }
            }
            read = server.read(&mut down) => {
                let Ok(1..) = read else { return };
                let piece = &down[..read.unwrap_or_default()];
                if let Fault::Delay(time) = fault { tokio::time::sleep(time).await; }
                let passed = left.unwrap_or(piece.len()).min(piece.len());
                if client.write_all(&piece[..passed]).await.is_err() { return }
                left = left.map(|left| left - passed);
                if left == Some(0) {
                    counts.truncated.send_modify(|count| *count += 1);
                    return;
                }
            }
        }
    }
}
