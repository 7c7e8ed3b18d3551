use std::collections::BTreeSet;

use db_adapter::forum::post;
use http_kit::paging::ID_PATTERN;
use serde_json::{Value, json};

use crate::app;

/// A change of this snapshot is a change of the contract.
#[tokio::test]
async fn the_document_is_locked() {
    let response = app().await.get("/api/posts/openapi.json").await.expect_status(200);
    let mut document: Value = response.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    document["info"]["version"] = "…".into();
    insta::assert_json_snapshot!(document);
}

/// Every declared limit is in the document, and is the one that is checked.
#[tokio::test]
async fn the_rules_in_the_document_are_those_that_are_checked() {
    let app = app().await;
    let document = app.get("/api/posts/openapi.json").await.json();
    let limits = post::TABLE.attributes.iter().filter(|known| known.max.is_some());
    let declared: BTreeSet<_> = limits.map(|known| known.name).collect();
    assert!(!declared.is_empty());
    for (schema, method, path) in [
        ("NewPost", "POST", "/api/posts"),
        ("PostReplacement", "PUT", "/api/posts/none"),
        ("PostPatch", "PATCH", "/api/posts/none"),
    ] {
        let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let mut limited = BTreeSet::new();
        for (name, property) in properties {
            let Some(max) = property["maxLength"].as_u64() else { continue };
            limited.insert(name.as_str());
            let max = usize::try_from(max).unwrap();
            for (length, is_fault) in [(0, true), (1, false), (max, false), (max + 1, true)] {
                let response = app.send_json(method, path, &[], &json!({ name: "x".repeat(length) })).await;
                let faults = if response.status == 404 { Vec::new() } else { response.problem(422) };
                assert_eq!(faults.contains(name), is_fault, "{schema}.{name} of {length}");
            }
        }
        assert_eq!(limited, declared);
    }
    for name in ["threadId", "userId"] {
        assert_eq!(document["components"]["schemas"]["NewPost"]["properties"][name]["pattern"], ID_PATTERN);
    }
}

/// `maxLength` counts characters and the rule counts bytes: no valid text is longer, and the description says the rest.
#[tokio::test]
async fn the_limit_of_content_in_bytes_is_said_in_words() {
    let app = app().await;
    let document = app.get("/api/posts/openapi.json").await.json();
    for (schema, method, path) in [
        ("NewPost", "POST", "/api/posts"),
        ("PostReplacement", "PUT", "/api/posts/none"),
        ("PostPatch", "PATCH", "/api/posts/none"),
    ] {
        let content = &document["components"]["schemas"][schema]["properties"]["content"];
        assert_eq!(content["maxLength"], 65_536, "{schema}");
        assert!(content["description"].as_str().unwrap().contains("65,536 bytes"), "{schema}");
        for (text, is_fault) in [("x".repeat(65_536), false), ("ä".repeat(32_768), false), ("ä".repeat(32_769), true)] {
            let response = app.send_json(method, path, &[], &json!({ "content": text })).await;
            let faults = if response.status == 404 { Vec::new() } else { response.problem(422) };
            assert_eq!(faults.contains(&"content".to_owned()), is_fault, "{schema} of {} bytes", text.len());
        }
    }
}
