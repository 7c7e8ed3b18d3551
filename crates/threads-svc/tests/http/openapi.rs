use std::collections::BTreeSet;

use db_adapter::forum::thread;
use serde_json::Value;

use crate::app;

/// A change of this snapshot is a change of the contract.
#[tokio::test]
async fn the_document_is_locked() {
    let response = app().await.get("/api/threads/openapi.json").await.expect_status(200);
    let mut document: Value = response.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    document["info"]["version"] = "…".into();
    insta::assert_json_snapshot!(document);
}

/// Every declared limit is in the document, and is the one that is checked.
#[tokio::test]
async fn the_lengths_in_the_document_are_those_that_are_checked() {
    let app = app().await;
    let document = app.get("/api/threads/openapi.json").await.json();
    let limits = thread::TABLE.attributes.iter().filter(|known| known.max.is_some());
    let declared: BTreeSet<_> = limits.map(|known| known.name).collect();
    assert!(!declared.is_empty());
    for schema in ["NewThread", "ThreadPatch"] {
        let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let mut limited = BTreeSet::new();
        for (name, property) in properties {
            let Some(max) = property["maxLength"].as_u64() else { continue };
            limited.insert(name.as_str());
            let max = usize::try_from(max).unwrap();
            let (fits, exceeds) = (send(&app, schema, name, max).await, send(&app, schema, name, max + 1).await);
            assert!(!fits.contains(name), "{schema}.{name} of {max}");
            assert!(exceeds.contains(name), "{schema}.{name} of {}", max + 1);
        }
        assert_eq!(limited, declared);
    }
}

/// The fields at fault when one has that length.
async fn send(app: &http_test::TestApp, schema: &str, name: &str, length: usize) -> Vec<String> {
    let body = serde_json::json!({ name: "x".repeat(length) });
    let response = match schema {
        "NewThread" => app.post("/api/threads", &body).await,
        _ => app.patch("/api/threads/none", &body).await,
    };
    if response.status.is_success() || response.status == 404 { Vec::new() } else { response.problem(422) }
}
