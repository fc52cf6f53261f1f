//! One move: dumped from a snapshot, summed up in the same one, restored into the new database.
//!
//! Why the dump lies on the disk in between: its table of contents says which entries are the tenant's, and whoever dies
//! after the restore still grants from it.
//!
//! Why extensions are tried one by one: the new server may not offer one, or not to us, and the tenant may not need it.
//! Where it does, the restore says so.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use postgres_protocol::escape::{escape_identifier, escape_literal};
use tokio_util::sync::CancellationToken;

use super::contents::{Pass, of_pass};
use super::objects::Objects;
use super::selection::{Part, Selection};
use super::session::{Mode, Open, Place};
use super::summary::{Side, Summary};
use super::{MoveError, large, objects, summary};
use crate::dsn::Dsn;
use crate::dump::{self, DumpError, Job, Program, Programs};

const PLACE: &str = "a directory beside the store";
/// In the new database, until nobody of a process before us is at work there.
const OTHERS_END: Duration = Duration::from_secs(20);

/// Both ends, and what lies between them.
#[derive(Clone, Copy)]
pub struct Transfer<'a> {
    pub programs: &'a Programs,
    pub source: Place<'a>,
    pub new: Place<'a>,
    /// Of our own: made where it is not there, and closed to others.
    pub directory: &'a Path,
    /// Trusted where a connection string names no roots.
    pub roots: Option<&'a Path>,
    pub limit: Duration,
    pub stop: &'a CancellationToken,
}

/// What a snapshot holds, and under which name others see it.
pub struct Snapshot {
    open: Open,
    pub name: String,
    pub objects: Objects,
}

/// Until it is dropped, the source keeps the view.
pub async fn snapshot(source: &Place<'_>) -> Result<Snapshot, MoveError> {
    const WHAT: &str = "keep a view";
    let mut open = source.open(Mode::Snapshot).await?;
    let objects = objects::look(&mut open).await?;
    let rows = open.ask(WHAT, "SELECT pg_export_snapshot()").await?;
    let name = rows.into_iter().flatten().next().flatten();
    let name = name.ok_or_else(|| open.nonsense(WHAT))?;
    Ok(Snapshot { open, name, objects })
}

impl Snapshot {
    pub async fn leave(self) {
        self.open.close().await;
    }
}

impl Transfer<'_> {
    /// Sums up and dumps what is chosen, as the snapshot of that name shows it.
    pub async fn take(&self, view: &str, chosen: &Selection) -> Result<Summary, MoveError> {
        let mut open = self.source.open(Mode::Of(view)).await?;
        let summed = summary::take(&mut open, chosen, Side::Source).await?;
        open.close().await;
        clear(self.directory).map_err(kept)?;
        fs::DirBuilder::new().mode(0o700).create(self.directory).map_err(kept)?;
        let mut arguments: Vec<OsString> = [
            "--format=custom",
            "--compress=1",
            "--no-sync",
            "--no-publications",
            "--no-subscriptions",
            "--strict-names",
            "--lock-wait-timeout=30s",
        ]
        .map(OsString::from)
        .into();
        arguments.push(format!("--snapshot={view}").into());
        arguments.push(argument("--file=", &self.dump()));
        match chosen.part {
            Part::Relations => arguments.extend(
                chosen.relations.iter().map(|it| pattern("--table=", &it.schema, &it.name)),
            ),
            Part::Whole | Part::OwnedBy(_) => {
                let schemas = chosen.schemas.iter();
                arguments
                    .extend(schemas.map(|it| format!("--schema={}", escape_identifier(it)).into()));
                let left = chosen.left.iter();
                arguments.extend(left.map(|it| pattern("--exclude-table=", &it.0, &it.1)));
            }
        }
        self.run(Program::Dump, arguments, Some(&self.source)).await?;
        Ok(summed)
    }

    /// Whether an attempt before this one has restored it: it is there whole, or nothing of it is.
    pub async fn arrived(&self, chosen: &Selection) -> Result<bool, MoveError> {
        const WHAT: &str = "look what has arrived";
        let Some(first) = chosen.relations.first() else { return Ok(false) };
        self.alone().await?;
        let mut open = self.new.open(Mode::Now).await?;
        let sql = format!(
            "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = {} AND c.relname = {}",
            escape_literal(&first.schema),
            escape_literal(&first.name)
        );
        let rows = open.ask(WHAT, &sql).await?;
        open.close().await;
        Ok(rows.into_iter().flatten().next().flatten().as_deref() == Some("1"))
    }

    /// Ends what a killed process may have left at work in the new database.
    async fn alone(&self) -> Result<(), MoveError> {
        const WHAT: &str = "end what was left at work";
        let end = tokio::time::Instant::now() + OTHERS_END;
        loop {
            let mut open = self.new.open(Mode::Now).await?;
            let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND usename = CURRENT_USER AND pid <> pg_backend_pid() \
                 AND state <> 'idle'";
            let rows = open.ask(WHAT, others).await?;
            open.close().await;
            let none = rows.into_iter().flatten().next().flatten().as_deref() == Some("0");
            if none || end < tokio::time::Instant::now() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Restores what was dumped, all or nothing of it.
    pub async fn put(&self, view: &str, chosen: &Selection) -> Result<(), MoveError> {
        self.prepare(chosen).await?;
        large::copy(&self.source, view, chosen, &self.new).await?;
        let list = self.list(Pass::Objects, chosen).await?;
        let mut arguments = self.restoring(&list)?;
        arguments.extend(
            ["--no-privileges", "--exit-on-error", "--single-transaction"].map(OsString::from),
        );
        arguments.push(self.dump().into());
        self.run(Program::Restore, arguments, Some(&self.new)).await?;
        Ok(())
    }

    /// Says what could not be granted, because the new server has not all of the roles.
    pub async fn grant(&self, chosen: &Selection) -> Result<Option<String>, MoveError> {
        if !self.dump().exists() {
            return Ok(Some("the dump is gone".to_owned()));
        }
        let list = self.list(Pass::Grants, chosen).await?;
        if fs::metadata(&list).map_err(kept)?.len() == 0 {
            return Ok(None);
        }
        let mut arguments = self.restoring(&list)?;
        arguments.push(self.dump().into());
        match self.run(Program::Restore, arguments, Some(&self.new)).await {
            Ok(_) => Ok(None),
            Err(MoveError::Program(DumpError::Ended { tail, .. })) => Ok(Some(tail)),
            Err(error) => Err(error),
        }
    }

    /// The schemas, and the extensions that are to be had.
    async fn prepare(&self, chosen: &Selection) -> Result<(), MoveError> {
        const WHAT: &str = "make schemas";
        let mut open = self.new.open(Mode::Writes).await?;
        for schema in &chosen.schemas {
            open.ask(WHAT, &format!("CREATE SCHEMA IF NOT EXISTS {}", escape_identifier(schema)))
                .await?;
        }
        open.ask(WHAT, "COMMIT").await?;
        open.close().await;
        for extension in &chosen.extensions {
            let mut open = self.new.open(Mode::Writes).await?;
            let (name, schema) =
                (escape_identifier(&extension.name), escape_identifier(&extension.schema));
            let create = format!("CREATE EXTENSION IF NOT EXISTS {name} WITH SCHEMA {schema}");
            let made = match open.ask("create an extension", &create).await {
                Ok(_) => open.ask("create an extension", "COMMIT").await,
                refused => refused,
            };
            open.close().await;
            if let Err(error) = made {
                tracing::warn!(extension = &*extension.name, "{:#}", anyhow::Error::new(error));
            }
        }
        Ok(())
    }

    /// Writes the list of what this pass restores, and says where.
    async fn list(&self, pass: Pass, chosen: &Selection) -> Result<std::path::PathBuf, MoveError> {
        let arguments = vec!["--list".into(), self.dump().into()];
        let all = self.run(Program::Restore, arguments, None).await?;
        let path = self.directory.join(match pass {
            Pass::Objects => "objects",
            Pass::Grants => "grants",
        });
        fs::write(&path, of_pass(&all, pass, &chosen.part)).map_err(kept)?;
        Ok(path)
    }

    fn restoring(&self, list: &Path) -> Result<Vec<OsString>, MoveError> {
        let dsn = dsn(&self.new)?;
        Ok(vec![
            "--no-owner".into(),
            argument("--use-list=", list),
            // As a value of a connection string, so that no name of a database is taken for one.
            format!(
                "--dbname=dbname='{}'",
                dsn.database.replace('\\', "\\\\").replace('\'', "\\'")
            )
            .into(),
        ])
    }

    fn dump(&self) -> std::path::PathBuf {
        self.directory.join("dump")
    }

    async fn run(
        &self,
        program: Program,
        arguments: Vec<OsString>,
        place: Option<&Place<'_>>,
    ) -> Result<String, MoveError> {
        let dsn = place.map(dsn).transpose()?;
        let place = dsn.as_ref().map(|dsn| dump::Place {
            dsn,
            password: dsn.password.as_ref(),
            roots: self.roots,
        });
        let job = Job { program, arguments, place, limit: self.limit };
        Ok(self.programs.run(&job, self.stop).await?)
    }
}

fn dsn(place: &Place<'_>) -> Result<Dsn, MoveError> {
    Dsn::parse(place.url.expose()).map_err(|source| MoveError::Url { of: place.of, source })
}

fn argument(name: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(name);
    argument.push(path);
    argument
}

/// Within quotes no letter of a pattern has another meaning.
fn pattern(name: &str, schema: &str, relation: &str) -> OsString {
    format!("{name}{}.{}", escape_identifier(schema), escape_identifier(relation)).into()
}

/// What an attempt left on the disk is there no more.
pub fn clear(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        cleared => cleared,
    }
}

fn kept(source: io::Error) -> MoveError {
    MoveError::File { place: PLACE, source }
}
