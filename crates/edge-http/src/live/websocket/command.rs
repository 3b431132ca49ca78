//! What a client may say in a text frame: an order id, bare or quoted, or a JSON command. Parsed here, done by
//! `connection`.

use application::watch::{Cursor, Start, Topic};
use domain::{OrderId, UserId, Version};
use serde::Deserialize;

/// A command that is whole and valid.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    Subscribe { topics: Vec<Topic>, start: Start },
    Unsubscribe { topics: Vec<Topic> },
}

/// Why a frame is no command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) code: &'static str,
    pub(super) detail: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    subscribe: Option<Target>,
    unsubscribe: Option<Target>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    order_ids: Option<Vec<String>>,
    user_id: Option<String>,
    all: Option<bool>,
    from_version: Option<u32>,
    cursor: Option<String>,
}

impl Command {
    /// Reads a text frame.
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        let text = text.trim();
        let bare = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(text);
        if let Ok(id) = OrderId::parse(bare) {
            return Ok(Self::Subscribe {
                topics: vec![Topic::Order(id)],
                start: Start::Now,
            });
        }
        if !text.starts_with('{') {
            return Err(unknown(
                "is neither an order id nor a command such as {\"subscribe\": {\"all\": true}}",
            ));
        }
        let frame: Frame =
            serde_json::from_str(text).map_err(|error| unknown(error.to_string()))?;
        match (frame.subscribe, frame.unsubscribe) {
            (Some(target), None) => {
                let start = target.start()?;
                let topics = target.topics()?;
                if topics.len() > 1 && start != Start::Now {
                    return Err(invalid("from_version goes with exactly one order id"));
                }
                Ok(Self::Subscribe { topics, start })
            }
            (None, Some(target)) => {
                if target.from_version.is_some() || target.cursor.is_some() {
                    return Err(invalid("unsubscribe takes neither from_version nor cursor"));
                }
                Ok(Self::Unsubscribe {
                    topics: target.topics()?,
                })
            }
            _ => Err(unknown(
                "must have exactly one of subscribe and unsubscribe",
            )),
        }
    }
}

impl Target {
    fn topics(self) -> Result<Vec<Topic>, Refused> {
        match (self.order_ids, self.user_id, self.all) {
            (Some(ids), None, None) if !ids.is_empty() => ids
                .iter()
                .map(|id| {
                    let id = OrderId::parse(id)
                        .map_err(|error| invalid(format!("order_ids: {id:?} {error}")))?;
                    Ok(Topic::Order(id))
                })
                .collect(),
            (None, Some(user), None) => {
                let user =
                    UserId::new(&user).map_err(|error| invalid(format!("user_id {error}")))?;
                Ok(vec![Topic::User(user)])
            }
            (None, None, Some(true)) => Ok(vec![Topic::Everything]),
            _ => Err(invalid(
                "must have exactly one of order_ids (not empty), user_id and \"all\": true",
            )),
        }
    }

    fn start(&self) -> Result<Start, Refused> {
        match (self.from_version, &self.cursor) {
            (None, None) => Ok(Start::Now),
            (Some(version), None) if self.order_ids.is_some() => {
                Ok(Start::AfterVersion(Version::from_number(version)))
            }
            (None, Some(cursor)) if self.order_ids.is_none() => Cursor::parse(cursor)
                .map(Start::After)
                .map_err(|error| Refused {
                    code: "invalid_cursor",
                    detail: format!("cursor {error}"),
                }),
            _ => Err(invalid(
                "from_version goes with order_ids, cursor with user_id or all",
            )),
        }
    }
}

fn unknown(detail: impl Into<String>) -> Refused {
    Refused {
        code: "unknown_frame",
        detail: detail.into(),
    }
}

fn invalid(detail: impl Into<String>) -> Refused {
    Refused {
        code: "invalid_command",
        detail: detail.into(),
    }
}

#[cfg(test)]
mod tests {
    use application::watch::{Cursor, Start, Topic};
    use domain::{EventPosition, OrderId, Seq, ShardId, UserId, Version};

    use super::Command;

    const ID: &str = "0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11";

    fn subscribe(topic: Topic, start: Start) -> Command {
        Command::Subscribe {
            topics: vec![topic],
            start,
        }
    }

    #[test]
    fn every_documented_frame_is_a_command() {
        let order = || Topic::Order(OrderId::parse(ID).unwrap());
        let alice = || Topic::User(UserId::new("alice").unwrap());
        let position = EventPosition {
            seq: Seq(7),
            bits: 0x89ab_cdef,
        };
        let cursor = Cursor::new([(ShardId(0), position)]);
        for (text, expected) in [
            (ID.to_owned(), subscribe(order(), Start::Now)),
            (format!(" \"{ID}\"\n"), subscribe(order(), Start::Now)),
            (
                format!(r#"{{"subscribe":{{"order_ids":["{ID}"],"from_version":2}}}}"#),
                subscribe(order(), Start::AfterVersion(Version::from_number(2))),
            ),
            (
                format!(r#"{{"subscribe":{{"order_ids":["{ID}"],"from_version":0}}}}"#),
                subscribe(order(), Start::AfterVersion(None)),
            ),
            (
                r#"{"subscribe":{"user_id":"alice"}}"#.to_owned(),
                subscribe(alice(), Start::Now),
            ),
            (
                format!(r#"{{"subscribe":{{"all":true,"cursor":"{cursor}"}}}}"#),
                subscribe(Topic::Everything, Start::After(cursor)),
            ),
            (
                r#"{"unsubscribe":{"user_id":"alice"}}"#.to_owned(),
                Command::Unsubscribe {
                    topics: vec![alice()],
                },
            ),
        ] {
            assert_eq!(Command::parse(&text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "hello",
            "{}",
            "[]",
            "null",
            "\"",
            "{\"subscribe\":",
            r#"{"subscribe":{}}"#,
            r#"{"subscribe":{"all":false}}"#,
            r#"{"subscribe":{"order_ids":[]}}"#,
            r#"{"subscribe":{"order_ids":["x"]}}"#,
            r#"{"subscribe":{"user_id":""}}"#,
            r#"{"subscribe":{"all":true,"user_id":"a"}}"#,
            r#"{"subscribe":{"all":true,"cursor":"x"}}"#,
            r#"{"subscribe":{"all":true,"from_version":1}}"#,
            r#"{"subscribe":{"all":true},"unsubscribe":{"all":true}}"#,
            r#"{"subscribe":{"all":true},"subscribe":{"all":true}}"#,
            r#"{"subscribe":{"all":true,"extra":1}}"#,
            r#"{"unsubscribe":{"all":true,"cursor":"x"}}"#,
        ] {
            assert!(Command::parse(text).is_err(), "{text}");
        }
        let two = format!(r#"{{"subscribe":{{"order_ids":["{ID}","{ID}"],"from_version":2}}}}"#);
        assert!(Command::parse(&two).is_err());
    }
}
