//! A platform with three thousand tenants in a table of its own, from nothing to the first report.
//!
//! Why a fake fleet: three thousand real servers do not fit here, and a fake can say of each whether anybody wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use watertight::local::ground::Ground;
use watertight::model::finding::{Health, Verdict};
use watertight::report::json;

use crate::answer;
use crate::fake_postgres::wire::Outbox;
use crate::fake_postgres::{FakePostgres, Fleet};
use crate::program::{Program, own_database, server};

const TENANTS: u32 = 3_000;

/// All that an operator has to write, the store's line included.
const MOST_LINES: usize = 15;

/// What targets were asked: by target the messages, and of all statements the first words.
#[derive(Default)]
struct Asked {
    messages: BTreeMap<u32, Vec<String>>,
    words: BTreeSet<String>,
}

impl Asked {
    fn hear(&mut self, target: u32, sql: &str) {
        for statement in sql.split(';').map(str::trim).filter(|it| !it.is_empty()) {
            let word = statement.split_whitespace().next().unwrap_or_default();
            self.words.insert(word.to_uppercase());
        }
        self.messages.entry(target).or_default().push(sql.to_owned());
    }
}

/// To a visit as any tenant does, and to whoever looks for a stamp that there is none.
fn answers(target: u32, sql: &str) -> Vec<u8> {
    let mut out = Outbox::default();
    if sql.starts_with("BEGIN") {
        for _ in sql.split(';').skip(1) {
            out.done("SET");
        }
        let nothing = [Some("16385"), Some("f"), Some("tenant"), Some(""), None, None, Some("f")];
        out.row(&["?column?"; 7], &nothing);
    } else if sql.starts_with("SAVEPOINT") {
        out.done("SAVEPOINT");
        let identifier = (7_000_000_000_000_000_000 + u64::from(target)).to_string();
        out.row(&["system_identifier"], &[Some(&identifier)]);
    } else {
        return answer::answer(target, sql);
    }
    out.take()
}

#[tokio::test]
async fn three_thousand_tenants_are_told_by_a_few_lines_and_nothing_is_written() {
    let asked = Arc::new(Mutex::new(Asked::default()));
    let heard = Arc::clone(&asked);
    let fleet = FakePostgres::start(Fleet::answering(move |target, sql| {
        heard.lock().expect("nobody panics with it").hear(target, sql);
        answers(target, sql)
    }));
    let ground = Ground::create().expect("a ground");
    let platform = server(&ground, "platform").await;
    let table = own_database(&platform, "platform").await;
    let rows = format!(
        "create table orchestras as select 'tenant-' || number as id, 'tenant-' || number as subdomain,
             'Tenant ' || number as name, number % 100 <> 99 as active,
             'postgres://tenant@' || host('127.1.0.0'::inet + number) || ':{}/tenant?sslmode=disable' as database_url
         from generate_series(0, {}) as number",
        fleet.port(),
        TENANTS * 100 / 99 - 1
    );
    let grant = "grant select on orchestras to platform";
    platform.execute("platform", &[&rows, grant]).await.expect("a table of tenants");

    let program = Program::new("");
    let key = program.write("stamp.key", &"k".repeat(44));
    program.configure(&format!(
        "secrets.stamp_key = \"file:{key}\"\n\n[[sources]]\nkind = \"postgres\"\nurl = {table:?}\n\
         query = \"select id, subdomain, name, database_url from orchestras where active\"\n"
    ));
    let lines = std::fs::read_to_string(program.path("watertight.toml")).expect("it was written");
    assert!(lines.lines().count() <= MOST_LINES, "{lines}");

    let ran = program.run(&["verify", "--format", "json"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let report = json::parse(&ran.out).expect("a report");
    let wells = report.tenants.iter().filter(|it| {
        it.isolation == Verdict::Isolated && matches!(it.health, Health::Healthy | Health::Degraded)
    });
    assert_eq!(wells.count(), TENANTS as usize);
    assert_eq!(report.tenants.len(), TENANTS as usize);
    {
        let asked = asked.lock().expect("nobody panics with it");
        assert_eq!(asked.words, ["SELECT", "SET"].map(str::to_owned).into());
        assert_eq!(asked.messages.len(), TENANTS as usize, "each was visited");
        let reading = |it: &String| it.contains("SET TRANSACTION READ ONLY");
        assert!(asked.messages.values().flatten().all(reading), "each visit says that it reads");
    }

    let plan = program.run(&["stamp", "--plan"]).await;
    assert_eq!(plan.code, Some(0), "{}", plan.err);
    let stamps = plan.out.lines().filter(|it| it.starts_with("COMMENT ON SCHEMA watertight IS '"));
    let texts: BTreeSet<&str> = stamps.collect();
    assert_eq!(texts.len(), TENANTS as usize, "one for each, and no two alike");
    for tenant in ["-- tenant-0\n", "-- tenant-1234\n"] {
        assert!(plan.out.contains(tenant), "{tenant}");
    }
    let asked = asked.lock().expect("nobody panics with it");
    let looked = ["BEGIN", "SAVEPOINT", "SELECT", "SET"].map(str::to_owned);
    assert_eq!(asked.words, looked.into(), "the plan is drawn from looks alone");
}
