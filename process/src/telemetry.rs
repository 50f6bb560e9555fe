//! Logs to stderr and, where a collector is named, spans to it over OTLP/gRPC.

use std::io::IsTerminal;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// The variable that sets what is logged, in the syntax of `tracing_subscriber::EnvFilter`.
pub const LOG_VARIABLE: &str = "RPYCBENCH_LOG";

/// Telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The collector's address is no good.
    #[error("cannot export to the collector {url:?}: {reason}")]
    Exporter {
        /// As given.
        url: String,
        /// Why.
        reason: String,
    },
}

/// Running telemetry of one process.
#[derive(Debug)]
pub struct Telemetry {
    spans: Option<SdkTracerProvider>,
}

impl Telemetry {
    /// Starts logging to stderr (warnings, unless `RPYCBENCH_LOG` says more) and, with `otlp`, exporting spans.
    ///
    /// Must be called inside a tokio runtime, once a process.
    ///
    /// # Errors
    /// When the collector's URL is malformed. A collector that is down is not an error.
    pub fn start(service: &'static str, otlp: Option<&str>) -> Result<Self, TelemetryError> {
        let filter = EnvFilter::builder()
            .with_default_directive(LevelFilter::WARN.into())
            .with_env_var(LOG_VARIABLE)
            .from_env_lossy();
        // In a file or a journal colours are noise, and whoever searches it for `peer=…` finds nothing.
        let colours = std::io::stderr().is_terminal();
        let log = fmt::layer().with_writer(std::io::stderr).with_ansi(colours).with_target(false).with_filter(filter);
        let spans = otlp.map(|url| exporter(service, url)).transpose()?;
        let export = spans.as_ref().map(|provider| {
            // Only this project's own spans: the exporter speaks gRPC itself and must not trace itself.
            let ours = Targets::new().with_target("rpycbench", LevelFilter::INFO);
            tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(ours)
        });
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        tracing_subscriber::registry().with(log).with(export).init();
        Ok(Self { spans })
    }

    /// Delivers what is left. Call it on a multi-threaded runtime.
    pub fn stop(self) {
        if let Some(Err(error)) = self.spans.map(|spans| spans.shutdown()) {
            tracing::warn!(%error, "spans were not delivered");
        }
    }
}

fn exporter(service: &'static str, url: &str) -> Result<SdkTracerProvider, TelemetryError> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(url)
        .build()
        .map_err(|error| TelemetryError::Exporter { url: url.to_owned(), reason: error.to_string() })?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name(service).build())
        .build())
}
