//! What a person sees in place of a view that there is not, or not for them.
//!
//! Why it looks like the rest: an error in another dress makes one doubt the whole page, and the way on stands in the same
//! place as ever.

use askama::Template;

use super::frame::{Frame, Section};
use super::rows::LONGEST;
use super::words;
use crate::report::visible::clipped;

#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub frame: Frame<'a>,
    pub status: u16,
    /// A sentence more than the status says; may be empty.
    pub detail: &'a str,
    /// What the log knows the request by; may be empty.
    pub request_id: &'a str,
}

#[derive(Template)]
#[template(path = "problem.html", config = "src/page/askama.toml")]
struct Html<'a> {
    frame: &'a Frame<'a>,
    section: Section,
    status: u16,
    title: &'static str,
    text: &'static str,
    detail: String,
    request_id: String,
}

pub fn render(view: &View<'_>) -> Result<String, askama::Error> {
    let (title, text) = say(view.status);
    let html = Html {
        frame: &view.frame,
        section: Section::Elsewhere,
        status: view.status,
        title,
        text,
        detail: clipped(view.detail, LONGEST).into_owned(),
        request_id: clipped(view.request_id, LONGEST).into_owned(),
    };
    html.render()
}

const fn say(status: u16) -> (&'static str, &'static str) {
    match status {
        400 => ("That request is not understood", "Nothing was changed."),
        401 => ("Please log in", "This page is for people who hold a token."),
        403 => (
            "Your token does not allow this",
            "Nothing was changed. Acknowledging needs the role of an operator, and so does asking for a scan; making a tenant needs that of a provisioner.",
        ),
        404 => (
            "There is nothing here",
            "The address names no view, tenant or finding that is known. A tenant that left the registry is gone with the next scan.",
        ),
        405 => ("That cannot be done here", "Nothing was changed."),
        413 => ("That is too much at once", "Nothing was changed. Shorten what you sent."),
        421 => (
            "This is not the host that you asked for",
            "The name in the address is not one that this server answers to.",
        ),
        422 => ("That could not be taken", "Nothing was changed. See below what is missing."),
        429 => {
            ("Too many requests", "Wait a moment and try again; the schedule goes on meanwhile.")
        }
        503 => (
            "Not now",
            "The daemon is starting, stopping or short of room. The schedule goes on; try again in a moment.",
        ),
        _ => ("Something went wrong on our side", "It is in the log. The schedule goes on."),
    }
}
