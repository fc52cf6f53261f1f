//! What an open page is told while it stays open.
//!
//! Why so little: the page asks for itself anew when something has changed, so that there is one way to draw it. An event
//! tells only that, and how far the running scan is.

use serde_json::json;

use super::frame::Progress;
use super::words;

/// The data of one event of `GET /live`: JSON on one line.
///
/// `{"version": "…", "running": {"stage", "done", "total", "text"} | null, "waiting": bool}`. `version` is what the
/// view's frame was given.
pub fn event(progress: &Progress<'_>, version: &str) -> String {
    let running = progress.running.map(|it| {
        json!({
            "stage": it.stage,
            "done": it.done,
            "total": it.total,
            "text": words::progress(&it),
        })
    });
    json!({ "version": version, "running": running, "waiting": progress.waiting }).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::frame::Running;
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_it_names() {
        let running = Running { stage: "visits", done: 1, total: 2, partial: false };
        let progress = Progress { running: Some(running), waiting: true, next_at: None };
        assert_eq!(
            event(&progress, "a\n\"b"),
            r#"{"running":{"done":1,"stage":"visits","text":"Scan running: visiting databases, 1 of 2","total":2},"version":"a\n\"b","waiting":true}"#
        );
        assert_eq!(
            event(&Progress::default(), ""),
            r#"{"running":null,"version":"","waiting":false}"#
        );
    }
}
