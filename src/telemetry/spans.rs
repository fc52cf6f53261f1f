//! Spans for a collector that speaks OpenTelemetry's protocol.
//!
//! Why behind a cargo feature: it brings thirty packages for something that few run. Why only the standard variables
//! say where (`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`): whoever runs a collector has them set already.
//!
//! Invariant: without `OTEL_EXPORTER_OTLP_ENDPOINT` nothing is gathered and nothing is sent.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, SpanExporter};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;

use super::Ground;

const NAME: &str = "watertight";

#[derive(Debug, thiserror::Error)]
#[error("build the exporter of spans")]
pub struct SpansError(#[from] ExporterBuildError);

pub(super) fn layer() -> Result<Box<dyn Layer<Ground> + Send + Sync>, SpansError> {
    if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
        return Ok(LevelFilter::OFF.boxed());
    }
    let exporter = SpanExporter::builder().with_http().build()?;
    let resource = Resource::builder().with_service_name(NAME).build();
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let tracer = provider.tracer(NAME);
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    Ok(layer.with_filter(LevelFilter::INFO).boxed())
}
