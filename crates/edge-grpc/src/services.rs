//! The services behind one dispatcher, each made once. Reflection is made when it is first asked for, because few
//! servers ever are.

use std::convert::Infallible;
use std::sync::OnceLock;

use futures_util::future::BoxFuture;
use http::{Request, Response};
use proto::grpcstream::order_stream_server::OrderStreamServer;
use proto::order::order_service_server::OrderServiceServer as OrderSystemServer;
use proto::ordermill::v1::order_service_server::OrderServiceServer;
use tonic::body::Body;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::server::Builder;
use tower::Service as _;
use tower::util::BoxCloneSyncService;

use crate::dialects::{OrderStream, OrderSystem};
use crate::health::HealthCheck;
use crate::orders::Orders;
use crate::request_body::RequestBody;
use crate::route::Service;
use crate::state::GrpcEdge;

/// A call under way, boxed by the library.
pub(crate) type Answering = BoxFuture<'static, Result<Response<Body>, Infallible>>;

type Reflection = BoxCloneSyncService<Request<RequestBody>, Response<Body>, Infallible>;

/// All services.
pub(crate) struct Services {
    orders: OrderServiceServer<Orders>,
    order_system: OrderSystemServer<OrderSystem>,
    order_stream: OrderStreamServer<OrderStream>,
    health: HealthServer<HealthCheck>,
    reflection: OnceLock<Reflection>,
    reflection_alpha: OnceLock<Reflection>,
}

impl Services {
    pub(crate) fn new(edge: &GrpcEdge) -> Self {
        let limit = edge.settings.max_message_bytes;
        Self {
            orders: OrderServiceServer::new(Orders::new(edge.clone()))
                .max_decoding_message_size(limit),
            order_system: OrderSystemServer::new(OrderSystem::new(edge.clone()))
                .max_decoding_message_size(limit),
            order_stream: OrderStreamServer::new(OrderStream::new(edge.clone()))
                .max_decoding_message_size(limit),
            health: HealthServer::new(HealthCheck::new(edge.clone()))
                .max_decoding_message_size(limit),
            reflection: OnceLock::new(),
            reflection_alpha: OnceLock::new(),
        }
    }

    /// Begins a call.
    pub(crate) fn call(&self, service: Service, request: Request<RequestBody>) -> Answering {
        match service {
            Service::Orders => self.orders.clone().call(request),
            Service::OrderSystem => self.order_system.clone().call(request),
            Service::OrderStream => self.order_stream.clone().call(request),
            Service::Health => self.health.clone().call(request),
            Service::Reflection => {
                let made = self.reflection.get_or_init(|| {
                    let service = descriptors()
                        .build_v1()
                        .expect("the descriptors were made by the compiler of the .proto files");
                    BoxCloneSyncService::new(service)
                });
                made.clone().call(request)
            }
            Service::ReflectionAlpha => {
                let made = self.reflection_alpha.get_or_init(|| {
                    let service = descriptors()
                        .build_v1alpha()
                        .expect("the descriptors were made by the compiler of the .proto files");
                    BoxCloneSyncService::new(service)
                });
                made.clone().call(request)
            }
        }
    }
}

fn descriptors() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}
