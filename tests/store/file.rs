//! What is SQLite's own: the file, its lock, its key, and every way in which a file can be the wrong one.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Barrier;

use rusqlite::Connection;
use watertight::model::change::{Change, PlannedKinds};
use watertight::model::finding::State;
use watertight::model::gate::Override;
use watertight::model::tenant::TargetName;
use watertight::secret::Secret;
use watertight::store::Store;
use watertight::store::error::StoreError;
use watertight::store::memory::RefusedSecret;
use watertight::store::scans::FinishedScan;
use watertight::store::seal::SealKey;

use super::example::{at, finding, fingerprint, finish, id, open, report, tenant, url};

fn key(digit: &str) -> SealKey {
    SealKey::parse(&Secret::new(digit.repeat(64))).unwrap()
}

/// Opening the store in this directory fails, and says so in these words.
#[track_caller]
fn check_refused(directory: &Path, key: Option<SealKey>, expected: &[&str]) {
    let error = Store::open(&url(directory), key).expect_err("must be refused");
    let told = error.to_string();
    assert!(told.contains("w.db"), "{told}");
    for words in expected {
        assert!(told.contains(words), "{words:?} is not in {told:?}");
    }
}

#[test]
fn no_secret_is_in_any_file_in_the_clear() {
    const SECRET: &[u8] = b"hunter2-planted";
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let text = String::from_utf8_lossy(SECRET).into_owned();
    store.put_tenants(&[(id("acme"), text.clone())]).unwrap();
    store.keep_source("query", std::slice::from_ref(&text), at(0)).unwrap();
    let target = TargetName::DatabaseUrl;
    let digest = store.secret_digest(&id("acme"), &target, &Secret::new(text.as_str()));
    store.put_refused(&[RefusedSecret { tenant: id("acme"), target, digest, at: at(0) }]).unwrap();
    // The same search must find what is not sealed, or it would prove nothing.
    finish(&store, &report("planted-scan", 0, Vec::new()), &[]);
    let files: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|it| it.unwrap().path()).collect();
    let holding = |needle: &[u8]| {
        let holds = |path: &&std::path::PathBuf| {
            fs::read(path).unwrap().windows(needle.len()).any(|it| it == needle)
        };
        files.iter().filter(holds).count()
    };
    assert_eq!(holding(SECRET), 0);
    assert_ne!(holding(b"planted-scan"), 0);
    assert_eq!(store.tenants::<String>().unwrap(), [(id("acme"), text)]);
}

#[test]
fn every_file_is_its_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.put_tenants(&[(id("acme"), 1)]).unwrap();
    let _hold = store.hold().unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        names.push(name);
    }
    names.sort();
    assert_eq!(names, ["w.db", "w.db-shm", "w.db-wal", "w.db.key", "w.db.lock"]);
}

#[test]
fn what_was_stored_is_there_when_opened_again() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).put_tenants(&[(id("acme"), 7)]).unwrap();
    assert_eq!(open(directory.path()).tenants::<i32>().unwrap(), [(id("acme"), 7)]);
}

#[test]
fn a_second_holder_is_told_who_the_first_is() {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (open(directory.path()), open(directory.path()));
    let hold = first.hold().unwrap();
    let told = second.hold().expect_err("held").to_string();
    assert!(told.contains(&format!("process {} since 20", std::process::id())), "{told}");
    second.put_tenants(&[(id("acme"), 1)]).unwrap();
    assert_eq!(second.tenants::<i32>().unwrap().len(), 1, "a reader needs no hold");
    drop(hold);
    second.hold().unwrap();
}

#[test]
fn a_lock_file_that_says_nothing_sensible_still_locks() {
    for text in [&b""[..], b"\xff\xfe", b"not a pid\nnot a time\n", &[b'9'; 10_000]] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        let _hold = store.hold().unwrap();
        fs::write(directory.path().join("w.db.lock"), text).unwrap();
        let told = store.hold().expect_err("held").to_string();
        assert!(told.contains("another process"), "{told}");
    }
}

#[test]
fn many_may_make_the_store_at_once() {
    const OPENERS: usize = 8;
    for _ in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let barrier = Barrier::new(OPENERS);
        std::thread::scope(|scope| {
            for number in 0..OPENERS {
                let (directory, barrier) = (directory.path(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    open(directory).put_tenants(&[(id(&format!("t{number}")), number)]).unwrap();
                });
            }
        });
        let tenants = open(directory.path()).tenants::<usize>().unwrap();
        assert!(tenants.iter().map(|it| it.1).eq(0..OPENERS));
    }
}

#[test]
fn a_store_that_is_held_is_not_migrated_under_its_holder() {
    let directory = tempfile::tempdir().unwrap();
    let held = fs::File::create(directory.path().join("w.db.lock")).unwrap();
    held.try_lock().unwrap();
    check_refused(directory.path(), None, &["in use by another process"]);
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let text = b"the minutes of the meeting; at least a hundred bytes of them, so that it has a header's length..";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.db");
    fs::write(&path, text).unwrap();
    check_refused(directory.path(), None, &["damaged or no store", "restore it from a copy"]);
    assert_eq!(fs::read(&path).unwrap(), text);
}

#[test]
fn another_programs_database_is_left_alone() {
    for sql in
        ["CREATE TABLE theirs (id INTEGER)", "PRAGMA user_version = 1", "PRAGMA application_id = 1"]
    {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("w.db");
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let before = fs::read(&path).unwrap();
        check_refused(directory.path(), None, &["another program's", "store.url"]);
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_store_of_a_newer_release_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let connection = Connection::open(directory.path().join("w.db")).unwrap();
    connection.execute_batch("PRAGMA user_version = 99").unwrap();
    check_refused(directory.path(), None, &["newer watertight", "99", "upgrade"]);
}

#[test]
fn a_damaged_store_is_an_error_and_never_a_smaller_fleet() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.db");
    let tenants: Vec<_> = (0..3_000).map(|it| (id(&format!("t{it}")), it)).collect();
    open(directory.path()).put_tenants(&tenants).unwrap();
    let whole = fs::read(&path).unwrap();
    // Each read opens three thousand seals: every third page is enough.
    let pages: Vec<usize> = (0..whole.len() / 4096).step_by(3).collect();
    let mut found = 0;
    for page in &pages {
        let mut damaged = whole.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0xa5);
        fs::write(&path, damaged).unwrap();
        match Store::open(&url(directory.path()), None) {
            Err(error) => assert!(
                matches!(error, StoreError::Damaged { .. } | StoreError::Failed { .. }),
                "{error}"
            ),
            Ok(store) => match store.tenants::<i32>() {
                Err(_) => {}
                Ok(read) => {
                    assert_eq!(read.len(), tenants.len(), "page {page}");
                    found += 1;
                }
            },
        }
    }
    assert_ne!(found, 0, "some pages hold other tables");
    assert!(found < pages.len() / 2, "most pages hold tenants");
}

#[test]
fn a_place_where_no_file_can_be_is_named() {
    let directory = tempfile::tempdir().unwrap();
    check_refused(&directory.path().join("missing"), None, &["directory must exist"]);
    fs::write(directory.path().join("file"), "").unwrap();
    check_refused(&directory.path().join("file"), None, &["directory must exist"]);
    fs::create_dir(directory.path().join("w.db")).unwrap();
    check_refused(directory.path(), None, &["create"]);
}

#[test]
fn an_empty_file_becomes_a_store() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("w.db"), "").unwrap();
    assert_eq!(open(directory.path()).tenants::<i32>().unwrap(), []);
}

#[test]
fn another_key_opens_no_sealed_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&url(directory.path()), Some(key("a"))).unwrap();
    store.put_tenants(&[(id("acme"), 1)]).unwrap();
    check_refused(directory.path(), Some(key("b")), &["was sealed with key", "the configured key"]);
    // A new key would not be the right one either, so none is made.
    check_refused(directory.path(), None, &["w.db.key", "secrets.key"]);
    assert!(!directory.path().join("w.db.key").exists());
    let store = Store::open(&url(directory.path()), Some(key("a"))).unwrap();
    assert_eq!(store.tenants::<i32>().unwrap(), [(id("acme"), 1)]);
}

#[test]
fn a_store_with_nothing_sealed_takes_a_new_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(&url(directory.path()), None).unwrap();
    finish(&store, &report("1", 0, Vec::new()), &[finding(&["acme"], State::Open, 1, 0)]);
    drop(store);
    let store = Store::open(&url(directory.path()), Some(key("b"))).unwrap();
    store.put_tenants(&[(id("acme"), 1)]).unwrap();
    check_refused(directory.path(), None, &["was sealed with key", "w.db.key"]);
}

#[test]
fn a_lost_key_file_is_not_replaced() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).keep_source("a", &[1], at(0)).unwrap();
    let path = directory.path().join("w.db.key");
    let text = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    check_refused(directory.path(), None, &["is gone", "put the file back"]);
    assert!(!path.exists());
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(open(directory.path()).kept_sources::<i32>().unwrap()[0].rows, [1]);
}

#[test]
fn a_key_file_that_is_no_key_is_named_and_not_quoted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.db.key");
    for text in ["", "hunter2", &"z".repeat(100_000)] {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        check_refused(directory.path(), None, &["cannot be used", "w.db.key"]);
        let error = Store::open(&url(directory.path()), None).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_key_file_that_every_user_may_read_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let path = directory.path().join("w.db.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    check_refused(directory.path(), None, &["every user", "0600"]);
}

#[test]
fn a_sealed_row_that_was_moved_or_altered_is_refused() {
    for sql in [
        "UPDATE tenants SET sealed = (SELECT sealed FROM tenants WHERE id = 'globex') WHERE id = 'acme'",
        "UPDATE tenants SET id = 'initech' WHERE id = 'acme'",
        "UPDATE tenants SET sealed = zeroblob(100) WHERE id = 'acme'",
        "UPDATE tenants SET sealed = x'' WHERE id = 'acme'",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        store.put_tenants(&[(id("acme"), "a"), (id("globex"), "g")]).unwrap();
        let other = Connection::open(directory.path().join("w.db")).unwrap();
        assert_eq!(other.execute(sql, []).unwrap(), 1);
        let error = store.tenants::<String>().expect_err(sql);
        assert!(matches!(error, StoreError::Seal { .. }), "{error}");
    }
}

#[test]
fn a_kept_source_that_lost_a_part_is_refused() {
    for sql in ["DELETE FROM kept_parts WHERE part = 2", "DELETE FROM kept_parts WHERE part = 0"] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        store.keep_source("a", &vec![1; 2_500], at(0)).unwrap();
        let other = Connection::open(directory.path().join("w.db")).unwrap();
        assert_eq!(other.execute(sql, []).unwrap(), 1);
        store.kept_sources::<i32>().expect_err(sql);
    }
}

#[test]
fn a_sealed_row_of_another_shape_is_an_error_that_quotes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.put_tenants(&[(id("acme"), "hunter2")]).unwrap();
    let error = store.tenants::<u32>().unwrap_err();
    assert!(matches!(error, StoreError::Row { .. }), "{error}");
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[test]
fn a_row_in_words_of_another_release_is_an_error() {
    for sql in [
        "UPDATE findings SET kind = 'shared_moon'",
        "UPDATE findings SET state = 'forgotten'",
        "UPDATE findings SET body = json_set(body, '$.evidence.new', json('null'))",
        "UPDATE findings SET body = json_set(body, '$.evidence.new', 0.5)",
        "UPDATE findings SET body = '{'",
        "UPDATE findings SET last_seen = 9223372036854775807",
    ] {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path());
        finish(&store, &report("1", 0, Vec::new()), &[finding(&["acme"], State::Open, 1, 0)]);
        let other = Connection::open(directory.path().join("w.db")).unwrap();
        assert_eq!(other.execute(sql, []).unwrap(), 1);
        let error = store.standing_findings().expect_err(sql);
        assert!(matches!(error, StoreError::Row { .. }), "{error}");
    }
}

#[test]
fn a_store_that_somebody_keeps_locked_is_given_up_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let other = Connection::open(directory.path().join("w.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.put_tenants(&[(id("acme"), 1)]).unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    store.put_tenants(&[(id("acme"), 1)]).unwrap();
}

#[test]
fn nobody_who_reads_waits_for_a_scan_that_is_being_stored() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    finish(&store, &report("1", 0, vec![tenant("acme", Some(fingerprint(1)))]), &[]);
    let (report, findings) = (
        report("2", 20, vec![tenant("acme", Some(fingerprint(2)))]),
        [finding(&["acme"], State::Open, 1, 20)],
    );
    let (begun, written) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Called in the middle of the transaction.
            let write_json = |out: &mut dyn Write| {
                out.write_all(b"{}")?;
                begun.wait();
                written.wait();
                Ok(())
            };
            let scan = FinishedScan {
                report: &report,
                write_json: &write_json,
                findings: &findings,
                unreported: &[],
                baselines: &[],
            };
            store.finish_scan(&scan).unwrap();
        });
        begun.wait();
        for _ in 0..20 {
            assert_eq!(store.scans(10).unwrap().len(), 1);
            assert_eq!(store.standing_findings().unwrap(), []);
            assert_eq!(store.latest_report_json().unwrap().as_deref(), Some(r#"{"id":"1"}"#));
            assert_eq!(store.history(&id("acme"), 10).unwrap().len(), 1);
        }
        written.wait();
    });
    assert_eq!(store.scans(10).unwrap().len(), 2);
    assert_eq!(store.standing_findings().unwrap(), findings);
}

#[test]
fn more_readers_than_seats_all_get_their_answer() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    finish(&store, &report("1", 0, Vec::new()), &[]);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(store.scans(10).unwrap().len(), 1)));
        }
    });
}

/// Writing and reading are errors that say what happened to the file.
#[track_caller]
fn check_gone(store: &Store) {
    let written = store.put_tenants(&[(id("globex"), 2)]).unwrap_err();
    let read = store.tenants::<i32>().unwrap_err();
    for error in [written, read] {
        assert!(matches!(error, StoreError::Gone { .. }), "{error}");
        let told = error.to_string();
        assert!(told.contains("w.db") && told.contains("deleted or replaced"), "{told}");
    }
}

#[test]
fn a_file_that_was_deleted_acknowledges_nothing_and_tells_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.put_tenants(&[(id("acme"), 1)]).unwrap();
    assert_eq!(store.tenants::<i32>().unwrap(), [(id("acme"), 1)]);
    fs::remove_file(directory.path().join("w.db")).unwrap();
    check_gone(&store);
    store.size_bytes().unwrap_err();
    assert!(!directory.path().join("w.db").exists(), "no empty store takes its place");
}

#[test]
fn a_file_in_the_place_of_the_one_that_was_opened_is_not_taken_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("w.db");
    let store = open(directory.path());
    store.put_tenants(&[(id("acme"), 1)]).unwrap();
    let aside = directory.path().join("aside.db");
    fs::rename(&path, &aside).unwrap();
    fs::copy(&aside, &path).unwrap();
    check_gone(&store);
    fs::rename(&aside, &path).unwrap();
    store.put_tenants(&[(id("globex"), 2)]).unwrap();
    assert_eq!(store.tenants::<i32>().unwrap().len(), 2);
}

#[test]
fn a_write_during_which_the_file_goes_away_is_not_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let report = report("1", 0, Vec::new());
    let scan = FinishedScan {
        report: &report,
        write_json: &|out| {
            fs::remove_file(directory.path().join("w.db"))?;
            out.write_all(b"{}")
        },
        findings: &[],
        unreported: &[],
        baselines: &[],
    };
    let error = store.finish_scan(&scan).unwrap_err();
    assert!(matches!(error, StoreError::Gone { .. }), "{error}");
}

#[test]
fn the_size_counts_the_file_and_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let before = store.size_bytes().unwrap();
    assert!(0 < before);
    store.put_tenants(&[(id("acme"), "x".repeat(1_000_000))]).unwrap();
    assert!(before + 1_000_000 < store.size_bytes().unwrap());
}

#[test]
fn when_the_last_connection_is_closed_the_log_is_put_away() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    store.put_tenants(&[(id("acme"), 1)]).unwrap();
    assert_eq!(store.tenants::<i32>().unwrap().len(), 1);
    drop(store);
    assert!(!directory.path().join("w.db-wal").exists());
    assert!(!directory.path().join("w.db-shm").exists());
}

#[test]
fn records_of_changes_and_overrides_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let change = Change {
        tenants: vec![id("acme")],
        kinds: PlannedKinds::default(),
        reason: "first".into(),
        ticket: None,
        by: "ada".into(),
        from: at(0),
        until: at(10),
    };
    let given = Override::given("first", "ada", at(0), at(10)).unwrap();
    store.add_change(&change).unwrap();
    store.put_override(&given).unwrap();
    let other = Connection::open(directory.path().join("w.db")).unwrap();
    let numbers =
        "WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)";
    for sql in [
        "INSERT INTO changes SELECT n, body, until FROM n, changes",
        "INSERT INTO overrides SELECT n, body FROM n, overrides",
    ] {
        other.execute(&format!("{numbers} {sql}"), []).unwrap();
    }
    store.add_change(&Change { reason: "last".into(), ..change }).unwrap();
    store.put_override(&Override { reason: "last".into(), ..given }).unwrap();
    let (changes, overrides) = (store.changes(100_000).unwrap(), store.overrides(100_000).unwrap());
    assert_eq!((changes.len(), &*changes[0].reason), (10_000, "last"));
    assert_eq!((overrides.len(), &*overrides[0].reason), (1_000, "last"));
}
