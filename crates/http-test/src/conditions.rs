//! What conditions do to the writes of any resource.

use serde_json::Value;

use crate::{TestApp, TestResponse};

/// Sends the writes of one item with conditions that do not hold, of which none may change anything, then with those that do.
/// `replacement` is a body that PUT and PATCH accept.
pub async fn conditions_guard_writes(app: &TestApp, path: &str, replacement: &Value) {
    let before = app.get(path).await.expect_status(200);
    let tag = before.header("etag").to_owned();
    let coded = format!("{}-gzip\"", tag.trim_end_matches('"'));
    let lists =
        ["*".to_owned(), tag.clone(), format!("W/{tag}"), coded.clone(), format!("\"x\", , {tag}"), format!("\"1-x\",{coded}")];
    for method in ["PUT", "PATCH", "DELETE"] {
        for known in &lists {
            write(app, method, path, &[("if-none-match", known)], replacement).await.problem(412);
            // If-Match comes first, but does not come instead.
            write(app, method, path, &[("if-match", &tag), ("if-none-match", known)], replacement).await.problem(412);
        }
        for other in ["\"1-x\"", "\"x\", \"y\"", "\"0-0\""] {
            write(app, method, path, &[("if-match", other)], replacement).await.problem(412);
            write(app, method, path, &[("if-match", other), ("if-none-match", "\"x\"")], replacement).await.problem(412);
        }
        for none in [("if-none-match", "*"), ("if-none-match", "\"x\""), ("if-match", "*"), ("if-match", "\"1-x\"")] {
            write(app, method, &format!("{path}-none"), &[none], replacement).await.problem(404);
        }
        assert_eq!(app.get(path).await.body, before.body, "{method} changed the item");
    }
    app.send_json("PATCH", path, &[("if-none-match", &tag)], &Value::Object(Default::default())).await.problem(412);
    app.call("GET", path, &[("if-match", "\"1-x\"")]).await.problem(412);
    app.call("GET", path, &[("if-match", &tag), ("if-none-match", "\"1-x\"")]).await.expect_status(200);
    app.call("GET", path, &[("if-match", &tag), ("if-none-match", "*")]).await.expect_status(304);

    for holding in [("if-none-match", "\"x\", W/\"1-y\""), ("if-match", "*")] {
        write(app, "PUT", path, &[holding], replacement).await.expect_status(200);
    }
    let tag = app.get(path).await.header("etag").to_owned();
    let both = [("if-match", format!("\"x\", , {tag}")), ("if-none-match", before.header("etag").to_owned())];
    let both = both.each_ref().map(|(name, value)| (*name, value.as_str()));
    write(app, "DELETE", path, &both, replacement).await.expect_status(204);
}

async fn write(app: &TestApp, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> TestResponse {
    match method {
        "DELETE" => app.call(method, path, headers).await,
        _ => app.send_json(method, path, headers, body).await,
    }
}
