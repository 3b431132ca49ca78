//! Reflection tells of every service and every message, to today's tools and to older ones.

use std::collections::BTreeSet;

use futures_util::stream;
use prost::Message as _;
use prost_types::FileDescriptorProto;
use tonic_reflection::pb::{v1, v1alpha};

use crate::server::Server;

const SERVICES: [&str; 4] = [
    "ordermill.v1.OrderService",
    "order.OrderService",
    "grpcstream.OrderStream",
    "grpc.health.v1.Health",
];

/// What reflection answers, whoever asked.
#[derive(Debug)]
enum Answer {
    Services(BTreeSet<String>),
    File(Box<FileDescriptorProto>),
}

impl Answer {
    fn services(self) -> BTreeSet<String> {
        match self {
            Self::Services(services) => services,
            Self::File(_) => panic!("{self:?} is no list"),
        }
    }

    fn file(self) -> FileDescriptorProto {
        match self {
            Self::File(file) => *file,
            Self::Services(_) => panic!("{self:?} is no file"),
        }
    }
}

/// Asks in the words of one version, which has types of its own that are otherwise the other's.
macro_rules! asks {
    ($name:ident, $version:ident) => {
        /// What is called so, or where nothing is named, which services there are.
        async fn $name(server: &Server, name: Option<&str>) -> Answer {
            use $version::server_reflection_client::ServerReflectionClient;
            use $version::server_reflection_request::MessageRequest;
            use $version::server_reflection_response::MessageResponse;
            let request = $version::ServerReflectionRequest {
                host: String::new(),
                message_request: Some(match name {
                    None => MessageRequest::ListServices(String::new()),
                    Some(name) => MessageRequest::FileContainingSymbol(name.to_owned()),
                }),
            };
            let mut client = ServerReflectionClient::new(server.channel().await);
            let answers = client.server_reflection_info(stream::iter([request])).await;
            let answer = answers.unwrap().into_inner().message().await.unwrap();
            match answer.unwrap().message_response.unwrap() {
                MessageResponse::ListServicesResponse(list) => {
                    let services = list.service.into_iter();
                    Answer::Services(services.map(|service| service.name).collect())
                }
                MessageResponse::FileDescriptorResponse(files) => {
                    let file = &*files.file_descriptor_proto[0];
                    let file = FileDescriptorProto::decode(file).unwrap();
                    Answer::File(Box::new(file))
                }
                other => panic!("{other:?}"),
            }
        }
    };
}

asks!(ask, v1);
asks!(ask_as_older_tools_do, v1alpha);

fn assert_listed(listed: &BTreeSet<String>, own: &str) {
    for service in SERVICES.into_iter().chain([own]) {
        assert!(listed.contains(service), "{service} is not in {listed:?}");
    }
}

fn assert_describes(file: &FileDescriptorProto, service: &str) {
    let named = file.service.iter();
    let mut named = named.map(|known| format!("{}.{}", file.package(), known.name()));
    assert!(named.any(|known| known == service), "{service}: {file:?}");
}

/// The file describes the message that takes an order, down to its fields.
fn assert_describes_an_order(file: &FileDescriptorProto) {
    let mut messages = file.message_type.iter();
    let order = messages.find(|message| message.name() == "CreateOrderRequest");
    let fields: BTreeSet<_> = order
        .unwrap()
        .field
        .iter()
        .map(|field| field.name())
        .collect();
    for field in ["user_id", "amount", "lines", "metadata", "idempotency_key"] {
        assert!(fields.contains(field), "{field} is not in {fields:?}");
    }
}

#[tokio::test]
async fn reflection_lists_and_describes_every_service_and_its_messages() {
    let server = Server::start().await;
    let listed = ask(&server, None).await.services();
    assert_listed(&listed, "grpc.reflection.v1.ServerReflection");
    for service in &listed {
        assert_describes(&ask(&server, Some(service)).await.file(), service);
    }
    let order = ask(&server, Some("ordermill.v1.CreateOrderRequest")).await;
    assert_describes_an_order(&order.file());
}

#[tokio::test]
async fn reflection_answers_older_tools_in_the_same_way() {
    let server = Server::start().await;
    let listed = ask_as_older_tools_do(&server, None).await.services();
    assert_listed(&listed, "grpc.reflection.v1alpha.ServerReflection");
    for service in &listed {
        let described = ask_as_older_tools_do(&server, Some(service)).await;
        assert_describes(&described.file(), service);
    }
    let order = Some("ordermill.v1.CreateOrderRequest");
    assert_describes_an_order(&ask_as_older_tools_do(&server, order).await.file());
}
