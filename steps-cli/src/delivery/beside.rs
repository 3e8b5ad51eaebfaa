//! Steps that could not be added to what waits, because another process held the lock for too long. They have a file of
//! their own, until the next delivery adds them.

use std::fs::File;
use std::io::{self, Write as _};

use rustix::fs::OFlags;
use steps_shared::StepId;

use crate::files::PrivateFolder;

const PREFIX: &str = "beside-";

/// Writes lines into a new file. They are on the disk when this returns.
pub fn write(folder: &PrivateFolder, lines: &[u8]) -> io::Result<()> {
    let name = format!("{PREFIX}{}", StepId::generate());
    let mut new = folder.new_file(&name)?;
    new.file.write_all(lines)?;
    new.file.sync_data()?;
    folder.rename(&new.name, &name)?;
    folder.sync()
}

/// The names of the files, the oldest first.
pub fn names(folder: &PrivateFolder) -> io::Result<Vec<String>> {
    let mut names = folder.names()?;
    names.retain(|name| name.strip_prefix(PREFIX).is_some_and(|id| id.parse::<StepId>().is_ok()));
    names.sort();
    Ok(names)
}

pub fn open(folder: &PrivateFolder, name: &str) -> io::Result<File> {
    folder.file(name, OFlags::RDONLY)
}
