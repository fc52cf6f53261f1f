//! A database for each tenant on a server of one's own.
//!
//! Why the mark is the role's comment: a project is a role and a database of its name. The database's comment can be
//! written by its owner, which is the tenant's application; the role's cannot, and it is there before the database is.
//!
//! Why a lock of the server's stands over each making: whoever finds a project half-made must know whether somebody is
//! still at it, though that somebody's process may be gone and only its last statement still be running.
//!
//! Invariants:
//! - nobody can connect to a database before only its owner can;
//! - what does not bear our mark is listed nowhere and touched by nothing;
//! - a password reaches the server only as its verifier, and each wait has a deadline.

mod failure;
mod look;
mod make;

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_postgres::Client;

use self::failure::{Broken, Call, CallKind};
use self::look::Found;
use super::verifier::verifier;
use super::{
    Answer, NewProject, Project, ProjectState, Provider, ProviderError, ProviderKind, Readiness,
    Refusal, Region,
};
use crate::clock;
use crate::dsn::{ChannelBinding, Dsn, SessionAttrs};
use crate::secret::Secret;
use crate::tls::session::{self, Driving, SessionError};

/// Sessions with the server at once. Each making copies a template, and more would only wait for the same disk.
const AT_ONCE: usize = 4;
const CONNECT: Duration = Duration::from_secs(15);
/// For the connection's last answers, once the server has closed it.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Until readiness is worth another question.
const SOON: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Postgres {
    options: PostgresOptions,
    at_once: Semaphore,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Of a role that may make databases and roles; every project is made beside the database that it names.
    pub admin: Dsn,
    /// Trusted beside the system's roots.
    pub ca_file: Option<PathBuf>,
}

impl Postgres {
    /// Asks nobody yet.
    pub fn new(options: PostgresOptions) -> Result<Self, SessionError> {
        session::check(&options.admin, options.ca_file.as_deref())?;
        Ok(Self { options, at_once: Semaphore::new(AT_ONCE) })
    }

    /// One session: `work` has the client to itself, and when it is done the session ends.
    async fn session<T, F>(
        &self,
        call: Call,
        work: impl FnOnce(Client) -> F,
    ) -> Result<T, ProviderError>
    where
        F: Future<Output = Result<T, Broken>>,
    {
        // Never closed, so there is always a turn to come; each holder has a deadline.
        let _turn = self.at_once.acquire().await.ok();
        let connecting = session::connect(&self.options.admin, self.options.ca_file.as_deref());
        let connected = timeout(CONNECT, connecting).await;
        let (client, driving) = match connected {
            Ok(connected) => connected.map_err(|error| call.not_connected(error))?,
            Err(_elapsed) => return Err(call.not_answered(CONNECT)),
        };
        let working = async {
            client.batch_execute(call.kind.statement_timeout()).await?;
            work(client).await
        };
        match timeout(call.kind.limit(), drive(driving, working)).await {
            Ok(worked) => worked.map_err(|broken| call.judge(&broken)),
            Err(_elapsed) => Err(call.late()),
        }
    }

    async fn all(&self) -> Result<Vec<Found>, ProviderError> {
        let call = Call { operation: "list the databases", kind: CallKind::Read };
        self.session(call, async |client| look::all(&client).await).await
    }

    async fn one(&self, reference: &str) -> Result<Option<Found>, ProviderError> {
        if !can_be_a_name(reference) {
            return Ok(None);
        }
        let call = Call { operation: "look a database up", kind: CallKind::Read };
        self.session(call, async |client| look::one(&client, reference).await).await
    }

    async fn make(&self, wanted: &NewProject) -> Result<Project, ProviderError> {
        let call = Call { operation: "create a database", kind: CallKind::Write };
        if !can_be_a_name(&wanted.name) {
            return Err(call.refused(Refusal::Invalid, "a name has 1 to 63 bytes"));
        }
        let (now, verifier) = (clock::now(), verifier(&wanted.password));
        self.session(call, async |client| {
            make::create(&client, &wanted.name, &verifier, now).await
        })
        .await?;
        Ok(Project {
            reference: wanted.name.clone(),
            name: wanted.name.clone(),
            region: None,
            state: ProjectState::Active,
            created_at: Some(now),
            branch: false,
        })
    }

    async fn drop_database(&self, reference: &str) -> Result<(), ProviderError> {
        if !can_be_a_name(reference) {
            return Ok(());
        }
        let call = Call { operation: "delete a database", kind: CallKind::Write };
        self.session(call, async |client| make::delete(&client, reference).await).await
    }

    async fn address(&self, reference: &str, password: &Secret) -> Result<Secret, ProviderError> {
        let call = Call { operation: "tell the database's URL", kind: CallKind::Read };
        match self.readiness(reference).await? {
            Readiness::Ready => Ok(self.url_of(reference, password)),
            Readiness::Coming(_) => {
                Err(ProviderError::Busy { operation: call.operation, after: Some(SOON) })
            }
            Readiness::Failed(why) => Err(call.refused(Refusal::Invalid, &why)),
            Readiness::Absent => Err(call.refused(Refusal::Invalid, "there is no such project")),
        }
    }

    /// The administrator's way, with the project's login; what the administrator asked for beyond that stays behind.
    fn url_of(&self, reference: &str, password: &Secret) -> Secret {
        let dsn = Dsn {
            user: reference.into(),
            database: reference.into(),
            password: None,
            channel_binding: ChannelBinding::default(),
            session: SessionAttrs::default(),
            connect_timeout: None,
            options: None,
            ..self.options.admin.clone()
        };
        dsn.exposed(Some(password))
    }
}

impl Provider for Postgres {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Postgres
    }

    fn inventory(&self) -> Answer<'_, Vec<Project>> {
        Box::pin(async { Ok(self.all().await?.iter().map(Found::project).collect()) })
    }

    fn project<'a>(&'a self, reference: &'a str) -> Answer<'a, Option<Project>> {
        Box::pin(async move { Ok(self.one(reference).await?.as_ref().map(Found::project)) })
    }

    fn named<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<Project>> {
        // The name is the reference, so there is one at most.
        Box::pin(async move { Ok(self.one(name).await?.iter().map(Found::project).collect()) })
    }

    fn region(&self) -> Answer<'_, Region> {
        Box::pin(async { Ok(Region::None) })
    }

    fn create<'a>(&'a self, wanted: &'a NewProject) -> Answer<'a, Project> {
        Box::pin(self.make(wanted))
    }

    fn readiness<'a>(&'a self, reference: &'a str) -> Answer<'a, Readiness> {
        Box::pin(async move {
            let found = self.one(reference).await?;
            Ok(found.map_or(Readiness::Absent, |it| it.readiness()))
        })
    }

    fn url<'a>(&'a self, reference: &'a str, password: &'a Secret) -> Answer<'a, Secret> {
        Box::pin(self.address(reference, password))
    }

    fn delete<'a>(&'a self, reference: &'a str) -> Answer<'a, ()> {
        Box::pin(self.drop_database(reference))
    }
}

/// The connection works only while it is polled; both end together.
async fn drive<T>(
    driving: Driving,
    working: impl Future<Output = Result<T, Broken>>,
) -> Result<T, Broken> {
    tokio::pin!(working);
    match select(working, driving).await {
        Either::Left((worked, _driving)) => worked,
        Either::Right((Err(error), _working)) => Err(Broken::Server(error)),
        // The server closed in good order: what it had sent is still to be read.
        Either::Right((Ok(()), working)) => {
            timeout(LAST_WORDS, working).await.unwrap_or(Err(Broken::Ended))
        }
    }
}

/// PostgreSQL cuts off what is longer, and would then have made a project of another name.
fn can_be_a_name(text: &str) -> bool {
    (1..=63).contains(&text.len()) && !text.contains('\0')
}
