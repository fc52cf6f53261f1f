//! The way into the database of a tenant that leaves, as its row had it.
//!
//! Why not the row's URL alone: its password may stand apart from it, in a file or in the environment. Whoever leaves that
//! out is let in nowhere, and takes a database for nobody's that others live in.
//!
//! Why a row need not lead into the project that goes: somebody may have led it elsewhere by hand. What was seen there says
//! nothing of the project.

use super::drive::Trouble;
use crate::model::tenant::{Origin, TenantId};
use crate::registry::row::{RawMonitor, RawRow};
use crate::registry::tenant::{Built, Trust, build};
use crate::registry::{Access, STORE};

/// How many projects the tenant was ever given here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Given {
    One,
    Several,
}

impl Given {
    pub(super) const fn of(number: usize) -> Self {
        if number < 2 { Self::One } else { Self::Several }
    }
}

pub(super) fn built(row: &RawRow) -> Built {
    build(row, &Origin { source: STORE.into(), line: None }, Trust::References, None)
}

/// To the tenant's own database.
pub(super) fn access(built: &Built) -> Result<&Access, Trouble> {
    let access = built.access.first().filter(|it| it.unusable.is_none());
    access.ok_or_else(|| Trouble::failed("its row leads to no database"))
}

/// Whether the row's own database lies in the project, as far as the row tells. A row that names no project leads into the
/// only one that there was.
pub(super) fn leads_into(row: &RawRow, reference: &str, given: Given) -> bool {
    let built = built(row);
    let Some(own) = built.tenant.targets.first().filter(|_| access(&built).is_ok()) else {
        return false;
    };
    match &*own.address.projects {
        [] => given == Given::One,
        named => named.iter().all(|it| *it.id == *reference),
    }
}

/// The row that the database is visited by: with the application's login, where one is known.
pub(super) fn row(tenant: &TenantId, row: &RawRow) -> Result<RawRow, Trouble> {
    let built = built(row);
    let dsn = &access(&built)?.dsn;
    let inline = || dsn.password.as_ref().map(|it| it.expose().into());
    let password = row.password.clone().or_else(inline);
    let own = password.map(|password| Box::new(RawMonitor { user: (&*dsn.user).into(), password }));
    Ok(RawRow {
        id: tenant.as_str().into(),
        database_url: row.database_url.clone(),
        password: row.password.clone(),
        clone_of: row.clone_of.clone(),
        project_id: row.project_id.clone(),
        monitor: own.or_else(|| row.monitor.clone()),
        ..RawRow::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(url: &str, project: Option<&str>) -> RawRow {
        RawRow {
            id: "acme".into(),
            database_url: Some(url.into()),
            project_id: project.map(Into::into),
            ..RawRow::default()
        }
    }

    #[track_caller]
    fn check(row: &RawRow, given: Given, expected: bool) {
        assert_eq!(leads_into(row, "abcdefghijklmnopqrst", given), expected);
    }

    #[test]
    fn a_row_leads_into_the_project_that_it_names_or_into_the_only_one() {
        let (this, other) = ("abcdefghijklmnopqrst", "zyxwvutsrqponmlkjihg");
        let plain = "postgres://app:word@db.example/app";
        let host = |it: &str| format!("postgres://postgres:word@db.{it}.supabase.co/postgres");
        for given in [Given::One, Given::Several] {
            check(&led(plain, Some(this)), given, true);
            check(&led(&host(this), None), given, true);
            check(&led(plain, Some(other)), given, false);
            check(&led(&host(other), None), given, false);
            check(&led(&host(other), Some(this)), given, false);
            check(&led("nowhere", Some(this)), given, false);
        }
        check(&led(plain, None), Given::One, true);
        check(&led(plain, None), Given::Several, false);
    }

    #[test]
    fn it_is_visited_with_the_password_that_stands_apart() {
        let tenant = TenantId::parse("acme").unwrap();
        let login =
            |it: &RawRow| row(&tenant, it).unwrap().monitor.map(|it| (it.user, it.password));
        let inside = led("postgres://app:word@db.example/app", None);
        assert_eq!(login(&inside), Some(("app".into(), "word".into())));
        let apart = RawRow { password: Some("file:/etc/word".into()), ..inside };
        assert_eq!(login(&apart), Some(("app".into(), "file:/etc/word".into())));
        let own = RawMonitor { user: "looks".into(), password: "${WORD}".into() };
        let bare = led("postgres://app@db.example/app", None);
        let bare = RawRow { monitor: Some(Box::new(own)), ..bare };
        assert_eq!(login(&bare), Some(("looks".into(), "${WORD}".into())));
    }
}
