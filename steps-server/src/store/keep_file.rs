//! What a server does when its SQLite file is deleted, replaced or damaged under it: nothing is acknowledged, what was is saved,
//! and a file that is back or new is opened anew.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use std::{fs, io};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection as _, Sqlite};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::file::{FileId, FileProblem, OpenFile, SHM, WAL, beside};
use super::migrate::migrate_sqlite;
use super::{Pools, Store, StoreError, backup_file, open};

/// How often the file is looked at when nothing is recorded.
const WATCH: Duration = Duration::from_millis(250);
/// How long lists that are being read may hold up that another file is opened.
const READERS: Duration = Duration::from_secs(5);

/// The name of a damaged file for the moment in which it is closed.
pub const CLOSING: &str = ".closing";

/// The file of a database, whether it is open or lost.
#[derive(Debug)]
pub struct SqliteFile {
    path: PathBuf,
    connect: SqliteConnectOptions,
    state: RwLock<State>,
    lost: Notify,
    /// How often a file was opened.
    opened: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    file: Option<Arc<OpenFile>>,
    problem: Option<FileProblem>,
}

impl SqliteFile {
    /// Of a file that is open.
    pub(super) fn new(path: PathBuf, connect: SqliteConnectOptions, file: OpenFile) -> Self {
        let state = RwLock::new(State { file: Some(Arc::new(file)), problem: None });
        Self { path, connect, state, lost: Notify::new(), opened: watch::Sender::new(0) }
    }

    /// Says whether the file that is open is the one at its path. Once it is not, it stays lost until a file is opened anew.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), FileProblem> {
        self.known()?.check().inspect_err(|problem| {
            self.set_problem(Some(problem.clone()));
            self.lost.notify_one();
        })
    }

    /// The file, unless it is known to be lost.
    fn known(&self) -> Result<Arc<OpenFile>, FileProblem> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        match (&state.problem, &state.file) {
            (Some(problem), _) => Err(problem.clone()),
            (None, Some(file)) => Ok(Arc::clone(file)),
            (None, None) => Err(FileProblem::Gone),
        }
    }

    /// Closes the file; one that is lost is left alone, because SQLite would write to it.
    pub async fn close(&self) {
        if self.check().is_ok()
            && let Some(open) = self.file()
        {
            close_anchor(&open).await;
        }
    }

    fn set_problem(&self, problem: Option<FileProblem>) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).problem = problem;
    }

    fn file(&self) -> Option<Arc<OpenFile>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).file.clone()
    }

    fn set_file(&self, file: Option<OpenFile>) {
        self.state.write().unwrap_or_else(PoisonError::into_inner).file = file.map(Arc::new);
    }
}

impl Store {
    /// Says whether the SQLite file that is open is the one at its path.
    ///
    /// # Errors
    /// [`StoreError::FileLost`].
    pub fn check_file(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(pools) => Ok(pools.check_file()?),
            Self::MySql(_) => Ok(()),
        }
    }

    /// The same, by what the last look at it has shown.
    ///
    /// # Errors
    /// As [`Store::check_file`].
    pub fn check_known_file(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(pools) => Ok(pools.file.as_ref().map_or(Ok(()), |file| file.known().map(drop))?),
            Self::MySql(_) => Ok(()),
        }
    }

    /// Hears whenever another file was opened; `None` on MySQL.
    #[must_use]
    pub fn file_opened(&self) -> Option<watch::Receiver<u64>> {
        match self {
            Self::Sqlite(pools) => pools.file.as_ref().map(|file| file.opened.subscribe()),
            Self::MySql(_) => None,
        }
    }

    /// Looks after the SQLite file for as long as the server runs: it never ends.
    pub async fn keep_file(&self) {
        let Self::Sqlite(pools) = self else { return std::future::pending().await };
        let Some(file) = &pools.file else { return std::future::pending().await };
        loop {
            let _: Result<(), _> = timeout(WATCH, file.lost.notified()).await;
            if let Err(problem) = file.check() {
                self.reopen(pools, file, problem).await;
            }
        }
    }

    /// From a file that is lost to one that is open.
    async fn reopen(&self, pools: &Pools<Sqlite>, file: &SqliteFile, problem: FileProblem) {
        let path = file.path.display();
        if matches!(problem, FileProblem::Unreadable(_)) {
            tracing::error!(%path, "{problem}: nothing is recorded until it can be; see the folder's rights and its disk");
            while file.file().is_some_and(|open| matches!(open.check(), Err(FileProblem::Unreadable(_)))) {
                sleep(WATCH).await;
            }
            file.set_problem(None);
            return;
        }
        tracing::error!(
            %path,
            "{problem}: nothing is recorded, and every request is answered 503, until a database stands there again. Put it \
             back, or stop the server and run `steps-server restore BACKUP`"
        );
        let in_place = !matches!(problem, FileProblem::Gone | FileProblem::Replaced);
        pools.suspend(if in_place { None } else { Some(READERS) }).await;
        let mut refused = None;
        if let Some(open) = file.file() {
            let mut told = String::new();
            loop {
                // More may have happened since.
                let problem = if open.is_at_path() { problem.clone() } else { FileProblem::Gone };
                match save(&open, &problem).await {
                    Ok(saved) => {
                        tracing::error!(%path, "{saved}");
                        break;
                    }
                    Err(error) if error == told => {}
                    Err(error) => {
                        tracing::error!(%path, "what was acknowledged until then cannot be saved yet: {error}");
                        told = error;
                    }
                }
                sleep(WATCH).await;
            }
            if problem == FileProblem::WalCutOff {
                refused = Stamp::at(&file.path);
            }
        }
        let _lock = file.file().map(|open| Arc::clone(&open.lock));
        file.set_file(None);
        let mut told = String::new();
        loop {
            match self.try_open(pools, file, refused.as_ref()).await {
                Ok(()) => break,
                Err(error) if error == told => {}
                Err(error) => {
                    if file.path.exists() {
                        tracing::error!(%path, "what stands at the database's path cannot be served: {error}");
                        file.set_problem(Some(FileProblem::NotServed(error.clone())));
                    } else {
                        file.set_problem(Some(FileProblem::Gone));
                    }
                    told = error;
                }
            }
            sleep(WATCH).await;
        }
        tracing::warn!(%path, "a database file is opened anew; recording goes on in it");
    }

    /// Opens what stands at the path, when it is a database of ours.
    async fn try_open(&self, pools: &Pools<Sqlite>, file: &SqliteFile, refused: Option<&Stamp>) -> Result<(), String> {
        if refused.is_some() && Stamp::at(&file.path).as_ref() == refused {
            return Err(
                "its last steps were in the -wal file that was cut off. Restart the server to go on without them, or \
                        restore a backup"
                    .to_owned(),
            );
        }
        backup_file::check(&file.path, backup_file::Depth::Quick).await?;
        let open = open::open_file(&file.path, &file.connect).await.map_err(|error| error.to_string())?;
        file.set_file(Some(open));
        pools.resume();
        if let Err(error) = migrate_sqlite(&pools.write.get()).await {
            pools.suspend(None).await;
            if let Some(open) = file.file() {
                close_anchor(&open).await;
            }
            file.set_file(None);
            return Err(error.to_string());
        }
        file.set_problem(None);
        file.opened.send_modify(|opened| *opened += 1);
        Ok(())
    }
}

impl Pools<Sqlite> {
    pub(super) fn check_file(&self) -> Result<(), FileProblem> {
        self.file.as_ref().map_or(Ok(()), |file| file.check())
    }

    /// Why something has failed: that the file has been lost meanwhile, or else what SQLite says.
    pub(super) fn why(&self, error: sqlx::Error) -> StoreError {
        self.check_file().err().map_or_else(|| error.into(), StoreError::from)
    }

    /// Closes every connection but the anchor, and opens no other. Waits so long for those that are in use.
    async fn suspend(&self, wait: Option<Duration>) {
        let closed = async {
            // Who commits has its connection outside of the pool, and puts it back before its turn ends.
            let _turn = self.turn.lock().await;
            self.write.suspend().await;
            self.read.suspend().await;
            self.project.suspend().await;
            self.tokens.suspend().await;
            self.events.suspend().await;
        };
        match wait {
            Some(wait) => drop(timeout(wait, closed).await),
            None => closed.await,
        }
    }

    fn resume(&self) {
        self.write.resume();
        self.read.resume();
        self.project.resume();
        self.tokens.resume();
        self.events.resume();
    }
}

/// When a file was changed last, and which one it is.
#[derive(Debug, PartialEq, Eq)]
struct Stamp(FileId, u64, Option<std::time::SystemTime>);

impl Stamp {
    fn at(path: &Path) -> Option<Self> {
        let file = path.metadata().ok()?;
        Some(Self(FileId::at(path)?, file.len(), file.modified().ok()))
    }
}

/// Saves what was acknowledged, closes the file, and says where it is now. No connection but the anchor uses it.
async fn save(open: &OpenFile, problem: &FileProblem) -> Result<String, String> {
    match problem {
        FileProblem::Gone | FileProblem::Replaced if open.has_a_name() => {
            checkpoint(open).await?;
            clear_side_files(open)?;
            close_anchor(open).await;
            Ok("the file that was moved away is whole: it has every step that was acknowledged until then".to_owned())
        }
        FileProblem::Gone | FileProblem::Replaced => {
            let name = (1..).map(|at| beside(&open.real, &format!(".rescued-{}-{at}", std::process::id())));
            let Some(rescued) = name.into_iter().find(|path| !path.exists()) else { return Err(String::new()) };
            let saved = rescue(open, &rescued).await;
            match &saved {
                Ok(()) => clear_side_files(open)?,
                // As long as nothing can be served it is tried again: there may be a folder, or room, a moment later.
                Err(error) if FileId::at(&open.real).is_none() => return Err(error.clone()),
                Err(_) => {}
            }
            close_anchor(open).await;
            match saved {
                Ok(()) => Ok(format!("every step that was acknowledged until then is saved in {}", rescued.display())),
                Err(error) => Ok(format!("what was acknowledged until then could not be saved: {error}")),
            }
        }
        FileProblem::SideFile(_) => {
            checkpoint(open).await?;
            if !open.is_at_path() {
                return Err("the file itself was moved meanwhile".to_owned());
            }
            for suffix in [WAL, SHM] {
                if !open.owns(suffix) {
                    set_aside(&beside(&open.real, suffix))?;
                }
            }
            close_anchor(open).await;
            Ok("every step that was acknowledged is in the database file itself".to_owned())
        }
        _ => {
            // Under another name SQLite writes nothing to it when it is closed, and deletes no log.
            let hidden = beside(&open.real, CLOSING);
            let moved = |error: io::Error| format!("{}: {error}", open.real.display());
            fs::rename(&open.real, &hidden).map_err(moved)?;
            close_anchor(open).await;
            let asides: Result<Vec<_>, String> =
                [WAL, SHM].iter().map(|suffix| set_aside(&beside(&open.real, suffix))).collect();
            fs::rename(&hidden, &open.real).map_err(moved)?;
            let asides: Vec<String> = asides?.into_iter().flatten().map(|path| path.display().to_string()).collect();
            Ok(format!("what was written last may be in {}, and belongs to the file as it was", asides.join(" and ")))
        }
    }
}

/// Writes everything that is in the log into the file, wherever both are.
async fn checkpoint(open: &OpenFile) -> Result<(), String> {
    let mut anchor = open.anchor.lock().await;
    let Some(anchor) = anchor.as_mut() else { return Ok(()) };
    let checkpoint = sqlx::query_as::<_, (i64, i64, i64)>("PRAGMA wal_checkpoint(FULL)").fetch_one(anchor).await;
    match checkpoint.map_err(|error| error.to_string())? {
        (0, frames, written) if frames == written => Ok(()),
        _ => Err("the file is being read".to_owned()),
    }
}

/// Copies a file that has no name any more.
async fn rescue(open: &OpenFile, to: &Path) -> Result<(), String> {
    let mut anchor = open.anchor.lock().await;
    let Some(anchor) = anchor.as_mut() else { return Err("it is closed".to_owned()) };
    let unfinished = beside(to, ".unfinished");
    // An earlier try may have left one.
    let _: io::Result<()> = fs::remove_file(&unfinished);
    let copy = sqlx::query("VACUUM INTO ?").bind(unfinished.to_string_lossy().into_owned()).execute(anchor).await;
    copy.map_err(|error| error.to_string())?;
    let whole = fs::File::open(&unfinished).and_then(|file| file.sync_all()).and_then(|()| fs::rename(&unfinished, to));
    whole.map_err(|error| error.to_string())
}

/// Deletes the log and index of a file that is elsewhere: they would be taken for those of the next file.
fn clear_side_files(open: &OpenFile) -> Result<(), String> {
    // Where only a link points elsewhere, the file is closed as usual.
    if FileId::at(&open.real) == Some(open.id) {
        return Ok(());
    }
    for suffix in [WAL, SHM].into_iter().filter(|suffix| open.owns(suffix)) {
        let path = beside(&open.real, suffix);
        fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// Renames a file so that nothing takes it for its own; `None` where there is none.
fn set_aside(path: &Path) -> Result<Option<PathBuf>, String> {
    let free = (1..1000).map(|at| beside(path, &format!(".aside-{at}"))).find(|path| !path.exists());
    let Some(aside) = free else { return Err(format!("{} cannot be set aside", path.display())) };
    match fs::rename(path, &aside) {
        Ok(()) => Ok(Some(aside)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

async fn close_anchor(open: &OpenFile) {
    let anchor: Option<SqliteConnection> = open.anchor.lock().await.take();
    if let Some(anchor) = anchor
        && let Err(error) = anchor.close().await
    {
        tracing::debug!(%error, "the last connection to a lost file");
    }
}
