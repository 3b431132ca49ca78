//! The messages and services of the gRPC interfaces, generated from the files in `proto/`, and nothing else.
//!
//! `edge-grpc` serves those of clients; the benchmark and the tests call them. `adapter-orders-client` writes and reads those
//! that the processes of one deployment exchange. What the fields mean is written in the .proto files.

// What is generated names them, and nothing else here does.
use prost as _;
use prost_types as _;
use tonic_prost as _;

/// The descriptors of everything that clients may call, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// Package `ordermill`.
pub mod ordermill {
    /// Package `ordermill.v1`: the interface for new clients.
    pub mod v1 {
        tonic::include_proto!("ordermill.v1");
    }

    /// Package `ordermill.internal`: between the processes of one deployment.
    pub mod internal {
        /// Package `ordermill.internal.v1`: the port `Orders`.
        #[expect(
            clippy::large_enum_variant,
            reason = "generated: most answers hold an order, and the others are moved once"
        )]
        pub mod v1 {
            tonic::include_proto!("ordermill.internal.v1");
        }
    }
}

/// Package `order`: the interface of orderSystem, for its clients.
pub mod order {
    tonic::include_proto!("order");
}

/// Package `grpcstream`: the interface of Order System, for its clients.
pub mod grpcstream {
    tonic::include_proto!("grpcstream");
}
