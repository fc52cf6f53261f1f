//! Whom the daemon tells outside of it, from the configuration: receivers of events, and GitHub.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::checks::{self, Mark, Marking};
use crate::config::{Config, sections};
use crate::daemon::Daemon;
use crate::deliveries::{self, Answering, Bell};
use crate::filing::keeping::{self, Keeping};
use crate::gate::GateOptions;
use crate::github::credentials::Credentials;
use crate::github::pace::PaceOptions;
use crate::github::{Client, ClientOptions};
use crate::metrics::Metrics;
use crate::model::finding::{Kind, Severity};
use crate::news::Interest;
use crate::tasks::Tasks;
use crate::webhooks::{self, Receiver};

const API: &str = "https://api.github.com";

/// How long a deployment waits for a scan that may settle it. The largest fleet is scanned in less.
const PATIENCE: Duration = Duration::from_mins(10);

/// The one client, as long as its section stays as it is: it knows how long GitHub has told us to wait, and a reload must
/// not make it forget.
#[derive(Default)]
pub(super) struct Clients(Mutex<Option<(sections::GitHub, Arc<Client>)>>);

impl Clients {
    /// `None` without a section, or without credentials.
    fn of(
        &self,
        section: Option<&sections::GitHub>,
        metrics: &Arc<Metrics>,
    ) -> Option<Arc<Client>> {
        let section = section?;
        let credentials = credentials(section)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = known.as_ref().filter(|(before, _)| before == section) {
            return Some(Arc::clone(client));
        }
        let api_url = section.api_url.as_ref().map_or(API, |it| it.expose());
        let options = ClientOptions {
            api_url: api_url.trim_end_matches('/').into(),
            credentials,
            pace: PaceOptions::default(),
        };
        let client = Arc::new(Client::new(options, Arc::clone(metrics)));
        *known = Some((section.clone(), Arc::clone(&client)));
        Some(client)
    }
}

fn credentials(section: &sections::GitHub) -> Option<Credentials> {
    if let Some(token) = &section.token {
        return Some(Credentials::Token(token.0.clone()));
    }
    let app_id = section.app_id?;
    let installation_id = section.installation_id?;
    let key = section.private_key.as_ref()?.0.clone();
    Some(Credentials::App { app_id, installation_id, key })
}

/// As one configuration has it.
pub(super) struct Outside {
    receivers: Arc<[Receiver]>,
    answering: Option<Arc<Answering>>,
    marking: Option<Arc<Marking>>,
    keeping: Option<Keeping>,
}

impl Outside {
    pub(super) fn of(
        config: &Config,
        gate: GateOptions,
        clients: &Clients,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let client = clients.of(config.github.as_ref(), metrics);
        let options = config.issue_options().map(Arc::new);
        let github = config.github.as_ref().zip(client);
        let keeping = github.as_ref().zip(options).map(|((_, client), options)| {
            let (client, daily) = (Arc::clone(client), config.daily_report());
            Keeping { client, options, daily }
        });
        let acknowledge_for =
            keeping.as_ref().map_or(SignedDuration::ZERO, |it| it.options.acknowledge_for);
        let answering = github.as_ref().map(|(section, client)| {
            let of_issues = vec![section.repository.clone()];
            let deployments = section.deployments.clone().unwrap_or(of_issues);
            Arc::new(Answering {
                client: Arc::clone(client),
                deployments: deployments.into_iter().map(Into::into).collect(),
                gate,
                exceptions: config.policy().exceptions,
                patience: PATIENCE,
                acknowledge_for,
            })
        });
        let marking = github.and_then(|(section, client)| {
            let mark = Mark::parse(section.status.as_deref()?)?;
            Some(Arc::new(Marking { client, repository: section.repository.as_str().into(), mark }))
        });
        let receivers = config.webhooks.iter().map(receiver).collect();
        Self { receivers, answering, marking, keeping }
    }

    pub(super) fn tell(self) -> Told {
        Told {
            receivers: watch::Sender::new(self.receivers),
            answering: watch::Sender::new(self.answering),
            marking: watch::Sender::new(self.marking),
            keeping: watch::Sender::new(self.keeping),
        }
    }
}

fn receiver(section: &sections::Webhook) -> Receiver {
    Receiver {
        name: section.name.as_str().into(),
        url: section.url.0.clone(),
        secret: section.secret.0.clone(),
        interest: Interest {
            kinds: section.kinds.iter().flatten().filter_map(|it| Kind::parse(it)).collect(),
            severity: section.severity.as_deref().and_then(Severity::parse),
            environment: section.environment.as_deref().map(Into::into),
        },
    }
}

/// Where the tasks look for it.
pub(super) struct Told {
    receivers: watch::Sender<Arc<[Receiver]>>,
    answering: watch::Sender<Option<Arc<Answering>>>,
    marking: watch::Sender<Option<Arc<Marking>>>,
    keeping: watch::Sender<Option<Keeping>>,
}

impl Told {
    pub(super) fn replace(&self, outside: Outside) {
        // Whoever is told the same begins nothing anew.
        self.receivers.send_if_modified(|it| {
            let changes = **it != *outside.receivers;
            *it = outside.receivers;
            changes
        });
        self.answering.send_replace(outside.answering);
        self.marking.send_replace(outside.marking);
        self.keeping.send_if_modified(|it| {
            let changes = *it != outside.keeping;
            *it = outside.keeping;
            changes
        });
    }

    pub(super) fn start(&self, tasks: &Tasks, daemon: &Arc<Daemon>, bell: &Bell) {
        let stop = tasks.stop();
        let (teller, receivers, until) =
            (Arc::clone(daemon), self.receivers.subscribe(), stop.clone());
        tasks.spawn(
            "webhooks",
            async move { webhooks::tell_until(&teller, receivers, &until).await },
        );
        let (answerer, answering) = (Arc::clone(daemon), self.answering.subscribe());
        let (bell, until) = (Arc::clone(bell), stop.clone());
        tasks.spawn("deliveries", async move {
            deliveries::answer_until(&answerer, answering, &bell, &until).await
        });
        let (filer, keeping, until) = (Arc::clone(daemon), self.keeping.subscribe(), stop.clone());
        tasks.spawn("issues", async move { keeping::file_until(&filer, keeping, &until).await });
        let (marker, marking) = (Arc::clone(daemon), self.marking.subscribe());
        let until: CancellationToken = stop.clone();
        tasks.spawn("checks", async move { checks::mark_until(&marker, marking, &until).await });
    }
}
