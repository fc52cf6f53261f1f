//! Copies of a running cluster: standby, snapshot, cold copy, and the promotion of a standby.
//!
//! Why PostgreSQL's own backup functions and not `pg_basebackup`: they need no further program (some distributions of
//! the server leave it out), and a `pg_basebackup` refuses servers newer than itself. What a copy keeps is the same:
//! system identifier, object identifiers and timeline.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use super::LocalError;
use super::cluster::{ADMINISTRATOR, Cluster, START_LIMIT, Shutdown, identifier, literal};
use super::process::LOOK_AGAIN;

/// A standby that has not caught up by then will not.
const FOLLOW_LIMIT: Duration = Duration::from_mins(2);

/// What belongs to the running server and not to its data.
const LEFT_OUT: [&str; 4] = ["postmaster.pid", "postmaster.opts", "standby.signal", "backup_label"];
/// Directories that begin empty in a copy.
const EMPTIED: [&str; 4] = ["pg_wal", "pg_replslot", "pg_dynshmem", "pg_stat_tmp"];

impl Cluster {
    /// A standby that streams from this cluster, through a slot of that name where one is given. It has caught up
    /// when this returns.
    pub async fn standby(&self, name: &str, slot: Option<&str>) -> Result<Self, LocalError> {
        let mut standby = self.copy_online(name).await?;
        let upstream = format!(
            "host=127.0.0.1 port={} user={ADMINISTRATOR} password={} application_name={}",
            self.port()?,
            self.password.expose(),
            identifier(name).replace('"', "")
        );
        let mut lines = format!("primary_conninfo = {}\n", literal(&upstream));
        if let Some(slot) = slot {
            let create =
                format!("select pg_create_physical_replication_slot({}, true)", literal(slot));
            self.execute("postgres", &[&create]).await?;
            lines.push_str(&format!("primary_slot_name = {}\n", literal(slot)));
        }
        // In a file and not on the command line, where every user of the machine could read the password.
        standby.ground.write(&standby.data().join("postgresql.auto.conf"), &lines)?;
        standby.ground.write(&standby.data().join("standby.signal"), "")?;
        standby.start().await?;
        standby.caught_up_with(self).await?;
        Ok(standby)
    }

    /// A copy of the running cluster that runs by itself: what a restored snapshot or disk image is.
    pub async fn snapshot(&self, name: &str) -> Result<Self, LocalError> {
        let mut copy = self.copy_online(name).await?;
        copy.start().await?;
        Ok(copy)
    }

    /// A copy made while this cluster stands still. Both run afterwards.
    pub async fn cold_copy(&mut self, name: &str) -> Result<Self, LocalError> {
        self.stop(Shutdown::Fast).await?;
        let mut copy = self.sibling(name).await?;
        self.start().await?;
        copy.start().await?;
        Ok(copy)
    }

    /// A copy of this cluster's files as they lie, not started: only a stopped cluster's make sense. What servers
    /// born of one machine image are to each other.
    pub async fn sibling(&self, name: &str) -> Result<Self, LocalError> {
        let copy = self.heir(name);
        copy_files(self.data(), copy.data(), &copy, Part::Everything).await?;
        Ok(copy)
    }

    /// Makes a standby a primary of its own, on a new timeline.
    pub async fn promote(&self) -> Result<(), LocalError> {
        self.ask("postgres", "select pg_promote(true, 60)").await.map(drop)
    }

    /// Waits until this standby has replayed everything that its primary has written by now.
    pub async fn caught_up_with(&self, primary: &Self) -> Result<(), LocalError> {
        let target = primary.ask("postgres", "select pg_current_wal_flush_lsn()").await?;
        let question = format!(
            "select pg_last_wal_replay_lsn() >= {}::pg_lsn and exists (select from pg_stat_wal_receiver where status = 'streaming')",
            literal(&target.unwrap_or_default())
        );
        let deadline = Instant::now() + FOLLOW_LIMIT;
        while self.ask("postgres", &question).await?.as_deref() != Some("t") {
            if deadline <= Instant::now() {
                let operation = "follow the primary".to_owned();
                let (cluster, limit) = (self.name.clone(), FOLLOW_LIMIT);
                return Err(LocalError::SqlLate { operation, cluster, limit });
            }
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    }

    /// The files of a running cluster, in a state from which a server can start.
    async fn copy_online(&self, name: &str) -> Result<Self, LocalError> {
        let copy = self.heir(name);
        let (client, connection) = self.session("postgres").await?;
        let copying = async {
            let result = self.back_up_into(&client, &copy).await;
            // The connection ends with its client, and with it this future's sibling.
            drop(client);
            result
        };
        let both = async { tokio::join!(copying, connection) };
        let (copied, _ended) = timeout(START_LIMIT, both).await.map_err(|_elapsed| {
            let operation = "copy the data directory".to_owned();
            LocalError::SqlLate { operation, cluster: self.name.clone(), limit: START_LIMIT }
        })?;
        copied?;
        Ok(copy)
    }

    async fn back_up_into(&self, client: &Client, copy: &Self) -> Result<(), LocalError> {
        let (start, stop) = if self.version() < 15 {
            (
                "select pg_start_backup('copy', true, false)",
                "select labelfile from pg_stop_backup(false, false)",
            )
        } else {
            ("select pg_backup_start('copy', true)", "select labelfile from pg_backup_stop(false)")
        };
        client.batch_execute(start).await.map_err(|source| self.sql("begin a backup", source))?;
        copy_files(self.data(), copy.data(), copy, Part::WithoutLog).await?;
        let label = client
            .query_one(stop, &[])
            .await
            .and_then(|row| row.try_get::<_, String>(0))
            .map_err(|source| self.sql("end a backup", source))?;
        // Everything that was logged while the files were copied is in the log by now, and is replayed from it.
        copy_files(self.data().join("pg_wal"), copy.data().join("pg_wal"), copy, Part::Everything)
            .await?;
        copy.ground.write(&copy.data().join("backup_label"), &label)
    }

    /// The same cluster under another name, with nothing on disk yet.
    fn heir(&self, name: &str) -> Self {
        let mut heir = Self::bare(&self.ground, &self.binaries, name, self.password.clone());
        heir.settings.clone_from(&self.settings);
        heir
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Everything,
    /// Leaves the directories empty whose contents are the running server's own.
    WithoutLog,
}

async fn copy_files(
    from: PathBuf,
    to: PathBuf,
    owner: &Cluster,
    part: Part,
) -> Result<(), LocalError> {
    let _turn = owner.ground.turn().await;
    let ground = owner.ground.clone();
    let place = to.clone();
    let copying = tokio::task::spawn_blocking(move || {
        if !to.exists() {
            ground.make_directory(&to)?;
        }
        copy_directory(&from, &to, part, &|it| ground.give(it))
    });
    copying.await.unwrap_or_else(|panicked| {
        Err(LocalError::File {
            operation: "copy into",
            path: place,
            source: io::Error::other(panicked),
        })
    })
}

/// A file that vanishes while we copy is none that the copy needs: the log says so.
fn copy_directory(
    from: &Path,
    to: &Path,
    part: Part,
    give: &dyn Fn(&Path) -> Result<(), LocalError>,
) -> Result<(), LocalError> {
    let entries = fs::read_dir(from).map_err(LocalError::file("read", from))?;
    for entry in entries {
        let entry = entry.map_err(LocalError::file("read", from))?;
        let name = entry.file_name();
        let (source, target) = (entry.path(), to.join(&name));
        if LEFT_OUT.iter().any(|it| name == *it) {
            continue;
        }
        if source.is_dir() {
            match fs::create_dir(&target) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(LocalError::file("create", &target)(error));
                }
                _ => give(&target)?,
            }
            let permissions =
                fs::metadata(&source).map_err(LocalError::file("look at", &source))?;
            fs::set_permissions(&target, permissions.permissions())
                .map_err(LocalError::file("restrict", &target))?;
            let emptied = part == Part::WithoutLog && EMPTIED.iter().any(|it| name == *it);
            if !emptied {
                copy_directory(&source, &target, part, give)?;
            }
        } else {
            match fs::copy(&source, &target) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(LocalError::file("copy", &source)(error)),
                Ok(_bytes) => give(&target)?,
            }
        }
    }
    Ok(())
}
