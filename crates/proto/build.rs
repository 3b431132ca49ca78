//! Compiles the .proto files: messages, services, and the descriptors that reflection hands out. No protoc is needed.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

/// What clients may call.
const PUBLIC: [&str; 3] = [
    "ordermill/v1/orders.proto",
    "order/order.proto",
    "grpcstream/stream.proto",
];

/// What the processes of one deployment ask each other. No server shows it to clients, so it has no descriptors there.
const INTERNAL: [&str; 1] = ["ordermill/internal/v1/orders.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let public = protox::compile(PUBLIC, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), public.encode_to_vec())?;
    let internal = protox::compile(INTERNAL, ["proto"])?;
    for descriptors in [public, internal] {
        tonic_prost_build::configure()
            // Channels are their owners' business: a client here is one over any of them.
            .build_transport(false)
            // What orders keep is sorted, too.
            .btree_map(".")
            .compile_fds(descriptors)?;
    }
    Ok(())
}
