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
    /// Whether it may change something, so that being cut off leaves its outcome unknown.
    pub(crate) changes: bool,
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
    reading(
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
    reading(
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
    reading(
        Service::Orders,
        Shape::Stream,
        "ordermill.v1.OrderService/WatchOrder",
    ),
    reading(
        Service::Orders,
        Shape::Stream,
        "ordermill.v1.OrderService/WatchOrders",
    ),
    on(
        Service::OrderSystem,
        Shape::Unary,
        "order.OrderService/CreateOrder",
    ),
    reading(
        Service::OrderSystem,
        Shape::Unary,
        "order.OrderService/GetOrder",
    ),
    on(
        Service::OrderSystem,
        Shape::Unary,
        "order.OrderService/UpdateStatus",
    ),
    reading(
        Service::OrderStream,
        Shape::Stream,
        "grpcstream.OrderStream/StreamOrders",
    ),
    reading(Service::Health, Shape::Unary, "grpc.health.v1.Health/Check"),
    reading(
        Service::Health,
        Shape::Stream,
        "grpc.health.v1.Health/Watch",
    ),
    reading(
        Service::Reflection,
        Shape::Stream,
        "grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ),
    reading(
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
        changes: true,
    }
}

/// A method that changes nothing.
const fn reading(service: Service, shape: Shape, name: &'static str) -> Route {
    Route {
        changes: false,
        ..on(service, shape, name)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::{METHODS, Route};

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

    #[test]
    fn only_what_places_or_changes_orders_can_leave_its_outcome_unknown() {
        let changing = METHODS.iter().filter(|route| route.changes);
        assert_eq!(
            changing.map(|route| route.name).collect::<Vec<_>>(),
            [
                "ordermill.v1.OrderService/CreateOrder",
                "ordermill.v1.OrderService/IntakeOrders",
                "ordermill.v1.OrderService/CreateOrders",
                "ordermill.v1.OrderService/UpdateStatus",
                "ordermill.v1.OrderService/CancelOrder",
                "order.OrderService/CreateOrder",
                "order.OrderService/UpdateStatus",
            ]
        );
    }
}
