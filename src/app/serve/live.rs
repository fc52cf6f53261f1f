//! What of the configuration can be replaced while the daemon runs, built and checked.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio::sync::watch;

use super::outside::{Clients, Outside, Told};
use crate::app::Ended;
use crate::app::platform::{monitor, stamp_keys};
use crate::app::setup;
use crate::config::{Config, sections};
use crate::daemon::Settings;
use crate::daemon::timetable::Timetable;
use crate::gate::GateOptions;
use crate::http::options::{Access, Gate, Options, Routing, Tls, Token};
use crate::http::role::Role;
use crate::metrics::Metrics;
use crate::metrics::detail::{Detail, DetailOptions};
use crate::model::fingerprint::Digest256;
use crate::monitor::Recognise;
use crate::route::keyring::Source;
use crate::route::token::Rules;
use crate::schedule::cron::Moments;
use crate::telemetry::{Level, Logs};

/// Where nothing else is said.
const TENANT_CLAIM: &str = "tenant";

pub(super) struct Live {
    settings: Arc<Settings>,
    options: Arc<Options>,
    timetable: Timetable,
    outside: Outside,
    level: Level,
}

/// Where the parts that run look for it.
pub(super) struct Served {
    settings: watch::Sender<Arc<Settings>>,
    options: watch::Sender<Arc<Options>>,
    timetable: watch::Sender<Timetable>,
    outside: Told,
    /// Where the keys of users' tokens are.
    issuer: watch::Sender<Option<Source>>,
    logs: Logs,
}

impl Live {
    pub(super) fn of(
        config: &Config,
        recognise: Recognise,
        clients: &Clients,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, Ended> {
        let settings = settings(config, recognise)?;
        setup::plan(config).map_err(Ended::refused)?;
        let options = options(config);
        if let Ok(listen) = config.http.listen.parse() {
            let problems = options.problems(listen);
            if !problems.is_empty() {
                return Err(Ended::Refused(problems));
            }
        }
        let schedule = &config.schedule;
        let moments = |key: &str, cron: &str| {
            Moments::parse(cron, &schedule.timezone)
                .map_err(|error| Ended::refused(format!("schedule.{key}: {error}")))
        };
        let timetable = Timetable {
            scan: moments("scan", &schedule.scan)?,
            report: moments("report", &schedule.report)?,
            jitter: schedule.jitter.0,
        };
        let outside = Outside::of(config, gate(config).options, clients, metrics);
        Ok(Self {
            outside,
            settings: Arc::new(settings),
            options: Arc::new(options),
            timetable,
            level: Level::parse(&config.log.level).unwrap_or(Level::Info),
        })
    }

    fn issuer(&self) -> Option<Source> {
        self.options.routing.as_ref().map(|it| it.source.clone())
    }

    pub(super) fn serve(self, logs: Logs) -> Served {
        logs.set(self.level);
        let issuer = self.issuer();
        Served {
            settings: watch::Sender::new(self.settings),
            options: watch::Sender::new(self.options),
            timetable: watch::Sender::new(self.timetable),
            outside: self.outside.tell(),
            issuer: watch::Sender::new(issuer),
            logs,
        }
    }
}

impl Served {
    pub(super) fn replace(&self, live: Live) {
        let issuer = live.issuer();
        self.issuer.send_if_modified(|it| {
            let changes = *it != issuer;
            *it = issuer;
            changes
        });
        self.settings.send_replace(live.settings);
        self.options.send_replace(live.options);
        self.timetable.send_replace(live.timetable);
        self.outside.replace(live.outside);
        self.logs.set(live.level);
    }

    pub(super) fn settings(&self) -> watch::Receiver<Arc<Settings>> {
        self.settings.subscribe()
    }

    pub(super) fn options(&self) -> watch::Receiver<Arc<Options>> {
        self.options.subscribe()
    }

    pub(super) fn outside(&self) -> &Told {
        &self.outside
    }

    pub(super) fn issuer(&self) -> watch::Receiver<Option<Source>> {
        self.issuer.subscribe()
    }

    pub(super) fn timetable(&self) -> watch::Receiver<Timetable> {
        self.timetable.subscribe()
    }
}

/// What scans are made with.
pub(in crate::app) fn settings(config: &Config, recognise: Recognise) -> Result<Settings, Ended> {
    let keys = stamp_keys(config);
    Ok(Settings {
        monitor: monitor(&config.probe_options(), config.policy(), recognise, keys)?,
        registry: config.registry_options(),
        detail: detail(config),
        routes: config.routing.is_some(),
    })
}

fn options(config: &Config) -> Options {
    let http = &config.http;
    let tokens = http.tokens.iter().filter_map(|it| {
        let digest = Digest256::parse(&it.sha256.to_lowercase())?;
        Some(Token {
            name: it.name.as_str().into(),
            role: Role::parse(&it.role)?,
            sha256: *digest.bytes(),
        })
    });
    let tls = http.tls_cert.clone().zip(http.tls_key.clone());
    Options {
        hosts: http.hosts.iter().map(|it| it.to_lowercase()).collect(),
        tokens: tokens.collect(),
        metrics: if http.metrics == "viewer" { Access::Viewer } else { Access::Open },
        tls: tls.map(|(certificate, key)| Tls { certificate, key }),
        gate: gate(config),
        webhook_secret: config
            .github
            .as_ref()
            .and_then(|it| it.webhook_secret.as_ref())
            .map(|it| it.0.clone()),
        routing: config.routing.as_ref().map(routing),
        tenant_path: http.tenant_path.as_deref().map(Into::into),
        ..Options::default()
    }
}

fn routing(section: &sections::Routing) -> Routing {
    let claim = section.tenant_claim.as_deref().unwrap_or(TENANT_CLAIM);
    Routing {
        rules: Rules {
            issuer: section.issuer.as_str().into(),
            audience: section.audience.as_str().into(),
            tenant_claim: claim.into(),
        },
        source: Source { url: section.jwks_url.expose().into(), pause: Source::PAUSE },
        quarantine: section.quarantine.unwrap_or(true),
    }
}

fn gate(config: &Config) -> Gate {
    let max_age = SignedDuration::try_from(config.gate.max_age.0).unwrap_or(SignedDuration::MAX);
    let options = GateOptions { max_age, min_coverage: config.gate.min_coverage };
    Gate { options, exceptions: config.policy().exceptions }
}

fn detail(config: &Config) -> DetailOptions {
    let metrics = &config.metrics;
    let detail = Detail::parse(&metrics.tenant_detail).unwrap_or_default();
    DetailOptions::new(detail, usize::try_from(metrics.tenant_detail_limit).unwrap_or(usize::MAX))
}
