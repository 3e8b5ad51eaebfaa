//! What is going on at AWS: a bar on a terminal, a line for each thing elsewhere.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use aws_sdk_cloudformation::types::StackEvent;
use indicatif::{ProgressBar, ProgressStyle};

use crate::template::in_words;

/// The bar, or the lines.
pub struct Progress {
    bar: Option<ProgressBar>,
    verb: &'static str,
    told: RefCell<BTreeSet<String>>,
}

impl Progress {
    /// Of this many things; `verb` is what is done to each: `making`.
    pub fn new(verb: &'static str, things: usize) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(things as u64);
            let style = ProgressStyle::with_template("{spinner} [{bar:30}] {pos}/{len} {elapsed} {wide_msg}");
            if let Ok(style) = style {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, verb, told: RefCell::default() }
    }

    /// Shows what the events of a stack, oldest first, add up to.
    pub fn show(&self, events: &[StackEvent]) {
        let (done, current) = summarize(events);
        if let Some(bar) = &self.bar {
            bar.set_position(done.len() as u64);
        }
        for failed in events.iter().filter(|event| status_of(event).ends_with("_FAILED")) {
            let name = failed.logical_resource_id.as_deref().unwrap_or_default();
            let reason = failed.resource_status_reason.as_deref().unwrap_or("AWS gave no reason");
            self.tell_once(&format!("failed: {}: {reason}", in_words(name)));
        }
        if !current.is_empty() {
            let current: BTreeSet<&str> = current.iter().map(|name| in_words(name)).collect();
            self.doing(&format!("{} {}", self.verb, current.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }

    /// Says what is going on now.
    pub fn doing(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => self.tell_once(text),
        }
    }

    fn tell_once(&self, text: &str) {
        if self.told.borrow_mut().insert(text.to_owned()) {
            match &self.bar {
                Some(bar) => bar.suspend(|| eprintln!("{text}")),
                None => eprintln!("{text}"),
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The resources that are done, and those under way.
fn summarize(events: &[StackEvent]) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let (mut done, mut current) = (BTreeSet::new(), BTreeSet::new());
    for event in events.iter().filter(|event| event.physical_resource_id != event.stack_id) {
        let Some(name) = event.logical_resource_id.as_deref() else { continue };
        if status_of(event).ends_with("_IN_PROGRESS") {
            current.insert(name);
        } else {
            current.remove(name);
            done.insert(name);
        }
    }
    (done, current)
}

fn status_of(event: &StackEvent) -> &str {
    event.resource_status.as_ref().map(|status| status.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::ResourceStatus;

    use super::*;

    fn event(name: &str, status: ResourceStatus) -> StackEvent {
        StackEvent::builder()
            .stack_id("s")
            .physical_resource_id(name)
            .logical_resource_id(name)
            .resource_status(status)
            .build()
    }

    #[test]
    fn what_is_complete_is_no_longer_under_way() {
        let events = [
            event("s", ResourceStatus::CreateInProgress),
            event("Network", ResourceStatus::CreateInProgress),
            event("Role", ResourceStatus::CreateInProgress),
            event("Network", ResourceStatus::CreateComplete),
        ];
        let (done, current) = summarize(&events);
        assert_eq!((done, current), (BTreeSet::from(["Network"]), BTreeSet::from(["Role"])));
    }
}
