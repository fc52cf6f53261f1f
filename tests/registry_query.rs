//! Tenants from a query, asked of a real server.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use expect_test::{Expect, expect};
use watertight::dsn::Dsn;
use watertight::registry::query;

/// A throwaway cluster that only its own socket leads to; it ends with the test.
struct Cluster {
    directory: tempfile::TempDir,
    binaries: PathBuf,
}

impl Cluster {
    fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cluster = Self { directory, binaries: binaries() };
        let path = cluster.path();
        // The server refuses to run as root, so another user has to own the directory.
        if is_root() {
            run(Command::new("chown").arg("nobody").arg(&path));
        }
        let data = path.join("data");
        run(cluster.tool("initdb").args(["-A", "trust", "-U", "owner", "-N", "-D"]).arg(&data));
        let options = format!("-c listen_addresses= -c fsync=off -k {}", path.display());
        run(cluster
            .tool("pg_ctl")
            .args(["-w", "-t", "60", "-l"])
            .arg(path.join("log"))
            .arg("-D")
            .arg(&data)
            .args(["-o", &options, "start"]));
        cluster
    }

    fn path(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    fn tool(&self, name: &str) -> Command {
        let program = self.binaries.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn sql(&self, text: &str) {
        let path = self.path();
        run(self.tool("psql").arg("-X").arg("-h").arg(&path).args([
            "-U",
            "owner",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            text,
            "postgres",
        ]));
    }

    fn dsn(&self) -> Dsn {
        let text = format!("host={} user=owner dbname=postgres", self.path().display());
        Dsn::parse(&text).expect("a socket's connection string")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.path().join("data");
        let stopped =
            self.tool("pg_ctl").args(["-w", "-m", "immediate", "stop", "-D"]).arg(data).status();
        assert!(stopped.is_ok() || std::thread::panicking(), "the cluster did not stop");
    }
}

fn run(command: &mut Command) {
    let status = command.status().expect("the program starts");
    assert!(status.success(), "{command:?} failed: {status}");
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|it| std::os::unix::fs::MetadataExt::uid(&it) == 0)
}

/// The newest that is installed.
fn binaries() -> PathBuf {
    let installed = Path::new("/usr/lib/postgresql").read_dir();
    let mut versions: Vec<PathBuf> =
        installed.into_iter().flatten().flatten().map(|it| it.path().join("bin")).collect();
    versions.sort();
    versions.pop().unwrap_or_default()
}

#[track_caller]
fn check(cluster: &Cluster, sql: &str, expected: &Expect) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let dsn = cluster.dsn();
    let read = runtime.expect("a runtime").block_on(async {
        let limit = Duration::from_mins(1);
        tokio::time::timeout(limit, query::read(&dsn, sql, None))
            .await
            .expect("the test's deadline")
    });
    let told = match read {
        Ok(rows) => rows.iter().fold(String::new(), |told, row| {
            told + &serde_json::to_string(row).expect("a row is JSON") + "\n"
        }),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&told);
}

#[test]
fn a_platforms_table_becomes_rows_whatever_its_types_and_is_never_written() {
    let cluster = Cluster::start();
    cluster.sql(
        "create table customer (id int, key uuid, url text, more jsonb, gone timestamptz);
         insert into customer values
           (7, '0b7c1a52-5b0e-4c57-9d2e-2f4f0e0a1b11', 'postgres://u@h/d', '{\"replica\": \"postgres://u@r/d\"}', null),
           (8, null, null, null, now()), (9, null, null, null, now() + interval '1 day');
         create function spoil() returns text language sql as 'insert into customer values (9) returning ''x''';",
    );
    check(
        &cluster,
        "select id, key as project_id, url as database_url, more as endpoints from customer order by 1 -- all",
        &expect![[r#"
            {"id":"7","database_url":"postgres://u@h/d","endpoints":{"replica":"postgres://u@r/d"},"project_id":"0b7c1a52-5b0e-4c57-9d2e-2f4f0e0a1b11"}
            {"id":"8"}
            {"id":"9"}
        "#]],
    );
    check(
        &cluster,
        "select id, spoil() as database_url from customer;",
        &expect![
            "run the query on the platform's database: cannot execute INSERT in a read-only transaction (25006)"
        ],
    );
    check(
        &cluster,
        "select url::int as id from customer",
        &expect!["run the query on the platform's database: SQLSTATE 22P02"],
    );
    check(
        &cluster,
        "select nothing from customer",
        &expect![[
            r#"run the query on the platform's database: column "nothing" does not exist (42703)"#
        ]],
    );
    check(
        &cluster,
        "select null as id, url as database_url, gone from customer order by gone nulls last;",
        &expect![[r#"
            {"id":"","line":1,"faults":[{"key":"gone","message":"no such key","remedy":"remove it"}]}
            {"id":"","line":2}
            {"id":"","database_url":"postgres://u@h/d","line":3}
        "#]],
    );
    check(
        &cluster,
        "select count(*) as id, 'x' as database_url from customer",
        &expect![[r#"
            {"id":"3","database_url":"x"}
        "#]],
    );
}

#[test]
fn a_registry_that_cannot_be_proven_is_not_asked() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let dsn = Dsn::parse("postgres://u@127.0.0.1:1/d?sslmode=require").unwrap();
    let error = runtime
        .unwrap()
        .block_on(async {
            let limit = Duration::from_mins(1);
            tokio::time::timeout(limit, query::read(&dsn, "select 1", None)).await
        })
        .expect("the test's deadline")
        .unwrap_err();
    assert!(error.to_string().contains("sslmode=verify-full"), "{error}");
}
