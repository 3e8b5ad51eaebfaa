//! The pages: what they hold, on both databases, and how they behave in a real browser.

mod badges;
mod html;
mod look;
