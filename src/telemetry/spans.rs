//! Spans for a collector that speaks OpenTelemetry's protocol.
//!
//! Why behind a cargo feature: it brings thirty packages for something that few run. Why only the standard variables
//! say where (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`): whoever runs a collector has them set already.
//!
//! Invariant: without `OTEL_EXPORTER_OTLP_ENDPOINT` nothing is gathered and nothing is sent.

use std::sync::OnceLock;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;

use super::Ground;

const NAME: &str = "watertight";

/// For a collector that does not answer: the end of the process must not wait longer for it.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// One for the process, as its subscriber is.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();

#[derive(Debug, thiserror::Error)]
#[error("build the exporter of spans")]
pub struct SpansError(#[from] ExporterBuildError);

pub(super) fn layer() -> Result<Box<dyn Layer<Ground> + Send + Sync>, SpansError> {
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
        return Ok(LevelFilter::OFF.boxed());
    }
    let exporter = SpanExporter::builder().with_http().build()?;
    let resource = Resource::builder();
    // The builder has read the variable, and what is set here would overrule it.
    let resource = match std::env::var_os("OTEL_SERVICE_NAME") {
        Some(_) => resource.build(),
        None => resource.with_service_name(NAME).build(),
    };
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let tracer = provider.tracer(NAME);
    // Kept for the end; a second subscriber is refused elsewhere.
    let _kept = PROVIDER.set(provider);
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    Ok(layer.with_filter(LevelFilter::INFO).boxed())
}

/// Sends what was gathered and not sent yet.
pub(super) fn finish() {
    if let Some(provider) = PROVIDER.get()
        && let Err(error) = provider.shutdown_with_timeout(LAST_WORDS)
    {
        tracing::warn!("the last spans were not sent: {error}");
    }
}
