//! Where a token becomes a session.
//!
//! Why a form and no header: a person's browser cannot send a bearer token. The server trades it for a cookie that no
//! script reads.

use askama::Template;

use super::frame::{Frame, Section, own_path};
use super::words;

#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub frame: Frame<'a>,
    /// Where to go afterwards, as the request says: anything but a path of ours is taken for `/`.
    pub next: &'a str,
    /// Why the last attempt was refused, in one sentence.
    pub problem: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "login.html", config = "src/page/askama.toml")]
struct Html<'a> {
    frame: &'a Frame<'a>,
    section: Section,
    next: &'a str,
    problem: &'a str,
}

pub fn render(view: &View<'_>) -> Result<String, askama::Error> {
    let html = Html {
        frame: &view.frame,
        section: Section::Elsewhere,
        next: own_path(view.next),
        problem: view.problem.unwrap_or_default(),
    };
    html.render()
}
