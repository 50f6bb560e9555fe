//! A run is one trace over all its processes.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use rpycbench_tests::Sandbox;
use rpycbench_tests::sandbox::plan;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// A collector that hands on what it receives.
struct Receiver(mpsc::UnboundedSender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send(request.into_inner()).map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[derive(Debug, Default)]
struct Seen {
    /// Names of spans by the service that sent them.
    spans: BTreeMap<String, BTreeSet<String>>,
    traces: BTreeSet<Vec<u8>>,
}

impl Seen {
    fn take(&mut self, request: ExportTraceServiceRequest) {
        for resource in request.resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = attributes.into_iter().find(|attribute| attribute.key == "service.name");
            let service = service.and_then(|attribute| attribute.value?.value);
            let Some(Value::StringValue(service)) = service else { panic!("a service without a name") };
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                self.spans.entry(service.clone()).or_default().insert(span.name);
                self.traces.insert(span.trace_id);
            }
        }
    }
}

#[tokio::test]
async fn controller_and_agent_are_in_one_trace() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, mut received) = mpsc::unbounded_channel();
    let collector = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(Receiver(sender)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(collector);

    let outcome = tokio::task::spawn_blocking(move || {
        let sandbox = Sandbox::new();
        let workload = "[[workloads]]\nname = \"connect\"\nkind = \"connect\"\ncount = 3\n";
        sandbox.run(&plan(&["rpyc-threaded"], workload), &["--otlp", &url])
    });
    let outcome = outcome.await.expect("the run is over");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");

    // Both have ended, and each delivers before it does.
    let mut seen = Seen::default();
    while let Ok(request) = received.try_recv() {
        seen.take(request);
    }
    let names = |service: &str| seen.spans.get(service).cloned().unwrap_or_default();
    assert!(
        names("rpycbench-controller").is_superset(&BTreeSet::from(["run".to_owned(), "cell".to_owned()])),
        "{seen:?}"
    );
    assert!(names("rpycbench-agent").contains("agent run"), "{seen:?}");
    assert_eq!(seen.traces.len(), 1, "{seen:?}");
}

#[test]
fn a_collector_that_is_not_there_does_not_hurt_the_run() {
    let sandbox = Sandbox::new();
    let workload = "[[workloads]]\nname = \"connect\"\nkind = \"connect\"\ncount = 3\n";
    let outcome = sandbox.run(&plan(&["rpyc-threaded"], workload), &["--otlp", "http://127.0.0.1:9"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}
