//! Log lines on their way to stderr: gathered for a moment, then written together.
//!
//! A write for each line, or a wake-up of a writing thread for each, would cost a busy server a tenth of its time.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long lines gather.
const GATHER: Duration = Duration::from_millis(20);
/// Bytes that may wait. When nobody reads the log, the server waits rather than leave a line out.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Where log lines go; cheap to clone.
#[derive(Debug, Clone)]
pub struct GatheredLog(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// There is something to write, or it is time to end.
    filled: Condvar,
    /// There is room again.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    ended: bool,
}

/// Writes what is left when it is dropped.
#[derive(Debug)]
pub struct LogGuard {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl GatheredLog {
    /// Starts the thread that writes to `target`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(target: impl Write + Send + 'static) -> io::Result<(Self, LogGuard)> {
        let shared = Arc::new(Shared::default());
        let writing = Arc::clone(&shared);
        let writer = std::thread::Builder::new().name("log".to_owned()).spawn(move || writing.write(target))?;
        Ok((Self(Arc::clone(&shared)), LogGuard { shared, writer: Some(writer) }))
    }
}

impl Write for GatheredLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Self(shared) = self;
        let mut waiting = shared.lock();
        while waiting.bytes.len() > MOST_BYTES && !waiting.ended {
            waiting = shared.emptied.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.bytes.is_empty() {
            shared.filled.notify_one();
        }
        waiting.bytes.extend_from_slice(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, mut target: impl Write) {
        let mut lines = Vec::new();
        let mut waiting = self.lock();
        loop {
            waiting = self
                .filled
                .wait_while(waiting, |waiting| waiting.bytes.is_empty() && !waiting.ended)
                .unwrap_or_else(PoisonError::into_inner);
            // More lines come; only the end is not waited for.
            (waiting, _) = self
                .filled
                .wait_timeout_while(waiting, GATHER, |waiting| !waiting.ended)
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut waiting.bytes, &mut lines);
            let ended = waiting.ended;
            drop(waiting);
            self.emptied.notify_all();
            // Nobody is there to tell when the log itself cannot be written.
            let _: io::Result<()> = target.write_all(&lines).and_then(|()| target.flush());
            lines.clear();
            if ended {
                return;
            }
            waiting = self.lock();
        }
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.filled.notify_one();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has nothing left to write.
            let _: std::thread::Result<()> = writer.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Target(Arc<Mutex<Vec<u8>>>);

    impl Write for Target {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_in_order_by_the_end() {
        let target = Target::default();
        let (log, guard) = GatheredLog::start(target.clone()).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|thread| {
                let mut log = log.clone();
                std::thread::spawn(move || {
                    (0..1000).for_each(|line| log.write_all(format!("{thread} {line}\n").as_bytes()).unwrap())
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        drop(guard);
        let written = String::from_utf8(target.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written.lines().count(), 4000);
        for thread in 0..4 {
            let own: Vec<_> = written.lines().filter(|line| line.starts_with(&format!("{thread} "))).collect();
            assert!(own.iter().enumerate().all(|(at, line)| *line == format!("{thread} {at}")));
        }
    }
}
