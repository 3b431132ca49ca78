//! A captured exchange: read from its file, sent again byte by byte, and compared in what a client may rely on: status,
//! content type, CORS headers, the names, types and values of JSON, the bytes of a text.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use domain::{OrderId, Timestamp};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer as it was on the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    pub status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// What a client may rely on.
#[derive(Debug, Clone, PartialEq)]
pub struct Relied {
    pub status: u16,
    /// Content-Type and the CORS headers.
    pub headers: BTreeMap<String, String>,
    pub body: Said,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Nothing,
    Text(String),
    /// With ids, and dates, replaced by what they are.
    Json(Value),
}

pub struct Capture {
    head: String,
    body: Vec<u8>,
    pub answer: Heard,
}

pub fn folder(system: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/captures")
        .join(system)
}

/// The names of the captured exchanges of a system, sorted.
pub fn names(system: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder(system))
        .unwrap()
        .filter_map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".http").map(str::to_owned)
        })
        .collect();
    names.sort();
    names
}

impl Capture {
    pub fn read(system: &str, name: &str) -> Self {
        let bytes = std::fs::read(folder(system).join(format!("{name}.http"))).unwrap();
        let request = after(&bytes, b">>> request\n").expect("a capture has a request");
        let end = position(request, b"\r\n\r\n").unwrap();
        let head = String::from_utf8(request[..end].to_vec()).unwrap();
        let length = header(&head, "content-length").map_or(0, |text| text.parse().unwrap());
        let answer = after(request, b"<<< answer\n").expect("a capture has an answer");
        Self {
            body: request[end + 4..][..length].to_vec(),
            answer: Heard::read(answer, head.starts_with("HEAD")),
            head,
        }
    }

    /// Sends the request again, as it was.
    pub async fn replay(&self, address: SocketAddr) -> Heard {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("{}\r\nConnection: close\r\n\r\n", self.head);
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&self.body).await.unwrap();
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).await.unwrap();
        Heard::read(&heard, self.head.starts_with("HEAD"))
    }
}

impl Heard {
    fn read(bytes: &[u8], of_head: bool) -> Self {
        let end = position(bytes, b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap()[9..12].parse().unwrap();
        let headers: BTreeMap<String, String> = lines
            .map(|line| {
                let (name, value) = line.split_once(':').unwrap();
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        let rest = &bytes[end + 4..];
        let body = if of_head {
            Vec::new()
        } else if headers.get("transfer-encoding").map(String::as_str) == Some("chunked") {
            dechunked(rest)
        } else {
            let length = headers
                .get("content-length")
                .map_or(0, |text| text.parse().unwrap());
            rest[..length].to_vec()
        };
        Self {
            status,
            headers,
            body,
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn relied(&self) -> Relied {
        let is_relied = |name: &str| name == "content-type" || name.starts_with("access-control-");
        let text = String::from_utf8(self.body.clone()).unwrap();
        let json = serde_json::from_str(&text).ok();
        Relied {
            status: self.status,
            headers: (self.headers.iter())
                .filter(|(name, _)| is_relied(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            body: match json {
                Some(mut json) => {
                    anonymous(&mut json);
                    Said::Json(json)
                }
                None if text.is_empty() => Said::Nothing,
                None => Said::Text(text),
            },
        }
    }
}

impl Relied {
    /// The JSON, to change what differs on purpose.
    pub fn json(&mut self) -> &mut Value {
        match &mut self.body {
            Said::Json(json) => json,
            other => panic!("{other:?} is no JSON"),
        }
    }
}

/// Replaces ids and dates, wherever they are, and fails on what looks like neither but stands in their place.
fn anonymous(json: &mut Value) {
    match json {
        Value::Array(items) => items.iter_mut().for_each(anonymous),
        Value::Object(members) => {
            for (name, value) in members {
                match (name.as_str(), &*value) {
                    ("id", Value::String(id)) => {
                        OrderId::parse(id).unwrap();
                        *value = "an id".into();
                    }
                    ("created_at" | "updated_at", Value::String(date)) => {
                        Timestamp::parse(date).unwrap();
                        *value = "a date".into();
                    }
                    ("receipt" | "receipt_s3_key", Value::String(key)) => {
                        let (folder, file) = key.rsplit_once('/').unwrap();
                        OrderId::parse(file.strip_suffix(".txt").unwrap()).unwrap();
                        *value = format!("{folder}/an id.txt").into();
                    }
                    _ => anonymous(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.split("\r\n").find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

fn position(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn after<'a>(bytes: &'a [u8], what: &[u8]) -> Option<&'a [u8]> {
    position(bytes, what).map(|at| &bytes[at + what.len()..])
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = position(rest, b"\r\n").unwrap();
        let length = std::str::from_utf8(&rest[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..][..length]);
        rest = &rest[end + 2 + length + 2..];
    }
}
