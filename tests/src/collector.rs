//! A real OTLP/gRPC receiver, and what came to it.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric::Data, number_data_point};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// Receives spans and metrics for as long as the runtime it was started on lives.
pub struct Collector {
    /// What `--otlp` is given.
    pub url: String,
    received: mpsc::UnboundedReceiver<Export>,
}

enum Export {
    Spans(ExportTraceServiceRequest),
    Metrics(ExportMetricsServiceRequest),
}

/// Who sent something: the service's name and its process.
pub type Sender = (String, i64);

/// Everything that came.
#[derive(Debug, Default)]
pub struct Seen {
    /// By sender.
    pub spans: BTreeMap<Sender, Vec<Span>>,
    /// The last value of each counter (the number of entries of each histogram) by sender, metric and attributes, the values
    /// of these joined with "/" in the order of their names.
    pub counts: BTreeMap<(Sender, String, String), u64>,
}

#[derive(Clone)]
struct Receiver(mpsc::UnboundedSender<Export>);

impl Receiver {
    fn take(&self, export: Export) -> Result<(), Status> {
        self.0.send(export).map_err(|_| Status::unavailable("the test is over"))
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.take(Export::Spans(request.into_inner()))?;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.take(Export::Metrics(request.into_inner()))?;
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

impl Collector {
    /// Listens on a free port of loopback.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, received) = mpsc::unbounded_channel();
        let receiver = Receiver(sender);
        let serving = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(receiver.clone()))
            .add_service(MetricsServiceServer::new(receiver))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(serving);
        Self { url, received }
    }

    /// What has come by now.
    pub fn seen(&mut self) -> Seen {
        let mut seen = Seen::default();
        while let Ok(export) = self.received.try_recv() {
            match export {
                Export::Spans(request) => seen.take_spans(request),
                Export::Metrics(request) => seen.take_metrics(request),
            }
        }
        seen
    }
}

impl Seen {
    fn take_spans(&mut self, request: ExportTraceServiceRequest) {
        for resource in request.resource_spans {
            let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.spans.entry(sender(resource.resource)).or_default().extend(spans);
        }
    }

    fn take_metrics(&mut self, request: ExportMetricsServiceRequest) {
        for resource in request.resource_metrics {
            let sender = sender(resource.resource);
            for metric in resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics) {
                for (labels, count) in points(&metric) {
                    self.counts.insert((sender.clone(), metric.name.clone(), labels), count);
                }
            }
        }
    }

    /// Names of the spans of a sender.
    pub fn names(&self, sender: &Sender) -> BTreeSet<&str> {
        self.spans.get(sender).into_iter().flatten().map(|span| span.name.as_str()).collect()
    }

    /// The sender's figure of a metric; `None` where it never sent one.
    pub fn count(&self, sender: &Sender, metric: &str, labels: &str) -> Option<u64> {
        self.counts.get(&(sender.clone(), metric.to_owned(), labels.to_owned())).copied()
    }
}

fn points(metric: &Metric) -> Vec<(String, u64)> {
    match &metric.data {
        Some(Data::Sum(sum)) => sum
            .data_points
            .iter()
            .map(|point| {
                let count = match point.value {
                    Some(number_data_point::Value::AsInt(count)) => count.cast_unsigned(),
                    other => panic!("{} counts in {other:?}", metric.name),
                };
                (labels(&point.attributes), count)
            })
            .collect(),
        Some(Data::Histogram(it)) => {
            it.data_points.iter().map(|point| (labels(&point.attributes), point.count)).collect()
        }
        other => panic!("{} is {other:?}", metric.name),
    }
}

fn labels(attributes: &[KeyValue]) -> String {
    let sorted: BTreeMap<_, _> = attributes.iter().map(|it| (it.key.as_str(), text(it))).collect();
    sorted.into_values().collect::<Vec<_>>().join("/")
}

fn sender(resource: Option<Resource>) -> Sender {
    let attributes = resource.expect("whoever sends says who it is").attributes;
    let find = |key: &str| attributes.iter().find(|it| it.key == key).map(text).unwrap_or_default();
    (find("service.name"), find("process.pid").parse().expect("a process number"))
}

/// The value of an attribute.
///
/// # Panics
/// When it is neither text nor a whole number.
pub fn text(attribute: &KeyValue) -> String {
    match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{} is {other:?}", attribute.key),
    }
}
