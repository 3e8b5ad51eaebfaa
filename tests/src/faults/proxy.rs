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
    /// When these bytes are in what a client sends, it passes so many bytes of the answer on and then breaks the
    /// connection.
    Truncate(&'static [u8], usize),
}

/// A proxy on a port of its own; it ends, and breaks its connections, with this.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    fault: watch::Sender<Fault>,
    truncated: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts one before this port of 127.0.0.1.
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", super::free_port().await)).await.expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let (fault, faults) = watch::channel(Fault::None);
        let (count, truncated) = watch::channel(0);
        let task = tokio::spawn(listen(listener, to, faults, count));
        Self { port, fault, truncated, task }
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
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, to: u16, mut faults: watch::Receiver<Fault>, count: watch::Sender<usize>) {
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
                connections.spawn(pass(client, to, faults.clone(), count.clone()));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, until it ends or is broken.
async fn pass(mut client: TcpStream, to: u16, mut faults: watch::Receiver<Fault>, count: watch::Sender<usize>) {
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
                if let Fault::Delay(time) = fault { tokio::time::sleep(time).await; }
                if let Fault::Truncate(pattern, bytes) = fault
                    && left.is_none()
                    && piece.windows(pattern.len()).any(|window| window == pattern)
                {
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
                    count.send_modify(|count| *count += 1);
                    return;
                }
            }
        }
    }
}
