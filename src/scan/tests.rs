//! The engine under a paused clock, with visits that only sleep: what it promises about turns, time and observations.

use std::sync::Mutex;

use tokio::time::{sleep, timeout};

use super::*;

const DEADLINE: Duration = Duration::from_secs(5);

fn limits(concurrency: usize, per_server: usize, lane: usize) -> ScanLimits {
    let concurrency = concurrency.try_into().unwrap();
    let per_server = per_server.try_into().unwrap();
    ScanLimits { lane, ..ScanLimits::new(concurrency, per_server, DEADLINE) }
}

/// One host for each target: a dotted address or a name.
fn hosts(names: impl IntoIterator<Item = String>) -> Vec<Vec<Host>> {
    let host = |name: String| Host {
        name: name.parse().map_or_else(|_| HostName::Dns(name.into()), HostName::Ip),
        address: None,
        port: 5432,
    };
    names.into_iter().map(|it| vec![host(it)]).collect()
}

/// So many targets, each on a server of its own.
fn apart(count: u32) -> Vec<Vec<Host>> {
    hosts((0..count).map(|it| std::net::Ipv4Addr::from(0x0a00_0000 + it).to_string()))
}

fn jobs(hosts: &[Vec<Host>]) -> Vec<Job<'_>> {
    let target = |tenant| TargetRef { tenant, target: 0 };
    (0..).zip(hosts).map(|(it, hosts)| Job { target: target(it), hosts, project: None }).collect()
}

fn failed(target: TargetRef, took: Duration) -> Observation {
    let failure = Failure { cause: Cause::ConnectionRefused, detail: "it refused".into() };
    Observation { target, took, outcome: Outcome::Failed(failure) }
}

/// Names that begin with `bad` do not resolve, those with `hang` never answer, all others lead to 10.9.9.9.
async fn lookup(name: Box<str>) -> io::Result<Vec<IpAddr>> {
    if name.starts_with("hang") {
        std::future::pending::<()>().await;
    }
    if name.starts_with("bad") {
        Err(io::Error::other("no such name"))
    } else {
        Ok(vec![[10, 9, 9, 9].into()])
    }
}

/// When each target was observed, in milliseconds from the start, and as what; sorted by target.
type Told = Vec<(u32, u128, String)>;

/// A hang is not a failing test: everything here ends within ten minutes of the paused clock.
async fn run<V, F>(
    hosts: &[Vec<Host>],
    limits: ScanLimits,
    stop: &CancellationToken,
    visit: V,
) -> Told
where
    V: Fn(Turn) -> F,
    F: Future<Output = Observation> + Send + 'static,
{
    let start = Instant::now();
    let mut told = Told::new();
    let ended = |it: &Observation| {
        let what = match &it.outcome {
            Outcome::Seen(_) => "seen".to_owned(),
            Outcome::Failed(failure) => failure.cause.label().to_owned(),
            Outcome::NotTried(reason) => format!("{reason:?}"),
        };
        told.push((it.target.tenant, start.elapsed().as_millis(), what));
    };
    let jobs = jobs(hosts);
    let scanning = scan_with(lookup, &jobs, limits, stop, ended, visit);
    let observations = timeout(Duration::from_mins(10), scanning).await.expect("the scan ends");
    let observed: Vec<_> = observations.iter().map(|it| it.target.tenant).collect();
    assert_eq!(observed, told.iter().map(|it| it.0).collect::<Vec<_>>(), "told as returned");
    told.sort();
    told
}

#[track_caller]
fn one_each(told: &Told, count: u32) {
    assert_eq!(told.iter().map(|it| it.0).collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_slow_target_is_a_timeout_and_holds_up_no_other() {
    let visit = |turn: Turn| async move {
        let slow = turn.target.tenant < 2;
        sleep(if slow { Duration::from_hours(1) } else { Duration::from_millis(100) }).await;
        failed(turn.target, Duration::ZERO)
    };
    let told = run(&apart(22), limits(2, 4, 2), &CancellationToken::new(), visit).await;
    one_each(&told, 22);
    for (target, at, what) in told {
        if target < 2 {
            assert_eq!((at, &*what), (5_500, "timeout"));
        } else {
            // Both slots come back after 250 ms; twenty visits of 100 ms then need ten turns of two.
            assert!(at <= 1_250, "{target} was kept waiting until {at}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_visits_run_at_once_than_allowed() {
    #[track_caller]
    fn check(most: usize, (concurrency, lane, allowed): (usize, usize, usize)) {
        assert_eq!(most, allowed, "at {concurrency} and a lane of {lane}");
    }
    for case in [(1, 0, 1), (7, 0, 7), (7, 3, 10), (7, 1_000, 60)] {
        let now_and_most = Arc::new(Mutex::new((0, 0)));
        let visit = |turn: Turn| {
            let counts = Arc::clone(&now_and_most);
            async move {
                {
                    let mut counts = counts.lock().unwrap();
                    counts.0 += 1;
                    counts.1 = counts.0.max(counts.1);
                }
                sleep(Duration::from_secs(4)).await;
                counts.lock().unwrap().0 -= 1;
                failed(turn.target, Duration::ZERO)
            }
        };
        let told =
            run(&apart(60), limits(case.0, 4, case.1), &CancellationToken::new(), visit).await;
        one_each(&told, 60);
        check(now_and_most.lock().unwrap().1, case);
    }
}

#[tokio::test(start_paused = true)]
async fn a_crowded_server_is_spared_and_holds_up_no_other() {
    let names = (0..500).map(|_| "alias.example".to_owned());
    let others = (0..100).map(|it| format!("10.0.0.{it}"));
    let hosts = hosts(names.chain(others));
    let crowd = Arc::new(Mutex::new((0, 0)));
    let visit = |turn: Turn| {
        let crowd = Arc::clone(&crowd);
        async move {
            let crowded = turn.target.tenant < 500;
            let count = |by: i32| {
                let mut crowd = crowd.lock().unwrap();
                crowd.0 += by;
                crowd.1 = crowd.0.max(crowd.1);
            };
            if crowded {
                count(1);
            }
            sleep(Duration::from_millis(100)).await;
            if crowded {
                count(-1);
            }
            failed(turn.target, Duration::ZERO)
        }
    };
    let told = run(&hosts, limits(24, 4, 0), &CancellationToken::new(), visit).await;
    one_each(&told, 600);
    assert_eq!(crowd.lock().unwrap().1, 4);
    let last_other = told.iter().filter(|it| 500 <= it.0).map(|it| it.1).max().unwrap();
    assert!(last_other <= 600, "the others had 20 slots of 24 and yet took until {last_other}");
}

#[tokio::test(start_paused = true)]
async fn a_frozen_server_costs_two_deadlines_and_one_that_said_a_byte_is_not_given_up() {
    // Forty targets on one server; `speaks` is the one that hears a byte before it hangs.
    async fn check(speaks: Option<u32>, expected_visits: usize, expected_end: u128) {
        let visits = Arc::new(Mutex::new(0));
        let visit = |turn: Turn| {
            *visits.lock().unwrap() += 1;
            async move {
                if speaks == Some(turn.target.tenant) {
                    turn.patience.hear();
                }
                sleep(Duration::from_hours(1)).await;
                failed(turn.target, Duration::ZERO)
            }
        };
        let fleet = hosts((0..40).map(|_| "10.0.0.1".to_owned()));
        let told = run(&fleet, limits(64, 4, 128), &CancellationToken::new(), visit).await;
        one_each(&told, 40);
        assert!(told.iter().all(|it| it.2 == "timeout"), "{told:?}");
        assert_eq!(*visits.lock().unwrap(), expected_visits);
        assert_eq!(told.iter().map(|it| it.1).max(), Some(expected_end));
    }
    check(None, 8, 2 * 5_500).await;
    check(Some(6), 40, 10 * 5_500).await;
}

#[tokio::test(start_paused = true)]
async fn a_target_with_another_way_is_visited_though_its_first_server_is_frozen() {
    let visit = |turn: Turn| async move {
        if turn.target.tenant < 8 {
            sleep(Duration::from_hours(1)).await;
        }
        failed(turn.target, Duration::ZERO)
    };
    let mut fleet = hosts((0..10).map(|_| "10.0.0.1".to_owned()));
    fleet[8].extend(hosts(["10.0.0.2".to_owned()]).remove(0));
    let told = run(&fleet, limits(64, 4, 128), &CancellationToken::new(), visit).await;
    let what: Vec<&str> = told[7..].iter().map(|it| &*it.2).collect();
    assert_eq!(what, ["timeout", "connection_refused", "timeout"]);
}

#[tokio::test(start_paused = true)]
async fn a_panicking_visit_is_an_observation() {
    let visit = |turn: Turn| async move {
        assert!(turn.target.tenant != 3, "a fault of our own");
        failed(turn.target, Duration::ZERO)
    };
    let told = run(&apart(6), limits(2, 1, 1), &CancellationToken::new(), visit).await;
    one_each(&told, 6);
    assert_eq!(told[3].2, "Panicked");
    assert_eq!(told.iter().filter(|it| it.2 == "connection_refused").count(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_still_yields_one_observation_per_target() {
    #[track_caller]
    fn check(told: &Told, stopped_at: u128, refused: usize) {
        one_each(told, 50);
        assert!(told.iter().all(|it| it.1 <= stopped_at + 1_000));
        assert_eq!(told.iter().filter(|it| it.2 == "connection_refused").count(), refused);
        assert_eq!(told.iter().filter(|it| it.2 == "Cancelled").count(), 50 - refused);
    }
    // Half of the names hang, so that some targets are still being located. A visit takes a second.
    let hosts = hosts(
        (0..50).map(|it| if it % 2 == 0 { format!("10.0.0.{it}") } else { format!("hang{it}") }),
    );
    for (stop_at, refused) in [(0, 0), (1_500, 4), (2_500, 8)] {
        let stop = CancellationToken::new();
        let visit = |turn: Turn| async move {
            sleep(Duration::from_secs(1)).await;
            failed(turn.target, Duration::ZERO)
        };
        let stopping = async {
            sleep(Duration::from_millis(stop_at)).await;
            stop.cancel();
        };
        let (told, ()) = tokio::join!(run(&hosts, limits(4, 1, 0), &stop, visit), stopping);
        check(&told, stop_at.into(), refused);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_fails_or_hangs_is_dns_failed_and_holds_up_no_other() {
    let hosts =
        hosts(["hang.example", "bad.example", "10.0.0.1", "good.example"].map(str::to_owned));
    let visit = |turn: Turn| async move { failed(turn.target, Duration::ZERO) };
    let told = run(&hosts, limits(1, 1, 0), &CancellationToken::new(), visit).await;
    let told: Vec<_> = told.iter().map(|it| (it.0, it.1, it.2.as_str())).collect();
    assert_eq!(
        told,
        [
            (0, 5_000, "dns_failed"),
            (1, 0, "dns_failed"),
            (2, 0, "connection_refused"),
            (3, 0, "connection_refused"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn of_several_hosts_those_that_resolve_are_handed_over_in_order() {
    let host = |name, address, port| Host { name, address, port };
    let dns = |name: &str| HostName::Dns(name.into());
    let hosts = vec![
        vec![
            host(dns("bad.example"), None, 1),
            host(dns("good.example"), None, 2),
            host(HostName::Socket("/run/pg".into()), None, 3),
            host(dns("hang.example"), Some([10, 1, 1, 1].into()), 4),
            host(HostName::Ip([10, 2, 2, 2].into()), None, 5),
        ],
        vec![host(HostName::Socket("/run/pg".into()), None, 3)],
        vec![],
    ];
    let handed = Arc::new(Mutex::new(Vec::new()));
    let visit = |turn: Turn| {
        handed.lock().unwrap().push(format!("{:?}", turn.addresses));
        async move { failed(turn.target, Duration::ZERO) }
    };
    let told = run(&hosts, limits(1, 1, 0), &CancellationToken::new(), visit).await;
    one_each(&told, 3);
    assert_eq!(told[2].2, "dns_failed");
    assert_eq!(
        handed.lock().unwrap().as_slice(),
        ["[[]]", "[[], [10.9.9.9:2], [], [10.1.1.1:4], [10.2.2.2:5]]"]
    );
}

#[tokio::test(start_paused = true)]
async fn time_that_a_visit_spent_waiting_for_us_is_not_counted() {
    // Each visit waits nine seconds for our processor, which is more than its deadline, and then answers.
    let visit = |turn: Turn| async move {
        for _ in 0..90 {
            sleep(Duration::from_millis(100)).await;
            turn.patience.allow(Duration::from_millis(100));
        }
        failed(turn.target, Duration::ZERO)
    };
    let told = run(&apart(4), limits(2, 1, 2), &CancellationToken::new(), visit).await;
    one_each(&told, 4);
    assert!(told.iter().all(|it| it.2 == "connection_refused"));
    // Nobody was overdue, so the second pair began only when the first had ended.
    assert_eq!(told.iter().map(|it| it.1).collect::<Vec<_>>(), [9_000, 9_000, 18_000, 18_000]);
}

#[tokio::test(start_paused = true)]
async fn time_for_which_the_machine_did_not_run_us_is_not_counted() {
    // Three seconds in which nobody ran, in the middle of a visit that takes four seconds of its own time.
    let visit = |turn: Turn| async move {
        sleep(Duration::from_secs(2)).await;
        if turn.target.tenant == 0 {
            tokio::time::advance(Duration::from_secs(3)).await;
        }
        sleep(Duration::from_secs(2)).await;
        failed(turn.target, Duration::ZERO)
    };
    let told = run(&apart(3), limits(3, 1, 0), &CancellationToken::new(), visit).await;
    one_each(&told, 3);
    assert!(told.iter().all(|it| it.2 == "connection_refused"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn the_projects_behind_one_shared_address_are_several_servers() {
    let hosts = hosts((0..2).map(|_| "pooler.example".to_owned()));
    let visit = |turn: Turn| async move {
        sleep(Duration::from_millis(100)).await;
        failed(turn.target, Duration::ZERO)
    };
    for (projects, last) in
        [([Some("a"), Some("b")], 100), ([Some("a"), Some("a")], 200), ([None, None], 200)]
    {
        let start = Instant::now();
        let mut jobs = jobs(&hosts);
        jobs.iter_mut().zip(projects).for_each(|(job, project)| job.project = project);
        let told =
            scan_with(lookup, &jobs, limits(9, 1, 0), &CancellationToken::new(), |_| (), visit)
                .await;
        assert_eq!((told.len(), start.elapsed().as_millis()), (2, last), "{projects:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_fleet_is_scanned_at_once() {
    let visit = |turn: Turn| async move { failed(turn.target, Duration::ZERO) };
    assert_eq!(run(&[], limits(1, 1, 0), &CancellationToken::new(), visit).await, []);
}
