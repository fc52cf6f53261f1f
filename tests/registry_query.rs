//! Tenants from a query, asked of a real server.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use expect_test::{Expect, expect};
use watertight::dsn::Dsn;
use watertight::registry::query;

/// A throwaway cluster that its own socket leads to; it ends with the test.
struct Cluster {
    directory: tempfile::TempDir,
    binaries: PathBuf,
}

impl Cluster {
    fn start() -> Self {
        let cluster = Self::initialised();
        cluster.listen("-c listen_addresses=").expect("the cluster starts");
        cluster
    }

    /// With TLS on a port of the loopback address, and the certificate that proves it.
    fn start_with_tls() -> (Self, u16, PathBuf) {
        let cluster = Self::initialised();
        let data = cluster.path().join("data");
        let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
            .expect("a certificate");
        let (certificate, key) = (data.join("server.crt"), data.join("server.key"));
        std::fs::write(&certificate, own.cert.pem()).expect("the certificate is written");
        std::fs::write(&key, own.signing_key.serialize_pem()).expect("the key is written");
        run(Command::new("chmod").arg("600").arg(&key));
        if is_root() {
            run(Command::new("chown").arg("nobody").arg(&certificate).arg(&key));
        }
        // Another program may hold a port: the next one then.
        let first = 20_000 + u16::try_from(std::process::id() % 10_000).expect("below 10 000");
        for port in first..first + 50 {
            let options = format!("-c listen_addresses=localhost -p {port} -c ssl=on");
            if cluster.listen(&options).is_some() {
                return (cluster, port, certificate);
            }
        }
        panic!("no port is free from {first} on");
    }

    fn initialised() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let cluster = Self { directory, binaries: binaries() };
        let path = cluster.path();
        // The server refuses to run as root, so another user has to own the directory.
        if is_root() {
            run(Command::new("chown").arg("nobody").arg(&path));
        }
        let data = path.join("data");
        run(cluster.tool("initdb").args(["-A", "trust", "-U", "owner", "-N", "-D"]).arg(&data));
        cluster
    }

    fn listen(&self, options: &str) -> Option<()> {
        let path = self.path();
        let options = format!("{options} -c fsync=off -k {}", path.display());
        let mut start = self.tool("pg_ctl");
        start.args(["-w", "-t", "60", "-l"]).arg(path.join("log")).arg("-D").arg(path.join("data"));
        let status = start.args(["-o", &options, "start"]).status().expect("pg_ctl starts");
        status.success().then_some(())
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
fn over_tls_only_a_server_with_a_known_certificate_is_believed() {
    let (_cluster, port, certificate) = Cluster::start_with_tls();
    let ask = |host: &str, options: &str| {
        let dsn =
            Dsn::parse(&format!("postgres://owner@{host}:{port}/postgres?{options}")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let query =
            "select ssl as id, version as name from pg_stat_ssl where pid = pg_backend_pid()";
        let read = runtime.block_on(async {
            let limit = Duration::from_mins(1);
            tokio::time::timeout(limit, query::read(&dsn, query, None)).await
        });
        read.expect("the test's deadline").map(|rows| rows[0].id.to_string())
    };
    let known = format!("sslmode=verify-full&sslrootcert={}", certificate.display());
    assert_eq!(ask("localhost", &known).unwrap(), "true");
    let error = ask("localhost", "sslmode=verify-full").unwrap_err();
    assert!(error.to_string().contains("connect"), "an unknown certificate: {error}");
    let error = ask("127.0.0.1", &known).unwrap_err();
    assert!(error.to_string().contains("connect"), "another name than the certificate's: {error}");
    let error = ask("localhost", "sslmode=verify-full&sslrootcert=/nonexistent.pem").unwrap_err();
    assert_eq!(error.to_string(), "read the root certificates in /nonexistent.pem");
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
