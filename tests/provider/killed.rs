//! `kill -9` in the midst of creations: whatever is left has a name, and another process removes it by that.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::process::Command;
use tokio::time::sleep;
use watertight::provider::Provider;

use crate::contract::{eventually, wanted};
use crate::stand::{Stand, visited};

/// Set in the child that is to be killed: the world that it comes to, and where it notes that it begins.
const WORLD: &str = "WATERTIGHT_TEST_WORLD";
const NOTE: &str = "WATERTIGHT_TEST_NOTE";

/// After the beginning, in milliseconds: before the first effect, amid the work, and after all of it.
const MOMENTS: [u64; 7] = [0, 20, 60, 150, 400, 1000, 2500];
const AT_ONCE: usize = 3;

/// The test named `test` calls this; it starts itself a second time as the victim.
pub(crate) async fn leaves_only_what_another_removes(test: &str, stand: Stand) {
    if let (Ok(world), Some(note)) = (std::env::var(WORLD), std::env::var_os(NOTE)) {
        return begin(&world, Path::new(&note)).await;
    }
    let Stand { provider, world, .. } = stand;
    drop(provider);
    let directory = tempfile::tempdir().unwrap();
    let mut seen = 0;
    for moment in MOMENTS {
        let note = directory.path().join(moment.to_string());
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(WORLD, world.whereabouts())
            .env(NOTE, &note)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        eventually("it begins", async || note.exists()).await;
        sleep(Duration::from_millis(moment)).await;
        victim.kill().await.unwrap();
        let another = world.reopen().await;
        seen += another.inventory().await.unwrap().len();
        eventually("all of it is removed by its name", async || {
            for index in 0..AT_ONCE {
                remove(&another, &name(index)).await;
            }
            world.leftovers().await.is_empty()
        })
        .await;
    }
    assert!(0 < seen, "no kill came amid the work");
}

async fn remove(provider: &Arc<dyn Provider>, name: &str) {
    for project in provider.named(name).await.unwrap() {
        assert_eq!(&*project.name, name);
        provider.delete(&project.reference).await.unwrap();
    }
}

async fn begin(world: &str, note: &Path) {
    let provider = visited(world).reopen().await;
    std::fs::write(note, "").unwrap();
    let creating = (0..AT_ONCE).map(|index| {
        let provider = Arc::clone(&provider);
        async move { drop(provider.create(&wanted(&name(index))).await) }
    });
    join_all(creating).await;
    std::future::pending::<()>().await;
}

fn name(index: usize) -> String {
    format!("wt-killed-{index}")
}
