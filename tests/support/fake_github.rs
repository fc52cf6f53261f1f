//! A fake GitHub that remembers: issues, labels, statuses, waiting deployments and who may do what, over real HTTP.
//!
//! Why a server with a state: what goes wrong between us and GitHub goes wrong between two requests. An answer is lost
//! after it took effect, a list misses what was just made, a person deletes what we are about to change. A scripted
//! answer per request shows none of that.
//!
//! Why on a thread of its own: it outlives a daemon that is killed in the middle of a request, and a busy test holds up
//! none of its answers.
//!
//! Time: windows and waits are GitHub's, multiplied by `Rules::scale`. What is said on the wire (`retry-after`,
//! `x-ratelimit-reset`) stays in GitHub's seconds, so a client that scales its waits by the same factor fits.
//!
//! Invariants:
//! - a request is judged and applied under one lock, so that two at once cannot both see the state before;
//! - every refusal is one that GitHub gives, with its status and its words;
//! - nothing outlives `FakeGithub`: dropping it ends its thread, its listener and every connection.

#[path = "fake_github/answer.rs"]
pub(crate) mod answer;
#[path = "fake_github/checks.rs"]
mod checks;
#[path = "fake_github/deployments.rs"]
pub(crate) mod deployments;
#[path = "fake_github/faults.rs"]
pub(crate) mod faults;
#[path = "fake_github/identity.rs"]
pub(crate) mod identity;
#[path = "fake_github/issues.rs"]
mod issues;
#[path = "fake_github/labels.rs"]
mod labels;
#[path = "fake_github/limits.rs"]
pub(crate) mod limits;
#[path = "fake_github/line.rs"]
mod line;
#[path = "fake_github/listing.rs"]
mod listing;
#[path = "fake_github/persons.rs"]
pub(crate) mod persons;
#[path = "fake_github/routes.rs"]
mod routes;
#[path = "fake_github/views.rs"]
pub(crate) mod views;
#[path = "fake_github/world.rs"]
pub(crate) mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::Request as HttpRequest;
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use self::answer::{Answer, Request};
use self::faults::Fault;
use self::line::{Cut, Lines};
use self::world::World;

/// Its login is the owner of every token that a test gives out without saying whose.
pub(crate) const TOKEN: &str = "ghp_fake0000000000000000000000000000000";
pub(crate) const TOKEN_LOGIN: &str = "watertight-reporter";
pub(crate) const REPOSITORY: &str = "acme/ops";

/// GitHub itself takes no more.
const LARGEST_REQUEST: usize = 25 * 1024 * 1024;

pub(crate) struct FakeGithub {
    base: String,
    world: Arc<Mutex<World>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeGithub {
    /// With one private repository, `REPOSITORY`, and one token, `TOKEN`, of an account that may write there.
    pub(crate) fn start() -> Self {
        Self::start_at(0)
    }

    /// At a port that is known before: for whoever starts it again.
    pub(crate) fn start_at(port: u16) -> Self {
        let (told, bound) = sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let world = Arc::new(Mutex::new(World::new()));
        let served = Arc::clone(&world);
        let serve_until_stopped = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
                let listener = listener.expect("listen on loopback");
                told.send(listener.local_addr().expect("a bound port")).expect("start waits");
                let app = Router::new().fallback(serve).with_state(served);
                let app = app.into_make_service_with_connect_info::<Cut>();
                tokio::select! {
                    served = axum::serve(Lines(listener), app) => served.expect("it serves"),
                    _ = stopped => (),
                }
            });
        };
        let thread = std::thread::spawn(serve_until_stopped);
        let address: SocketAddr =
            bound.recv_timeout(Duration::from_secs(10)).expect("the fake listens");
        let base = format!("http://{address}");
        let fake = Self { base, world, stop: Some(stop), thread: Some(thread) };
        fake.world().base.clone_from(&fake.base);
        fake
    }

    /// What `github.api_url` is set to.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Everything that is there, to look at and to change: no request is served meanwhile.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }
}

impl Drop for FakeGithub {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    // A test that failed with the lock held has told so itself.
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(
    State(world): State<Arc<Mutex<World>>>,
    ConnectInfo(line): ConnectInfo<Cut>,
    request: HttpRequest<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_REQUEST).await else {
        return Answer::refusal(413, "Payload Too Large").into_response();
    };
    let request = Request::read(&head, &body);
    let _under_way = UnderWay::new(&world);
    let fault = lock(&world).faults.next(&request);
    match fault {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::LostBefore) => line.cut(),
        Some(Fault::ErrorBefore(status)) => Answer::failure(status).into_response(),
        Some(Fault::Refused { status, retry_after }) => {
            lock(&world).refuse_for(status, retry_after).into_response()
        }
        Some(Fault::LostAfter) => {
            lock(&world).answer(&request);
            line.cut()
        }
        Some(Fault::ErrorAfter(status)) => {
            lock(&world).answer(&request);
            Answer::failure(status).into_response()
        }
        Some(Fault::Repeated) => {
            lock(&world).answer(&request);
            lock(&world).answer(&request).into_response()
        }
        Some(Fault::Late(by)) => {
            let answer = lock(&world).answer(&request);
            tokio::time::sleep(by).await;
            answer.into_response()
        }
        Some(Fault::Truncated) => lock(&world).answer(&request).truncated(),
        None => lock(&world).answer(&request).into_response(),
    }
}

/// Counts a request among those that are served at once.
struct UnderWay<'a>(&'a Mutex<World>);

impl<'a> UnderWay<'a> {
    fn new(world: &'a Mutex<World>) -> Self {
        lock(world).limits.began();
        Self(world)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        lock(self.0).limits.ended();
    }
}
