//! Which path is which method, and how long each kind of method may take.
//!
//! `dispatch` calls it for every call. It never reads more of a call than its path.

/// Which service answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// `ordermill.v1.OrderService`
    Orders,
    /// `order.OrderService` of orderSystem
    OrderSystem,
    /// `grpcstream.OrderStream` of Order System
    OrderStream,
    /// `grpc.health.v1.Health`
    Health,
    /// `grpc.reflection.v1.ServerReflection`
    Reflection,
    /// The same as older tools ask for it.
    ReflectionAlpha,
}

/// How a method is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One message in, one out.
    Unary,
    /// Many messages in, one out.
    Upload,
    /// Lives for as long as its client likes.
    Stream,
}

/// A known method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    /// Who answers.
    pub(crate) service: Service,
    /// How it is bounded.
    pub(crate) shape: Shape,
    /// What the log calls it.
    pub(crate) name: &'static str,
}

impl Route {
    /// The method at a path; `None` for every other path.
    pub(crate) fn of(path: &str) -> Option<Self> {
        METHODS
            .iter()
            .find(|route| path.strip_prefix('/') == Some(route.name))
            .copied()
    }
}

/// The busiest first.
const METHODS: [Route; 17] = [
    on(
        Service::Orders,
        Shape::Unary,
        "ordermill.v1.OrderService/CreateOrder",
    ),
    on(
        Service::Orders,
        Shape::Unary,
        "ordermill.v1.OrderService/GetOrder",
    ),
    on(
        Service::Orders,
        Shape::Stream,
        "ordermill.v1.OrderService/IntakeOrders",
    ),
    on(
        Service::Orders,
        Shape::Upload,
        "ordermill.v1.OrderService/CreateOrders",
    ),
    on(
        Service::Orders,
        Shape::Unary,
        "ordermill.v1.OrderService/ListOrders",
    ),
    on(
        Service::Orders,
        Shape::Unary,
        "ordermill.v1.OrderService/UpdateStatus",
    ),
    on(
        Service::Orders,
        Shape::Unary,
        "ordermill.v1.OrderService/CancelOrder",
    ),
    on(
        Service::Orders,
        Shape::Stream,
        "ordermill.v1.OrderService/WatchOrder",
    ),
    on(
        Service::Orders,
        Shape::Stream,
        "ordermill.v1.OrderService/WatchOrders",
    ),
    on(
        Service::OrderSystem,
        Shape::Unary,
        "order.OrderService/CreateOrder",
    ),
    on(
        Service::OrderSystem,
        Shape::Unary,
        "order.OrderService/GetOrder",
    ),
    on(
        Service::OrderSystem,
        Shape::Unary,
        "order.OrderService/UpdateStatus",
    ),
    on(
        Service::OrderStream,
        Shape::Stream,
        "grpcstream.OrderStream/StreamOrders",
    ),
    on(Service::Health, Shape::Unary, "grpc.health.v1.Health/Check"),
    on(
        Service::Health,
        Shape::Stream,
        "grpc.health.v1.Health/Watch",
    ),
    on(
        Service::Reflection,
        Shape::Stream,
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ),
    on(
        Service::ReflectionAlpha,
        Shape::Stream,
        "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    ),
];

const fn on(service: Service, shape: Shape, name: &'static str) -> Route {
    Route {
        service,
        shape,
        name,
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::Route;

    #[test]
    fn every_method_of_the_descriptors_has_a_route() {
        let set = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
        let mut methods = 0;
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    assert!(Route::of(&path).is_some(), "{path}");
                    methods += 1;
                }
            }
        }
        assert_eq!(methods, 13);
        assert_eq!(Route::of("/ordermill.v1.OrderService/DropOrders"), None);
        assert_eq!(Route::of("ordermill.v1.OrderService/GetOrder"), None);
    }
}
