//! A whole order as JSON: the one public shape, for every answer, export and outside call.

use domain::{Order, WaitingFor};

use super::contents::{write_contents, write_failure};
use super::value::{
    write_displayed, write_number, write_text, write_text_or_null, write_time_or_null,
};

/// Appends `order` as one JSON object without white space, in the documented order of fields.
pub fn write_order(order: &Order, out: &mut Vec<u8>) {
    out.reserve(512 + order.lines.len() * 96);
    let mut id = [0; 36];
    out.extend_from_slice(b"{\"id\":\"");
    let text = order.id.as_uuid().as_hyphenated().encode_lower(&mut id);
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\",\"external_id\":");
    write_text_or_null(
        order.external_id.as_ref().map(domain::ExternalId::as_str),
        out,
    );
    out.extend_from_slice(b",\"user_id\":");
    write_text(order.user_id.as_str(), out);
    out.extend_from_slice(b",\"source\":\"");
    out.extend_from_slice(order.source.as_str().as_bytes());
    out.extend_from_slice(b"\",\"status\":\"");
    out.extend_from_slice(order.status.as_str().as_bytes());
    out.extend_from_slice(b"\",\"version\":");
    write_number(u64::from(order.version.get()), out);
    out.push(b',');
    write_contents(order, out);
    out.extend_from_slice(b",\"attempt\":");
    write_number(u64::from(order.attempt), out);
    out.extend_from_slice(b",\"failure\":");
    write_failure(order.failure.as_ref(), out);
    out.extend_from_slice(b",\"result\":");
    // Checked and compacted where it came in, so that it is one JSON value on one line.
    out.extend_from_slice(order.result.as_deref().unwrap_or("null").as_bytes());
    out.extend_from_slice(b",\"receipt_key\":");
    write_text_or_null(order.receipt_key.as_deref(), out);
    out.extend_from_slice(b",\"waiting_for\":");
    write_waiting_for(order.waiting_for(), out);
    out.extend_from_slice(b",\"created_at\":\"");
    let created_at = out.len();
    write_displayed(&order.created_at, out);
    let created_at = created_at..out.len();
    out.extend_from_slice(b"\",\"updated_at\":\"");
    if order.updated_at == order.created_at {
        out.extend_from_within(created_at);
    } else {
        write_displayed(&order.updated_at, out);
    }
    out.extend_from_slice(b"\"}");
}

/// Appends `{"what": ..., "until": ...}`, or `null` for an order that waits for nothing.
fn write_waiting_for(waiting_for: Option<WaitingFor>, out: &mut Vec<u8>) {
    let Some(waiting_for) = waiting_for else {
        out.extend_from_slice(b"null");
        return;
    };
    out.extend_from_slice(b"{\"what\":\"");
    out.extend_from_slice(waiting_for.what.as_str().as_bytes());
    out.extend_from_slice(b"\",\"until\":");
    write_time_or_null(waiting_for.until, out);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use domain::{
        Adjustment, AdjustmentKind, Currency, ExternalId, Failure, Label, Line, Metadata, Money,
        Order, OrderId, ProductName, Quantity, ReceiptForm, Sku, Source, Status, Timestamp, UserId,
        Version,
    };

    use super::write_order;
    use crate::write::value::write_text;

    fn order(currency: &str, minor: u64) -> Order {
        let created_at = Timestamp::parse("2026-01-31T12:00:00.000Z").unwrap();
        let user_id = UserId::new("alice \"the\" \\ é 😀 \u{202e}").unwrap();
        let currency = Currency::parse(currency).unwrap();
        Order {
            id: OrderId::new(created_at, &user_id, 7),
            external_id: None,
            user_id,
            source: Source::Api,
            amount: Money::new(minor, currency).unwrap(),
            lines: Arc::from([]),
            adjustments: Arc::from([]),
            metadata: Arc::default(),
            process_after: None,
            created_at,
            receipt: ReceiptForm::default(),
            status: Status::Pending,
            version: Version::FIRST,
            attempt: 0,
            operator_commands: 0,
            failure: None,
            retry_at: None,
            busy_since: None,
            work_done: false,
            result: None,
            receipt_key: None,
            updated_at: created_at,
        }
    }

    fn rendered(order: &Order) -> String {
        let mut out = Vec::new();
        write_order(order, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_full_order_has_every_field_in_the_documented_order() {
        let mut order = order("USD", 29_998);
        order.user_id = UserId::new("alice").unwrap();
        order.id = OrderId::new(order.created_at, &order.user_id, 7);
        order.external_id = Some(ExternalId::new("A-1").unwrap());
        order.lines = Arc::from([
            Line {
                sku: Some(Sku::new("KB-1").unwrap()),
                product_name: ProductName::new("Mechanical Keyboard").unwrap(),
                quantity: Quantity::whole(2).unwrap(),
                unit_price_minor: Some(14_999),
                total_minor: 29_998,
            },
            Line {
                sku: None,
                product_name: ProductName::new("Tea").unwrap(),
                quantity: Quantity::parse("0.485").unwrap(),
                unit_price_minor: None,
                total_minor: 1_000,
            },
        ]);
        order.adjustments = Arc::from([
            Adjustment {
                kind: AdjustmentKind::Discount,
                label: Some(Label::new("SPRING").unwrap()),
                amount_minor: -2_005,
                included: false,
            },
            Adjustment {
                kind: AdjustmentKind::Tax,
                label: None,
                amount_minor: 190,
                included: true,
            },
        ]);
        order.process_after = Some(Timestamp::parse("2026-02-01T00:00:00Z").unwrap());
        let pairs = BTreeMap::from([("note".to_owned(), "a\tb\r\n".to_owned())]);
        order.metadata = Arc::new(Metadata::new(pairs).unwrap());
        order.attempt = 3;
        order.failure = Some(Failure::new("timeout", "no answer"));
        order.result = Some(Arc::from(r#"{"payment":1.10}"#));
        order.receipt_key = Some(Arc::from("receipts/alice/x.txt"));
        order.updated_at = Timestamp::parse("2026-01-31T12:00:01.250Z").unwrap();
        let expected = format!(
            concat!(
                r#"{{"id":"{id}","external_id":"A-1","user_id":"alice","source":"api","status":"PENDING","version":1,"#,
                r#""currency":"USD","amount":299.98,"lines":[{{"sku":"KB-1","product_name":"Mechanical Keyboard","#,
                r#""quantity":2,"unit_price":149.99,"total":299.98}},{{"sku":null,"product_name":"Tea","#,
                r#""quantity":0.485,"unit_price":null,"total":10.00}}],"#,
                r#""adjustments":[{{"kind":"discount","label":"SPRING","amount":-20.05,"included":false}},"#,
                r#"{{"kind":"tax","label":null,"amount":1.90,"included":true}}],"#,
                r#""metadata":{{"note":"a\tb\r\n"}},"process_after":"2026-02-01T00:00:00.000Z","attempt":3,"#,
                r#""failure":{{"code":"timeout","message":"no answer"}},"result":{{"payment":1.10}},"#,
                r#""receipt_key":"receipts/alice/x.txt","waiting_for":{{"what":"process_after","until":"2026-02-01T00:00:00.000Z"}},"#,
                r#""created_at":"2026-01-31T12:00:00.000Z","#,
                r#""updated_at":"2026-01-31T12:00:01.250Z"}}"#
            ),
            id = order.id
        );
        assert_eq!(rendered(&order), expected);
    }

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        for (currency, minor, expected) in [
            ("JPY", 0, "0"),
            ("JPY", 150, "150"),
            ("USD", 5, "0.05"),
            ("USD", Money::MAX_MINOR, "90071992547409.91"),
            ("KWD", 1_002, "1.002"),
            ("CLF", 12_345, "1.2345"),
        ] {
            let json = rendered(&order(currency, minor));
            assert!(json.contains(&format!(r#""amount":{expected},"#)), "{json}");
        }
    }

    #[test]
    fn hostile_texts_come_back_as_they_were() {
        let text: String = (0..=0x2100).filter_map(char::from_u32).collect();
        let mut out = Vec::new();
        write_text(&text, &mut out);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        let order = order("USD", 1);
        let json: serde_json::Value = serde_json::from_str(&rendered(&order)).unwrap();
        assert_eq!(json["user_id"], order.user_id.as_str());
        assert_eq!(json["updated_at"], json["created_at"]);
    }
}
