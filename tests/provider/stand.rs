//! Each provider with the world that it works in, and a way to look at that world past the provider.

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tempfile::TempDir;
use watertight::provider::Provider;
use watertight::provider::local::{Local, LocalOptions};

/// A provider, and what is not its own.
#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) provider: Arc<dyn Provider>,
    /// What its projects keep apart, in the policy's word.
    pub(crate) isolation: &'static str,
    pub(crate) world: Arc<dyn World>,
}

/// Where a provider's projects really are.
pub(crate) trait World: Debug + Send + Sync {
    /// A further provider, in the place of one that is gone.
    fn reopen(&self) -> BoxFuture<'_, Arc<dyn Provider>>;

    /// All that is there and would not be if nothing had ever been made, or that may still make something.
    fn leftovers(&self) -> BoxFuture<'_, Vec<String>>;

    /// Enough for another process to come to the same world.
    fn whereabouts(&self) -> String;
}

impl Stand {
    async fn of(isolation: &'static str, world: Arc<dyn World>) -> Self {
        Self { provider: world.reopen().await, isolation, world }
    }
}

/// The world that another process has told of.
pub(crate) fn visited(whereabouts: &str) -> Arc<dyn World> {
    match whereabouts.split_once(' ') {
        Some(("local", path)) => Arc::new(Directory { path: path.into(), _held: None }),
        _ => panic!("no world of ours: {whereabouts}"),
    }
}

pub(crate) async fn local() -> Stand {
    let held = tempfile::tempdir().unwrap();
    let path = held.path().join("clusters of ours");
    // The servers may run as another account, which must come through.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(held.path(), open).unwrap();
    Stand::of("cluster", Arc::new(Directory { path, _held: Some(held) })).await
}

#[derive(Debug)]
struct Directory {
    path: PathBuf,
    _held: Option<TempDir>,
}

impl World for Directory {
    fn reopen(&self) -> BoxFuture<'_, Arc<dyn Provider>> {
        Box::pin(async {
            let options = LocalOptions { directory: self.path.clone() };
            Arc::new(Local::open(&options).await.unwrap()) as Arc<dyn Provider>
        })
    }

    fn leftovers(&self) -> BoxFuture<'_, Vec<String>> {
        let names = std::fs::read_dir(&self.path).unwrap();
        let names = names.map(|it| it.unwrap().file_name().to_string_lossy().into_owned());
        let left = names.filter(|it| it != "watertight.lock").collect();
        Box::pin(async { left })
    }

    fn whereabouts(&self) -> String {
        format!("local {}", self.path.display())
    }
}
