//! `--suggest`: the mapping that is guessed for a file can be read as it is, and says what the file holds.

use std::io::Write as _;
use std::path::Path;

use order_import::Mapping;
use order_import::suggest::suggest;
use proptest::prelude::*;

use crate::support::{case, import};

/// The suggestion for a file, which must be a mapping, without the path of this machine.
fn suggestion(path: &Path) -> String {
    let text = suggest(path).unwrap();
    if let Err(faults) = Mapping::parse(&text) {
        panic!("{faults:?}\n{text}");
    }
    text.replace(&path.display().to_string(), "FILE")
}

fn of_text(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    std::fs::write(&path, bytes).unwrap();
    suggestion(&path)
}

#[test]
fn shopify() {
    insta::assert_snapshot!(suggestion(&case("shopify.csv")));
}

#[test]
fn woocommerce() {
    insta::assert_snapshot!(suggestion(&case("woocommerce.csv")));
}

#[test]
fn currency_signs() {
    insta::assert_snapshot!(suggestion(&case("currency_signs.csv")));
}

#[test]
fn preamble() {
    insta::assert_snapshot!(suggestion(&case("preamble.csv")));
}

#[test]
fn semicolons_and_windows_1252() {
    insta::assert_snapshot!(suggestion(&case("semicolon_windows_1252.csv")));
}

#[test]
fn rows_apart() {
    insta::assert_snapshot!(suggestion(&case("rows_apart.csv")));
}

#[test]
fn amazon_orders() {
    insta::assert_snapshot!(suggestion(&case("amazon_orders.txt")));
}

#[test]
fn online_retail() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/online-retail/2010-12-01.csv");
    insta::assert_snapshot!(suggestion(&path));
}

#[test]
fn a_suggestion_as_it_is_takes_every_order_of_the_case_files() {
    for file in [
        "shopify.csv",
        "woocommerce.csv",
        "preamble.csv",
        "semicolon_windows_1252.csv",
        "rows_apart.csv",
    ] {
        import(&suggest(&case(file)).unwrap(), &case(file)).expect(file);
    }
}

#[test]
fn what_could_be_meant_in_two_ways_is_said_to_be_so() {
    let text = of_text(b"Order No;Customer;Date;Item;Qty;Price\n1;anna;01/02/2026;Wine;2;1,234\n");
    assert!(
        text.contains("# \"1,234\" can be meant in two ways"),
        "{text}"
    );
    assert!(
        text.contains("# Day and month can be meant either way"),
        "{text}"
    );
    let text = of_text(b"Order No;Customer;Date;Item;Qty;Price\n1;anna;31/12/2026;Wine;2;1,234\n2;ben;01/02/2026;Rum;1;9,50\n");
    assert!(
        !text.contains("either way") && !text.contains("two ways"),
        "{text}"
    );
    assert!(
        text.contains("format = \"%d/%m/%Y\"") && text.contains("decimal = \",\""),
        "{text}"
    );
}

#[test]
fn a_price_of_the_whole_line_and_a_tax_within_the_prices_are_found_by_the_sum() {
    let text = of_text(
        b"Order No,Customer,Item,Qty,Price,Tax,Shipping,Total\n1,anna,Mug,2,10.00,1.60,4.00,14.00\n2,ben,Mug,3,15.00,2.40,4.00,19.00\n",
    );
    assert!(
        text.contains("total = \"Price\"   # of the whole line: so the first orders add up"),
        "{text}"
    );
    assert!(
        text.contains("included = true   # the prices contain it"),
        "{text}"
    );
    let text = of_text(b"Order No,Customer,Item,Qty,Price,Total\n1,anna,Mug,2,10.00,21.00\n");
    assert!(
        text.contains("# <- none of the first 1 orders adds up to it"),
        "{text}"
    );
    assert!(text.contains("write total instead of unit_price"), "{text}");
}

#[test]
fn german_french_and_portuguese_files_are_understood() {
    let german = "Bestellnummer;Kunde;Bestelldatum;Artikel;Menge;Einzelpreis;Versandkosten;Gesamtsumme\n\
        A1;Jürgen;31.01.2026 09:05;Schräubchen;1.000;0,05 €;4,90 €;54,90 €\n";
    let text = of_text(german.as_bytes());
    for part in [
        "external_id = \"Bestellnummer\"",
        "user_id = \"Kunde\"",
        "format = \"%d.%m.%Y %H:%M\"",
        "decimal = \",\"",
        "thousands = \".\"",
        "currency = \"EUR\"   # guessed",
        "1 of the first 1 orders add up",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let french = "Numéro de commande\tCourriel\tDate de commande\tProduit\tQté\tPrix unitaire\tFrais de port\tStatut\n\
        7\ta@b.fr\t05/01/2026\tSavon\t2\t3,50\t4,00\tExpédiée\n8\tc@d.fr\t31/01/2026\tSel\t1\t2,00\t4,00\tOubliée\n";
    let text = of_text(french.as_bytes());
    for part in [
        "user_id = \"Courriel\"",
        "product_name = \"Produit\"",
        "\"Expédiée\" = \"processed\"",
        "refused: \"Oubliée\"",
        "kind = \"shipping\"",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let portuguese = "Número do pedido;E-mail do cliente;Data da venda;Produto;Quantidade;Preço unitário;Desconto;Valor total\n\
        9;a@b.br;31/01/2026;Café;2;R$ 10,00;R$ 1,00;R$ 19,00\n";
    let text = of_text(portuguese.as_bytes());
    for part in [
        "currency = \"BRL\"",
        "kind = \"discount\"",
        "1 of the first 1 orders add up",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn dates_and_times_in_two_columns_are_joined_with_the_zone_of_a_third() {
    let text = of_text(
        b"Date,Time,Time Zone,Item,Qty,Gross Sales,Discounts,Tax,Transaction ID,Customer ID\n\
          2026-07-18,12:59:30,Eastern Time (US & Canada),Mug,1.0,$8.00,$0.00,$0.66,T1,C1\n",
    );
    assert!(
        text.contains(
            "created_at = { template = \"{Date} {Time}\", format = \"%Y-%m-%d %H:%M:%S\", zone_column = \"Time Zone\" }"
        ),
        "{text}"
    );
    assert!(
        text.contains("total = \"Gross Sales\"") && text.contains("currency = \"USD\""),
        "{text}"
    );
}

#[test]
fn a_file_of_which_nothing_is_recognised_still_gets_a_mapping_to_fill_in() {
    let text = of_text(b"colour,\"weight \"\"kg\"\"\",{x},\"a\nb\"\nred,1,2,3\nblue,2,,\x07\n");
    for part in [
        "amount = \"COLUMN\"   # <-",
        "user_id = { value = \"guest\" }   # <-",
        "# external_id = \"COLUMN\"",
        "#   \"weight \\\"kg\\\"\": such as 1",
        "#   \"a b\": such as 3",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn gzip_json_and_spreadsheets_are_looked_at_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let csv = std::fs::read(case("shopify.csv")).unwrap();
    let gzip = folder.path().join("orders.csv.gz");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&csv).unwrap();
    std::fs::write(&gzip, packed.finish().unwrap()).unwrap();
    assert_eq!(suggestion(&gzip), suggestion(&case("shopify.csv")));

    let json = of_text(
        b"{\"order_id\":\"1\",\"email\":\"a@b\",\"total\":\"5.00\",\"currency\":\"EUR\"}\n{\"order_id\":\"2\",\"email\":\"c@d\"}\n",
    );
    assert!(
        json.contains("external_id = \"order_id\"") && json.contains("amount = \"total\""),
        "{json}"
    );

    let sheet = folder.path().join("orders.xlsx");
    let mut book = rust_xlsxwriter::Workbook::new();
    let page = book.add_worksheet();
    page.write(0, 0, "Sales of January").unwrap();
    for (column, name) in ["Order No", "Customer", "Item", "Qty", "Price"]
        .into_iter()
        .enumerate()
    {
        let column = u16::try_from(column).unwrap();
        page.write(2, column, name).unwrap();
        page.write(3, column, "7").unwrap();
    }
    book.save(&sheet).unwrap();
    let text = suggestion(&sheet);
    assert!(
        text.contains("header_contains = [\"Order No\", \"Customer\", \"Item\"]")
            && text.contains("unit_price = \"Price\""),
        "{text}"
    );
}

#[test]
fn a_file_that_holds_nothing_or_something_else_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    std::fs::write(&path, "\n\n").unwrap();
    assert!(
        suggest(&path)
            .unwrap_err()
            .to_string()
            .ends_with("has no rows; give a file that has at least a heading")
    );
    std::fs::write(&path, "%PDF-1.7").unwrap();
    assert!(suggest(&path).unwrap_err().to_string().contains("PDF"));
    assert!(
        suggest(&folder.path().join("absent.csv"))
            .unwrap_err()
            .to_string()
            .starts_with("cannot read")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_suggestion_is_a_mapping_whatever_the_file_holds(
        heading in prop::collection::vec(
            prop_oneof![
                prop::sample::select(vec![
                    "Order No", "Name", "Email", "Date", "Time", "Status", "Cancelled at", "SKU", "Item", "Qty", "Price",
                    "Total", "Line total", "Tax", "Discount", "Shipping", "Currency", "Time zone", "Notes",
                ]).prop_map(str::to_owned),
                "[a-z\"'{}#=\\\\.\t é\u{7f}]{0,6}",
            ],
            1..12,
        ),
        rows in prop::collection::vec(
            prop::collection::vec(
                prop_oneof![
                    prop::sample::select(vec!["", "--", "1,234", "5.00", "-$5", "1.234,50 €", "2026-01-31", "01/02/26", "paid"])
                        .prop_map(str::to_owned),
                    "[0-9a-z\"'{}#=\\\\., é\u{1}]{0,6}",
                ],
                1..12,
            ),
            0..6,
        ),
    ) {
        let cell = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let row = |cells: &Vec<String>| cells.iter().map(cell).collect::<Vec<_>>().join(",") + "\n";
        let text = row(&heading) + &rows.iter().map(row).collect::<String>();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.csv");
        std::fs::write(&path, &text).unwrap();
        if let Ok(suggested) = suggest(&path) {
            let mapping = Mapping::parse(&suggested);
            prop_assert!(mapping.is_ok(), "{text}\n{suggested}\n{:?}", mapping.err());
        }
    }
}
