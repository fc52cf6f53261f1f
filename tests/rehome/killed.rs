//! A daemon that is killed after each entry of the operation's log, and goes on.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::pair::{Pair, Roles, ask};
use crate::program::Program;
use crate::running::command;
use crate::site::{id, operation, projects, scan, start};

/// For all of it, on a machine that does a dozen other things.
const LIMIT: Duration = Duration::from_mins(5);
const LOOK: Duration = Duration::from_millis(2);

#[tokio::test]
async fn it_goes_on_whenever_the_daemon_is_killed() {
    let pair = Pair::new(Roles::Apart).await;
    let (acme, globex) = (pair.in_old("acme").await, pair.in_old("globex").await);
    let mut running = start(&pair.program).await;
    let answer = ask(&running, &json!({})).await;
    let asked = id(&answer);
    let log = Log::open(&pair.program);
    let late = Instant::now() + LIMIT;
    let mut seen = log.entries().len();
    running.kill().await;
    let mut kills = 0;
    while log.runs() {
        let mut killable = command(&pair.program, &[]).spawn().unwrap();
        while log.runs() && log.entries().len() <= seen {
            assert!(Instant::now() < late, "no end: {:#?}", log.entries());
            sleep(LOOK).await;
        }
        seen = log.entries().len();
        killable.kill().await.unwrap();
        kills += 1;
    }
    assert!(12 < kills, "killed {kills} times: {:#?}", log.entries());
    let mut running = start(&pair.program).await;
    let told = operation(&running, &asked).await;
    assert_eq!(told["state"], "succeeded", "{told:#}");
    assert_eq!(projects(&pair.program).len(), 1);
    assert_eq!(pair.in_new().await, globex);
    assert_eq!(pair.in_old("acme").await, acme);
    let report = scan(&running).await;
    let breached = report.findings.iter().filter(|it| it.claim.kind.breaches());
    assert_eq!(breached.count(), 0, "{:#?}", report.findings);
    running.stop().await;
}

/// The store, read past the daemon.
struct Log(Connection);

impl Log {
    fn open(program: &Program) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        Self(Connection::open_with_flags(program.path("watertight.db"), flags).unwrap())
    }

    fn runs(&self) -> bool {
        let sql = "SELECT count(*) FROM operations WHERE state = 'running'";
        self.0.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() != 0
    }

    fn entries(&self) -> Vec<String> {
        let sql = "SELECT happened || ' ' || coalesce(step, '') || ' ' || coalesce(told, '')
                   FROM operation_events ORDER BY event";
        let mut select = self.0.prepare_cached(sql).unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.map(|it| it.unwrap()).collect()
    }
}
