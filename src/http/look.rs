//! What a page needs beside its own part: who looks, how the fleet stands, and what the schedule does.
//!
//! Why a value of its own: the views borrow all that they draw, so somebody has to have it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::request::Parts;
use jiff::{SignedDuration, Timestamp};

use super::caller::Caller;
use super::role::Power;
use super::session::Session;
use super::state::Shared;
use crate::clock;
use crate::page::frame::{Frame, Notice, Progress, Provisioning, Reach, Running, Viewer, own_path};
use crate::schedule::Status;
use crate::standing::Standing;

/// The state of the fleet has a number: an open page asks for itself anew when it is another one.
#[derive(Debug)]
pub(super) struct Versions {
    /// Of this process: after a restart no page is believed to be true still.
    start: u64,
    counted: Mutex<(Option<Arc<Standing>>, u64)>,
}

impl Versions {
    pub(super) fn new() -> Self {
        Self { start: rand::random(), counted: Mutex::default() }
    }

    /// Of this state, and of whether it is still to be believed.
    pub(super) fn of(&self, standing: Option<&Arc<Standing>>, stale: bool) -> String {
        // Plain data: a panic elsewhere leaves nothing half-written.
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let same = match (&counted.0, standing) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (None, None) => true,
            _ => false,
        };
        if !same {
            *counted = (standing.cloned(), counted.1 + 1);
        }
        let age = if stale { "old" } else { "new" };
        format!("{:x}-{}-{age}", self.start, counted.1)
    }
}

pub(super) struct Look {
    pub(super) now: Timestamp,
    pub(super) standing: Option<Arc<Standing>>,
    stale_after: SignedDuration,
    name: Option<Arc<str>>,
    reach: Option<Reach>,
    csrf: String,
    status: Status,
    version: String,
    notice: Option<Notice>,
    here: String,
    provisioning: Provisioning,
}

impl Look {
    /// `None` for whoever is not let in: they see how nobody stands.
    pub(super) fn new(shared: &Shared, caller: Option<&Caller>, parts: &Parts) -> Self {
        let now = clock::now();
        let session = caller.and_then(|it| it.session.as_ref());
        let stale_after = shared.options().gate.options.max_age;
        let standing = shared.standing().filter(|_| caller.is_some_and(|it| it.may(Power::Read)));
        Self {
            now,
            version: version(shared, standing.as_ref(), now),
            standing,
            stale_after,
            name: caller.filter(|it| it.is_known()).map(|it| Arc::clone(&it.name)),
            reach: caller.map(reach),
            csrf: session.map(Session::csrf).unwrap_or_default(),
            status: shared.served.daemon.desk().status().borrow().clone(),
            notice: notice(parts.uri.query()),
            here: here(parts),
            provisioning: match shared.served.provisioner.equipment() {
                Some(_) => Provisioning::Configured,
                None => Provisioning::Absent,
            },
        }
    }

    pub(super) fn frame(&self) -> Frame<'_> {
        Frame {
            now: self.now,
            standing: self.standing.as_deref(),
            stale_after: self.stale_after,
            viewer: self.reach.map(|reach| Viewer { name: self.name.as_deref(), reach }),
            csrf: &self.csrf,
            progress: progress(&self.status),
            version: &self.version,
            notice: self.notice,
            here: &self.here,
            provisioning: self.provisioning,
        }
    }
}

pub(super) fn version(shared: &Shared, standing: Option<&Arc<Standing>>, now: Timestamp) -> String {
    let max_age = shared.options().gate.options.max_age;
    let stale = standing.is_some_and(|it| crate::page::verdict::is_stale(it, now, max_age));
    shared.versions.of(standing, stale)
}

pub(super) fn progress(status: &Status) -> Progress<'_> {
    let running = status.running.as_ref().map(|it| Running {
        stage: it.stage.label(),
        done: it.done,
        total: it.total,
        partial: it.partial,
    });
    Progress { running, waiting: status.waiting.is_some(), next_at: status.next_at }
}

fn reach(caller: &Caller) -> Reach {
    if caller.may(Power::Operate) {
        Reach::Operates
    } else if caller.may(Power::Provision) {
        Reach::Provisions
    } else if caller.may(Power::Scan) {
        Reach::Scans
    } else {
        Reach::Reads
    }
}

fn notice(query: Option<&str>) -> Option<Notice> {
    let pairs = query.unwrap_or_default().split('&');
    pairs.filter_map(|it| it.strip_prefix("notice=")).find_map(Notice::parse)
}

/// Path and query of this view, without what is told only once.
fn here(parts: &Parts) -> String {
    let query = parts.uri.query().unwrap_or_default().split('&');
    let query: Vec<&str> =
        query.filter(|it| !it.is_empty() && !it.starts_with("notice=")).collect();
    let path = parts.uri.path();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
}

/// Where a form leads back to, with a word on what became of it.
pub(super) fn back_with(back: &str, notice: Notice) -> String {
    let back = own_path(back);
    let (path, query) = back.split_once('?').unwrap_or((back, ""));
    let others = query.split('&').filter(|it| !it.is_empty() && !it.starts_with("notice="));
    let mut location = format!("{path}?");
    for other in others {
        location.push_str(other);
        location.push('&');
    }
    location + "notice=" + notice.label()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_to_its_view_and_nowhere_else() {
        let back = |text: &str| back_with(text, Notice::ScanAsked);
        assert_eq!(back("/"), "/?notice=scan-asked");
        assert_eq!(back("/?q=a&notice=logged-in&page=2"), "/?q=a&page=2&notice=scan-asked");
        assert_eq!(back("//evil.example/"), "/?notice=scan-asked");
        assert_eq!(back("https://evil.example/"), "/?notice=scan-asked");
        assert_eq!(back("/\r\nSet-Cookie: a=b"), "/?notice=scan-asked");
    }

    #[test]
    fn a_version_changes_with_the_state_and_with_its_age() {
        let versions = Versions::new();
        let first = versions.of(None, false);
        assert_eq!(versions.of(None, false), first);
        assert_ne!(versions.of(None, true), first);
        assert_ne!(Versions::new().of(None, false), first, "after a restart");
    }
}
