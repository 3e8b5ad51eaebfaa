//! What is set aside: steps that the server refused, and lines that are none.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use rustix::fs::OFlags;

use super::SpooledStep;
use super::entries::Entry;
use super::place::Place;
use crate::clock;
use crate::files::PrivateFolder;

impl Place {
    /// Adds a line that cannot be sent to the file of those, and returns its path.
    pub(super) fn set_aside(&self, entry: &Entry) -> io::Result<PathBuf> {
        let (_, mut file) = self.open_waiting(OFlags::RDONLY)?;
        file.seek(SeekFrom::Start(entry.at))?;
        let end: &[u8] = if entry.bytes.ends_with(b"\n") { b"" } else { b"\n" };
        self.append_to("torn", entry.length, &mut file.take(entry.length).chain(end))
    }

    /// Adds a step that the server refused to the file of those, and returns its path.
    pub(super) fn reject(&self, step: &SpooledStep, reason: &str) -> io::Result<PathBuf> {
        let rejected_at = clock::now().to_string();
        let line = serde_json::json!({"rejected_at": rejected_at, "reason": reason, "step": step.step});
        let line = format!("{line}\n");
        self.append_to("rejected", line.len() as u64, &mut line.as_bytes())
    }

    /// Adds to a file. One that would grow beyond the spool's limit is begun anew, and the one before it stays beside it.
    fn append_to(&self, name: &str, length: u64, line: &mut dyn io::Read) -> io::Result<PathBuf> {
        let folder = PrivateFolder::open(&self.folder)?;
        let open = || folder.file(name, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE);
        let mut file = open()?;
        let before = file.metadata()?.len();
        if before > 0 && before + length > self.limit {
            folder.rename(name, &format!("{name}.old"))?;
            file = open()?;
        }
        io::copy(line, &mut file)?;
        file.sync_data()?;
        Ok(self.folder.join(name))
    }
}
