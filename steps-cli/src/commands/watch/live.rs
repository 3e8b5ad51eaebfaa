//! The live view: what is running, on a terminal, until it is told to stop.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::task::Poll;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::{flag, low_level};
use steps_shared::view::events::Lines;
use steps_shared::view::words::{self, whole};
use steps_shared::view::{Meaning, Text};
use steps_shared::{Deployment, DeploymentOutcome, Event, EventFilter};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::code;
use super::feed::{MESSAGES, Message, feed};
use super::once::Once;
use super::running::RunningDeployments;
use crate::client::Client;
use crate::error::Error;
use crate::exit;
use crate::terminal::canvas::Glyphs;
use crate::terminal::inline::{InlineScreen, Size};
use crate::terminal::is_moving;
use crate::terminal::keys::{Keys, is_foreground};
use crate::terminal::live::View;
use crate::terminal::painted::Painted;

/// How often it is looked whether something else is to be shown.
const TICK: Duration = Duration::from_millis(250);

/// Whether the standard output is a terminal for it: one that moves its cursor, and that this process is in the foreground of.
pub fn is_possible() -> bool {
    let stdout = std::io::stdout();
    is_moving(&stdout) && is_foreground(&stdout)
}

/// How it ends.
enum End {
    Outcome(DeploymentOutcome),
    Quit,
    Signal(i32),
}

/// Shows what is running until it is told to stop, or until a deployment has ended, with `once`. Returns the exit code.
pub async fn show(client: &Client, filter: EventFilter, mut once: Option<Once>) -> Result<u8, Error> {
    let mut signals = Signals::catch().map_err(|error| Error::Failed(format!("cannot catch signals: {error}")))?;
    let keys = Keys::begin();
    let mut view = Watched::new(client, &filter, keys.is_some());
    let (sender, mut messages) = mpsc::channel(MESSAGES);
    let following = feed(client, filter, &mut once, sender);
    tokio::pin!(following);
    // Without keys nobody sends.
    let mut quits = keys.as_ref().map_or_else(|| mpsc::unbounded_channel().1, |_| Keys::quits());
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let end = loop {
        view.running.ask(Size::of(std::io::stdout()).rows.into());
        tokio::select! {
            Some(message) = messages.recv() => view.take(message),
            ended = &mut following => match ended {
                Ok(outcome) => break End::Outcome(outcome),
                Err(error) => {
                    view.leave()?;
                    return Err(error);
                }
            },
            ended = view.running.answered() => {
                if let Some(deployment) = ended {
                    view.ended(&deployment);
                }
            }
            Some(()) = quits.recv() => break End::Quit,
            signal = signals.next() => match signal {
                SIGTSTP => {
                    if let Some(keys) = &keys {
                        keys.put_back();
                    }
                    view.screen.leave();
                    let _ = low_level::emulate_default_handler(SIGTSTP);
                    if let Some(keys) = &keys {
                        keys.set();
                    }
                }
                signal => break End::Signal(signal),
            },
            _ = ticks.tick() => view.draw()?,
        }
    };
    while let Ok(message) = messages.try_recv() {
        view.take(message);
    }
    view.leave()?;
    drop(keys);
    Ok(match end {
        End::Outcome(outcome) => code(outcome),
        End::Quit => exit::SIGNAL.saturating_add(SIGINT as u8),
        End::Signal(signal) => {
            // It ends this process, as it would have without us.
            let _ = low_level::emulate_default_handler(signal);
            exit::SIGNAL.saturating_add(signal as u8)
        }
    })
}

/// What is watched, and the screen that shows it.
struct Watched<'a> {
    running: RunningDeployments<'a>,
    screen: InlineScreen<std::io::Stdout>,
    glyphs: Glyphs,
    lines: Lines,
    /// What is to scroll up.
    above: Vec<Painted>,
    what: String,
    /// What ends the view.
    ends: &'static str,
    is_listed: bool,
    away: Option<(Instant, String)>,
}

impl<'a> Watched<'a> {
    fn new(client: &'a Client, filter: &EventFilter, has_keys: bool) -> Self {
        Self {
            running: RunningDeployments::new(client),
            screen: InlineScreen::of_output(),
            glyphs: Glyphs::of_locale(),
            lines: Lines::default(),
            above: Vec::new(),
            what: what(filter),
            ends: if has_keys { "q" } else { "Ctrl-C" },
            is_listed: false,
            away: None,
        }
    }

    fn take(&mut self, message: Message) {
        self.running.take(&message);
        match message {
            Message::Listed(_) => self.is_listed = true,
            Message::Event(Event::Deployment(deployment)) => self.ended(&deployment),
            Message::Event(event @ (Event::Note(_) | Event::NoteRemoved(_) | Event::Reset(_))) => {
                self.above.extend(self.lines.line(&event).map(Painted::plain));
            }
            Message::Event(Event::Step(_) | Event::Removed(_)) => {}
            Message::Away(reason) => self.away = Some((Instant::now(), reason)),
            Message::Back => self.away = None,
        }
    }

    /// Lets the end of a deployment scroll up, where it has one that was not told.
    fn ended(&mut self, deployment: &Deployment) {
        if self.lines.is_new_end(deployment) {
            let width = Size::of(std::io::stdout()).line();
            self.above.extend(View::draw_verdict(deployment, width, self.glyphs));
        }
    }

    fn draw(&mut self) -> Result<(), Error> {
        let stdout = std::io::stdout();
        // Whoever is in the foreground has the terminal.
        if !is_foreground(&stdout) {
            return Ok(());
        }
        let status = self.status();
        self.show(status)
    }

    /// What runs stays there, without the last line.
    fn leave(&mut self) -> Result<(), Error> {
        let shown = self.show(Text::default());
        self.screen.leave();
        shown
    }

    fn show(&mut self, status: Text) -> Result<(), Error> {
        let size = Size::of(std::io::stdout());
        let view = View { deployments: self.running.live(), status, glyphs: self.glyphs };
        let lines = view.draw(size.line(), size.lines());
        let above = std::mem::take(&mut self.above);
        self.screen.show(&above, &lines, size).map_err(Error::output)
    }

    /// `watching checkout in production: 3 running; q ends`.
    fn status(&self) -> Text {
        if let Some((since, reason)) = &self.away {
            let passed = steps_shared::Duration::from_seconds(since.elapsed().as_secs_f64()).unwrap_or_default();
            let text = format!("the server is away for {}, trying again: {reason}", whole(passed));
            return Text::new(text, Meaning::Warning);
        }
        let state = match (self.is_listed, self.running.count()) {
            (false, _) => "asking".to_owned(),
            (true, 0) => "nothing is running".to_owned(),
            (true, running) => format!("{} running", words::grouped(running as u64)),
        };
        Text::new(format!("{}: {state}; {} ends", self.what, self.ends), Meaning::Faint)
    }
}

/// `watching checkout in production`.
fn what(filter: &EventFilter) -> String {
    let names = &filter.names;
    let component = names.component.as_ref().map_or("everything".to_owned(), ToString::to_string);
    let version = names.version.as_ref().map(|version| format!(" {version}"));
    let environment = names.environment.as_ref().map(|environment| format!(" in {environment}"));
    let owner = names.owner.as_ref().map(|owner| format!(" by {owner}"));
    let run = names.run.as_ref().map(|run| format!(" of run {run}"));
    let rest: String = [version, environment, owner, run].into_iter().flatten().collect();
    format!("watching {component}{rest}")
}

/// The signals that end the view, or stop it for a while. The second of a kind that ends it does so at once, also where a terminal
/// that takes no output (Ctrl-S) holds it up.
struct Signals {
    ends: Vec<(i32, Signal)>,
}

impl Signals {
    fn catch() -> std::io::Result<Self> {
        let mut ends = Vec::new();
        for number in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP] {
            if number != SIGTSTP {
                let was_told = Arc::new(AtomicBool::new(false));
                flag::register_conditional_default(number, Arc::clone(&was_told))?;
                flag::register(number, was_told)?;
            }
            ends.push((number, signal(SignalKind::from_raw(number))?));
        }
        Ok(Self { ends })
    }

    async fn next(&mut self) -> i32 {
        std::future::poll_fn(|context| {
            let came = self
                .ends
                .iter_mut()
                .find_map(|(number, signal)| signal.poll_recv(context).is_ready().then_some(*number));
            came.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}
