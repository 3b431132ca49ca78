//! Lists: newest first, by every filter, page by page.

use crate::server::Server;

fn ids(list: &serde_json::Value) -> Vec<String> {
    list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|order| order["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn place_for(server: &Server, user: &str, count: usize) -> Vec<String> {
    let mut placed = Vec::new();
    for index in 0..count {
        let order =
            format!(r#"{{"user_id":"{user}","external_id":"{user}-{index}","amount":{index}}}"#);
        let order = server.place(&order).await;
        placed.push(order["id"].as_str().unwrap().to_owned());
    }
    // Ids made in one millisecond are ordered by chance, in the list as here.
    placed.sort_unstable_by(|a, b| b.cmp(a));
    placed
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let server = Server::start().await;
    let placed = place_for(&server, "alice", 7).await;
    place_for(&server, "bob", 3).await;
    let mut path = "/v1/orders?user_id=alice&limit=3".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = server.get(&path).await.json();
        seen.extend(ids(&page));
        if page["has_more"] == false {
            assert!(page["next_cursor"].is_null());
            break;
        }
        let cursor = page["next_cursor"].as_str().unwrap();
        path = format!("/v1/orders?cursor={cursor}&limit=2&user_id=alice");
    }
    assert_eq!(seen, placed);
}

#[tokio::test]
async fn each_filter_shows_what_it_says() {
    let server = Server::start().await;
    server
        .place(r#"{"user_id":"a b+c","external_id":"X-1","amount":1,"source":"web"}"#)
        .await;
    server.place(r#"{"user_id":"b","lines":[{"sku":"KB-1","product_name":"Keyboard é","quantity":1,"unit_price":1}]}"#).await;
    let held = server.place(r#"{"user_id":"b","amount":1}"#).await;
    let id = held["id"].as_str().unwrap();
    server.post(&format!("/v1/orders/{id}/hold"), "").await;
    for (query, expected) in [
        ("", 3),
        ("?user_id=b", 2),
        ("?user_id=a+b%2Bc", 1),
        ("?user_id=nobody", 0),
        ("?external_id=X-1", 1),
        ("?user_id=b&external_id=X-1", 0),
        ("?status=ON_HOLD", 1),
        ("?status=PENDING&user_id=b", 1),
        ("?source=web", 1),
        ("?source=api", 2),
        ("?created_from=2020-01-01T00:00:00Z", 3),
        ("?created_from=2020-01-01T00:00:00+02:00", 3),
        ("?created_to=2020-01-01T00:00:00Z", 0),
        ("?q=KB", 1),
        ("?q=Keyboard%20%C3%A9", 1),
        ("?q=X-", 1),
        ("?q=kb", 0),
    ] {
        let list = server.get(&format!("/v1/orders{query}")).await;
        assert_eq!(list.status, 200, "{query}");
        assert_eq!(ids(&list.json()).len(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_alone() {
    let server = Server::start().await;
    place_for(&server, "alice", 3).await;
    let page = server.get("/v1/orders?user_id=alice&limit=1").await.json();
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    let changed = format!("{}A", &cursor[..cursor.len() - 1]);
    let other_changed = format!("{}B", &cursor[..cursor.len() - 1]);
    for path in [
        format!(
            "/v1/orders?user_id=alice&cursor={}",
            if changed == cursor {
                other_changed
            } else {
                changed
            }
        ),
        format!("/v1/orders?user_id=bob&cursor={cursor}"),
        format!("/v1/orders?cursor={cursor}"),
        format!("/v1/dead-letters?user_id=alice&cursor={cursor}"),
        "/v1/orders?cursor=".to_owned(),
        "/v1/orders?cursor=%00".to_owned(),
        "/v1/orders?cursor=bm90IG91cnM".to_owned(),
    ] {
        let answer = server.get(&path).await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (400, "invalid_query"),
            "{path}"
        );
        assert_eq!(
            answer.faults(),
            [("cursor".to_owned(), "invalid".to_owned())],
            "{path}"
        );
    }
}

#[tokio::test]
async fn events_come_oldest_first_and_page_by_page() {
    let server = Server::start().await;
    let order = server.place(r#"{"user_id":"a","amount":1}"#).await;
    let id = order["id"].as_str().unwrap();
    for change in ["hold", "release", "cancel"] {
        assert_eq!(
            server
                .post(&format!("/v1/orders/{id}/{change}"), "")
                .await
                .status,
            200
        );
    }
    let mut path = format!("/v1/orders/{id}/events?limit=3");
    let first = server.get(&path).await.json();
    path = format!("{path}&cursor={}", first["next_cursor"].as_str().unwrap());
    let second = server.get(&path).await.json();
    assert_eq!(
        (&first["has_more"], &second["has_more"]),
        (&true.into(), &false.into())
    );
    let events: Vec<_> = [&first, &second]
        .into_iter()
        .flat_map(|page| page["data"].as_array().unwrap())
        .map(|event| {
            (
                event["version"].as_u64().unwrap(),
                event["event_type"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        events,
        [
            (1, "order.created"),
            (2, "order.held"),
            (3, "order.released"),
            (4, "order.cancelled")
        ]
    );
    let other = server.place(r#"{"user_id":"a","amount":1}"#).await;
    let other = other["id"].as_str().unwrap();
    let cursor = first["next_cursor"].as_str().unwrap();
    let answer = server
        .get(&format!("/v1/orders/{other}/events?cursor={cursor}"))
        .await;
    assert_eq!(answer.code(), "invalid_query");
}

#[tokio::test]
async fn a_page_of_large_orders_ends_early_and_goes_on() {
    let server = Server::start().await;
    let line = format!(
        r#"{{"product_name":"{}","quantity":1,"unit_price":1}}"#,
        "n".repeat(255)
    );
    let row = format!(
        r#"{{"user_id":"a","lines":[{}]}}"#,
        vec![line; 1_000].join(",")
    );
    let batch = format!("[{}]", vec![row; 50].join(","));
    assert_eq!(
        server.post("/v1/orders/batch", batch).await.json()["accepted"],
        50
    );
    let mut seen = std::collections::BTreeSet::new();
    let mut path = "/v1/orders?limit=1000".to_owned();
    let mut pages = 0;
    loop {
        let page = server.get(&path).await;
        assert!(page.text.len() < 2_000_000, "{} bytes", page.text.len());
        let page = page.json();
        let found = ids(&page);
        seen.extend(found);
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/v1/orders?limit=1000&cursor={cursor}");
    }
    assert_eq!((seen.len(), pages), (50, 13));
    let id = seen.first().unwrap();
    for _ in 0..20 {
        server.post(&format!("/v1/orders/{id}/hold"), "").await;
        server.post(&format!("/v1/orders/{id}/release"), "").await;
    }
    let first = format!("/v1/orders/{id}/events?limit=1000");
    let mut path = first.clone();
    let mut events = 0;
    loop {
        let page = server.get(&path).await;
        assert!(page.text.len() < 2_000_000, "{} bytes", page.text.len());
        let page = page.json();
        events += page["data"].as_array().unwrap().len();
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("{first}&cursor={cursor}");
    }
    assert_eq!(events, 41);
}

#[tokio::test]
async fn a_long_page_is_whole() {
    let server = Server::start().await;
    let batch = format!("[{}]", vec![r#"{"user_id":"a","amount":1}"#; 950].join(","));
    server.post("/v1/orders/batch", batch).await;
    let page = server.get("/v1/orders?limit=900").await.json();
    let mut found = ids(&page);
    let cursor = page["next_cursor"].as_str().unwrap();
    found.extend(ids(&server
        .get(&format!("/v1/orders?limit=900&cursor={cursor}"))
        .await
        .json()));
    assert!(found.is_sorted_by(|a, b| a > b));
    assert_eq!(found.len(), 950);
    let unsaid = server.get("/v1/orders").await.json();
    assert_eq!(ids(&unsaid), found[..50]);
}
