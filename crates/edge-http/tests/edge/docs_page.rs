//! `/docs`: that it is served whole, from here alone, and that what it is made of is what was published.

use std::io::Read as _;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::answer::send;
use crate::server::Server;

#[tokio::test]
async fn the_page_and_everything_that_it_names_is_served_under_a_strict_policy() {
    let server = Server::start().await;
    let page = server.get("/docs").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let named: Vec<&str> = ["href=\"", "src=\""]
        .into_iter()
        .flat_map(|attribute| page.text.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert_eq!(named.len(), 6, "{named:?}");
    for path in named {
        assert!(
            path.starts_with('/') && !path.starts_with("//"),
            "{path} is elsewhere"
        );
        let file = server.get(path).await;
        assert_eq!(file.status, 200, "{path}");
    }
    for path in ["/docs", "/docs/page.js", "/docs/swagger-ui-bundle.js"] {
        let policy = server
            .get(path)
            .await
            .header("content-security-policy")
            .to_owned();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
    }
}

#[tokio::test]
async fn large_files_are_sent_compressed_to_whoever_takes_that_and_not_sent_again() {
    let server = Server::start().await;
    let path = "/docs/swagger-ui-bundle.js";
    for (accepted, status) in [
        ("gzip, deflate, br", 200),
        ("br;q=1, *;q=0.1", 200),
        ("identity", 406),
        ("gzip;q=0, *", 406),
    ] {
        let answer = send(
            server
                .request("GET", path)
                .header("accept-encoding", accepted),
        )
        .await;
        assert_eq!(answer.status, status, "{accepted}");
        if status == 200 {
            assert_eq!(answer.header("content-encoding"), "gzip");
            assert_eq!(answer.header("vary"), "accept-encoding");
        }
    }
    let tag = server.get(path).await.header("etag").to_owned();
    let known = send(server.request("GET", path).header("if-none-match", tag)).await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));
    assert_eq!(
        server.get("/docs/MANIFEST.json").await.code(),
        "no_such_route"
    );
}

#[test]
fn what_is_vendored_is_what_was_published() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs-page");
    let manifest = std::fs::read(folder.join("MANIFEST.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let mut listed = Vec::new();
    for package in manifest.as_array().unwrap() {
        let notices = std::fs::read_to_string(folder.join("THIRD_PARTY.txt")).unwrap();
        let name = format!("{} {}", text(&package["name"]), text(&package["version"]));
        assert!(notices.contains(&name), "{name} has no notice");
        for file in package["files"].as_array().unwrap() {
            let compressed = std::fs::read(folder.join(text(&file["file"]))).unwrap();
            assert_eq!(digest(&compressed), text(&file["sha256"]), "{file}");
            let mut published = Vec::new();
            let mut decoder = flate2::read::GzDecoder::new(&*compressed);
            decoder.read_to_end(&mut published).unwrap();
            assert_eq!(digest(&published), text(&file["from_sha256"]), "{file}");
            listed.push(text(&file["file"]).to_owned());
        }
    }
    for entry in std::fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            !name.ends_with(".gz") || listed.contains(&name),
            "{name} is not in the manifest"
        );
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
