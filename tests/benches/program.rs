//! The measured program itself: `watertight verify` on a fake fleet, as an operator runs it.
//!
//! Why beside the measured visit: what a scan costs is not all that a run costs. The configuration, the registry, the
//! store, the detector and the report are in these figures too.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use super::client::{PASSWORD, Run, USER};
use super::fake_postgres::address;
use super::measure::{self, Figures};

/// How often the running program's memory is looked at: it only grows, so the last look is nearly the peak.
const LOOK: Duration = Duration::from_millis(10);

pub(crate) struct Program {
    directory: TempDir,
}

impl Program {
    /// Writes configuration and registry for `run.targets` of the fleet on that port.
    pub(crate) fn new(run: &Run) -> std::io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let settings = format!(
            "[store]\nurl = 'sqlite:{0}/watertight.db'\n[probe]\ntimeout = '{1}ms'\nconcurrency = {2}\n\
             [[sources]]\nkind = 'file'\npath = '{0}/tenants.jsonl'\n",
            directory.path().display(),
            run.timeout.as_millis(),
            run.concurrency,
        );
        std::fs::write(directory.path().join("watertight.toml"), settings)?;
        let rows = std::fs::File::create(directory.path().join("tenants.jsonl"))?;
        let mut rows = std::io::BufWriter::new(rows);
        let password = if run.login == "trust" { String::new() } else { format!(":{PASSWORD}") };
        let login = format!("{USER}{}", password.replace(' ', "%20"));
        for target in 0..run.targets {
            let place = address(target, run.port);
            writeln!(
                rows,
                r#"{{"id":"tenant-{target}","subdomain":"tenant-{target}","name":"Tenant {target}","database_url":"postgres://{login}@{place}/{USER}?sslmode=disable"}}"#
            )?;
        }
        rows.flush()?;
        Ok(Self { directory })
    }

    /// One `verify --format json`. `seen` are the tenants that it calls healthy and isolated.
    pub(crate) fn verify(&self) -> std::io::Result<Figures> {
        let myself = std::process::id();
        let (start, before) = (Instant::now(), measure::cpu_with_children(myself));
        let output = self.directory.path().join("report.json");
        let mut child = Command::new(env!("CARGO_BIN_EXE_watertight"))
            .arg("--config")
            .arg(self.directory.path().join("watertight.toml"))
            .args(["--quiet", "verify", "--format", "json", "--output"])
            .arg(&output)
            .stdin(Stdio::null())
            .spawn()?;
        let mut peak = 0;
        while child.try_wait()?.is_none() {
            peak = peak.max(measure::peak_memory_of(&child.id().to_string()));
            std::thread::sleep(LOOK);
        }
        let (wall, cpu) =
            (start.elapsed(), measure::cpu_with_children(myself).saturating_sub(before));
        let mut head = vec![0; 2_048];
        let read = std::fs::File::open(output)?.read(&mut head)?;
        let head = String::from_utf8_lossy(&head[..read]).into_owned();
        let seen = counted(&head, "isolated").min(counted(&head, "healthy"));
        #[expect(clippy::cast_precision_loss, reason = "figures for people, far below 2^52")]
        let peak = peak as f64;
        Ok(Figures::from([
            ("seen".to_owned(), seen),
            ("wall_ms".to_owned(), wall.as_secs_f64() * 1e3),
            ("cpu_us".to_owned(), cpu.as_secs_f64() * 1e6),
            ("peak_kib".to_owned(), peak),
        ]))
    }
}

/// A number of the summary, which stands at the head of the report.
fn counted(head: &str, name: &str) -> f64 {
    let after = head.split_once(&format!("\"{name}\": ")).map(|it| it.1);
    let digits = after.and_then(|it| it.split([',', '\n']).next());
    digits.and_then(|it| it.trim().parse().ok()).unwrap_or_default()
}
