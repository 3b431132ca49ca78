//! JSON as a client sees it, laid out over lines, with what changes from run to run made equal. The order of fields and
//! the digits of numbers stay as they are.

/// Lays out a JSON text and hides ids, times, request ids and cursors.
pub fn redacted(json: &str) -> String {
    let mut out = String::new();
    let mut depth = 0;
    let mut rest = json;
    let mut name = "";
    while let Some(first) = rest.chars().next() {
        match first {
            '"' => {
                let end = end_of_string(rest);
                let (text, after) = rest.split_at(end);
                if after.starts_with(':') {
                    name = text.trim_matches('"');
                    out.push_str(text);
                } else {
                    out.push_str(&shown(name, text));
                }
                rest = after;
                continue;
            }
            '{' | '[' if rest[1..].starts_with(['}', ']']) => {
                out.push_str(&rest[..2]);
                rest = &rest[2..];
                continue;
            }
            '{' | '[' => {
                depth += 1;
                out.push(first);
                break_line(&mut out, depth);
            }
            '}' | ']' => {
                depth -= 1;
                break_line(&mut out, depth);
                out.push(first);
            }
            ',' => {
                out.push(',');
                break_line(&mut out, depth);
            }
            ':' if name == "oldest_due_age_ms" => {
                out.push_str(": <age>");
                let end = rest.find([',', '}']).expect("an object ends");
                rest = &rest[end..];
                continue;
            }
            ':' => out.push_str(": "),
            other => out.push(other),
        }
        rest = &rest[first.len_utf8()..];
    }
    out
}

fn break_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
}

/// Where a string ends, its quotes included.
fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    panic!("a string without an end: {text}");
}

fn shown(name: &str, text: &str) -> String {
    match name {
        "created_at" | "updated_at" | "occurred_at" => "\"<time>\"".to_owned(),
        "request_id" => "\"<request>\"".to_owned(),
        "next_cursor" => "\"<cursor>\"".to_owned(),
        _ => without_ids(text),
    }
}

fn without_ids(text: &str) -> String {
    let is_id = |at: usize| {
        text.get(at..at + 36).is_some_and(|word| {
            word.bytes().enumerate().all(|(place, byte)| match place {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
        })
    };
    match (0..text.len()).find(|at| is_id(*at)) {
        Some(at) => format!("{}<id>{}", &text[..at], &text[at + 36..]),
        None => text.to_owned(),
    }
}
