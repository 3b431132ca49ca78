//! The six files of `tests/cases`, cell by cell.

use std::path::Path;

use order_import::files::{FileLayout, Heading, Input, Limits, OrderFile, encoding_for};

use crate::reading::{cells, read, texts};

fn case(name: &str, layout: &FileLayout) -> OrderFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cases")
        .join(name);
    OrderFile::open(&Input::new(&path), layout, &Limits::default()).unwrap()
}

/// Splits by a delimiter that is in no cell.
fn split(row: &str) -> Vec<String> {
    texts(&row.split(',').collect::<Vec<_>>())
}

#[test]
fn shopify_has_cells_of_several_lines_and_doubled_quotes() {
    let rows = cells(&case("shopify.csv", &FileLayout::default()));
    let heading = "Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,\
        Discount Amount,Shipping Method,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Notes,\
        Note Attributes,Cancelled at,Payment Method,Refunded Amount,Phone,Tags,Source,Lineitem discount";
    assert_eq!(rows[0], split(heading));
    let mut first = split(
        "#1001,ada@example.com,paid,,,USD,1600.00,100.00,0.00,1700.00,SPRING,400.00,,2026-04-05 21:06:21 +0400,1,\
         ?,1400.00,DESK-140,,?,,,,,,web,",
    );
    first[15] = "Walnut Desk, 140 cm".to_owned();
    first[19] = "gift: yes\nfloor: 3\nlift: no".to_owned();
    assert_eq!(rows[1], first);
    assert_eq!(
        rows[2],
        split(
            "#1001,ada@example.com,,,,,,,,,,,,2026-04-05 21:06:21 +0400,2,Desk Lamp,300.00,LAMP-1,,,,,,,,,"
        )
    );
    assert_eq!(
        rows[3],
        split(
            "#1002,,pending,,,USD,24.00,0.00,1.92,25.92,,0.00,,2026-04-06 08:00:00 +0400,3,Pencil \"HB\",8.00,,,,,,,\
             +15550100,,pos,"
        )
    );
    assert_eq!(
        rows[4],
        split(
            "#1003,bob@example.com,refunded,,,USD,10.00,5.00,0.00,15.00,,0.00,,2026-04-06 09:30:00 +0400,1,Mug,10.00,,,,\
             2026-04-07 10:00:00 +0400,,15.00,,,web,"
        )
    );
    assert_eq!(
        rows[5],
        split(
            "#1004,cy@example.com,paid,,,USD,0.00,0.00,0.00,0.00,FREE,19.99,,2026-04-06 11:00:00 +0400,1,Sampler box,\
             19.99,,,,,,,,,web,"
        )
    );
    assert_eq!(rows.len(), 6);
}

#[test]
fn a_cell_of_several_lines_is_one_row_of_the_file() {
    let (_, rows) = read(&case("shopify.csv", &FileLayout::default()), &[]);
    assert_eq!(
        rows.iter().map(|row| row.number).collect::<Vec<_>>(),
        [2, 3, 4, 5, 6]
    );
}

#[test]
fn woocommerce_begins_with_a_byte_order_mark() {
    let rows = cells(&case("woocommerce.csv", &FileLayout::default()));
    let expected = [
        "order_number,order_date,status,order_currency,shipping_total,tax_total,discount_total,order_total,\
         customer_email,product_name,sku,quantity,item_total",
        "5001,2026-04-26 21:32:57,completed,EUR,4.90,0.00,0.00,69.90,dora@example.com,Linen Shirt,SH-1,2,65.00",
        "5002,2026-04-26 22:10:00,processing,EUR,0,3.20,5.00,18.20,emil@example.com,Tea Sampler,TEA-3,3,20.00",
        "5003,2026-04-27 07:00:00,completed,EUR,4.90,0,0,52.90,fay@example.com,Apron,AP-1,1,28.00",
        "5003,2026-04-27 07:00:00,completed,EUR,,,,,fay@example.com,Oven glove,OG-1,1,20.00",
        "5004,2026-04-27 08:00:00,cancelled,EUR,0,0,0,9.00,gus@example.com,Spoon,SP-1,1,9.00",
    ];
    assert_eq!(rows, expected.map(split));
}

#[test]
fn semicolons_and_windows_1252_are_read_as_they_are() {
    let encoding = Some(encoding_for("windows-1252").unwrap());
    let rows = cells(&case(
        "semicolon_windows_1252.csv",
        &FileLayout {
            encoding,
            ..FileLayout::default()
        },
    ));
    let expected = [
        "Número de orden;Email;Fecha;Moneda;Subtotal de productos;Descuento;Costo de envío;Total;Nombre del producto;\
         Precio del producto;Cantidad del producto;SKU",
        "7001;iñaki@example.com;20/12/2025 10:00:00;ARS;1000,00;0,00;500,00;1500,00;Buzo gris año nuevo;1000,00;1;BZ-1",
        "7002;jose@example.com;20/12/2025 23:59:59;ARS;114.938,97;-2500,00;0,00;112.438,97;Campera ñandú;37489,99;3;CP-3",
        "7002;jose@example.com;;;;;;;Gorro;1.234,50;2;=\"00123\"",
    ];
    assert_eq!(
        rows,
        expected.map(|row| texts(&row.split(';').collect::<Vec<_>>()))
    );
}

#[test]
fn the_heading_below_a_preamble_is_found_by_its_columns_or_by_lines() {
    let expected = [
        "Transaction creation date|Type|Order number|Buyer username|Net amount|Payout currency|Item title|Custom label|\
         Quantity|Item subtotal|Shipping and handling|eBay collected tax|Gross transaction amount",
        "Sep 5, 2026|Order|12-00000-00001|buyer_one|21.46|USD|Fern Print|FERN-1|1|20.00|5.00|1.60|26.60",
        "Sep 5, 2026|Order|12-00000-00002|buyer_two|40.10|USD|||--|--|--|--|45.00",
        "Sep 5, 2026|Order|12-00000-00002|buyer_two|--|USD|Mug|MUG-1|2|40.00|5.00|0|45.00",
        "Sep 6, 2026|Shipping label|||-4.10|USD|||||||",
        "Sep 22, 2026|Payout|||-57.46|USD|||||||",
    ]
    .map(|row| texts(&row.split('|').collect::<Vec<_>>()));
    for heading in [
        Heading::Contains(texts(&["Order number", "Type"])),
        Heading::AfterLines(4),
        Heading::AfterLines(3),
    ] {
        let file = case(
            "preamble.csv",
            &FileLayout {
                heading: heading.clone(),
                ..FileLayout::default()
            },
        );
        assert_eq!(cells(&file), expected, "{heading:?}");
        assert_eq!(read(&file, &[]).1[0].number, 6);
    }
}

#[test]
fn currency_signs_are_left_to_the_reader_of_amounts() {
    let rows = cells(&case("currency_signs.csv", &FileLayout::default()));
    let expected = [
        "Sale Date;Item Name;Buyer;Quantity;Price;Discount Amount;Order Shipping;Order Sales Tax;Item Total;Currency;Order ID",
        "08/14/25;Fox | Greeting Card;buyer42;2;$5.00;;$4.50;$0.62;$10.00;USD;#3001",
        "08/14/25;Fox | Sticker;buyer42;1;$3.00;;$0.00;$0.00;$3.00;USD;#3001",
        "09/02/25;Bear | Greeting Card;buyer7;1;$5.00;$0.50;$4.50;$0.00;$5.00;USD;#3002",
        "09/24/26;Botanical Print, Vintage;Kim;1;$1,216.00;$0.00;$0.00;$1.08;$1,216.00;USD;3812345671",
    ];
    assert_eq!(
        rows,
        expected.map(|row| texts(&row.split(';').collect::<Vec<_>>()))
    );
}

#[test]
fn rows_apart_stay_in_the_order_of_the_file() {
    let rows = cells(&case("rows_apart.csv", &FileLayout::default()));
    let expected = [
        "no,user,sku,name,qty,price",
        "O1,anna,A,Apple,1,1.00",
        "O2,bea,B,Bread,1,2.00",
        "O1,anna,C,Cheese,1,3.00",
        "O3,cleo,A,Apple,1,1.00",
        "O4,dora,B,Bread,1,2.00",
        "O3,cleo,A,Apple,1,1.00",
    ];
    assert_eq!(rows, expected.map(split));
}
