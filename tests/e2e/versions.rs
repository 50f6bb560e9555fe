//! The other side is older or newer than this one.

use std::time::Duration;

use rpycbench_certs::{Authority, agent_dns_name};
use rpycbench_proto::PROTOCOL;
use rpycbench_tests::Sandbox;
use rpycbench_tests::agent::{Agent, channel};
use tonic::Request;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic_prost::ProstCodec;

const LIFE: Duration = Duration::from_secs(600);

/// The first words of a controller that has come to know more to say.
#[derive(Clone, PartialEq, prost::Message)]
struct NewerHello {
    #[prost(uint32, tag = "1")]
    protocol: u32,
    #[prost(string, tag = "2")]
    build: String,
    #[prost(string, tag = "900")]
    mood: String,
    #[prost(message, optional, boxed, tag = "901")]
    more: Option<Box<Self>>,
}

/// The answer, as one reads it who knows less.
#[derive(Clone, PartialEq, prost::Message)]
struct OlderReply {
    #[prost(uint32, tag = "1")]
    protocol: u32,
}

#[tokio::test]
async fn r18_fields_that_one_side_does_not_know_are_passed_over() {
    let (sandbox, run) = (Sandbox::new(), Authority::ephemeral("one", LIFE).expect("an authority"));
    let agent = Agent::start(&sandbox, &run.agent("here", LIFE).expect("an identity")).await;
    let config = run.controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    let channel = channel(&agent.address, config, &agent_dns_name("here")).await.expect("a connection");
    let more = Some(Box::new(NewerHello { mood: "worse".to_owned(), ..NewerHello::default() }));
    let hello = NewerHello { protocol: PROTOCOL, build: "9.9.9".to_owned(), mood: "good".to_owned(), more };
    let mut client = Grpc::new(channel);
    client.ready().await.expect("a connection");
    let path = PathAndQuery::from_static("/rpycbench.v1.Agent/Hello");
    let codec = ProstCodec::<NewerHello, OlderReply>::default();
    let reply = client.unary(Request::new(hello), path, codec).await.expect("an answer").into_inner();
    assert_eq!(reply, OlderReply { protocol: PROTOCOL });
}
