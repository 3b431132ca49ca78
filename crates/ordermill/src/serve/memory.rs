//! How the server's memory is mapped. Called once, at the start of `serve`.

/// Asks the kernel for small pages: huge ones (2 MiB each) make an idle server look five times as large as what it
/// uses, because the allocator's arenas are reserved in advance. A refusal changes nothing but that figure.
pub fn use_small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "the kernel keeps its huge pages");
    }
}
