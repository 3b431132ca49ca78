//! Compiles the .proto files: messages, services, and the descriptors that reflection hands out. No protoc is needed.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use prost::Message as _;

const FILES: [&str; 3] = [
    "ordermill/v1/orders.proto",
    "order/order.proto",
    "grpcstream/stream.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // Channels are their owners' business: a client here is one over any of them.
        .build_transport(false)
        // What orders keep is sorted, too.
        .btree_map(".")
        .compile_fds(descriptors)?;
    Ok(())
}
