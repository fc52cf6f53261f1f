//! What holds where the configuration says nothing.
//!
//! Why apart from the sections: they say what each value means and costs, and here stands at one glance what a first run
//! gets.

use super::sections::{Gate, Http, Log, MassFailure, Metrics, Policy, Probe, Schedule, Store};
use super::values::{Span, Url};

impl Default for Store {
    fn default() -> Self {
        Self { url: Url::new("sqlite:watertight.db") }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            isolation: "cluster".to_owned(),
            unhealthy_after: 2,
            exceptions: Vec::new(),
            mass_failure: MassFailure::default(),
        }
    }
}

impl Default for MassFailure {
    fn default() -> Self {
        Self { share: 0.5, at_least: 10 }
    }
}

impl Default for Probe {
    fn default() -> Self {
        Self {
            timeout: Span::seconds(5),
            login: None,
            ca_file: None,
            auth_retry: Span::seconds(60 * 60),
            concurrency: 64,
            per_server: 4,
            replication_proof: false,
        }
    }
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            scan: "0 */5 * * * *".to_owned(),
            audit: "0 0 */6 * * *".to_owned(),
            report: "0 0 10 * * *".to_owned(),
            timezone: "UTC".to_owned(),
            jitter: Span::seconds(2),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".to_owned() }
    }
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9877".to_owned(),
            hosts: vec!["localhost".to_owned()],
            metrics: "open".to_owned(),
            tls_cert: None,
            tls_key: None,
            tenant_path: None,
            public_url: None,
            tokens: Vec::new(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self { tenant_detail: "auto".to_owned(), tenant_detail_limit: 2000 }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self { max_age: Span::seconds(30 * 60), min_coverage: 0.98 }
    }
}
