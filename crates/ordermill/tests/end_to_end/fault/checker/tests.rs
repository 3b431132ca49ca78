//! The checker against records that are wrong in one place each: it names that place and no other.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;

use super::{Expectations, Violation, judge};
use crate::fault::endpoint::{Effect, result_of};
use crate::fault::facts::{AdjustmentFacts, Dice, Facts, LineFacts};
use crate::fault::history::{Answer, CancelOutcome, Fault, History, Operation, Outcome, Request};
use crate::fault::readback::{Kept, ReadBack};

const ID: &str = "0199a000-0000-7000-8000-000000000001";

/// Everything that a judgement is made from.
struct Case {
    history: History,
    readback: ReadBack,
    effects: HashMap<String, Effect>,
}

fn facts() -> Facts {
    Facts {
        marker: "m".to_owned(),
        user_id: "alice".to_owned(),
        external_id: Some("A-1".to_owned()),
        source: "web".to_owned(),
        currency: "USD".to_owned(),
        amount_minor: 29_998,
        lines: vec![LineFacts {
            sku: Some("KB-1".to_owned()),
            product_name: "Mechanical Keyboard".to_owned(),
            quantity_thousandths: 2_000,
            unit_price_minor: Some(14_999),
            total_minor: 29_998,
        }],
        adjustments: vec![AdjustmentFacts {
            kind: "tax".to_owned(),
            label: None,
            amount_minor: 190,
            included: true,
        }],
        note: None,
    }
}

fn order_json(id: &str, status: &str, version: u64) -> String {
    let result = json!({"reference": result_of(id)});
    // Written by hand, because the amount has to keep its digits.
    format!(
        r#"{{"id":"{id}","external_id":"A-1","user_id":"alice","source":"web","status":"{status}","version":{version},
        "currency":"USD","amount":299.98,"lines":[{{"sku":"KB-1","product_name":"Mechanical Keyboard","quantity":2,
        "unit_price":149.99,"total":299.98}}],
        "adjustments":[{{"kind":"tax","label":null,"amount":1.90,"included":true}}],"metadata":{{"marker":"m"}},"attempt":1,"failure":null,"result":{result},
        "receipt_key":null,"created_at":"2026-01-31T12:00:00.250Z","updated_at":"2026-01-31T12:00:00.250Z"}}"#
    )
}

fn events(id: &str, life: &[(&str, &str)]) -> Vec<crate::fault::readback::EventView> {
    let events = life.iter().zip(1..).map(|((event_type, status), version)| {
        let event = json!({"event_id": format!("{id}:{version}"), "event_type": event_type, "version": version,
                           "status": status, "data": {"failure": null}});
        serde_json::from_value(event).expect("an event as /v1 shows it")
    });
    events.collect()
}

const LIFE: [(&str, &str); 3] = [
    ("order.created", "PENDING"),
    ("order.processing", "PROCESSING"),
    ("order.processed", "PROCESSED"),
];

fn kept(id: &str) -> Kept {
    let order =
        serde_json::from_str(&order_json(id, "PROCESSED", 3)).expect("an order as /v1 shows it");
    Kept {
        order,
        events: events(id, &LIFE),
        receipt: Some(facts().receipt(id, "2026-01-31T12:00:00.250Z")),
    }
}

fn request(outcome: Outcome) -> Request {
    Request {
        sent: Duration::ZERO,
        took: Duration::ZERO,
        outcome,
    }
}

fn answer(id: &str, replayed: bool) -> Request {
    request(Outcome::Ok(Answer {
        status: 201,
        body: order_json(id, "PENDING", 1),
        etag: None,
        location: None,
        replayed,
        order_id: id.to_owned(),
    }))
}

/// One order, asked for once, acknowledged, processed: nothing is wrong with it.
fn sound() -> Case {
    let operation = Operation {
        key: Some("k".to_owned()),
        facts: facts(),
        fault: None,
        requests: vec![answer(ID, false)],
        cancel: None,
    };
    let fault = Fault {
        at: Duration::ZERO,
        what: "SIGKILL".to_owned(),
    };
    let stats = json!({"accepted": 1, "processed": 1, "failed": 0, "cancelled": 0, "in_flight": 0,
                       "by_status": {"PENDING": 0, "PROCESSED": 1}});
    Case {
        history: History {
            operations: vec![operation],
            faults: vec![fault],
        },
        readback: ReadBack {
            kept: HashMap::from([(ID.to_owned(), kept(ID))]),
            listed: vec![ID.to_owned()],
            dead_letters: std::collections::BTreeSet::new(),
            stats: serde_json::from_value(stats).expect("counts as /v1 shows them"),
        },
        effects: HashMap::from([(
            ID.to_owned(),
            Effect {
                calls: 2,
                order_ids: vec![ID.to_owned()],
            },
        )]),
    }
}

/// The names of what is seen after `change`.
fn seen(change: impl FnOnce(&mut Case)) -> Vec<String> {
    let mut case = sound();
    change(&mut case);
    let violations = judge(
        &case.history,
        &case.readback,
        &case.effects,
        &Expectations::default(),
    );
    violations.iter().map(Violation::name).collect()
}

fn the_order(case: &mut Case) -> &mut Kept {
    case.readback.kept.get_mut(ID).expect("the one order")
}

/// A second order that carries the same marker, whole in itself.
fn add_a_twin(case: &mut Case) {
    let second = ID.replace("0001", "0002");
    case.readback.kept.insert(second.clone(), kept(&second));
    case.readback.listed.push(second.clone());
    case.readback.stats.accepted = 2;
    case.readback.stats.processed = 2;
    case.readback
        .stats
        .by_status
        .insert("PROCESSED".to_owned(), 2);
    case.effects.insert(
        second.clone(),
        Effect {
            calls: 1,
            order_ids: vec![second],
        },
    );
}

#[test]
fn a_sound_run_has_no_violation() {
    assert!(seen(|_| {}).is_empty());
}

#[test]
fn a_run_without_faults_is_a_failed_run() {
    assert_eq!(seen(|case| case.history.faults.clear()), ["NoFaultFired"]);
}

#[test]
fn a_run_without_acknowledgements_is_a_failed_run() {
    let unknown = || request(Outcome::Unknown("reset".to_owned()));
    let seen = seen(|case| case.history.operations[0].requests = vec![unknown()]);
    assert_eq!(seen, ["NothingAcknowledged"]);
}

#[test]
fn an_acknowledged_order_that_is_not_there_is_lost() {
    let seen = seen(|case| {
        case.readback = ReadBack::default();
        case.effects.clear();
    });
    assert_eq!(seen, ["AcknowledgedLost"]);
}

#[test]
fn a_refused_order_that_is_there_is_seen() {
    let refused = || {
        request(Outcome::Refused {
            status: 422,
            body: String::new(),
        })
    };
    let seen = seen(|case| {
        case.history.operations[0].requests = vec![refused()];
        case.history.operations[0].fault = Some("a blank user");
    });
    assert_eq!(seen, ["NothingAcknowledged", "RefusedAppeared"]);
}

#[test]
fn one_key_with_two_orders_is_seen() {
    assert_eq!(seen(add_a_twin), ["KeyMadeSeveralOrders"]);
}

#[test]
fn an_unknown_request_that_made_two_orders_is_seen() {
    let seen = seen(|case| {
        add_a_twin(case);
        case.history.operations[0].key = None;
    });
    assert_eq!(seen, ["AppearedTwice"]);
}

#[test]
fn two_first_answers_and_different_replays_are_seen() {
    let twice = seen(|case| case.history.operations[0].requests.push(answer(ID, false)));
    assert_eq!(twice, ["SeveralFirstAnswers"]);
    let different = seen(|case| {
        let mut replay = answer(ID, true);
        if let Outcome::Ok(answer) = &mut replay.outcome {
            answer.etag = Some("\"2\"".to_owned());
        }
        case.history.operations[0].requests.push(replay);
    });
    assert_eq!(different, ["ReplayDiffers"]);
}

#[test]
fn an_order_that_nobody_asked_for_is_seen() {
    let seen = seen(|case| case.history.operations[0].facts.marker = "other".to_owned());
    assert!(seen.contains(&"NobodyAskedForIt".to_owned()), "{seen:?}");
}

#[test]
fn every_changed_fact_is_seen() {
    let changes: [fn(&mut Facts); 11] = [
        |facts| facts.user_id.push('x'),
        |facts| facts.external_id = None,
        |facts| facts.source = "pos".to_owned(),
        |facts| facts.amount_minor += 1,
        |facts| facts.lines[0].unit_price_minor = None,
        |facts| facts.lines[0].total_minor += 1,
        |facts| facts.lines[0].quantity_thousandths += 1,
        |facts| facts.adjustments[0].amount_minor += 1,
        |facts| facts.adjustments[0].included = false,
        |facts| facts.lines[0].sku = None,
        |facts| facts.note = Some("n".to_owned()),
    ];
    for change in changes {
        let seen = seen(|case| change(&mut case.history.operations[0].facts));
        assert!(seen.contains(&"ContentDiffers".to_owned()), "{seen:?}");
    }
}

#[test]
fn receipts_that_are_missing_wrong_or_early_are_seen() {
    assert_eq!(
        seen(|case| the_order(case).receipt = None),
        ["ReceiptMissing"]
    );
    assert_eq!(
        seen(|case| the_order(case).receipt = Some(String::new())),
        ["ReceiptDiffers"]
    );
    let early = seen(|case| the_order(case).order.status = "PENDING".to_owned());
    assert!(early.contains(&"ReceiptTooEarly".to_owned()), "{early:?}");
    assert!(early.contains(&"NotAtItsEnd".to_owned()), "{early:?}");
    assert!(
        early.contains(&"OrderIsNotItsLastEvent".to_owned()),
        "{early:?}"
    );
}

#[test]
fn a_gap_in_the_versions_is_seen() {
    let seen = seen(|case| {
        the_order(case).events.remove(1);
    });
    assert_eq!(seen, ["VersionsHaveGaps", "IllegalTransition"]);
}

#[test]
fn a_final_order_that_changes_is_seen() {
    let seen = seen(|case| {
        let mut life = LIFE.to_vec();
        life.push(("order.processed", "PROCESSED"));
        the_order(case).events = events(ID, &life);
        the_order(case).order.version = 4;
    });
    assert_eq!(seen, ["FinalChanged"]);
}

#[test]
fn a_step_that_the_state_machine_does_not_allow_is_seen() {
    let life = [LIFE[0], LIFE[2]];
    let seen = seen(|case| {
        the_order(case).events = events(ID, &life);
        the_order(case).order.version = 2;
    });
    assert_eq!(seen, ["IllegalTransition"]);
}

#[test]
fn work_that_is_missing_or_strange_is_seen() {
    assert_eq!(seen(|case| case.effects.clear()), ["EffectMissing"]);
    let strange = seen(|case| {
        case.effects.insert("nobody".to_owned(), Effect::default());
    });
    assert_eq!(strange, ["EffectOfNoOrder"]);
    assert_eq!(
        seen(|case| the_order(case).order.result = None),
        ["ResultOfSomethingElse"]
    );
}

#[test]
fn a_forgotten_cancellation_is_seen() {
    let seen = seen(|case| case.history.operations[0].cancel = Some(CancelOutcome::Cancelled));
    assert_eq!(seen, ["CancellationForgotten"]);
}

#[test]
fn lists_and_counts_that_do_not_agree_with_the_orders_are_seen() {
    assert_eq!(seen(|case| case.readback.listed.clear()), ["ListShowsIt"]);
    assert_eq!(
        seen(|case| case.readback.stats.accepted = 2),
        ["CountsDoNotReconcile"]
    );
}

#[test]
fn the_same_seed_asks_for_the_same_orders() {
    let draw = || Facts::draw("m".to_owned(), &mut Dice::new(5));
    assert_eq!(draw(), draw());
    assert_ne!(draw(), Facts::draw("m".to_owned(), &mut Dice::new(6)));
}
