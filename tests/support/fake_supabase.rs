//! A fake Supabase that remembers: projects that come up, are listed and go, over real HTTP, and behind each a real
//! PostgreSQL cluster.
//!
//! Why a server with a state: what goes wrong with a provider goes wrong between two requests. An answer is lost after a
//! project was made, a list misses it, its pooler does not know it yet, its host leads to another's database.
//!
//! Why on a thread of its own: it outlives a daemon that is killed in the middle of a request, and a busy test holds up
//! none of its answers.
//!
//! Time: waits and windows are Supabase's, multiplied by `Rules::scale`. What is said on the wire (`X-RateLimit-Reset`)
//! stays in Supabase's seconds, so a client that scales its waits by the same factor fits.
//!
//! Invariants:
//! - a request is judged and applied under one lock, so that two at once cannot both see the state before;
//! - each project has a cluster that nobody had before, and its deletion ends the cluster that it leads to, whoever else
//!   may live there;
//! - nothing outlives `FakeSupabase` but what the stock has.

#[path = "fake_supabase/answer.rs"]
pub(crate) mod answer;
#[path = "fake_supabase/faults.rs"]
pub(crate) mod faults;
#[path = "fake_supabase/limits.rs"]
pub(crate) mod limits;
#[path = "fake_github/line.rs"]
mod line;
#[path = "fake_supabase/projects.rs"]
pub(crate) mod projects;
#[path = "fake_supabase/routes.rs"]
pub(crate) mod routes;
#[path = "fake_supabase/stock.rs"]
pub(crate) mod stock;
#[path = "fake_supabase/views.rs"]
mod views;
#[path = "fake_supabase/world.rs"]
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
use watertight::dsn::TlsMode;
use watertight::local::cluster::Cluster;
use watertight::provider::supabase::options::{Connection, PaceOptions, SupabaseOptions};
use watertight::secret::SecretRef;

use self::answer::{Answer, Request};
use self::faults::Fault;
use self::line::{Cut, Lines};
use self::projects::Base;
use self::stock::Stock;
use self::world::World;

pub(crate) const TOKEN: &str = "sbp_fake00000000000000000000000000000000";
pub(crate) const ORGANIZATION: &str = "acme-org";
pub(crate) const REGION: &str = "eu-north-1";

/// Between two looks at a project that a test waits for.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// For a project of a test's own to come up.
const LIMIT: Duration = Duration::from_mins(1);

const LARGEST_REQUEST: usize = 1024 * 1024;

pub(crate) struct FakeSupabase {
    base: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    world: Mutex<World>,
    stock: Arc<Stock>,
}

impl FakeSupabase {
    /// With one organisation and no project. `scale` is by how much its times are shorter than Supabase's.
    pub(crate) fn start(stock: &Arc<Stock>, scale: f64) -> Self {
        let (told, bound) = sync_channel(1);
        let (stop, stopped) = oneshot::channel();
        let world = Mutex::new(World::new(scale));
        let shared = Arc::new(Shared { world, stock: Arc::clone(stock) });
        let served = Arc::clone(&shared);
        let serve_until_stopped = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
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
        Self { base: format!("http://{address}"), shared, stop: Some(stop), thread: Some(thread) }
    }

    /// What `provision.supabase.api_url` is set to.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    pub(crate) fn options(&self) -> SupabaseOptions {
        options(self.base(), self.world().rules.scale)
    }

    /// Everything that is there, to look at and to change: no request is served meanwhile.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.shared.lock()
    }

    /// A project that was there before, up and well. Returns its reference.
    pub(crate) async fn add_project(&self, name: &str, password: &str) -> String {
        let reference = self.world().add(name, REGION, password);
        let waited = tokio::time::timeout(LIMIT, async {
            self.shared.raise(&reference, Duration::ZERO).await;
            while self.world().pooler_of(&reference).is_none() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        });
        waited.await.expect("the project comes up");
        reference
    }

    /// What a project's host leads to; `None` before it is up and after it is gone.
    pub(crate) fn cluster(&self, reference: &str) -> Option<Arc<Cluster>> {
        self.world().cluster(reference)
    }
}

/// What a client of a fake is made of, with times that fit.
pub(crate) fn options(base: &str, scale: f64) -> SupabaseOptions {
    let pace = PaceOptions::default().scaled(scale);
    SupabaseOptions {
        api_url: base.into(),
        token: SecretRef::parse(TOKEN),
        organization: ORGANIZATION.into(),
        region: REGION.into(),
        connection: Connection::SessionPooler,
        trusted_hosts: vec!["127.0.0.1".into()],
        tls: TlsMode::VerifyFull,
        pace: PaceOptions { timeout: Duration::from_secs(5), ..pace },
    }
}

impl Drop for FakeSupabase {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
        let fallen = self.world().end();
        self.shared.stock.take_back(fallen);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, World> {
        // A test that failed with the lock held has told so itself.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Judges, applies and answers one request, and begins what it set in motion.
    fn answer(self: &Arc<Self>, request: &Request, fault: Option<&Fault>) -> Answer {
        let (answer, born, fallen) = {
            let mut world = self.lock();
            let answer = world.answer(request, fault);
            (answer, std::mem::take(&mut world.born), std::mem::take(&mut world.fallen))
        };
        self.stock.take_back(fallen);
        for reference in born {
            let (shared, after) = (Arc::clone(self), self.lock().rules.times().coming_up);
            later(async move { shared.raise(&reference, after).await });
        }
        answer
    }

    /// Puts a project on a cluster, where it has not been deleted before.
    async fn raise(&self, reference: &str, after: Duration) {
        tokio::time::sleep(after).await;
        let Some(base) = self.lock().base(reference) else { return };
        let cluster = match base {
            Base::New(role) => {
                let cluster = self.stock.take().await;
                role.make_in(&cluster).await.expect("a role can be made in a fresh cluster");
                Some(cluster)
            }
            // It may end meanwhile, and then the project does not come up.
            Base::Of(role, cluster) => match role.make_in(&cluster).await {
                Ok(()) => Some(cluster),
                Err(_ended) => return,
            },
            Base::Nowhere => None,
        };
        let refused = self.lock().put_on(reference, cluster);
        self.stock.take_back(refused);
    }
}

#[expect(clippy::disallowed_methods, reason = "ends with the fake's own runtime")]
fn later(work: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(work));
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Cut>,
    request: HttpRequest<Body>,
) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_REQUEST).await else {
        return Answer::refusal(413, "Payload Too Large").into_response();
    };
    let request = Request::read(&head, &body);
    let fault = shared.lock().meet(&request);
    let answer = || shared.answer(&request, fault.as_ref());
    match fault {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::LostBefore) => line.cut(),
        Some(Fault::ErrorBefore(status)) => Answer::failure(status).into_response(),
        Some(Fault::Says(status, body)) => Answer::text(status, body).into_response(),
        Some(Fault::Limited { reset }) => shared.lock().limited(&request, reset).into_response(),
        Some(Fault::Redirected(ref place)) => {
            Answer::text(307, "").with("location", place).into_response()
        }
        Some(Fault::Endless) => Answer::endless(),
        Some(Fault::LostAfter) => {
            answer();
            line.cut()
        }
        Some(Fault::ErrorAfter(status)) => {
            answer();
            Answer::failure(status).into_response()
        }
        Some(Fault::Doubled) => {
            answer();
            answer().into_response()
        }
        Some(Fault::AnsweredLate(by)) => {
            let answer = answer();
            tokio::time::sleep(by).await;
            answer.into_response()
        }
        Some(Fault::DoneLate(by)) => {
            let (shared, request) = (Arc::clone(&shared), request.clone());
            // Apart from the connection, which is long closed by then.
            later(async move {
                tokio::time::sleep(by).await;
                shared.answer(&request, None);
            });
            std::future::pending().await
        }
        Some(Fault::Truncated) => answer().truncated(),
        Some(Fault::Fated(_) | Fault::Forgotten) | None => answer().into_response(),
    }
}
