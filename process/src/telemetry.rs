//! Logs to stderr and, where a collector is named, spans and metrics to it over OTLP/gRPC.

use std::io::IsTerminal;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// The variable that sets what is logged, in the syntax of `tracing_subscriber::EnvFilter`.
pub const LOG_VARIABLE: &str = "RPYCBENCH_LOG";

/// The target of what an agent logs of who asks for what.
pub const AUDIT: &str = "audit";

/// Often enough to watch a run, seldom enough not to disturb one on a small machine.
const METRICS_INTERVAL: Duration = Duration::from_secs(10);

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
    export: Option<(SdkTracerProvider, SdkMeterProvider)>,
}

impl Telemetry {
    /// Starts logging to stderr (warnings and the target [`AUDIT`], unless `RPYCBENCH_LOG` says more) and, with `otlp`, exporting spans and
    /// metrics.
    ///
    /// Must be called inside a tokio runtime, once a process.
    ///
    /// # Errors
    /// When the collector's URL is malformed. A collector that is down is not an error.
    pub fn start(service: &'static str, otlp: Option<&str>) -> Result<Self, TelemetryError> {
        let wanted = std::env::var(LOG_VARIABLE).unwrap_or_default();
        // Who was let in and who was not is logged unless somebody says otherwise, whatever else he wants to see.
        let audit = if wanted.contains(AUDIT) { String::new() } else { format!("{AUDIT}=info,") };
        let filter = EnvFilter::builder().parse_lossy(format!("warn,{audit}{wanted}"));
        // In a file or a journal colours are noise, and whoever searches it for `peer=…` finds nothing.
        let colours = std::io::stderr().is_terminal();
        let log = fmt::layer().with_writer(std::io::stderr).with_ansi(colours).with_target(true).with_filter(filter);
        let refused = |url: &str, error: &ExporterBuildError| TelemetryError::Exporter {
            url: url.to_owned(),
            reason: error.to_string(),
        };
        let export = otlp.map(|url| exporters(service, url).map_err(|error| refused(url, &error))).transpose()?;
        if let Some((_, metrics)) = &export {
            opentelemetry::global::set_meter_provider(metrics.clone());
        }
        let spans = export.as_ref().map(|(provider, _)| {
            // Only this project's own spans: the exporter speaks gRPC itself and must not trace itself.
            let ours = Targets::new().with_target("rpycbench", LevelFilter::INFO);
            tracing_opentelemetry::layer().with_tracer(provider.tracer(service)).with_filter(ours)
        });
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        tracing_subscriber::registry().with(log).with(spans).init();
        Ok(Self { export })
    }

    /// Delivers what is left. Call it on a multi-threaded runtime.
    pub fn stop(self) {
        let Some((spans, metrics)) = self.export else { return };
        for (what, outcome) in [("spans", spans.shutdown()), ("metrics", metrics.shutdown())] {
            if let Err(error) = outcome {
                tracing::warn!(%error, "{what} were not delivered");
            }
        }
    }
}

fn exporters(service: &'static str, url: &str) -> Result<(SdkTracerProvider, SdkMeterProvider), ExporterBuildError> {
    // Several agents of one run have the same name: host and process tell them apart.
    let host = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let process = i64::from(std::process::id());
    let resource = Resource::builder()
        .with_service_name(service)
        .with_attributes([KeyValue::new("host.name", host), KeyValue::new("process.pid", process)])
        .build();
    let spans = SpanExporter::builder().with_tonic().with_endpoint(url).build()?;
    let spans = SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource.clone()).build();
    let metrics = MetricExporter::builder().with_tonic().with_endpoint(url).build()?;
    let reader = PeriodicReader::builder(metrics).with_interval(METRICS_INTERVAL).build();
    Ok((spans, SdkMeterProvider::builder().with_reader(reader).with_resource(resource).build()))
}
