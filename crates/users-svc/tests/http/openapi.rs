use std::collections::BTreeSet;
use std::io::Read;

use db_adapter::forum::user;
use serde_json::Value;

use crate::app;

/// A change of this snapshot is a change of the contract.
#[tokio::test]
async fn the_document_is_locked() {
    let response = app().await.get("/api/users/openapi.json").await.expect_status(200);
    let mut document: Value = response.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    document["info"]["version"] = "…".into();
    insta::assert_json_snapshot!(document);
}

#[tokio::test]
async fn the_documents_of_moderation_are_locked() {
    let app = http_test::TestApp::new(users_svc::services(30)).await;
    for service in ["reports", "moderation"] {
        let mut document = app.get(&format!("/api/{service}/openapi.json")).await.expect_status(200).json();
        document["info"]["version"] = "…".into();
        insta::assert_json_snapshot!(format!("the_document_of_{service}_is_locked"), document);
    }
}

/// Every declared limit is in the document, and is the one that is checked.
#[tokio::test]
async fn the_lengths_in_the_document_are_those_that_are_checked() {
    let app = app().await;
    let document = app.get("/api/users/openapi.json").await.json();
    let limits = user::TABLE.attributes.iter().filter(|known| known.max.is_some());
    let declared: BTreeSet<_> = limits.map(|known| known.name).collect();
    assert!(!declared.is_empty());
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
        assert_eq!(limited, declared);
    }
}

/// The fields at fault when one has that length.
async fn send(app: &http_test::TestApp, schema: &str, name: &str, length: usize) -> Vec<String> {
    let text = match name {
        "email" => format!("a@{}", format!("{}.", "y".repeat(49)).repeat(6)).chars().take(length - 1).collect::<String>() + "y",
        _ => "x".repeat(length),
    };
    let body = serde_json::json!({ name: text });
    let response = match schema {
        "NewUser" => app.post("/api/users", &body).await,
        _ => app.patch("/api/users/none", &body).await,
    };
    if response.status == 404 { Vec::new() } else { response.problem(422) }
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
    // The pictures too, which gain nothing by a coding.
    let icon = app.call("GET", "/api/users/docs/favicon-32x32.png", &[("accept-encoding", "gzip")]).await.expect_status(200);
    assert!(!icon.headers.contains_key("content-encoding") && !icon.headers.contains_key("vary"));
    // A document of several services is what a server of several has.
    for path in ["/openapi.json", "/docs", "/docs/"] {
        app.get(path).await.problem(404);
    }
}

#[tokio::test]
async fn the_files_of_the_page_are_coded_and_kept_by_clients() {
    let app = app().await;
    let plain = app.get("/api/users/docs/swagger-ui-bundle.js").await.expect_status(200);
    let mut tags = BTreeSet::new();
    for (accepted, coding) in [("identity", None), ("gzip", Some("gzip")), ("gzip, deflate, br, zstd", Some("zstd"))] {
        let accepted = ("accept-encoding", accepted);
        let file = app.call("GET", "/api/users/docs/swagger-ui-bundle.js", &[accepted]).await.expect_status(200);
        assert_eq!(file.headers.get("content-encoding").map(|value| value.to_str().unwrap()), coding);
        assert_eq!(file.headers.get_all("vary").iter().filter(|value| *value == "accept-encoding").count(), 1);
        assert_eq!(file.header("cache-control"), "public, max-age=3600");
        let decoded = match coding {
            Some("gzip") => {
                let mut decoded = Vec::new();
                flate2::read::GzDecoder::new(&*file.body).read_to_end(&mut decoded).unwrap();
                decoded
            }
            Some(_) => zstd::decode_all(&*file.body).unwrap(),
            None => file.body.to_vec(),
        };
        assert!(decoded == plain.body && (coding.is_none() || file.body.len() < plain.body.len() / 3));
        tags.insert(file.header("etag").to_owned());
        // Every tag names the same file.
        for tag in &tags {
            let path = "/api/users/docs/swagger-ui-bundle.js";
            let kept = app.call("GET", path, &[accepted, ("if-none-match", tag)]).await.expect_status(304);
            assert!(kept.body.is_empty() && kept.header("etag") == file.header("etag"));
            assert_eq!((kept.header("cache-control"), kept.header("vary")), ("public, max-age=3600", file.header("vary")));
        }
    }
    assert_eq!(tags.len(), 3);
    // The document may be another one after each deployment.
    let document = app.get("/api/users/openapi.json").await.expect_status(200);
    assert_eq!(document.header("cache-control"), "no-cache");
    app.call("GET", "/api/users/openapi.json", &[("if-none-match", document.header("etag"))]).await.expect_status(304);
    let icon = app.get("/api/users/docs/favicon-32x32.png").await.expect_status(200);
    let known = [("if-none-match", icon.header("etag"))];
    let kept = app.call("GET", "/api/users/docs/favicon-32x32.png", &known).await.expect_status(304);
    assert!(kept.body.is_empty() && !kept.headers.contains_key("content-type"));
}
