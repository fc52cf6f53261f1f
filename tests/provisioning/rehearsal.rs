//! Chance against operations.
//!
//! Why the seed: a run that fails prints it, and `WATERTIGHT_SOAK_SEED` draws the same world again. Fifty run with every
//! test, and with `WATERTIGHT_SOAK=full` two thousand.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::time::sleep;

use crate::chance;
use crate::form::say;
use crate::judge;
use crate::life::Life;
use crate::seeds::Seeds;
use crate::stage::{self, Stage};

const SHORT: u64 = 50;
const LONG: u64 = 2_000;

/// Runs at once: each waits most of its time.
const AT_ONCE: usize = 6;

/// For what is still on its way when the last operation has ended: the latest creation comes 0.65 s after it was sent.
const STAYS: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rehearsal_every_tenant_ends_whole_or_gone_whatever_fails_and_whoever_dies() {
    let seeds = Seeds::choose(SHORT, LONG);
    let runs = stream::iter(&seeds.all).map(|seed| async {
        let run = AssertUnwindSafe(rehearse(*seed)).catch_unwind().await;
        seeds.ended(*seed, run.is_ok());
        run.unwrap_or_default()
    });
    let mut runs = runs.buffer_unordered(AT_ONCE);
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let mut left = 0;
    while let Some(run) = runs.next().await {
        left += usize::from(run.iter().any(|it| it == "deprovision succeeded"));
        for end in run {
            *ends.entry(end).or_default() += 1;
        }
    }
    drop(runs);
    say(&format!("somebody left in {left} of {}: {ends:?}", seeds.all.len()));
    let both = ["provision succeeded", "provision rolled_back"];
    let seen = both.iter().all(|it| ends.contains_key(*it));
    assert!(seen || seeds.all.len() == 1, "too little was rehearsed: {ends:?}");
    // On a machine that does a dozen other things many of a few come to nothing, because a project is late.
    let many = seeds.all.len();
    let wanted = match u64::try_from(many).unwrap() {
        ..SHORT => 0,
        SHORT..LONG => 1,
        LONG.. => many / 3,
    };
    assert!(wanted <= left, "somebody came and left in {left} of {many} runs alone: {ends:?}");
    seeds.judge();
}

/// How each of its operations ended.
async fn rehearse(seed: u64) -> Vec<String> {
    let mut random = StdRng::seed_from_u64(seed);
    let stage = Stage::new().await;
    let (life, daemon) = Life::begin(&stage).await;
    let plan = chance::plan(&stage, seed, &mut random);
    let mut daemon = life.live(&plan, daemon).await;
    sleep(STAYS).await;
    for path in ["/api/v1/tenants", "/api/v1/findings", "/api/v1/scans/latest", "/metrics"] {
        life.read(path).await;
    }
    stage.hear(daemon.lines());
    let wrongs = judge::wrongs(&stage).await;
    assert!(
        wrongs.is_empty(),
        "seed {seed}: {wrongs:#?}\n{plan:#?}\n{:#?}\n{:#?}",
        asked(&stage),
        daemon.messages()
    );
    let told = stage::operations(&daemon).await;
    daemon.stop().await;
    let operations = told["operations"].as_array().unwrap().iter();
    let word = |it: &Value, key: &str| it[key].as_str().unwrap().to_owned();
    operations.map(|it| format!("{} {}", word(it, "kind"), word(it, "state"))).collect()
}

/// What came to the provider, but for reads.
fn asked(stage: &Stage) -> Vec<String> {
    let world = stage.fake.world();
    let writes = world.asked.iter().filter(|it| it.request.method != "GET");
    writes
        .map(|it| {
            let name = it.request.body.as_ref().and_then(|it| it["name"].as_str());
            let name = name.unwrap_or_default();
            format!("{} {} {name} {}", it.request.method, it.request.whole_path(), it.status)
        })
        .collect()
}
