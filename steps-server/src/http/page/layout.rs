//! What every page has: its head, where one is, and what leads elsewhere.

use maud::{DOCTYPE, Markup, html};
use steps_shared::{CallerKind, Timestamp, escaped};

use super::{assets, links};
use crate::app::Caller;

/// Where in the site a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Here {
    Home,
    Deployments,
    Trend,
    Stats,
    Check,
    /// Within none of these.
    Elsewhere,
}

/// The pages that every page leads to.
const PLACES: [(Here, &str, &str); 5] = [
    (Here::Home, links::HOME, "Overview"),
    (Here::Deployments, links::DEPLOYMENTS, "Deployments"),
    (Here::Trend, links::TREND, "Trend"),
    (Here::Stats, links::STATS, "Statistics"),
    (Here::Check, links::CHECK, "Check"),
];

/// A page.
#[derive(Debug)]
pub struct Page {
    /// Its title, as a browser's tab shows it.
    pub title: String,
    pub here: Here,
    /// Whose events change it, as the parameters of `/v1/events`; empty means any, `None` that it stays as it is.
    pub live: Option<Vec<(&'static str, String)>>,
    pub main: Markup,
}

/// Without a script a page that may change is loaded again after so many seconds.
const REFRESH: &str = "20";

impl Page {
    /// The whole page, for a caller at a time.
    pub fn markup(&self, caller: Option<&Caller>, now: Timestamp) -> Markup {
        let Self { title, here, live, main } = self;
        let filter = live.as_ref().map(|filter| links::query(filter));
        html! {
            (DOCTYPE)
            html lang="en" {
                (head(title, html! {
                    script src=(assets::script()) defer {}
                    @if live.is_some() { noscript { meta http-equiv="refresh" content=(REFRESH); } }
                }))
                body data-now=(now.micros() / 1000) data-live=[filter] {
                    a.skip href="#main" { "Skip to the content" }
                    header.top {
                        a.mark href=(links::HOME) aria-label="steps: overview" {
                            svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true" {
                                rect width="32" height="32" rx="8" {}
                                path d="M8 10h5M13 16h9M20 22h4" {}
                            }
                            span { "steps" }
                        }
                        nav aria-label="Pages" {
                            @for (place, address, name) in PLACES {
                                a href=(address) aria-current=[(place == *here).then_some("page")] { (name) }
                            }
                        }
                        @if let Some(caller) = caller { (who(caller)) }
                    }
                    main #main tabindex="-1" { (main) }
                    footer {
                        p { "steps " (env!("CARGO_PKG_VERSION")) " · " a href="/docs" { "HTTP API" } " · times in your zone, UTC where you point at them" }
                    }
                }
            }
        }
    }
}

/// The head of a page with this title.
pub fn head(title: &str, more: Markup) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (escaped(title)) " · steps" }
            link rel="icon" type="image/svg+xml" href=(assets::icon());
            link rel="stylesheet" href=(assets::style());
            (more)
        }
    }
}

/// Who looks at the page, and how they sign out.
fn who(caller: &Caller) -> Markup {
    html! {
        @if caller.kind != CallerKind::Anonymous {
            form.who method="post" action="/logout" {
                span.faint { (escaped(&caller.name)) }
                button.plain { "Sign out" }
            }
        }
    }
}
