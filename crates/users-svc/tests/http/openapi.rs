use std::collections::BTreeSet;

use serde_json::Value;

use crate::app;

/// A change of this snapshot is a change of the contract.
#[tokio::test]
async fn the_document_is_locked() {
    let answer = app().await.get("/api/users/openapi.json").await.expect_status(200);
    let mut document: Value = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    document["info"]["version"] = "…".into();
    insta::assert_json_snapshot!(document);
}

/// utoipa does not read the rules that are checked, so they stand twice: here the two meet.
#[tokio::test]
async fn the_lengths_in_the_document_are_those_that_are_checked() {
    let app = app().await;
    let document = app.get("/api/users/openapi.json").await.json();
    for schema in ["NewUser", "UserPatch"] {
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
        assert_eq!(limited, BTreeSet::from(["bio", "email", "name", "username"]));
    }
}

/// The fields at fault when one has that length.
async fn send(app: &http_test::TestApp, schema: &str, name: &str, length: usize) -> Vec<String> {
    let text = match name {
        "email" => format!("a@{}", format!("{}.", "y".repeat(49)).repeat(6)).chars().take(length - 1).collect::<String>() + "y",
        _ => "x".repeat(length),
    };
    let body = serde_json::json!({ name: text });
    let answer = match schema {
        "NewUser" => app.post("/api/users", &body).await,
        _ => app.patch("/api/users/none", &body).await,
    };
    if answer.status == 404 { Vec::new() } else { answer.problem(422) }
}

#[tokio::test]
async fn the_page_comes_from_us() {
    let app = app().await;
    let moved = app.get("/api/users/docs").await.expect_status(303);
    assert_eq!(moved.header("location"), "/api/users/docs/");
    let page = app.get("/api/users/docs/").await.expect_status(200);
    let page = String::from_utf8(page.body.to_vec()).unwrap();
    assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
    let script = app.get("/api/users/docs/swagger-ui-bundle.js").await.expect_status(200);
    assert!(!script.headers.contains_key("content-encoding") && script.body.len() > 100_000);
    let settings = app.get("/api/users/docs/swagger-initializer.js").await.expect_status(200);
    assert!(String::from_utf8_lossy(&settings.body).contains("/api/users/openapi.json"));
    app.get("/api/users/docs/none").await.problem(404);
    // A document of several services is what a server of several has.
    for path in ["/openapi.json", "/docs", "/docs/"] {
        app.get(path).await.problem(404);
    }
}
