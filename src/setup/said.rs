//! What a setup's command prints: line by line to the log, masked, and its last lines kept for the error.
//!
//! Invariants:
//! - what is printed is read whatever becomes of it, and bounded wherever it is kept;
//! - a line is masked before it is cut.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::mask::Mask;
use crate::model::tenant::TenantId;

/// Of one line, in characters; the rest of it is dropped.
const LONGEST_LINE: usize = 2_000;
/// Lines that go to the log.
const MOST_LINES: usize = 1_000;
/// What an error shows: so many of the last lines, and so many characters of each.
const TAIL_LINES: usize = 20;
const TAIL_LINE: usize = 200;

/// Both streams write into it, one line at a time.
pub(super) struct Said<'a> {
    mask: &'a Mask,
    tenant: &'a TenantId,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    lines: usize,
    tail: VecDeque<String>,
}

impl<'a> Said<'a> {
    pub(super) fn new(mask: &'a Mask, tenant: &'a TenantId) -> Self {
        Self { mask, tenant, kept: Mutex::default() }
    }

    /// To the end of both.
    pub(super) async fn read(
        &self,
        out: Option<impl AsyncRead + Unpin>,
        err: Option<impl AsyncRead + Unpin>,
    ) {
        tokio::join!(self.stream(out), self.stream(err));
    }

    pub(super) fn tail(&self) -> String {
        let kept = self.kept();
        kept.tail.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A line that was half noted is one that nobody reads.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn stream(&self, stream: Option<impl AsyncRead + Unpin>) {
        let Some(stream) = stream else { return };
        let mut reader = BufReader::new(stream);
        let most = self.most();
        let mut line: Vec<u8> = Vec::new();
        loop {
            let (used, ended) = match reader.fill_buf().await {
                Ok([]) | Err(_) => break,
                Ok(bytes) => {
                    let end = bytes.iter().position(|it| *it == b'\n');
                    let text = &bytes[..end.unwrap_or(bytes.len())];
                    line.extend(text.iter().take(most.saturating_sub(line.len())));
                    (end.map_or(bytes.len(), |it| it + 1), end.is_some())
                }
            };
            reader.consume(used);
            if ended {
                self.line(&line);
                line.clear();
            }
        }
        if !line.is_empty() {
            self.line(&line);
        }
    }

    /// Bytes of a line that are kept until it ends. A letter has up to four of them.
    fn most(&self) -> usize {
        4 * LONGEST_LINE + self.mask.longest()
    }

    /// Where the line went on, its end may be the beginning of a secret: so much is left out as the longest one has.
    fn shown(&self, bytes: &[u8]) -> String {
        let text = self.mask.apply(&String::from_utf8_lossy(bytes));
        let doubtful = if bytes.len() < self.most() { 0 } else { self.mask.longest() };
        let letters = text.chars().count().saturating_sub(doubtful);
        text.chars().take(letters).filter(|it| !it.is_control()).take(LONGEST_LINE).collect()
    }

    fn line(&self, bytes: &[u8]) {
        let shown = self.shown(bytes);
        let mut kept = self.kept();
        kept.lines += 1;
        if kept.lines <= MOST_LINES {
            tracing::info!(tenant = %self.tenant, "the setup says: {shown}");
        } else if kept.lines == MOST_LINES + 1 {
            tracing::warn!(tenant = %self.tenant, "the setup says more than {MOST_LINES} lines: the rest is not logged");
        }
        if TAIL_LINES <= kept.tail.len() {
            kept.tail.pop_front();
        }
        kept.tail.push_back(shown.chars().take(TAIL_LINE).collect());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::dsn::Dsn;
    use crate::secret::Secret;

    const URL: &str = "postgres://app:p%40ssword@db.example/acme";

    /// What is kept of it.
    fn said<T>(look: impl FnOnce(&Said<'_>) -> T) -> T {
        let mask = Mask::of(&Secret::new(URL), &Dsn::parse(URL).unwrap());
        look(&Said::new(&mask, &TenantId::parse("acme").unwrap()))
    }

    #[track_caller]
    fn check(printed: &[u8], expected: &str) {
        let tail = said(|it| {
            it.read(Some(printed), None::<&[u8]>).now_or_never().unwrap();
            it.tail()
        });
        assert_eq!(tail, expected);
    }

    #[test]
    fn lines_are_masked_and_the_last_ones_kept() {
        check(b"connect p@ssword\nbye", "connect ***\nbye");
        check(b"\x1b[31mred\x1b[0m\r\n\xff\n", "[31mred[0m\n\u{fffd}");
        let all: Vec<String> = (0..50).map(|it| it.to_string()).collect();
        check(all.join("\n").as_bytes(), &all[30..].join("\n"));
        let long = format!("{}\nend", "x".repeat(100_000));
        check(long.as_bytes(), &format!("{}\nend", "x".repeat(TAIL_LINE)));
    }

    /// The masked line is short, so its end is within what is shown.
    #[test]
    fn a_secret_at_the_cut_of_a_long_line_is_not_shown_in_part() {
        for before in 0..URL.len() {
            let line = format!("{}{}", "x".repeat(before), URL.repeat(1_000));
            let shown = said(|it| it.shown(&line.as_bytes()[..it.most()]));
            assert!(shown.contains("***") && !shown.contains("post"), "{before}: {shown}");
        }
    }
}
