//! The dashboard's files as a browser gets them. What the page does with them is tested in a browser, in `dashboard/tests`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::answer::send;
use crate::server::Server;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[tokio::test]
async fn a_browser_gets_the_dashboard_and_a_tool_gets_text() {
    let server = Server::start().await;
    let page = send(server.request("GET", "/").header("accept", BROWSER)).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("vary"), "accept");
    assert!(page.text.contains("/dashboard/main.js"), "{}", page.text);
    let text = send(server.request("GET", "/").header("accept", "*/*")).await;
    assert_eq!(text.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(text.header("vary"), "accept");
}

#[tokio::test]
async fn a_page_may_load_only_from_its_server_and_nothing_inline() {
    let server = Server::start().await;
    let page = send(server.request("GET", "/").header("accept", BROWSER)).await;
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
        "{policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    for inline in [
        "<style",
        "style=",
        "onclick",
        "<script>",
        "javascript:",
        "//",
    ] {
        let found = page.text.replace("<!doctype", "").contains(inline);
        assert!(!found, "{inline} is in the page");
    }
}

#[tokio::test]
async fn every_file_of_the_page_is_served_with_its_type() {
    let server = Server::start().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboard/page");
    let files = files(&folder);
    assert!(files.len() > 20, "{files:?}");
    for file in files {
        let path = file.strip_prefix(&folder).unwrap().to_str().unwrap();
        let answer = server.get(&format!("/dashboard/{path}")).await;
        if path.ends_with(".d.mts") {
            // For the type checker alone.
            assert_eq!(answer.status, 404, "{path}");
            continue;
        }
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.text, fs::read_to_string(&file).unwrap(), "{path}");
        let expected = match file.extension().unwrap().to_str().unwrap() {
            "html" => "text/html; charset=utf-8",
            "js" | "mjs" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "json" => "application/json",
            "txt" => "text/plain; charset=utf-8",
            other => panic!("{other} has no type"),
        };
        assert_eq!(answer.header("content-type"), expected, "{path}");
    }
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let server = Server::start().await;
    let first = server.get("/dashboard/main.js").await;
    assert_eq!(first.header("cache-control"), "no-cache");
    let tag = first.header("etag").to_owned();
    let known = |tag: &str| {
        let request = server.request("GET", "/dashboard/main.js");
        send(request.header("if-none-match", tag))
    };
    let again = known(&tag).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    assert_eq!(again.header("etag"), tag);
    assert_eq!(known(&format!("\"x\", W/{tag}")).await.status, 304);
    assert_eq!(known("\"x\"").await.status, 200);
}

#[tokio::test]
async fn nothing_but_the_page_can_be_read() {
    let server = Server::start().await;
    for path in [
        "/dashboard/",
        "/dashboard/none.js",
        "/dashboard/../package.json",
        "/dashboard/%2e%2e/package.json",
        "/dashboard/..%2fpackage.json",
        "/dashboard//etc/hostname.txt",
        "/dashboard/vendor",
        "/dashboard",
    ] {
        // A client library would tidy the path up before it sends it.
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let heard = crate::raw::say(server.address, &request).await;
        assert_eq!(heard.status(), 404, "{path}: {}", heard.text);
    }
    assert_eq!(server.post("/dashboard/main.js", "{}").await.status, 405);
    assert_eq!(server.get("/dashboard/main.js?v=1").await.status, 400);
}
