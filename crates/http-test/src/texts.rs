//! What any resource takes for a text.

use serde_json::{Value, json};

use crate::{TestApp, request};

/// Texts of which nothing can be seen.
const BLANK: [&str; 8] =
    ["", "  \n ", "\u{200b}", "\u{200e}", "\u{2800}", "\u{3164}", "\u{feff}\u{2060}\u{ad}", "\0\u{1f}\u{e0061}\u{fe0f}"];
/// Texts of which something can be seen; each is kept as it is.
const VISIBLE: [&str; 5] = ["👩\u{200d}👩\u{200d}👧", "a\u{301}", "שלום\u{200f}", "مرحبا", "\u{200b}x"];

/// Sends values of every kind for the fields of a body that `path` takes, of an item at `location`: what is blank is 422, what is no
/// text is 400 and told how to write it, and what is visible is kept.
pub async fn texts_are_visible(app: &TestApp, path: &str, location: &str, body: &Value, fields: &[&str]) {
    for field in fields {
        let with = |value: Value| {
            let mut body = body.clone();
            body[*field] = value;
            body
        };
        let requests = [("POST", path), ("PUT", location), ("PATCH", location)];
        for (method, path) in requests {
            for blank in BLANK {
                let response = app.send_json(method, path, &[], &with(blank.into())).await;
                assert_eq!(response.problem(422), [*field], "{method} {blank:?}");
                assert_eq!(response.json()["errors"][0]["message"], "must not be blank");
            }
            for (value, message) in [
                (json!(1), "write it as text: \"1\""),
                (json!(-1.5), "write it as text: \"-1.5\""),
                (json!(true), "write it as text: \"true\""),
                (json!(["a"]), "must be text, not a list"),
                (json!({ "a": 1 }), "must be text, not an object"),
            ] {
                let response = app.send_json(method, path, &[], &with(value)).await;
                assert_eq!(response.problem(400), [*field]);
                assert_eq!(response.json()["errors"][0]["message"], message);
            }
        }
        for visible in VISIBLE {
            let kept = app.patch(location, &json!({ *field: visible })).await.expect_status(200);
            assert_eq!(kept.field(field), visible);
        }
    }
    for (sent, detail) in [
        ("", "the body is empty"),
        (" ", "the body is empty"),
        ("\u{feff}", "the body is empty"),
        ("[]", "the body must be a JSON object"),
        ("{]", "the body is not valid JSON: line 1, column 2"),
    ] {
        for (method, path) in [("POST", path), ("PUT", location), ("PATCH", location)] {
            let response = app.send(request(method, path, &[("content-type", "application/json")], sent.into())).await;
            assert!(response.problem(400).is_empty());
            assert_eq!(response.field("detail"), detail);
        }
    }
    let marked = format!("\u{feff}{body}");
    app.send(request("PUT", location, &[("content-type", "application/json")], marked.into())).await.expect_status(200);
}
