//! A page of a list. Each order stays the text that the server sent, so that it can be passed on as it is.

use super::object::{AnswerError, Object};

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPage<'a> {
    /// The orders, each as it is written.
    pub data: Vec<&'a str>,
    /// Whether there may be more.
    pub has_more: bool,
    /// Where the next page goes on.
    pub next_cursor: Option<String>,
}

impl<'a> OrderPage<'a> {
    /// Reads an answer that is a page.
    ///
    /// # Errors
    /// If it is not JSON, or a member is missing or of another type. The orders are not read.
    pub fn read(text: &'a [u8]) -> Result<Self, AnswerError> {
        let page = Object::read(text, String::new())?;
        Ok(Self {
            data: page.elements("data")?,
            has_more: page.boolean("has_more")?,
            next_cursor: page.optional_text("next_cursor")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::OrderPage;

    #[test]
    fn orders_stay_as_they_are_written() {
        let text = br#"{"data":[{"amount":1.50}, {"amount" : 2}],"has_more":true,"next_cursor":"c","total":2}"#;
        let page = OrderPage::read(text).unwrap();
        assert_eq!(page.data, [r#"{"amount":1.50}"#, r#"{"amount" : 2}"#]);
        assert_eq!(
            (page.has_more, page.next_cursor.as_deref()),
            (true, Some("c"))
        );
        let last = br#"{"data":[],"has_more":false,"next_cursor":null}"#;
        let last = OrderPage::read(last).unwrap();
        assert_eq!((last.data.len(), last.next_cursor), (0, None));
    }

    #[test]
    fn what_is_no_page_is_refused_with_its_pointer() {
        for (text, expected) in [
            (
                "[]",
                "is not valid: The value is not an object at line 1, column 1.",
            ),
            (r#"{"has_more":false}"#, "/data is missing"),
            (r#"{"data":{},"has_more":false}"#, "/data must be an array"),
            (
                r#"{"data":[],"has_more":"no"}"#,
                "/has_more must be a boolean",
            ),
            (
                r#"{"data":[],"has_more":true,"next_cursor":1}"#,
                "/next_cursor must be a string",
            ),
        ] {
            let refused = OrderPage::read(text.as_bytes()).unwrap_err().to_string();
            assert_eq!(refused, expected, "{text}");
        }
    }
}
