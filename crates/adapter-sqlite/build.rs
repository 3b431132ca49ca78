//! Compiles the file layer of the write-ahead log, against the header of the SQLite that is built in.

use std::env;

const SOURCE: &str = "native/gathered_log.c";

fn main() {
    println!("cargo:rerun-if-changed={SOURCE}");
    let include = env::var("DEP_SQLITE3_INCLUDE")
        .expect("libsqlite3-sys, a direct dependency, tells where its header is");
    cc::Build::new()
        .file(SOURCE)
        .include(include)
        .std("c11")
        // Nothing calls it: it registers itself, and must not be left out for that.
        .link_lib_modifier("+whole-archive")
        .compile("gathered_log");
}
