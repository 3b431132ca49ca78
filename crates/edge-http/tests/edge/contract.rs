//! Holds every answer that a test gets to the OpenAPI document: its status, its headers, its type, its body; and what was
//! taken to what the document says is taken.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use jsonschema::Validator;
use reqwest::Request;
use serde_json::{Value, json};

use crate::answer::Answer;

/// What HTTP itself adds to an answer.
const OF_HTTP: [&str; 6] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "allow",
    "transfer-encoding",
];

/// Fields of requests that take a number, and a string of one for clients whose numbers are floats.
const NUMBERS: [&str; 4] = ["amount", "quantity", "total", "unit_price"];

/// What every answer carries for the browser of a page, whatever the address is.
const OF_BROWSERS: [&str; 2] = ["access-control-allow-origin", "vary"];

pub struct Contract {
    pub document: Value,
    /// The components without what is open for later versions: an answer has the described fields and words, and no other.
    components: Value,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// What was asked for.
pub struct Asked {
    method: String,
    path: String,
    query: Vec<String>,
    body: Option<Value>,
}

impl Asked {
    pub fn of(request: &Request) -> Self {
        let url = request.url();
        let body = request.body().and_then(reqwest::Body::as_bytes);
        Self {
            method: request.method().as_str().to_ascii_lowercase(),
            path: url.path().to_owned(),
            query: url
                .query_pairs()
                .map(|(name, _)| name.into_owned())
                .collect(),
            body: body.and_then(|body| serde_json::from_slice(body).ok()),
        }
    }
}

impl Contract {
    pub fn get() -> &'static Self {
        static CONTRACT: OnceLock<Contract> = OnceLock::new();
        CONTRACT.get_or_init(|| {
            let document: Value =
                serde_json::from_slice(&edge_http::openapi_document("1.2.3")).unwrap();
            let mut components = document["components"].clone();
            close(&mut components["schemas"]);
            Self {
                document,
                components,
                validators: Mutex::default(),
            }
        })
    }

    /// The paths, each with what can be done there.
    pub fn paths(&self) -> impl Iterator<Item = (&str, &serde_json::Map<String, Value>)> {
        let paths = self.document["paths"].as_object().unwrap();
        paths
            .iter()
            .map(|(path, item)| (path.as_str(), item.as_object().unwrap()))
    }

    /// Panics where the answer is not what the document says.
    pub fn check(&self, asked: &Asked, answer: &Answer) {
        let Some((path, item)) = self.address(&asked.path) else {
            assert!(answer.status >= 400, "{}: nothing is there", asked.path);
            return;
        };
        let is_head = asked.method == "head";
        let method = if is_head { "get" } else { &asked.method };
        let here = format!("{method} {path} {}", answer.status);
        // orderflow's addresses are not asked for heads, and its health, which is not in the document, may be asked anyhow.
        let is_orderflows = answer.header("access-control-allow-origin") == "*"
            || answer.text.contains("orderflow-producer");
        let is_preflight = asked.method == "options" && answer.status == 204;
        if is_preflight || answer.status == 405 || (path == "/health" && is_orderflows) {
            return;
        }
        let Some(operation) = item.get(method) else {
            // Refused for what it asks for, before the address says what it takes.
            assert!(matches!(answer.status, 403 | 414 | 421 | 431), "{here}");
            return;
        };
        let described = &operation["responses"][answer.status.to_string()];
        assert!(described.is_object(), "{here} is not in the document");
        // What does not get past the reading of heads is answered bare.
        let is_bare = answer.status == 431 && answer.headers.get("content-type").is_none();
        if is_bare {
            return;
        }
        self.check_headers(&here, described, answer);
        self.check_body(&here, described, answer, is_head);
        // A dialect takes names in any spelling, which a schema cannot say.
        if answer.status < 300
            && !operation["tags"]
                .as_array()
                .unwrap()
                .contains(&json!("Dialects"))
        {
            self.check_what_was_taken(&here, operation, asked);
        }
    }

    fn check_headers(&self, here: &str, described: &Value, answer: &Answer) {
        let headers = described["headers"].as_object().unwrap();
        for (name, header) in headers {
            let header = self.resolved(header);
            match answer.headers.get(name) {
                Some(value) => {
                    let text = value.to_str().unwrap();
                    let is_number = header["schema"]["type"] == "integer";
                    let value = if is_number {
                        serde_json::from_str(text).unwrap()
                    } else {
                        json!(text)
                    };
                    self.validate(&format!("header {name}"), &header["schema"], &value, here);
                }
                None => assert!(!name.starts_with("X-"), "{here} has no {name}"),
            }
        }
        for name in answer.headers.keys() {
            let is_known = headers
                .keys()
                .any(|known| known.eq_ignore_ascii_case(name.as_str()));
            assert!(
                is_known
                    || OF_HTTP.contains(&name.as_str())
                    || OF_BROWSERS.contains(&name.as_str()),
                "{here}: the document has no header {name}"
            );
        }
    }

    fn check_body(&self, here: &str, described: &Value, answer: &Answer, is_head: bool) {
        let full_type = answer.header("content-type");
        let media = full_type.split(';').next().unwrap_or_default();
        let Some(contents) = described["content"].as_object() else {
            assert_eq!(answer.text, "", "{here} has a body");
            return;
        };
        let content = contents
            .get(media)
            .unwrap_or_else(|| panic!("{here}: the document has no {media}"));
        if is_head {
            return;
        }
        let body = if media.ends_with("json") {
            answer.json()
        } else {
            json!(answer.text)
        };
        self.validate(&format!("{here} {media}"), &content["schema"], &body, here);
        if media == "application/problem+json" {
            assert_eq!(body["status"], answer.status, "{here}");
            let code = body["code"].as_str().unwrap();
            let described = codes_of(described);
            assert!(
                described.contains(&code),
                "{here}: {code} is not in the document: {described:?}"
            );
        }
    }

    /// What was answered with success is what the document lets clients say.
    fn check_what_was_taken(&self, here: &str, operation: &Value, asked: &Asked) {
        let parameters = operation["parameters"].as_array().unwrap();
        for name in &asked.query {
            let is_known = parameters.iter().any(|parameter| {
                let parameter = self.resolved(parameter);
                parameter["in"] == "query" && parameter["name"] == name.as_str()
            });
            assert!(is_known, "{here}: the document has no parameter {name}");
        }
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if let Some(body) = &asked.body
            && schema.is_object()
            // A row that is refused is refused alone.
            && !here.contains("/batch")
        {
            let body = with_numbers(body);
            self.validate(&format!("{here} request"), schema, &body, here);
        }
    }

    /// A description where a reference may stand.
    pub fn resolved<'v>(&'v self, value: &'v Value) -> &'v Value {
        match value["$ref"].as_str() {
            Some(reference) => self
                .document
                .pointer(&reference[1..])
                .unwrap_or_else(|| panic!("{reference} leads nowhere")),
            None => value,
        }
    }

    /// Holds `value` to a schema of the document; `key` names the schema.
    pub fn validate(&self, key: &str, schema: &Value, value: &Value, here: &str) {
        let validator = self.validator(key, schema);
        let faults: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{here}: {faults:#?} in {value}");
    }

    /// Holds `value` to a component of the document.
    pub fn validate_as(&self, component: &str, value: &Value) {
        self.validate_as_one_of(&[component], value);
    }

    /// Holds `value` to exactly one of some components of the document.
    pub fn validate_as_one_of(&self, components: &[&str], value: &Value) {
        let schemas: Vec<Value> = components
            .iter()
            .map(|component| json!({"$ref": format!("#/components/schemas/{component}")}))
            .collect();
        let key = components.join(" ");
        self.validate(&key, &json!({"oneOf": schemas}), value, &key);
    }

    fn validator(&self, key: &str, schema: &Value) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap();
        let made = validators.entry(key.to_owned()).or_insert_with(|| {
            let whole = json!({"components": self.components, "allOf": [schema]});
            let validator = jsonschema::options()
                .with_draft(jsonschema::Draft::Draft202012)
                .should_validate_formats(true)
                .build(&whole);
            Arc::new(validator.unwrap_or_else(|error| panic!("{key}: {error}")))
        });
        Arc::clone(made)
    }

    /// The address that a path is at; a fixed one goes before one with a name in it.
    fn address(&self, path: &str) -> Option<(&str, &serde_json::Map<String, Value>)> {
        let fits = |pattern: &str| {
            let (mut ours, mut theirs) = (pattern.split('/'), path.split('/'));
            loop {
                match (ours.next(), theirs.next()) {
                    (None, None) => return true,
                    // A file's path may have folders.
                    (Some("{path}"), Some(_)) => return true,
                    (Some(our), Some(their)) if our == their => {}
                    // A parameter is never empty.
                    (Some(our), Some(their)) if our.starts_with('{') && !their.is_empty() => {}
                    _ => return false,
                }
            }
        };
        self.paths()
            .filter(|(pattern, _)| fits(pattern))
            .min_by_key(|(pattern, _)| pattern.contains('{'))
    }
}

/// Closes schemas for what a later version may add: fields of objects, and words.
fn close(schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut() {
        if schema.contains_key("properties") {
            let closed = json!(false);
            schema.entry("additionalProperties").or_insert(closed);
        }
        if let Some(words) = schema.get("x-extensible-enum").cloned() {
            schema.insert("enum".to_owned(), words);
        }
        schema.values_mut().for_each(close);
    } else if let Some(schemas) = schema.as_array_mut() {
        schemas.iter_mut().for_each(close);
    }
}

/// A request with numbers for its strings of numbers, which the document describes in words only: a choice of two types
/// is more than most client generators can read.
fn with_numbers(body: &Value) -> Value {
    match body {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let number = value.as_str().filter(|_| NUMBERS.contains(&name.as_str()));
                let number = number.and_then(|text| serde_json::from_str(text).ok());
                let number = number.filter(Value::is_number);
                (name.clone(), number.unwrap_or_else(|| with_numbers(value)))
            })
            .collect(),
        Value::Array(items) => items.iter().map(with_numbers).collect(),
        other => other.clone(),
    }
}

/// The codes of a refusal, from its description: "... `code`: `a`, `b`."
pub fn codes_of(described: &Value) -> Vec<&str> {
    let description = described["description"].as_str().unwrap();
    let Some((_, codes)) = description.split_once(" `code`: ") else {
        return Vec::new();
    };
    let codes = codes.strip_suffix('.').unwrap().split(", ");
    codes.map(|code| code.trim_matches('`')).collect()
}
