//! `steps-server restore`: puts a backup in the place of the SQLite database.

use std::path::Path;

use steps_shared::Timestamp;

use crate::store::{self, DatabaseUrl};

/// Puts a copy of `backup` in the place of the database, and says what became of the one that was there.
///
/// # Errors
/// A server has the database, the backup is not whole, or the database is not SQLite. Nothing is changed then.
pub async fn run(url: &DatabaseUrl, backup: &Path, now: Timestamp) -> anyhow::Result<()> {
    let time: String = now.to_seconds_text().chars().filter(char::is_ascii_digit).collect();
    let Some(restored) = store::restore(url, backup, &format!(".replaced-{time}")).await? else {
        anyhow::bail!(
            "restore is for SQLite; MySQL and MariaDB are restored with their own tools, for instance: mariadb DATABASE < \
             FILE.sql"
        );
    };
    let last = restored.last.and_then(|last| Timestamp::from_micros(last).ok());
    let last = last.map_or_else(String::new, |last| format!(", the last of {}", last.to_seconds_text()));
    println!("restored {} from {}: {} steps{last}", restored.path.display(), backup.display(), restored.steps);
    if let Some(replaced) = restored.replaced {
        println!("the database that was there is kept as {}; delete it when it is not needed", replaced.display());
    }
    Ok(())
}
