//! The document: that it is whole, that it is true, and that it has every address. Every other test holds the answers
//! that it gets to it, too.

use serde_json::{Value, json};

use crate::answer::send;
use crate::contract::{Contract, codes_of};
use crate::server::Server;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

#[tokio::test]
async fn the_document_is_served_and_names_its_version() {
    let server = Server::start().await;
    let answer = server.get("/openapi.json").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    let document = answer.json();
    assert_eq!(document, Contract::get().document);
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"]["version"], "1.2.3");
}

#[tokio::test]
async fn every_address_takes_what_the_document_says_and_no_other_method() {
    let server = Server::start().await;
    for (path, item) in Contract::get().paths() {
        let mut documented: Vec<String> = METHODS
            .into_iter()
            .filter(|method| item.contains_key(&method.to_ascii_lowercase()))
            .map(str::to_owned)
            .collect();
        documented.sort();
        // An id that is none is refused before anything is looked up, so that nothing begins to stream.
        let asked = path.replace("{file}", "none");
        let asked = asked
            .replace("{id}", "none")
            .replace("{code}", "none")
            .replace("{path}", "none");
        for method in METHODS {
            let mut request = server.request(method, &asked);
            // What streams is refused instead, because a test would wait for its end.
            if path.ends_with("stream") {
                request = request.header("accept", "image/png");
            }
            let answer = send(request).await;
            if documented.iter().any(|known| known == method) {
                assert_ne!(answer.status, 405, "{method} {path}");
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path}");
            let allowed = answer.header("allow").split(',').map(str::trim);
            // Where GET is answered HEAD is, too; the document says so once.
            let mut allowed: Vec<&str> = allowed.filter(|method| *method != "HEAD").collect();
            allowed.sort_unstable();
            assert_eq!(allowed, documented, "{method} {path}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    let contract = Contract::get();
    let mut references = Vec::new();
    collect_references(&contract.document, &mut references);
    assert!(references.len() > 100);
    for reference in references {
        assert!(
            contract.document.pointer(&reference[1..]).is_some(),
            "{reference}"
        );
    }
    let mut names = vec!["processOrder"];
    let webhooks = &contract.document["webhooks"];
    assert_eq!(webhooks["order"]["post"]["operationId"], names[0]);
    for (path, item) in contract.paths() {
        for (method, operation) in item {
            names.push(operation["operationId"].as_str().unwrap());
            assert!(operation["summary"].is_string(), "{method} {path}");
            let in_path = operation["parameters"].as_array().unwrap().iter();
            let in_path = in_path.filter(|parameter| contract.resolved(parameter)["in"] == "path");
            assert_eq!(
                in_path.count(),
                path.matches('{').count(),
                "{method} {path}"
            );
        }
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "{names:?}");
}

#[test]
fn every_example_is_what_its_schema_says() {
    let contract = Contract::get();
    let mut checked = 0;
    let webhook = contract.document["webhooks"]["order"].as_object().unwrap();
    for (path, item) in contract.paths().chain([("the webhook", webhook)]) {
        for (method, operation) in item {
            let answers = operation["responses"].as_object().unwrap();
            for body in answers.values().chain([&operation["requestBody"]]) {
                for (media, content) in body["content"].as_object().into_iter().flatten() {
                    let named = content["examples"].as_object().into_iter().flatten();
                    let examples: Vec<&Value> = named
                        .map(|(_, example)| &example["value"])
                        .chain(content.get("example"))
                        .collect();
                    assert!(
                        !examples.is_empty(),
                        "{method} {path} {media} has no example"
                    );
                    for example in examples {
                        let key = format!("example {checked}");
                        contract.validate(
                            &key,
                            &content["schema"],
                            example,
                            &format!("{method} {path}"),
                        );
                        checked += 1;
                    }
                }
            }
        }
    }
    assert!(checked > 100, "{checked}");
}

#[tokio::test]
async fn every_code_has_a_page_that_says_its_status_and_every_page_has_a_code() {
    let server = Server::start().await;
    let contract = Contract::get();
    let codes = all_codes(contract);
    assert!(codes.len() > 30);
    let mut statuses = std::collections::BTreeMap::new();
    for (_, item) in contract.paths() {
        for operation in item.values() {
            for (status, answer) in operation["responses"].as_object().unwrap() {
                for code in codes_of(answer) {
                    statuses.insert(code, status.as_str());
                }
            }
        }
    }
    for code in &codes {
        let page = server.get(&format!("/docs/errors/{code}")).await;
        assert_eq!(page.status, 200, "docs/errors has no section {code}");
        let status = statuses.get(code).copied().unwrap_or(match *code {
            // Said in words, not as a problem.
            "dialect_refused" => "400",
            "dialect_conflict" => "409",
            // No address asks for a token yet, so that no operation can be refused so.
            "forbidden" => "403",
            // A wrong method is refused at every address; the document leaves it out.
            _ => "405",
        });
        assert!(
            page.text.starts_with(&format!("{code}\n{status}")),
            "{code}: {}",
            page.text
        );
    }
    let sections = include_str!("../../../../docs/errors/README.md");
    for section in sections.lines().filter_map(|line| line.strip_prefix("## ")) {
        assert!(codes.contains(&section), "{section} is no code");
    }
    assert_eq!(
        server.get("/docs/errors/nonsense").await.code(),
        "no_such_route"
    );
}

/// All codes, from the description of `Problem.code`.
fn all_codes(contract: &Contract) -> Vec<&str> {
    let code = &contract.document["components"]["schemas"]["Problem"]["properties"]["code"];
    let words = code["description"].as_str().unwrap().split('`');
    words.skip(1).step_by(2).collect()
}

#[test]
fn every_refusal_is_the_one_problem_and_names_codes_of_its_status() {
    let contract = Contract::get();
    let all =
        contract.document["components"]["schemas"]["Problem"]["properties"]["code"]["description"]
            .as_str()
            .unwrap();
    let mut refusals = 0;
    for (path, item) in contract.paths() {
        for (method, operation) in item {
            for (status, answer) in operation["responses"].as_object().unwrap() {
                let here = format!("{method} {path} {status}");
                let problem = &answer["content"]["application/problem+json"];
                let codes = codes_of(answer);
                assert_eq!(problem.is_object(), !codes.is_empty(), "{here}: {codes:?}");
                if problem.is_object() {
                    let reference = "#/components/schemas/Problem";
                    assert_eq!(problem["schema"], json!({"$ref": reference}), "{here}");
                    refusals += 1;
                }
                for code in codes {
                    let listed = format!("`{code}` ({status})");
                    assert!(all.contains(&listed), "{here}: {listed} is not in {all}");
                }
            }
        }
    }
    assert!(refusals > 100, "{refusals}");
}

/// What client generators fail at, found by trying them; `scripts/clients` tries them again.
#[test]
fn client_generators_can_read_every_schema() {
    let contract = Contract::get();
    let schemas = contract.document["components"]["schemas"]
        .as_object()
        .unwrap();
    let mut words = std::collections::BTreeMap::new();
    for (name, schema) in schemas {
        // Go has a function of this name for the type without the prefix.
        assert!(!name.starts_with("New"), "{name}");
        for word in schema["enum"].as_array().into_iter().flatten() {
            // Go has a constant for each word, all in one namespace.
            let other = words.insert(word.as_str().unwrap(), name);
            assert_eq!(other, None, "{word} is in {name}, too");
        }
        check_schema(name, schema);
    }
    assert!(words.len() > 100, "{}", words.len());
    for (path, item) in contract.paths() {
        check_schema(path, &serde_json::to_value(item).unwrap());
        for operation in item.values() {
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            assert_eq!(body["oneOf"], Value::Null, "{path}: a body is no choice");
        }
    }
    check_schema("webhooks", &contract.document["webhooks"]);
}

fn check_schema(here: &str, value: &Value) {
    let Some(members) = value.as_object() else {
        let items = value.as_array().into_iter().flatten();
        return items.for_each(|item| check_schema(here, item));
    };
    for (name, member) in members {
        let here = format!("{here}/{name}");
        match name.as_str() {
            // A type or null is read by all of them; a choice of two types is not.
            "oneOf" => assert!(
                member.as_array().unwrap().len() == 2 && member[1] == json!({"type": "null"}),
                "{here}: {member}"
            ),
            "anyOf" | "allOf" | "not" => panic!("{here}: {member}"),
            // Without a format, Go has 32 bits for a number.
            "type" if member == "number" => assert_eq!(value["format"], "double", "{here}"),
            "type" if member == "integer" => assert!(value["format"].is_string(), "{here}"),
            // Go and Python do not read this escape alike.
            "pattern" if member.is_string() => {
                assert!(
                    !member.as_str().unwrap().contains("\\u"),
                    "{here}: {member}"
                );
            }
            "example" | "examples" => {}
            _ => check_schema(&here, member),
        }
    }
}

/// The statuses of a cell in docs/HANDLER.md's table of answers: `408`, `410-418`, `3xx`.
fn statuses(cell: &str) -> Vec<String> {
    let words = cell.split([',', ' ']).filter(|word| !word.is_empty());
    let mut found = Vec::new();
    for word in words {
        if let Some((from, to)) = word.split_once('-')
            && let (Ok(from), Ok(to)) = (from.parse::<u16>(), to.parse())
        {
            found.extend((from..=to).map(|status| status.to_string()));
        } else if word.ends_with("xx") || word.parse::<u16>().is_ok() {
            found.push(word.to_uppercase());
        }
    }
    found
}

#[test]
fn the_webhooks_answers_are_those_of_the_handlers_document() {
    let document = include_str!("../../../../docs/HANDLER.md");
    let rows = document
        .lines()
        .skip_while(|line| !line.starts_with("| answer |"))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let webhook = &Contract::get().document["webhooks"]["order"]["post"];
    let answers = webhook["responses"].as_object().unwrap();
    // What an answer is followed by: the code in a cell, or the order's status.
    let meaning = |text: &str| {
        let code = text.split('`').nth(1).filter(|code| *code != "result");
        code.unwrap_or("PROCESSED").to_owned()
    };
    let mut compared = 0;
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        for status in statuses(cells[0]) {
            let range = format!("{}XX", &status[..1]);
            let answer = answers.get(&status).unwrap_or_else(|| &answers[&range]);
            let description = answer["description"].as_str().unwrap();
            let expected = meaning(cells[1]);
            // 503 is in two rows, with and without Retry-After.
            let is_there = status == "503" && description.contains(&expected);
            assert!(
                is_there || meaning(description) == expected,
                "{status}: {description}"
            );
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared}");
}

fn collect_references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members
                .values()
                .for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items
            .iter()
            .for_each(|value| collect_references(value, found)),
        _ => {}
    }
}
