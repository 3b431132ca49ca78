//! The presets: each is a mapping, found by its name, and fits the heading of the file that it is for.

use std::path::Path;

use order_import::Mapping;
use order_import::files::{Input, Limits, OrderFile};
use order_import::presets::{self, Preset};

use crate::support::{Imported, case, import};

fn mapping(preset: &Preset) -> Mapping {
    Mapping::parse(preset.text).unwrap_or_else(|faults| panic!("{}: {faults:?}", preset.name))
}

fn of_preset(name: &str, file: &str) -> Imported {
    import(presets::find(name).unwrap().text, &case(file))
}

#[test]
fn every_order_of_the_case_files_comes_out_as_expected_with_its_preset() {
    for (name, file) in [
        ("shopify", "shopify.csv"),
        ("woocommerce", "woocommerce.csv"),
        ("etsy", "currency_signs.csv"),
        ("ebay", "preamble.csv"),
        ("tiendanube", "semicolon_windows_1252.csv"),
    ] {
        let imported = of_preset(name, file);
        assert_eq!(imported.skipped, 0, "{name}");
        imported.expect(file);
    }
}

#[test]
fn orders_of_shops_keep_their_adjustments_times_and_notes() {
    let shopify = of_preset("shopify", "shopify.csv").orders;
    insta::assert_snapshot!("shopify_first_order", shopify["#1001"].json);
    let tiendanube = of_preset("tiendanube", "semicolon_windows_1252.csv").orders;
    insta::assert_snapshot!("tiendanube_second_order", tiendanube["7002"].json);
    let ebay = of_preset("ebay", "preamble.csv").orders;
    insta::assert_snapshot!("ebay_first_order", ebay["12-00000-00001"].json);
}

#[test]
fn amazon_items_of_one_order_are_joined_and_cancelled_ones_left_out() {
    let Imported { orders, faults, .. } = of_preset("amazon-orders", "amazon_orders.txt");
    assert_eq!(faults, Vec::<String>::new());
    let lines: Vec<String> = orders.values().map(|ready| ready.json.clone()).collect();
    insta::assert_snapshot!("amazon_orders", lines.join("\n"));
}

#[test]
fn the_online_retail_preset_takes_the_good_orders_of_a_day_and_names_the_faulty_rows() {
    let day =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/online-retail/2010-12-01.csv");
    let text = presets::find("online-retail").unwrap().text;
    let Imported {
        orders,
        faults,
        skipped,
    } = import(text, &day);
    assert_eq!(skipped, 0);
    assert!(
        orders.len() > 100 && !faults.is_empty(),
        "{} {}",
        orders.len(),
        faults.len()
    );
    assert_eq!(orders["536365"].order.amount.to_string(), "139.12");
}

const EXPORT: &str = r#"order_id,external_id,user_id,source,status,version,currency,amount,row,sku,product_name,quantity,unit_price,total,adjustment_kind,adjustment_label,adjustment_amount,adjustment_included,metadata,process_after,attempt,failure_code,failure_message,result,receipt_key,waiting_for,waiting_until,created_at,updated_at
0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11,'=1+1,'+15550100,web,PENDING,1,USD,285.98,line,'-KB,Keyboard,2,149.99,299.98,,,,,"{""note"":""=x\n'@y""}",2026-02-01T00:00:00.000Z,0,,,,,process_after,2026-02-01T00:00:00.000Z,2026-01-31T12:00:00.000Z,2026-01-31T12:00:00.000Z
0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11,'=1+1,'+15550100,web,PENDING,1,USD,285.98,line,,"''@home, ""soft""",0.485,,0.00,,,,,"{""note"":""=x\n'@y""}",2026-02-01T00:00:00.000Z,0,,,,,process_after,2026-02-01T00:00:00.000Z,2026-01-31T12:00:00.000Z,2026-01-31T12:00:00.000Z
0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11,'=1+1,'+15550100,web,PENDING,1,USD,285.98,adjustment,,,,,,discount,'-SPRING,-14.00,false,"{""note"":""=x\n'@y""}",2026-02-01T00:00:00.000Z,0,,,,,process_after,2026-02-01T00:00:00.000Z,2026-01-31T12:00:00.000Z,2026-01-31T12:00:00.000Z
0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11,'=1+1,'+15550100,web,PENDING,1,USD,285.98,adjustment,,,,,,discount,'-SPRING,0.00,false,"{""note"":""=x\n'@y""}",2026-02-01T00:00:00.000Z,0,,,,,process_after,2026-02-01T00:00:00.000Z,2026-01-31T12:00:00.000Z,2026-01-31T12:00:00.000Z
0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c11,'=1+1,'+15550100,web,PENDING,1,USD,285.98,adjustment,,,,,,tax,,6.00,true,"{""note"":""=x\n'@y""}",2026-02-01T00:00:00.000Z,0,,,,,process_after,2026-02-01T00:00:00.000Z,2026-01-31T12:00:00.000Z,2026-01-31T12:00:00.000Z
0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c12,,anna,api,FAILED,4,JPY,500,order,,,,,,,,,,{},,2,refused,'-1 left,,,operator,,2026-01-30T12:00:00.000Z,2026-01-31T12:00:00.000Z
0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c12,,anna,api,FAILED,4,JPY,500,adjustment,,,,,,tip,thanks,20,false,{},,2,refused,'-1 left,,,operator,,2026-01-30T12:00:00.000Z,2026-01-31T12:00:00.000Z
0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c13,E-3,anna,pos,PROCESSED,3,EUR,5.00,order,,,,,,,,,,"{""a"":""1"",""b"":"" two ""}",2026-01-30T13:00:00.000Z,1,,,,,,,2026-01-30T12:00:00.123Z,2026-01-31T12:00:00.000Z
0199b0a2-7c1e-7d42-8f5a-0d6f0a9b3c14,E-4,ben,mobile,CANCELLED,2,EUR,1.00,line,,Cup,3,0.33,1.00,,,,,{},,0,,,,,,,2026-01-30T12:00:00.000Z,2026-01-31T12:00:00.000Z
"#;

#[test]
fn files_without_a_mapping_are_our_own_export_or_orders_as_json_or_refused_with_what_fits() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Input::new(&path)
    };
    let own = write("own.csv", &format!("\u{feff}{EXPORT}"));
    let empty = write("empty.csv", "\n");
    let json = write("orders.ndjson", "{\"user_id\":\"a\",\"amount\":1}\n");
    let other = write("till.csv", "user,amount\na,1.00\n");
    let name_of = |files: &[&Input]| {
        let files: Vec<Input> = files.iter().map(|file| (*file).clone()).collect();
        presets::of_files(&files).map(|preset| preset.map(|preset| preset.name))
    };
    assert_eq!(name_of(&[&own]).unwrap(), Some("ordermill"));
    assert_eq!(name_of(&[&empty, &own]).unwrap(), Some("ordermill"));
    assert_eq!(name_of(&[&json]).unwrap(), None);
    assert_eq!(name_of(&[&Input::Standard]).unwrap(), None);
    let refused = name_of(&[&other]).unwrap_err().to_string();
    assert!(
        refused.contains("--mapping FILE or --preset NAME") && refused.contains("--suggest"),
        "{refused}"
    );
    let shopify = Input::new(&case("shopify.csv"));
    let refused = name_of(&[&shopify]).unwrap_err().to_string();
    assert!(
        refused.ends_with("it has all columns of --preset shopify"),
        "{refused}"
    );
    let absent = Input::new(&folder.path().join("absent.csv"));
    assert_eq!(name_of(&[&absent]).unwrap(), None, "opening it says why");
}

#[test]
fn our_own_export_comes_in_again_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    std::fs::write(&path, EXPORT).unwrap();
    let Imported {
        orders,
        faults,
        skipped,
    } = import(presets::find("ordermill").unwrap().text, &path);
    assert_eq!((faults, skipped), (Vec::new(), 0));
    let rows: Vec<String> = orders.values().map(|ready| ready.json.clone()).collect();
    insta::assert_snapshot!("own_export", rows.join("\n"));
    assert!(orders.values().all(|ready| ready.is_repeatable));
}

#[test]
fn every_preset_is_a_mapping_and_is_found_by_its_name_in_any_case() {
    for preset in presets::all() {
        mapping(preset);
        assert_eq!(presets::find(preset.name), Some(preset));
        assert_eq!(
            presets::find(&preset.name.to_uppercase()),
            Some(preset),
            "{}",
            preset.name
        );
        assert!(!preset.title.is_empty());
    }
    let names: Vec<&str> = presets::all().iter().map(|preset| preset.name).collect();
    assert!(
        names.is_sorted() && names.len() == 8,
        "listed by name: {names:?}"
    );
}

#[test]
fn a_mistyped_name_has_a_nearest_one_and_nonsense_has_none() {
    assert_eq!(presets::find("shopfy"), None);
    assert_eq!(presets::nearest("shopfy"), Some("shopify"));
    assert_eq!(presets::nearest("WooComerce"), Some("woocommerce"));
    assert_eq!(presets::nearest("qqqq"), None);
}

#[test]
fn a_preset_finds_all_its_columns_in_the_file_that_it_is_for() {
    for (name, file) in [
        ("shopify", "shopify.csv"),
        ("woocommerce", "woocommerce.csv"),
        ("etsy", "currency_signs.csv"),
        ("ebay", "preamble.csv"),
        ("tiendanube", "semicolon_windows_1252.csv"),
        ("amazon-orders", "amazon_orders.txt"),
    ] {
        let mapping = mapping(presets::find(name).unwrap());
        let input = Input::new(&case(file));
        let file = OrderFile::open(&input, &mapping.layout, &Limits::default()).unwrap();
        let rows = file.rows(mapping.columns()).unwrap().unwrap();
        let columns = rows.columns().to_vec();
        for column in mapping.columns() {
            assert!(columns.contains(column), "{name}: {column}");
        }
        assert_eq!(presets::of_columns(&columns).unwrap().name, name);
    }
}

#[test]
fn our_own_export_is_known_by_its_heading_and_no_other_file_is() {
    let heading = "order_id,external_id,user_id,source,status,version,currency,amount,row,sku,product_name,quantity,\
        unit_price,total,adjustment_kind,adjustment_label,adjustment_amount,adjustment_included,metadata,process_after";
    let columns: Vec<&str> = heading.split(',').collect();
    assert_eq!(presets::of_heading(&columns).unwrap().name, "ordermill");
    let chosen = [
        "row",
        "order_id",
        "adjustment_kind",
        "currency",
        "amount",
        "user_id",
        "status",
    ];
    assert_eq!(presets::of_heading(&chosen).unwrap().name, "ordermill");
    assert_eq!(presets::of_heading(&chosen[1..]), None);
    assert_eq!(
        presets::of_heading(&["order_id", "user_id", "status", "amount"]),
        None
    );
}
