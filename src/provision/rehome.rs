//! A tenant that moves: what it has is copied into a database of its own, compared, and the registry led there.
//!
//! Why nobody is led to the tenant meanwhile: what is written after the snapshot is not copied. Why the source is looked
//! at once more, with its tables held still: the application may have kept its connections, and then the move is undone
//! instead of losing what it wrote.
//!
//! Why the old database stays: another tenant lives in it, and what was left in it is a person's to delete.
//!
//! Invariants:
//! - nothing is written to the old database before the registry leads to the new one, and then no more than our own stamp
//!   is taken out of it (see `farewell`);
//! - the registry changes in the moment in which the operation has succeeded, or not at all.

mod farewell;
pub mod survey;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::drive::{Course, Trouble, judged};
use super::keep::Patience;
use super::work::{Farewell, Moving};
use super::{connect, project, unique};
use crate::clock;
use crate::dsn::Dsn;
use crate::dump::Programs;
use crate::model::change::{Baseline, Change, Identity, PlannedKinds};
use crate::model::operation::{Event, Happened, Step};
use crate::model::tenant::{TargetName, TenantId};
use crate::moving::MoveError;
use crate::moving::selection::{Company, Selection, Wish, choose};
use crate::moving::session::{Mode, Open, Place};
use crate::moving::still;
use crate::moving::summary::{self, Side, Summary, differences};
use crate::moving::transfer::{self, Transfer};
use crate::probe::Prober;
use crate::registry::row::RawRow;
use crate::secret::Secret;
use crate::store::Store;
use crate::store::switch::{Switch, Switched};

const OLD: &str = "the old database";
const NEW: &str = "the new database";

impl From<MoveError> for Trouble {
    fn from(error: MoveError) -> Self {
        Self::of(error)
    }
}

/// The row may have changed since it was asked.
pub(super) async fn reserve(course: &mut Course<'_>) -> Result<(), Trouble> {
    let tenant = course.tenant().clone();
    let read = move |store: &Store| Ok(store.tenant::<RawRow>(&tenant)?);
    let row = course.stored("read a tenant", read).await?;
    match row {
        Some(row) if row == moving(course)?.before => Ok(()),
        Some(_) => Err(Trouble::failed("its row in the registry was changed: ask again")),
        None => Err(Trouble::failed("the store has no such tenant any more")),
    }
}

pub(super) async fn copy(course: &mut Course<'_>) -> Result<(), Trouble> {
    begin(course).await?;
    let programs = Programs::find().await.map_err(Trouble::of)?;
    let ends = Ends::of(course)?;
    let transfer = ends.transfer(&programs);
    if course.was_begun(Step::Copy)
        && let Some(chosen) = moving(course)?.chosen
        && transfer.arrived(&chosen).await?
    {
        return grant(course, &transfer, &chosen).await;
    }
    let mut learnt = moving(course)?;
    same_company(course, &learnt).await?;
    let seen = transfer::snapshot(&transfer.source).await?;
    let chosen = choose(&seen.objects, &learnt.wish, learnt.company)
        .map_err(|against| Trouble::failed(against.join("; ")))?;
    let summary = transfer.take(&seen.name, &chosen).await?;
    // Known before anything arrives: whoever finds it there compares it with this.
    learnt.chosen = Some(chosen.clone());
    learnt.summary = Some(summary);
    course.work.moving = Some(Box::new(learnt));
    course.keep_work().await?;
    transfer.put(&seen.name, &chosen).await?;
    seen.leave().await;
    grant(course, &transfer, &chosen).await
}

/// Who else is in the old database decides what is copied, and may have changed since it was asked.
async fn same_company(course: &Course<'_>, learnt: &Moving) -> Result<(), Trouble> {
    if learnt.wish != Wish::Own {
        return Ok(());
    }
    let mut patience = Patience::new(&course.equipment, course.equipment.options.answering());
    loop {
        let now = survey::company_now(course.daemon, course.tenant(), course.stop).await?;
        if now == learnt.company {
            return Ok(());
        }
        if now != Company::Unknown || !patience.wait().await {
            return Err(Trouble::failed(
                "who else is in the old database is not as it was when it was asked: ask again",
            ));
        }
    }
}

/// From here on nobody is led there. A process before us may have left it minutes ago, and the new server with it.
async fn begin(course: &mut Course<'_>) -> Result<(), Trouble> {
    course.daemon.lead_nowhere(course.tenant());
    unique::examine(course).await
}

async fn grant(
    course: &Course<'_>,
    transfer: &Transfer<'_>,
    chosen: &Selection,
) -> Result<(), Trouble> {
    if let Some(refused) = transfer.grant(chosen).await? {
        tracing::warn!(operation = %course.id(), "grants that name roles which the new server does not have were left out: {refused}");
    }
    Ok(())
}

pub(super) fn forget_copy(course: &Course<'_>) {
    course.daemon.lead_again(course.tenant());
    forget_dump(course);
}

/// What cannot be removed now is tried once more at the next start, and holds up nobody until then.
fn forget_dump(course: &Course<'_>) {
    let directory = farewell::directory(course.daemon.store().path(), course.id());
    if let Err(error) = transfer::clear(&directory) {
        let place = directory.display();
        tracing::warn!(operation = %course.id(), "remove the dump {place}: {error}");
    }
}

pub(super) async fn compare(course: &mut Course<'_>) -> Result<(), Trouble> {
    begin(course).await?;
    let ends = Ends::of(course)?;
    let (chosen, sent) = copied(course)?;
    let mut open = ends.goal().open(Mode::Snapshot).await?;
    let arrived = summary::take(&mut open, &chosen, Side::New).await?;
    open.close().await;
    let lost = differences(&sent, &arrived);
    if !lost.is_empty() {
        let told = lost.join("; ");
        return Err(Trouble::failed(format!("what arrived is not what was sent: {told}")));
    }
    forget_dump(course);
    Ok(())
}

pub(super) async fn switch(course: &mut Course<'_>) -> Result<(), Trouble> {
    project::sweep(course).await?;
    begin(course).await?;
    let ends = Ends::of(course)?;
    let baseline = baseline(course).await?;
    let mut open = ends.source().open(Mode::Now).await?;
    unchanged(course, &mut open).await?;
    let mut learnt = moving(course)?;
    let before = learnt.before.clone();
    // Known before it is due: whoever dies behind the switch leaves it to the next start.
    learnt.farewell = Some(Farewell { stamp: stamp_of_old(course).await? });
    course.work.moving = Some(Box::new(learnt));
    course.keep_work().await?;
    let event = Event { at: clock::now(), happened: Happened::Succeeded(Step::Switch) };
    let switch = Switch {
        operation: course.id().clone(),
        tenant: course.tenant().clone(),
        after: course.work.row(course.tenant()),
        before,
        baseline,
        change: change(course, event.at),
    };
    let put = move |store: &Store| Ok(store.switch_tenant(&switch, &event, judged)?);
    match course.stored("switch a tenant", put).await? {
        Switched::Yes => {}
        // The log says why.
        Switched::TooLate => return Ok(()),
        Switched::RowChanged => {
            return Err(Trouble::failed(
                "its row in the registry was changed meanwhile: ask again",
            ));
        }
    }
    // Until here nobody could write what would be missed.
    open.close().await;
    if let Ok(way) = Dsn::parse(ends.old.expose()) {
        course.daemon.leave_behind(course.tenant(), way);
    }
    course.daemon.lead_again(course.tenant());
    Ok(farewell::take(course.daemon, &course.operation, course.work.clone()).await?)
}

/// Whether the old database, held still from here on, is as it was when it was copied.
async fn unchanged(course: &Course<'_>, open: &mut Open) -> Result<(), Trouble> {
    let (chosen, sent) = copied(course)?;
    let free = still::hold(open, &chosen).await?;
    if !free.is_empty() {
        let names = free.join(", ");
        note(course, format!("its role may not write to {names}: nothing kept others from writing there during the switch")).await?;
    }
    let Moving { wish, company, .. } = moving(course)?;
    let strayed = still::strayed(open, &chosen, (&wish, company)).await?;
    if !strayed.is_empty() {
        return Err(Trouble::failed(format!(
            "the old database has other objects than were copied: stop the application's changes for this tenant, and ask again ({})",
            strayed.join("; ")
        )));
    }
    let now = summary::take(open, &chosen, Side::Source).await?;
    let written = differences(&sent, &now);
    if !written.is_empty() {
        return Err(Trouble::failed(format!(
            "the old database was written to after it was copied: stop the application's writes for this tenant, or put it into maintenance, and ask again ({})",
            written.join("; ")
        )));
    }
    Ok(())
}

async fn note(course: &Course<'_>, what: String) -> Result<(), Trouble> {
    tracing::warn!(operation = %course.id(), "{what}");
    let id = course.id().clone();
    let event = Event { at: clock::now(), happened: Happened::Noted(Step::Switch, what.into()) };
    let note = move |store: &Store| Ok(store.note_operation(&id, &event, judged)?);
    course.stored("note what was not held still", note).await.map(drop)
}

async fn stamp_of_old(course: &Course<'_>) -> Result<Option<Box<str>>, Trouble> {
    let tenant = course.tenant().clone();
    let read = course.stored("read a stamp", |store| Ok(store.stamps()?));
    let of_it = read.await?.into_iter();
    let own = |it: &crate::model::stamp::Stamped| {
        it.tenant == tenant && it.target == TargetName::DatabaseUrl
    };
    Ok(of_it.filter(own).find_map(|it| it.current))
}

/// What the scans are to expect from now on.
async fn baseline(course: &Course<'_>) -> Result<Baseline, Trouble> {
    let report = connect::alone(course).await?;
    let visited = course.visited();
    let own = report.tenants.iter().find(|it| it.id == visited);
    let target = own.and_then(|it| it.targets.first());
    let seen = target.and_then(|it| Some((it.fingerprint.as_ref()?, it.address.project_id())));
    let (fingerprint, project) =
        seen.ok_or_else(|| Trouble::failed("the new database does not answer"))?;
    Ok(Baseline {
        tenant: course.tenant().clone(),
        target: TargetName::DatabaseUrl,
        identity: Identity::of(fingerprint, project),
        since: clock::now(),
    })
}

/// For the record alone: what is expected is there already.
fn change(course: &Course<'_>, at: jiff::Timestamp) -> Change {
    Change {
        tenants: vec![course.tenant().clone()],
        kinds: PlannedKinds::default(),
        reason: format!("it was moved to a database of its own by operation {}", course.id())
            .into(),
        ticket: None,
        by: "watertight rehome".into(),
        from: at,
        until: at,
    }
}

fn moving(course: &Course<'_>) -> Result<Moving, Trouble> {
    let moving = course.work.moving.as_deref().cloned();
    moving.ok_or_else(|| Trouble::Fault(anyhow::anyhow!("the operation is not of a move")))
}

fn copied(course: &Course<'_>) -> Result<(Selection, Summary), Trouble> {
    let Moving { chosen, summary, .. } = moving(course)?;
    let copied = chosen.zip(summary);
    copied.ok_or_else(|| Trouble::failed("nothing was copied"))
}

/// Where it comes from and where it goes, apart from the operation, which learns meanwhile.
struct Ends {
    prober: Arc<Prober>,
    tenant: TenantId,
    old: Secret,
    new: Secret,
    directory: PathBuf,
    roots: Option<PathBuf>,
    limit: Duration,
    deadline: Instant,
    stop: CancellationToken,
}

impl Ends {
    fn of(course: &Course<'_>) -> Result<Self, Trouble> {
        let (new, options) = (course.work.url(), &course.equipment.options);
        Ok(Self {
            prober: course.daemon.prober(),
            tenant: course.tenant().clone(),
            old: moving(course)?.url(),
            new: new.ok_or_else(|| Trouble::failed("no database is known yet"))?,
            directory: farewell::directory(course.daemon.store().path(), course.id()),
            roots: options.roots.clone(),
            limit: options.moving(),
            deadline: Instant::now() + options.moving(),
            stop: course.stop.clone(),
        })
    }

    fn source(&self) -> Place<'_> {
        Place {
            prober: &self.prober,
            tenant: &self.tenant,
            url: &self.old,
            of: OLD,
            deadline: self.deadline,
        }
    }

    fn goal(&self) -> Place<'_> {
        Place { url: &self.new, of: NEW, ..self.source() }
    }

    fn transfer<'a>(&'a self, programs: &'a Programs) -> Transfer<'a> {
        Transfer {
            programs,
            source: self.source(),
            new: self.goal(),
            directory: &self.directory,
            roots: self.roots.as_deref(),
            limit: self.limit,
            stop: &self.stop,
        }
    }
}
