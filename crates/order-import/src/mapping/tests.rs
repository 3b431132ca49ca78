//! Mappings that are right, and what is said of those that are wrong.

use super::{Field, Mapping, Origin};

const GOOD: &str = "currency = \"GBP\"\n[order]\nexternal_id = \"No\"\nuser_id = { column = \"C\", when_empty = \"guest\" }\n\
    [line]\nproduct_name = [\"D\", \"S\"]\nquantity = \"Q\"\nunit_price = \"P\"\n";

fn faults(text: &str) -> Vec<String> {
    let faults = Mapping::parse(text).unwrap_err();
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn the_bundled_mapping_is_good() {
    let text = include_str!("../../../../examples/online-retail.toml");
    let mapping = Mapping::parse(text).unwrap();
    assert_eq!(mapping.order.source, Some(Field::fixed("import")));
    assert_eq!(mapping.columns().len(), 8);
}

#[test]
fn a_fault_is_named_with_its_line_and_the_nearest_key() {
    assert!(Mapping::parse(GOOD).is_ok());
    for (from, to, part) in [
        ("unit_price", "unit_prise", "did you mean unit_price?"),
        (
            "column =",
            "colunm =",
            "line 4: order.user_id.colunm is not a known key; did you mean column?",
        ),
        ("when_empty", "when_emtpy", "did you mean when_empty?"),
        (
            "currency = \"GBP\"",
            "curency = \"GBP\"",
            "line 1: curency is not a known key; did you mean currency?",
        ),
        ("\"GBP\"", "\"GPB\"", "line 1: currency is not an ISO 4217"),
        ("\"GBP\"", "\"gbp\"", "did you mean GBP?"),
        ("currency = \"GBP\"", "", "needs currency"),
        ("user_id =", "usr_id =", "did you mean user_id?"),
        (
            "quantity = \"Q\"",
            "quantity = 5",
            "line 7: line.quantity must be a column in quotes",
        ),
        (
            "quantity = \"Q\"",
            "quantity = { column = \"Q\", value = \"1\" }",
            "stands alone",
        ),
        (
            "quantity = \"Q\"",
            "quantity = { column = \"Q\", columns = [\"P\"] }",
            "exactly one of",
        ),
        (
            "quantity = \"Q\"",
            "quantity = { template = \"{Q\" }",
            "in braces",
        ),
        (
            "quantity = \"Q\"",
            "quantity = []",
            "a list of at least one",
        ),
        (
            "[order]",
            "delimiter = \";;\"\n[order]",
            "delimiter must be",
        ),
        (
            "[order]",
            "thousands = \".\"\n[order]",
            "set decimal = \",\" too",
        ),
        (
            "[order]",
            "skip_lines = 2\nheader_contains = \"No\"\n[order]",
            "cannot stand beside skip_lines",
        ),
        (
            "[order]",
            "encoding = \"latin-9\"\n[order]",
            "line 2: encoding",
        ),
        (
            "[order]",
            "expect = { sum = 1.5 }\n[order]",
            "a decimal in quotes",
        ),
        (
            "[order]",
            "round = \"up\"\n[order]",
            "round must be \"half_even\"",
        ),
        (
            "[line]",
            "amount_tolerance = \"0.01\"\n[line]",
            "needs order.amount",
        ),
        (
            "[line]",
            "created_at = { column = \"T\", format = \"%Y-%m-%d\" }\n[line]",
            "needs zone or zone_column",
        ),
        (
            "[line]",
            "created_at = { column = \"T\", format = \"%Y-%q\", zone = \"UTC\" }\n[line]",
            "line 5: order.created_at.format \"%Y-%q\"",
        ),
        (
            "[line]",
            "created_at = { column = \"T\", zone = \"Europe/Londen\" }\n[line]",
            "is not a time zone",
        ),
        (
            "[line]",
            "[status]\ncolumn = \"S\"\nmap = { paid = \"processed\" }\n[line]",
            "needs order.created_at",
        ),
        (
            "[line]",
            "[status]\ncolumn = \"S\"\nmap = { paid = \"done\" }\n[line]",
            "status.map.paid must be \"processed\"",
        ),
        (
            "[line]",
            "[[adjustment]]\nkind = \"discounts\"\namount = \"D\"\n[line]",
            "adjustment[1].kind must be one of discount,",
        ),
        (
            "[line]",
            "[[adjustment]]\nkind = \"fee\"\n[line]",
            "adjustment[1].amount is required",
        ),
        (
            "[line]",
            "[[adjustment]]\nkind = \"fee\"\namount = \"F\"\nincluded = true\n[line]",
            "kind = \"tax\" alone",
        ),
        ("external_id = \"No\"", "", "order.external_id"),
        ("[line]", "[line", "line 5: "),
    ] {
        let text = GOOD.replace(from, to);
        let text = if from.starts_with("external_id") {
            format!("rows = \"anywhere\"\n{text}")
        } else {
            text
        };
        let found = faults(&text);
        assert!(
            found.iter().any(|fault| fault.contains(part)),
            "{part} is not in {found:#?}"
        );
    }
}

#[test]
fn all_faults_are_reported_at_once_by_line() {
    let text = "currency = \"GPB\"\ndecimal = \";\"\nrow = \"anywhere\"\n[order]\nuser_id = 7\nexternal = \"x\"\n[line]\nproduct_name = \"n\"\n";
    let found = faults(text);
    let lines: Vec<&str> = found.iter().map(|fault| &fault[..7]).collect();
    assert_eq!(
        lines,
        [
            "line 1:", "line 2:", "line 3:", "line 5:", "line 6:", "line 7:", "line 7:"
        ],
        "{found:#?}"
    );
}

#[test]
fn every_form_of_a_field_is_read_and_columns_are_named_once() {
    let text = "currency = \"USD\"\nnull = \"--\"\n[only]\n\"Type\" = [\"Order\", \"\"]\n[skip]\n\"No\" = \"not blank\"\n\
        [order]\nuser_id = { template = \"{First} {{x}} {Last}\", case = \"lower\" }\namount = [\"Total\", \"First\"]\n\
        source = { column = \"Via\", map = { web = \"web\", \"Point of sale\" = \"pos\" }, otherwise = \"import\" }\n\
        metadata = { note = \"Note\" }\ncreated_at = { template = \"{Day} {Time}\", format = [\"%d/%m/%y %H:%M\", \"excel\"], zone = \"Romance Standard Time\", zone_column = \"Zone\" }\n\
        [[status]]\ncolumn = \"Cancelled\"\nmap = { \"Not blank\" = \"cancelled\" }\n[[status]]\ncolumn = \"Status\"\nmap = { Paid = \"processed\" }\notherwise = \"skip\"\n\
        [[adjustment]]\nkind = { column = \"Kind\" }\namount = \"Adj\"\nincluded = { column = \"Inc\" }\n";
    let mapping = Mapping::parse(text).unwrap();
    let columns = mapping.columns().join(",");
    assert_eq!(
        columns,
        "Type,No,First,Last,Via,Total,Day,Time,Zone,Note,Kind,Adj,Inc,Cancelled,Status"
    );
    assert!(matches!(&mapping.order.user_id.origin, Origin::Template(pieces) if pieces.len() == 3));
    assert!(
        mapping.only[0].matches(" ORDER ")
            && mapping.only[0].matches("")
            && !mapping.only[0].matches("Refund")
    );
    assert!(mapping.skip[0].matches("x") && !mapping.skip[0].matches(" "));
}
