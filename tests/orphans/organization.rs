//! An organisation at the fake, and a platform that reads it.

use jiff::{SignedDuration, Timestamp};
use watertight::clock;
use watertight::model::finding::{Fact, Finding, Kind, State};
use watertight::model::report::Report;

use crate::fake_supabase::stock::Stock;
use crate::fake_supabase::{FakeSupabase, ORGANIZATION, REGION, TOKEN};
use crate::program::Program;

/// Waits and windows are so much shorter than Supabase's.
const SCALE: f64 = 0.01;

pub(crate) fn organization() -> FakeSupabase {
    FakeSupabase::start(&Stock::start(0), SCALE)
}

fn long_ago() -> Timestamp {
    clock::now().checked_sub(SignedDuration::from_hours(72)).unwrap()
}

/// A project of three days ago. It stands on nothing: nobody visits it.
pub(crate) fn old(fake: &FakeSupabase, name: &str) -> String {
    let reference = fake.world().add(name, REGION, "x");
    fake.world().project(&reference).created_at = long_ago();
    reference
}

/// Whose database does not answer; what is asked of the provider does not depend on it.
pub(crate) fn tenant(id: &str, project: &str) -> String {
    let url = "postgres://app:x@127.0.0.1:1/app";
    format!("[[tenants]]\nid = {id:?}\ndatabase_url = {url:?}\nproject_id = {project:?}\n")
}

/// `[provider]`, with what else it says.
pub(crate) fn reading(fake: &FakeSupabase, more: &str) -> String {
    format!(
        "[provider]\nkind = \"supabase\"\napi_url = {:?}\norganization = {ORGANIZATION:?}\n\
         read_token = {TOKEN:?}\n{more}\n",
        fake.base()
    )
}

pub(crate) fn provisioning(fake: &FakeSupabase) -> String {
    format!(
        "[provision]\nprovider = \"supabase\"\nready_timeout = \"60s\"\n[provision.supabase]\napi_url = {:?}\n\
         token = {TOKEN:?}\norganization = {ORGANIZATION:?}\nregion = {REGION:?}\ntrusted_hosts = [\"127.0.0.1\"]\n",
        fake.base()
    )
}

pub(crate) fn program(sections: &[&str]) -> Program {
    Program::new(&format!("schedule.scan = \"0 0 0 1 1 *\"\n{}", sections.concat()))
}

/// What stands of the two kinds: `orphaned_project 2` or `missing_project acme`.
pub(crate) fn told(report: &Report) -> Vec<String> {
    let about = report.findings.iter().filter(|it| it.state != State::Resolved);
    about.filter_map(line).collect()
}

fn line(finding: &Finding) -> Option<String> {
    let claim = &finding.claim;
    match claim.kind {
        Kind::OrphanedProject => match &claim.evidence.0["orphans"] {
            Fact::Number(number) => Some(format!("{} {number}", claim.kind)),
            other => panic!("{other:?}"),
        },
        Kind::MissingProject => {
            let tenants: Vec<String> = claim.tenants.iter().map(ToString::to_string).collect();
            Some(format!("{} {}", claim.kind, tenants.join(" ")))
        }
        _ => None,
    }
}
