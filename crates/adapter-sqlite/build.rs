//! Compiles the VFS of the write-ahead log against the header of the bundled SQLite.

use std::env;

const SOURCE: &str = "native/gathered_log.c";

fn main() {
    println!("cargo:rerun-if-changed={SOURCE}");
    let include = env::var("DEP_SQLITE3_INCLUDE")
        .expect("libsqlite3-sys, a direct dependency, provides the folder of its header");
    cc::Build::new()
        .file(SOURCE)
        .include(include)
        .std("c11")
        // The VFS registers itself. No code calls it, so the linker would drop it.
        .link_lib_modifier("+whole-archive")
        .compile("gathered_log");
}
