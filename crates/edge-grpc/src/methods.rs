//! The methods that the port serves, by their paths. They are read from the descriptors of the .proto files, so that a new
//! method needs no line here.
//!
//! The layers ask it for every call. It knows nothing of a call but its path.

use std::collections::HashMap;
use std::sync::Arc;

use prost::Message as _;
use prost_types::method_options::IdempotencyLevel;
use prost_types::{FileDescriptorSet, MethodDescriptorProto};

/// How a method is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One message in, one out.
    Unary,
    /// Many messages in, one out.
    Upload,
    /// Many messages out: lives until its client, its deadline or the server ends it.
    Stream,
}

/// A method.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Method {
    /// Its path without the first slash, as logs show it.
    pub(crate) name: Box<str>,
    /// How it is bounded.
    pub(crate) kind: Kind,
    /// Whether its client sends many messages.
    pub(crate) takes_many: bool,
    /// Whether a call that is cut off leaves its outcome unknown.
    pub(crate) changes: bool,
}

/// All methods.
#[derive(Debug)]
pub(crate) struct Methods(HashMap<Box<str>, Arc<Method>>);

impl Methods {
    /// The methods of our own services, of health and of reflection.
    pub(crate) fn new() -> Self {
        let mut methods = Self(HashMap::new());
        methods.add(proto::DESCRIPTORS, true);
        methods.add(tonic_health::pb::FILE_DESCRIPTOR_SET, false);
        methods.add(tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET, false);
        methods.add(tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET, false);
        methods
    }

    /// The method at a path; `None` for every other path.
    pub(crate) fn find(&self, path: &str) -> Option<Arc<Method>> {
        self.0.get(path.strip_prefix('/')?).cloned()
    }

    fn add(&mut self, descriptors: &[u8], may_change: bool) {
        let files = FileDescriptorSet::decode(descriptors)
            .expect("descriptors are made by the compiler of the .proto files");
        for file in &files.file {
            for service in &file.service {
                for method in &service.method {
                    let name = format!("{}.{}/{}", file.package(), service.name(), method.name());
                    let method = described(&name, method, may_change);
                    self.0.insert(name.into(), Arc::new(method));
                }
            }
        }
    }
}

fn described(name: &str, method: &MethodDescriptorProto, may_change: bool) -> Method {
    let kind = match (method.client_streaming(), method.server_streaming()) {
        (false, false) => Kind::Unary,
        (true, false) => Kind::Upload,
        (_, true) => Kind::Stream,
    };
    let options = method.options.as_ref();
    let is_reading = options
        .is_some_and(|options| options.idempotency_level() == IdempotencyLevel::NoSideEffects);
    Method {
        name: name.into(),
        kind,
        takes_many: method.client_streaming(),
        // A stream has changed nothing before it begins, and its results say afterwards what it changed.
        changes: may_change && !is_reading && kind != Kind::Stream,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Kind, Methods};

    #[test]
    fn methods_are_found_by_their_paths_alone() {
        let methods = Methods::new();
        let kind = |path: &str| methods.find(path).map(|method| method.kind);
        assert_eq!(
            kind("/ordermill.v1.OrderService/CreateOrder"),
            Some(Kind::Unary)
        );
        assert_eq!(
            kind("/ordermill.v1.OrderService/CreateOrders"),
            Some(Kind::Upload)
        );
        for stream in [
            "/ordermill.v1.OrderService/WatchOrder",
            "/ordermill.v1.OrderService/IntakeOrders",
            "/grpcstream.OrderStream/StreamOrders",
            "/grpc.health.v1.Health/Watch",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ] {
            assert_eq!(kind(stream), Some(Kind::Stream), "{stream}");
        }
        assert_eq!(kind("/ordermill.v1.OrderService/DropOrders"), None);
        assert_eq!(kind("ordermill.v1.OrderService/GetOrder"), None);
        assert_eq!(
            kind("/ordermill.internal.v1.Orders/Get"),
            None,
            "the processes' own"
        );
    }

    #[test]
    fn only_what_places_or_changes_orders_can_leave_its_outcome_unknown() {
        let methods = Methods::new();
        let changing = methods.0.values().filter(|method| method.changes);
        let changing: BTreeSet<_> = changing.map(|method| &*method.name).collect();
        let expected = [
            "order.OrderService/CreateOrder",
            "order.OrderService/UpdateStatus",
            "ordermill.v1.OrderService/CancelOrder",
            "ordermill.v1.OrderService/CreateOrder",
            "ordermill.v1.OrderService/CreateOrders",
            "ordermill.v1.OrderService/DiscardDeadLetter",
            "ordermill.v1.OrderService/DiscardDeadLetters",
            "ordermill.v1.OrderService/HoldOrder",
            "ordermill.v1.OrderService/ReleaseOrder",
            "ordermill.v1.OrderService/ReplayDeadLetter",
            "ordermill.v1.OrderService/ReplayDeadLetters",
            "ordermill.v1.OrderService/UpdateStatus",
        ];
        assert_eq!(changing, BTreeSet::from(expected));
    }
}
