//! Every call of every service, by everybody: the list is that of the .proto files, so that a call without a row fails.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;

use rpycbench_certs::enrol::ENROL_SERVER_NAME;
use rpycbench_certs::{AGENT_LIFE, Authority, Identity, agent_dns_name};
use rpycbench_tests::Sandbox;
use rpycbench_tests::agent::channel;
use rpycbench_tests::forge::{Forge, Leaf};
use rpycbench_tests::installed::Installed;
use rpycbench_tests::patience::eventually;
use tokio_rustls::rustls::client::ResolvesClientCert;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

/// What comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// No connection: nobody has looked at it.
    NotLetIn,
    /// A connection to a port that does not know the call.
    Unknown,
    /// Somebody has looked at it, and may still have said no.
    Heard,
}
use Answer::{Heard, NotLetIn, Unknown};

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    InTheClear,
    NoCertificate,
    /// That of an agent of the same controller. A banned one still has it.
    AnAgent,
    OtherController,
    ExpiredController,
    Controller,
    /// At the door of enrolment, with no code.
    Enrolling,
}
use Caller::{AnAgent, Controller, Enrolling, ExpiredController, InTheClear, NoCertificate, OtherController};

/// What the controller gets, and what somebody gets who wants to enrol. All others are never let in.
const ROWS: [(&str, Answer, Answer); 7] = [
    ("Agent.Hello", Heard, Unknown),
    ("Agent.Run", Heard, Unknown),
    ("Clock.Probe", Heard, Unknown),
    ("Renewal.Begin", Heard, Unknown),
    ("Renewal.Complete", Heard, Unknown),
    ("Enrolment.Begin", Unknown, Heard),
    ("Enrolment.Complete", Unknown, Heard),
];

/// `Service.Method` of every call in the .proto files.
fn calls() -> Vec<String> {
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto");
    let folder = std::fs::read_dir(proto.join("rpycbench/v1")).expect("the .proto files");
    let sources: Vec<_> = folder.map(|entry| entry.expect("a file").path()).collect();
    let files = protox::compile(sources, [proto]).expect("they compile");
    let services = files.file.iter().flat_map(|file| &file.service);
    services
        .flat_map(|service| service.method.iter().map(move |method| format!("{}.{}", service.name(), method.name())))
        .collect()
}

#[test]
fn every_call_has_a_row_and_every_row_a_call() {
    let (mut calls, mut rows) = (calls(), ROWS.map(|(call, ..)| call.to_owned()).to_vec());
    calls.sort();
    rows.sort();
    assert_eq!(calls, rows, "a new call needs a row in tests/e2e/rpcs.rs that says who may make it");
}

/// Believes any server: only what the agent thinks of the client counts here.
#[derive(Debug)]
struct Credulous(Arc<CryptoProvider>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only TLS 1.3 is spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

fn credulous(certificate: Option<&Identity>) -> ClientConfig {
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Credulous(provider)))
        .with_no_client_auth();
    if let Some(identity) = certificate {
        let resolver: Arc<dyn ResolvesClientCert> =
            identity.client_config().expect("TLS settings").client_auth_cert_resolver;
        config.client_auth_cert_resolver = resolver;
    }
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

/// Makes a call with one empty message.
async fn call(channel: Result<Channel, tonic::transport::Error>, name: &str) -> Answer {
    let Ok(channel) = channel else { return NotLetIn };
    let mut client = Grpc::new(channel);
    if client.ready().await.is_err() {
        return NotLetIn;
    }
    let path = format!("/rpycbench.v1.{}", name.replace('.', "/"));
    let request = Request::new(tokio_stream::once(()));
    let answered = client.streaming(request, path.parse().expect("a path"), ProstCodec::<(), ()>::default()).await;
    let outcome = match answered {
        Ok(answer) => answer.into_inner().message().await.map(drop),
        Err(status) => Err(status),
    };
    match outcome {
        Err(status) if status.code() == Code::Unimplemented => Unknown,
        // With TLS 1.3 a client learns of its refusal with its first call.
        // What an agent answers has no cause on this side.
        Err(status) if status.source().is_some() => NotLetIn,
        _ => Heard,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_every_call_is_heard_from_those_it_is_for_and_from_nobody_else() {
    let sandbox = Sandbox::new();
    let forge = Forge::new(&sandbox);
    let identity = forge.authority.agent("hurin", AGENT_LIFE).expect("an identity");
    let agent = Installed::start_as(&sandbox, "hurin", "127.0.0.2", &identity);
    let other = Authority::ephemeral("two", AGENT_LIFE).expect("an authority");
    let controller = |authority: &Authority| authority.controller("run", AGENT_LIFE).expect("an identity");
    let hurin = agent_dns_name("hurin");
    let mut refusals = 0;
    for name in calls() {
        let row = ROWS.iter().find(|(call, ..)| *call == name);
        let (_, to_controller, to_enrolling) = row.unwrap_or_else(|| panic!("{name} has no row"));
        let of = |caller| match caller {
            Controller => *to_controller,
            Enrolling => *to_enrolling,
            _ => NotLetIn,
        };
        for caller in [InTheClear, NoCertificate, AnAgent, OtherController, ExpiredController, Controller, Enrolling] {
            let certificate = match caller {
                AnAgent => Some(forge.authority.agent("morwen", AGENT_LIFE).expect("an identity")),
                OtherController => Some(controller(&other)),
                ExpiredController => Some(forge.controller(&Leaf::controller().good_for_days(-2, -1))),
                Controller => Some(controller(&forge.authority)),
                InTheClear | NoCertificate | Enrolling => None,
            };
            let channel = match caller {
                InTheClear => {
                    let endpoint = Channel::from_shared(format!("http://{}", agent.address)).expect("an address");
                    endpoint.connect().await
                }
                Enrolling => channel(&agent.address, credulous(None), ENROL_SERVER_NAME).await,
                _ => channel(&agent.address, credulous(certificate.as_ref()), &hurin).await,
            };
            let answer = call(channel, &name).await;
            assert_eq!(answer, of(caller), "{name} by {caller:?}: {}", agent.log());
            refusals += usize::from(answer == NotLetIn);
        }
    }
    eventually("everyone who was not let in has a line", || {
        let log = agent.log();
        let lines = log.lines().filter(|line| line.contains("audit: connection refused peer=127.0.0.1:")).count();
        if lines >= refusals { Ok(()) } else { Err(format!("{lines} of {refusals}: {log}")) }
    });
    let log = agent.log();
    assert!(log.contains("audit: enrolment refused peer=127.0.0.1:"), "{log}");
    assert!(log.contains("audit: a new certificate was refused peer=127.0.0.1:"), "{log}");
}
