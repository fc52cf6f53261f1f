//! A daemon that is killed at each step of a move and in the middle of the copy, and goes on.

use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::pair::{Pair, Roles, ask};
use crate::program::Program;
use crate::running::command;
use crate::site::{ended, id, projects, scan, start};

/// For each life of the daemon, on a machine that does a dozen other things.
const LIMIT: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_millis(2);

/// When it is killed.
enum Moment {
    /// This stands in the operation's log.
    Entry(&'static str),
    /// This lies beside the store: the dump is being written, is about to be restored, has been restored.
    File(&'static str),
}

const MOMENTS: [Moment; 12] = [
    Moment::Entry("started create_project"),
    Moment::Entry("started await_ready"),
    Moment::Entry("started stamp"),
    Moment::Entry("started verify_unique"),
    Moment::Entry("started copy"),
    Moment::File("dump"),
    Moment::File("objects"),
    Moment::File("grants"),
    Moment::Entry("succeeded copy"),
    Moment::Entry("started compare"),
    Moment::Entry("succeeded compare"),
    Moment::Entry("started switch"),
];

#[tokio::test]
async fn it_goes_on_whenever_the_daemon_is_killed() {
    let pair = Pair::new(Roles::Apart).await;
    let (acme, globex) = (pair.in_old("acme").await, pair.in_old("globex").await);
    let mut running = start(&pair.program).await;
    let answer = ask(&running, &json!({})).await;
    let asked = id(&answer);
    running.kill().await;
    let log = Log::open(&pair.program);
    let mut kills = 0;
    for moment in &MOMENTS {
        if log.has_come(moment, &pair.program) {
            continue;
        }
        let mut killable = command(&pair.program, &[]).spawn().unwrap();
        let late = Instant::now() + LIMIT;
        while log.runs() && !log.has_come(moment, &pair.program) {
            assert!(Instant::now() < late, "no end: {:#?}", log.entries());
            sleep(LOOK).await;
        }
        assert!(log.runs(), "it ended before it was killed: {:#?}", log.entries());
        killable.kill().await.unwrap();
        kills += 1;
    }
    assert!(8 < kills, "killed {kills} times: {:#?}", log.entries());
    let mut running = start(&pair.program).await;
    let told = ended(&running, &asked, "succeeded").await;
    let copied = log.entries().iter().filter(|it| it.starts_with("started copy")).count();
    assert!(3 < copied, "{told:#}");
    assert_eq!(projects(&pair.program).len(), 1);
    assert_eq!(pair.in_new().await, globex);
    assert_eq!(pair.in_old("acme").await, acme);
    let report = scan(&running).await;
    let breached = report.findings.iter().filter(|it| it.claim.kind.breaches());
    let told: Vec<_> = breached.filter(|it| it.breaches()).map(|it| &it.claim).collect();
    assert!(told.is_empty(), "{told:#?}");
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

    fn has_come(&self, moment: &Moment, program: &Program) -> bool {
        match moment {
            Moment::Entry(entry) => self.entries().iter().any(|it| it.starts_with(entry)),
            Moment::File(name) => {
                let beside = std::fs::read_dir(program.path(".")).unwrap();
                let mut beside = beside.map(|it| it.unwrap().path());
                beside.any(|it| it.to_string_lossy().contains("rehome-") && it.join(name).exists())
            }
        }
    }

    fn entries(&self) -> Vec<String> {
        let sql = "SELECT happened || ' ' || coalesce(step, '') || ' ' || coalesce(told, '')
                   FROM operation_events ORDER BY event";
        let mut select = self.0.prepare_cached(sql).unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.map(|it| it.unwrap()).collect()
    }
}
