//! An answer of the server, and how a request is sent so that its answer is held to the document.

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::contract::{Asked, Contract};

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The code of a problem; panics where the answer is none.
    pub fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            "application/problem+json",
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem["code"].as_str().unwrap().to_owned()
    }

    /// Pointers and codes of a problem's faults.
    pub fn faults(&self) -> Vec<(String, String)> {
        let problem = self.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| {
                let place = ["pointer", "parameter", "header"]
                    .into_iter()
                    .find(|place| !fault[place].is_null())
                    .unwrap();
                (text(&fault[place]), text(&fault["code"]))
            })
            .collect()
    }
}

/// Sends it, and holds the answer to the document.
pub async fn send(request: RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let asked = Asked::of(&request);
    let answer = read(client.execute(request).await.unwrap()).await;
    Contract::get().check(&asked, &answer);
    answer
}

async fn read(response: Response) -> Answer {
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}
