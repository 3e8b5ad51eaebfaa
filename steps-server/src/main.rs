//! The `steps-server` program: settings, database, listener; then the library serves.

use std::io;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use clap::Parser as _;
use steps_server::{
    AccessError, Args, Command, HealthcheckFlags, OpenError, OpenOptions, Settings, Store, Tls, TlsError, TokenCommand,
};
use steps_shared::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// The database or the address could not be had.
const FAILED: u8 = 1;
/// A setting is wrong.
const USAGE: u8 = 2;
/// How often a clock that stands before 1970 is looked at.
const CLOCK_PAUSE: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let args = Args::parse();
    let command = args.command.clone();
    if let Some(Command::Healthcheck(flags)) = &command {
        return healthcheck(args, flags);
    }
    // The socket is taken before anything else has a file open.
    let inherited = if command.is_none() { steps_server::inherited_listener() } else { Ok(None) };
    let loaded = inherited.and_then(|inherited| {
        let mut settings = Settings::load(args)?;
        if let Some(listener) = &inherited {
            settings.listen = listener.local_addr()?;
        }
        let guard = steps_server::start_log(&settings, now)?;
        Ok((settings, inherited, guard))
    });
    let (settings, inherited, _guard) = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            eprintln!("error: {}", steps_shared::escaped(&error.to_string()));
            return ExitCode::from(USAGE);
        }
    };
    if settings.database_url.has_password() && is_argument(settings.database_url.expose()) {
        tracing::warn!(
            "the password in --database-url is visible in the process list; \
             give the URL in STEPS_DATABASE_URL, or in a file with --database-url-file"
        );
    }
    if let Some(url) = &settings.database_read_url
        && url.has_password()
        && is_argument(url.expose())
    {
        tracing::warn!(
            "the password in --database-read-url is visible in the process list; give the URL in STEPS_DATABASE_READ_URL"
        );
    }
    // One thread is enough for the work between the sockets; on a small machine a second one costs more than it gives.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().on_thread_start(steps_server::give_way).build();
    match runtime.map_err(anyhow::Error::from).and_then(|runtime| runtime.block_on(run(command, &settings, inherited)))
    {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            let wrong_setting = matches!(error.downcast_ref(), Some(OpenError::Url(_) | OpenError::Replica(_)))
                || error.is::<TlsError>()
                || error.is::<AccessError>();
            ExitCode::from(if wrong_setting { USAGE } else { FAILED })
        }
    }
}

/// Asks a server in a sentence. Nothing is logged, and whatever is wrong, the exit code says that the server is not well.
fn healthcheck(args: Args, flags: &HealthcheckFlags) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::from);
    let asked = Settings::load(args)
        .and_then(|settings| runtime.and_then(|runtime| runtime.block_on(steps_server::healthcheck(&settings, flags))));
    match asked {
        Ok(answer) => {
            // Whoever reads the sentence may have gone; the exit code says the same.
            let _ = writeln!(std::io::stdout(), "{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {}", steps_shared::escaped(&error.to_string()));
            ExitCode::from(FAILED)
        }
    }
}

async fn run(
    command: Option<Command>,
    settings: &Settings,
    inherited: Option<std::net::TcpListener>,
) -> anyhow::Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: stopping"),
            _ = interrupt.recv() => tracing::info!("interrupted: stopping"),
        }
    };
    let mut stop = std::pin::pin!(stop);
    // What is to be replaced may be damaged, or not there.
    if let Some(Command::Restore { file }) = &command {
        return steps_server::restore(&settings.database_url, file, now()).await.map(|()| ExitCode::SUCCESS);
    }
    if let Some(Command::Token { command: TokenCommand::Generate }) = &command {
        return steps_server::generate_token().map(|()| ExitCode::SUCCESS);
    }
    if matches!(command, Some(Command::Openapi)) {
        std::io::stdout().lock().write_all(&steps_server::api_description())?;
        return Ok(ExitCode::SUCCESS);
    }
    if command.as_ref().is_some_and(Command::needs_what_was_recorded)
        && let Some(file) = settings.database_url.sqlite_file().filter(|file| !file.exists())
    {
        anyhow::bail!("there is no database at {}; name the one that the server has (--database-url)", file.display());
    }
    let tls = if command.is_none() { Tls::load(settings)? } else { None };
    let options = OpenOptions {
        url: settings.database_url.clone(),
        wait: settings.database_wait.into(),
        connections: settings.database_connections,
        replica: settings.database_read_url.clone().filter(|_| command.is_none()),
    };
    // Before 1970 no connection with TLS can be made either.
    if command.is_some() {
        anyhow::ensure!(now() != Timestamp::default(), "the clock of this machine stands before 1970; set it");
    }
    tokio::select! {
        () = clock_is_set() => {}
        () = &mut stop => return Ok(ExitCode::SUCCESS),
    }
    if let Some(Command::Copy(flags)) = command {
        let fold = settings.fold_config(now);
        return tokio::select! {
            copied = steps_server::copy(flags, options, &fold, now()) => copied,
            () = &mut stop => Ok(ExitCode::from(FAILED)),
        };
    }
    if command.is_none() {
        steps_server::tell_service_manager(&format!("waiting for the database {}", settings.database_url));
    }
    let store = tokio::select! {
        store = Store::open(&options) => store?,
        () = &mut stop => return Ok(ExitCode::SUCCESS),
    };
    let fold = settings.fold_config(now);
    match command {
        None => serve(store, tls, settings, inherited, stop).await.map(|()| ExitCode::SUCCESS),
        Some(command) => {
            let done = tokio::select! {
                done = steps_server::maintain(command, &store, &fold, now()) => done,
                () = &mut stop => return Ok(ExitCode::from(FAILED)),
            };
            store.close().await;
            done
        }
    }
}

async fn serve(
    store: Store,
    tls: Option<Tls>,
    settings: &Settings,
    inherited: Option<std::net::TcpListener>,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    steps_server::prepare_access(&store, settings, now()).await?;
    let listener = match inherited {
        Some(listener) => TcpListener::from_std(listener),
        None => TcpListener::bind(settings.listen).await,
    };
    let listener = listener.map_err(|error| listen_error(settings.listen, &error))?;
    if settings.is_readable_on_the_way() {
        tracing::warn!(
            "whoever is between a client and this address can read and change what is sent; give --tls-cert and --tls-key, \
             or --trusted-proxy with the address of a proxy that speaks TLS"
        );
    }
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(database = %settings.database_url, "listening on {scheme}://{}", listener.local_addr()?);
    if let Some(replica) = &settings.database_read_url {
        tracing::info!(%replica, "reading from a replica, while it has everything that was recorded");
    }
    steps_server::run(listener, tls, store, settings, now, stop).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Why nothing can listen on an address, and what to do.
fn listen_error(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "another program has it; stop that, or give another one with --listen",
        io::ErrorKind::PermissionDenied => "ports below 1024 are for root; give another one with --listen",
        io::ErrorKind::AddrNotAvailable => "this machine does not have it; give another one with --listen",
        _ => "give another one with --listen",
    };
    anyhow::anyhow!("cannot listen on {address}: {error}; {advice}")
}

/// Waits until the clock shows a time after 1970. A step that is recorded before would have a wrong time for ever, and the HTTP
/// library cannot write the date of an answer.
async fn clock_is_set() {
    if now() == Timestamp::default() {
        tracing::error!("the clock of this machine stands before 1970; set it. Nothing is served until then");
    }
    while now() == Timestamp::default() {
        tokio::time::sleep(CLOCK_PAUSE).await;
    }
}

/// Whether one of the program's arguments holds this text.
fn is_argument(text: &str) -> bool {
    std::env::args_os().any(|argument| argument.to_string_lossy().contains(text))
}

/// The server's clock; every time in the program comes from here. One that stands before 1970 shows 1970-01-01T00:00:00Z, and
/// one beyond the year 9999 its end: chrono's own function panics before 1970.
fn now() -> Timestamp {
    let micros = UNIX_EPOCH.elapsed().map_or(0, |passed| i64::try_from(passed.as_micros()).unwrap_or(i64::MAX));
    Timestamp::saturating_from_micros(micros)
}
