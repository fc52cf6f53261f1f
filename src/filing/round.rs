//! One round over all subjects, worst first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;

use super::act::{Matter, Then};
use super::{Filing, Halt};
use crate::clock;
use crate::issues::daily;
use crate::issues::plan::{self, Case, Step, Word};
use crate::issues::wanted::{Wanted, wanted};
use crate::model::finding::{Finding, Severity, State};
use crate::model::issue::{Entry, Standing as IssueStanding, Subject};
use crate::standing::Standing;

/// Of one subject in one round: a comment, a change, a reopening.
const STEPS: usize = 6;

impl Filing {
    pub(super) async fn round(&mut self) -> Result<(), Halt> {
        let Some(standing) = self.standing.borrow_and_update().clone() else { return Ok(()) };
        let entries = self.kept(|store| Ok(store.issues()?)).await?;
        self.entries = entries.into_iter().map(|it| (it.subject, it)).collect();
        let done = self.settle_all(&standing).await;
        self.publish(&standing);
        done
    }

    async fn settle_all(&mut self, standing: &Arc<Standing>) -> Result<(), Halt> {
        for name in self.names() {
            if self.is_fit(&name).await? && self.owes_survey(&name) {
                self.survey(&name).await?;
            }
        }
        let options = Arc::clone(&self.options);
        let entries: Vec<Entry> = self.entries.values().cloned().collect();
        let wanted = wanted(&standing.now.findings, &entries, &options);
        for subject in self.in_order(&wanted) {
            if self.standing.has_changed().unwrap_or(false) {
                return Err(Halt::News);
            }
            self.settle(subject, wanted.get(&subject), standing).await?;
        }
        self.settle_daily(standing).await
    }

    /// Every repository in which something is or may be filed.
    fn names(&self) -> Vec<String> {
        let routed = self.options.repositories().into_iter().map(ToOwned::to_owned);
        let open = self.entries.values().filter(|it| it.is_open());
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for name in open.map(|it| it.repository.to_string()).chain(routed) {
            names.insert(name.to_lowercase(), name);
        }
        names.into_values().collect()
    }

    fn owes_survey(&mut self, name: &str) -> bool {
        let timing = self.timing;
        let ledger_is_empty = self.entries.is_empty();
        let repository = self.repository(name);
        let pressing = 0 < repository.owed || !repository.is_surveyed(ledger_is_empty);
        let every = if pressing { timing.again } else { timing.survey };
        repository.surveyed.is_none_or(|it| every <= it.elapsed())
    }

    /// Those of findings, the worst first.
    fn in_order(&self, wanted: &BTreeMap<Subject, Wanted<'_>>) -> Vec<Subject> {
        let subjects: BTreeSet<Subject> =
            wanted.keys().chain(self.entries.keys()).copied().collect();
        let findings = subjects.into_iter().filter(|it| *it != Subject::Daily);
        let mut subjects: Vec<Subject> = findings.collect();
        let severity = |it: &Subject| wanted.get(it).map(|it| it.news.severity);
        subjects.sort_by_key(|it| std::cmp::Reverse(severity(it)));
        subjects
    }

    /// Takes steps for one subject until none is left.
    pub(super) async fn settle(
        &mut self,
        subject: Subject,
        wanted: Option<&Wanted<'_>>,
        standing: &Standing,
    ) -> Result<(), Halt> {
        let name: Option<Box<str>> = match (self.entries.get(&subject), wanted) {
            (Some(entry), _) if entry.standing != IssueStanding::Lost => {
                Some(entry.repository.clone())
            }
            (_, Some(wanted)) => Some(wanted.repository.into()),
            _ => None,
        };
        let Some(name) = name else { return Ok(()) };
        let is_open =
            self.entries.get(&subject).is_some_and(|it| it.standing == IssueStanding::Open);
        if wanted.is_none() && !is_open {
            return Ok(());
        }
        if !self.is_fit(&name).await? {
            return Ok(());
        }
        if self.entries.get(&subject).is_some_and(|it| self.is_due(it)) {
            self.look(subject).await?;
        }
        let resolved = match (wanted, subject) {
            (None, Subject::Finding(id)) => self.kept(move |store| Ok(store.finding(id)?)).await?,
            _ => None,
        };
        if wanted.is_none() && !may_close(subject, resolved.as_ref(), standing) {
            return Ok(());
        }
        if let Some((entry, wanted)) = self.entries.get(&subject).zip(wanted)
            && let Some(heard) = plan::heard(entry, wanted)
        {
            self.put(heard).await?;
        }
        let mut freshly_seen = false;
        for _ in 0..STEPS {
            let Some(step) = self.next(subject, wanted) else { break };
            if matches!(step, Step::Create { .. }) && !self.may_create(&name) {
                break;
            }
            // Nobody acts on what an issue was five minutes ago.
            if !freshly_seen && !matches!(step, Step::Create { .. }) {
                freshly_seen = true;
                self.look(subject).await?;
                continue;
            }
            let matter = Matter { subject, wanted, resolved: resolved.as_ref(), standing };
            if self.take(&step, matter).await? == Then::Enough {
                break;
            }
        }
        Ok(())
    }

    fn next(&self, subject: Subject, wanted: Option<&Wanted<'_>>) -> Option<Step> {
        let labelled = self.said.get(&subject).is_some_and(|it| it.word == Word::Label);
        let case = Case { entry: self.entries.get(&subject), wanted, labelled };
        plan::next(case, &self.options, clock::now())
    }

    fn may_create(&mut self, name: &str) -> bool {
        // A row that is only just intended counts as none.
        let ledger_is_empty = self.entries.is_empty();
        self.repository(name).is_surveyed(ledger_is_empty)
    }

    /// Queue and open issues, for the metrics.
    fn publish(&self, standing: &Standing) {
        let entries: Vec<Entry> = self.entries.values().cloned().collect();
        let mut wanted = wanted(&standing.now.findings, &entries, &self.options);
        daily::join(&mut wanted, self.edition.as_deref(), &self.options);
        let subjects: BTreeSet<Subject> =
            wanted.keys().chain(self.entries.keys()).copied().collect();
        let waits = |it: &&Subject| {
            let entry = self.entries.get(it);
            let intended = entry.is_some_and(|it| it.standing == IssueStanding::Intended);
            intended || self.next(**it, wanted.get(it)).is_some()
        };
        let queue = subjects.iter().filter(waits).count();
        let open = |severity: Severity| {
            let open = self.entries.values().filter(|it| it.standing == IssueStanding::Open);
            // The daily report is of no severity.
            let open = open.filter(|it| it.subject != Subject::Daily);
            open.filter(|it| it.said.as_ref().is_some_and(|it| it.severity == severity)).count()
        };
        self.metrics.github_issues(queue, open);
    }

    /// When the next round is due without anything new.
    pub(super) fn next_look(&self) -> Instant {
        let now = Instant::now();
        let mut next = now + self.timing.look;
        let ledger_is_empty = self.entries.is_empty();
        for repository in self.repositories.values() {
            let pressing = 0 < repository.owed || !repository.is_surveyed(ledger_is_empty);
            let every = if pressing { self.timing.again } else { self.timing.survey };
            next = next.min(repository.surveyed.map_or(next, |it| it + every));
        }
        next = self.next_edition().map_or(next, |it| next.min(it));
        next.max(now + self.timing.again / 10)
    }
}

/// What nobody wants open any more is closed only where it is known to be over. Of a finding that the store has never
/// heard of, or no longer, a scan that verified everybody is proof enough.
fn may_close(subject: Subject, known: Option<&Finding>, standing: &Standing) -> bool {
    match (subject, known) {
        (Subject::Finding(_), Some(finding)) => finding.state == State::Resolved,
        (Subject::Finding(_), None) => standing.full.unverified().is_empty(),
        (Subject::Summary | Subject::Umbrella | Subject::Daily, _) => true,
    }
}
