//! The last backup of a tenant that leaves, made right before its project is deleted.
//!
//! Why a step of its own, and before the first that cannot be undone: where it fails, nothing is deleted, and the whole is
//! turned back. A tenant whose data nobody has any more cannot be.
//!
//! Why written beside its place and then moved there: whoever finds a file of this name finds a whole one.
//!
//! Invariants:
//! - the file is read back before it counts, and is on the disk before its name is;
//! - only the account that we run as can read it;
//! - what was not finished is gone when the step is;
//! - it is of the database that is about to be deleted, and what goes beside that is told;
//! - it is made by the login that the tenant's own application has, and ends within its limit.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::drive::{Course, Trouble, judged};
use super::keep::Patience;
use super::left::{self, Given};
use crate::clock;
use crate::dump::{DumpError, Job, Place, Program, Programs};
use crate::model::fingerprint::Digest256;
use crate::model::operation::{Event, Happened, OperationId, Step};
use crate::model::tenant::{TargetName, TenantId};
use crate::registry::Access;
use crate::registry::row::RawRow;
use crate::store::Store;

/// For a table that somebody holds: a tenant that left should have nobody who does.
const LOCKS: Duration = Duration::from_mins(1);

/// Of the tenant's id in a file's name, in characters.
const TENANT_IN_NAME: usize = 64;

/// Where it goes, and how long it may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupOptions {
    /// `None` where tenants leave without one, unless somebody asks for it.
    pub directory: Option<PathBuf>,
    pub limit: Duration,
}

/// What whoever sends a tenant away says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FinalBackup {
    /// One is made where the configuration has a directory for it.
    AsConfigured,
    /// None is made without the other's word: no directory is an error.
    Required,
    None,
    /// Only whoever sits at this machine may say where.
    Into(PathBuf),
}

#[derive(Debug, thiserror::Error)]
pub enum BackupRefusal {
    #[error("there is no `provision.backup_directory`")]
    NoDirectory,
    #[error("{} is no directory that is there", .0.display())]
    NotThere(PathBuf),
}

impl FinalBackup {
    /// For the digest of a request: it stays when a variant gets another name.
    pub(super) fn asked(&self) -> String {
        match self {
            Self::AsConfigured => "as_configured".to_owned(),
            Self::Required => "required".to_owned(),
            Self::None => "none".to_owned(),
            Self::Into(directory) => format!("into {}", directory.display()),
        }
    }

    /// The directory, where one is to be made.
    pub(super) fn directory(
        self,
        options: &BackupOptions,
    ) -> Result<Option<PathBuf>, BackupRefusal> {
        let directory = match self {
            Self::None => None,
            Self::AsConfigured => options.directory.clone(),
            Self::Required => Some(options.directory.clone().ok_or(BackupRefusal::NoDirectory)?),
            Self::Into(directory) => Some(directory),
        };
        // Whoever carries it out later may stand elsewhere.
        let directory = directory.map(|it| std::path::absolute(&it).unwrap_or(it));
        match directory {
            Some(directory) if !directory.is_dir() => Err(BackupRefusal::NotThere(directory)),
            directory => Ok(directory),
        }
    }
}

pub(super) async fn back_up(course: &mut Course<'_>) -> Result<(), Trouble> {
    let leaving = super::parting::leaving(course)?;
    let (Some(directory), Some(row)) = (leaving.backup, leaving.row) else { return Ok(()) };
    let noted = |it: &Event| matches!(it.happened, Happened::Noted(Step::Backup, _));
    if course.operation.log.iter().any(noted) {
        return Ok(());
    }
    let built = left::built(&row);
    let access = left::access(&built)?;
    let unkept = unkept(course, &row).await?;
    let programs = Programs::find().await.map_err(Trouble::of)?;
    let stem = stem(course.tenant(), course.id());
    let written = match found(&directory, &stem).map_err(|it| file(&directory, &it))? {
        Some(file) => file,
        None => dumped(course, &programs, access, &directory, &stem).await?,
    };
    let digest = {
        let written = written.clone();
        let reading = tokio::task::spawn_blocking(move || digest(&written)).await;
        reading.map_err(|it| Trouble::Fault(it.into()))?
    };
    let digest = digest.map_err(|it| file(&written, &it))?;
    note(course, format!("{} sha256 {digest}{unkept}", written.display())).await
}

/// What goes and is not in the file, for people. Where the file would be of another database than the one that goes, none
/// is made.
async fn unkept(course: &Course<'_>, row: &RawRow) -> Result<String, Trouble> {
    let tenant = course.tenant().clone();
    let read = move |store: &Store| {
        Ok((store.projects_of_tenant(&tenant)?, store.projects_ever_of_tenant(&tenant)?.len()))
    };
    let (going, ever) = course.stored("read a tenant's projects", read).await?;
    let references: Vec<&str> = going.iter().map(|it| &*it.reference).collect();
    told_of(row, &references, Given::of(ever))
}

fn told_of(row: &RawRow, going: &[&str], given: Given) -> Result<String, Trouble> {
    let (kept, lost): (Vec<&str>, Vec<&str>) =
        going.iter().copied().partition(|it| left::leads_into(row, it, given));
    if kept.is_empty() && !lost.is_empty() {
        return Err(Trouble::failed(format!(
            "its row does not lead into what would be deleted ({}), so a backup would be of another database; keep one by hand and send it away without one, or lead the row back",
            lost.join(", ")
        )));
    }
    let projects = lost.into_iter().map(|it| format!("the project {it}"));
    let databases = row.databases.keys().map(|it| TargetName::Database(it.clone()).to_string());
    let left_out: Vec<String> = projects.chain(databases).collect();
    Ok(match &*left_out {
        [] => String::new(),
        left_out => format!("; not kept: {}", left_out.join(", ")),
    })
}

/// What is whole is kept; what was cut off holds a customer's data, and nobody would look for it.
pub(super) fn forget_unfinished(course: &Course<'_>) -> Result<(), Trouble> {
    let Some(directory) = super::parting::leaving(course)?.backup else { return Ok(()) };
    let unfinished = unfinished(&directory, &stem(course.tenant(), course.id()));
    remove(&unfinished).map_err(|error| {
        Trouble::failed(format!("remove the unfinished backup {}: {error}", unfinished.display()))
    })
}

/// Makes one, and gives it its name when it is whole.
async fn dumped(
    course: &Course<'_>,
    programs: &Programs,
    access: &Access,
    directory: &Path,
    stem: &str,
) -> Result<PathBuf, Trouble> {
    let unfinished = unfinished(directory, stem);
    let secret = access.application_secret().map_err(Trouble::of)?;
    let backup = &course.equipment.options.backup;
    let place = Place {
        dsn: &access.dsn,
        password: secret.as_ref().map(|(_, it)| it),
        roots: course.equipment.options.roots.as_deref(),
    };
    let job = Job {
        program: Program::Dump,
        arguments: vec![
            "--format=custom".into(),
            "--no-password".into(),
            format!("--lock-wait-timeout={}", LOCKS.as_millis()).into(),
            "--file".into(),
            unfinished.clone().into(),
        ],
        place: Some(place),
        limit: backup.limit,
    };
    let mut patience = Patience::new(&course.equipment, course.equipment.options.answering());
    loop {
        open(&unfinished).map_err(|it| file(&unfinished, &it))?;
        match programs.run(&job, course.stop).await {
            Ok(_) => break,
            // A server that restarts, or a way that is broken for a moment.
            Err(DumpError::Ended { .. }) if patience.wait().await => {}
            Err(error) => {
                remove(&unfinished).unwrap_or_default();
                return Err(Trouble::of(error));
            }
        }
    }
    let listed = programs.run(&list(&unfinished, backup.limit), course.stop).await;
    let whole = listed.map_err(Trouble::of).and_then(|it| {
        let is_one = it.contains("Archive created at");
        is_one.then_some(()).ok_or_else(|| Trouble::failed("the backup cannot be read back"))
    });
    if whole.is_err() {
        remove(&unfinished).unwrap_or_default();
    }
    whole?;
    let finished = directory.join(format!("{stem}-{}.dump", moment(clock::now())));
    settle(&unfinished, &finished, directory).map_err(|it| file(&finished, &it))?;
    Ok(finished)
}

/// What reads it back, without a database.
fn list(dump: &Path, limit: Duration) -> Job<'static> {
    let arguments = vec!["--list".into(), dump.into()];
    Job { program: Program::Restore, arguments, place: None, limit }
}

/// What every file of the operation begins with.
fn stem(tenant: &TenantId, id: &OperationId) -> String {
    let allowed = |it: char| if it.is_ascii_alphanumeric() { it } else { '-' };
    let tenant: String = tenant.as_str().chars().map(allowed).take(TENANT_IN_NAME).collect();
    format!("{tenant}-{id}")
}

fn moment(now: Timestamp) -> String {
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A whole one that a process before us has made and not noted.
fn found(directory: &Path, stem: &str) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_stem().map(|it| it.to_string_lossy().into_owned());
        let is_its = name.is_some_and(|it| it.starts_with(&format!("{stem}-")));
        if is_its && path.extension().is_some_and(|it| it == "dump") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn unfinished(directory: &Path, stem: &str) -> PathBuf {
    directory.join(format!(".{stem}.part"))
}

/// Whether it was there or not.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Empty, and ours alone, whatever lay there.
fn open(path: &Path) -> io::Result<()> {
    remove(path)?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

/// The content is on the disk before the name, and the name before anything follows from it.
fn settle(unfinished: &Path, finished: &Path, directory: &Path) -> io::Result<()> {
    File::open(unfinished)?.sync_all()?;
    fs::rename(unfinished, finished)?;
    File::open(directory)?.sync_all()
}

fn digest(path: &Path) -> io::Result<Digest256> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(Digest256::from_bytes(hash.finalize().into())),
            length => hash.update(&piece[..length]),
        }
    }
}

fn file(path: &Path, error: &io::Error) -> Trouble {
    Trouble::failed(format!("write the backup {}: {error}", path.display()))
}

async fn note(course: &Course<'_>, what: String) -> Result<(), Trouble> {
    let id = course.id().clone();
    let event = Event { at: clock::now(), happened: Happened::Noted(Step::Backup, what.into()) };
    let note = move |store: &Store| Ok(store.note_operation(&id, &event, judged)?);
    course.stored("note a backup", note).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_whose_it_is_and_of_when() {
        let id = OperationId::of(0xabc);
        let stem = stem(&TenantId::parse("a_b.c").unwrap(), &id);
        assert_eq!(stem, "a-b-c-00000000000000000000000000000abc");
        assert_eq!(moment("2026-11-27T05:40:00.123Z".parse().unwrap()), "20261127T054000Z");
    }

    #[test]
    fn where_it_goes_is_the_configurations_word_or_this_machines() {
        let home = tempfile::tempdir().unwrap();
        let there = home.path().to_path_buf();
        let limit = Duration::from_secs(1);
        let with = |directory| BackupOptions { directory, limit };
        let (none, some) = (with(None), with(Some(there.clone())));
        let chosen = |it: FinalBackup, options: &BackupOptions| it.directory(options).ok();
        assert_eq!(chosen(FinalBackup::AsConfigured, &none), Some(None));
        assert_eq!(chosen(FinalBackup::AsConfigured, &some), Some(Some(there.clone())));
        assert_eq!(chosen(FinalBackup::Required, &none), None);
        assert_eq!(chosen(FinalBackup::None, &some), Some(None));
        assert_eq!(chosen(FinalBackup::Into(there.clone()), &none), Some(Some(there.clone())));
        assert_eq!(chosen(FinalBackup::Into(there.join("missing")), &none), None);
    }

    #[track_caller]
    fn check(row: &RawRow, going: &[&str], expected: Result<&str, &str>) {
        let told = told_of(row, going, Given::Several).map_err(|it| it.to_string());
        match (told, expected) {
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
            (told, expected) => assert_eq!(told, expected.map(Into::into).map_err(Into::into)),
        }
    }

    #[test]
    fn what_goes_and_is_not_kept_is_told_and_another_database_is_no_backup() {
        let row = |project: &str| RawRow {
            id: "acme".into(),
            database_url: Some("postgres://app:word@db.example/app".into()),
            project_id: Some(project.into()),
            ..RawRow::default()
        };
        check(&row("p1"), &["p1"], Ok(""));
        check(&row("p1"), &[], Ok(""));
        check(&row("p1"), &["p1", "p2"], Ok("; not kept: the project p2"));
        check(&row("p3"), &["p1", "p2"], Err("does not lead into what would be deleted (p1, p2)"));
        let databases = [("reports".into(), "postgres://app@db.example/reports".into())].into();
        let more = RawRow { databases, ..row("p1") };
        check(&more, &["p1"], Ok("; not kept: databases.reports"));
    }

    #[test]
    fn nobody_else_can_read_it_and_what_lay_there_is_gone() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".x.part");
        fs::write(&path, "old").unwrap();
        open(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let finished = home.path().join("a-1-x.dump");
        settle(&path, &finished, home.path()).unwrap();
        assert_eq!(found(home.path(), "a-1").unwrap(), Some(finished.clone()));
        assert_eq!(found(home.path(), "b-1").unwrap(), None);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(digest(&finished).unwrap().to_string(), empty);
    }
}
