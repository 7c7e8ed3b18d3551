//! The OpenAPI documents of `forum dev`, compared with its responses.

#![expect(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "in tests")]

mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use db_adapter::forum::{TABLES, post, thread, user};
use http_test::Process;
use schema::{conform, resolved};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// `forum dev` on fresh sample data.
struct Forum {
    process: Process,
    dir: TempDir,
}

struct Response {
    status: u16,
    media: Option<String>,
    body: String,
}

impl Forum {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
        command.env_clear().env("DATA_DIR", dir.path()).arg("dev").stdout(Stdio::null());
        Self { process: Process::start(&mut command), dir }
    }

    /// The headers that an operation needs beside those of its parameters: alice's token where there must be one.
    fn authorization(&self, operation: &Value) -> Vec<(String, String)> {
        if operation["security"].is_null() {
            return Vec::new();
        }
        assert_eq!(operation["security"], json!([{ "bearer": [] }, { "issuer": [] }]));
        let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
        command.env_clear().env("DATA_DIR", self.dir.path()).args(["token", "alice", "--port"]);
        let output = command.arg(self.process.address().port().to_string()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        vec![("Authorization".to_owned(), format!("Bearer {}", String::from_utf8(output.stdout).unwrap().trim_end()))]
    }

    fn send(&self, method: &str, path: &str, headers: &[(String, String)], body: &str) -> Response {
        let mut stream = self.process.connect();
        let headers = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<String>();
        let fixed = format!("Host: localhost\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        write!(stream, "{} {path} HTTP/1.0\r\n{fixed}{headers}\r\n{body}", method.to_uppercase()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        let media = lines
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
            .map(|(_, value)| value.split(';').next().unwrap_or_default().to_owned());
        Response { status, media, body: body.to_owned() }
    }

    fn json(&self, path: &str) -> Value {
        let response = self.send("get", path, &[], "");
        assert_eq!(response.status, 200, "{path}");
        serde_json::from_str(&response.body).unwrap()
    }

    /// The document of all services, then that of each.
    fn documents(&self) -> Vec<Value> {
        let services = services::all(30);
        let own = services.iter().map(|service| format!("/api/{}/openapi.json", service.name));
        std::iter::once("/openapi.json".to_owned()).chain(own).map(|path| self.json(&path)).collect()
    }
}

/// Every operation as method, path and description.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let items = paths.flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |operation| (path, operation)));
    items.map(|(path, (method, operation))| (method.as_str(), path.as_str(), operation)).collect()
}

/// What Swagger UI writes into the field of a parameter at first.
fn prefilled(parameter: &Value) -> Option<String> {
    let examples = parameter["examples"].as_object().and_then(|examples| examples.values().next());
    let values = [
        examples.map_or(&Value::Null, |example| &example["value"]),
        &parameter["example"],
        &parameter["schema"]["example"],
        &parameter["schema"]["default"],
    ];
    let value = values.into_iter().find(|value| !value.is_null())?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text} has to be escaped");
    Some(text)
}

/// What Swagger UI sends at the first "Execute" of an operation, once for each media type of its body.
fn executed(document: &Value, forum: &Forum, method: &str, path: &str, operation: &Value, media: Option<&str>) -> Response {
    let (mut path, mut query, mut headers) = (path.to_owned(), Vec::new(), forum.authorization(operation));
    for parameter in operation["parameters"].as_array().unwrap() {
        let parameter = resolved(document, parameter);
        let name = parameter["name"].as_str().unwrap();
        let Some(value) = prefilled(parameter) else {
            assert_ne!(parameter["required"], true, "{method} {path}: {name} needs an example");
            continue;
        };
        match parameter["in"].as_str().unwrap() {
            "path" => path = path.replace(&format!("{{{name}}}"), &value),
            "query" => query.push(format!("{name}={value}")),
            "header" => headers.push((name.to_owned(), value)),
            place => panic!("a parameter in {place}"),
        }
    }
    let mut body = String::new();
    if let Some(media) = media {
        headers.push(("Content-Type".to_owned(), media.to_owned()));
        let example = &operation["requestBody"]["content"][media]["example"];
        assert!(example.as_object().is_some_and(|example| !example.is_empty()), "{method} {path}: {media} needs an example");
        body = example.to_string();
    }
    forum.send(method, &format!("{path}?{}", query.join("&")), &headers, &body)
}

#[test]
fn the_first_execute_of_every_operation_is_a_success() {
    let reading = Forum::start();
    let document = reading.json("/openapi.json");
    let (mut operation_ids, mut requests) = (BTreeSet::new(), 0);
    for (method, path, operation) in operations(&document) {
        operation_ids.insert(operation["operationId"].as_str().unwrap());
        let content = operation["requestBody"]["content"].as_object().map_or_else(Vec::new, |content| content.keys().collect());
        let medias: Vec<_> =
            if content.is_empty() { vec![None] } else { content.into_iter().map(|media| Some(media.as_str())).collect() };
        for media in medias {
            let fresh = (method != "get").then(Forum::start);
            let response = executed(&document, fresh.as_ref().unwrap_or(&reading), method, path, operation, media);
            let context = format!("{method} {path}: {} {}", response.status, response.body);
            assert!((200..300).contains(&response.status), "{context}");
            let declared = &operation["responses"][response.status.to_string()];
            assert!(declared.is_object(), "{context} is not declared");
            match response.media {
                Some(media) => {
                    let value = if media == "text/plain" {
                        assert!(response.body.lines().all(|line| serde_json::from_str::<Map<_, _>>(line).is_ok()), "{context}");
                        json!(response.body)
                    } else {
                        serde_json::from_str(&response.body).unwrap()
                    };
                    conform(&document, &declared["content"][media]["schema"], &value, &context);
                }
                None => assert!(declared["content"].is_null(), "{context}"),
            }
            requests += 1;
        }
    }
    let of_services: usize = reading.documents().iter().skip(1).map(|document| operations(document).len()).sum();
    assert!(operation_ids.len() == of_services && of_services >= 34 && requests >= 38, "{operation_ids:?}");
}

#[test]
fn every_operation_is_described_whole() {
    let forum = Forum::start();
    let issuer = format!("http://localhost:{}/dev", forum.process.address().port());
    for mut document in forum.documents() {
        let security = json!([{}, { "bearer": [] }, { "issuer": [] }]);
        assert_eq!((&document["servers"][0]["url"], &document["security"]), (&json!("/"), &security));
        let scheme = document["components"]["securitySchemes"]["issuer"].take();
        let url = format!("{issuer}/.well-known/openid-configuration");
        assert_eq!(scheme, json!({ "type": "openIdConnect", "openIdConnectUrl": url }));
        assert!(!document.to_string().contains("://"), "a link leads outside");
        let tags: Vec<&Value> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
        assert_eq!(tags.len(), tags.iter().map(|tag| tag.to_string()).collect::<BTreeSet<_>>().len());
        for (method, path, operation) in operations(&document) {
            let context = format!("{method} {path}");
            assert!(tags.contains(&&operation["tags"][0]), "{context} has no tag");
            let responses = operation["responses"].as_object().unwrap();
            let other = resolved(&document, &responses["default"]);
            let problem = json!({ "$ref": "#/components/schemas/Problem" });
            assert_eq!(other["content"]["application/problem+json"]["schema"], problem, "{context}");
            let bodies = operation["requestBody"]["content"].as_object().into_iter();
            let contents = responses.values().filter_map(|response| resolved(&document, response)["content"].as_object());
            for (media, content) in bodies.chain(contents).flatten() {
                conform(&document, &content["schema"], &content["example"], &format!("the example of {context} as {media}"));
            }
        }
    }
}

#[test]
fn the_document_of_all_services_is_theirs_joined() {
    let forum = Forum::start();
    let documents = forum.documents();
    let (all, own) = documents.split_first().unwrap();
    for part in ["/paths", "/components/schemas", "/components/responses", "/components/parameters", "/components/headers"] {
        let mut joined = Map::new();
        for document in own {
            for (name, member) in document.pointer(part).and_then(Value::as_object).unwrap() {
                // Two services never mean different things by one name.
                assert_eq!(joined.entry(name).or_insert(member.clone()), member, "{part}/{name}");
            }
        }
        assert_eq!(all.pointer(part), Some(&joined.into()), "{part}");
    }
    let mut ids = BTreeMap::new();
    for (method, path, operation) in operations(all) {
        let earlier = ids.insert(operation["operationId"].as_str().unwrap(), (method, path));
        assert_eq!(earlier, None, "two operations have one id");
    }
}

#[test]
fn the_page_of_all_services_comes_from_us() {
    let forum = Forum::start();
    assert_eq!(forum.send("get", "/docs", &[], "").status, 303);
    let page = forum.send("get", "/docs/", &[], "");
    assert_eq!((page.status, page.body.contains("://")), (200, false), "{}", page.body);
    assert!(forum.send("get", "/docs/swagger-initializer.js", &[], "").body.contains("\"/openapi.json\""));
    assert_eq!(forum.send("get", "/docs/swagger-ui-bundle.js", &[], "").status, 200);
}

/// What is `readOnly` in the body of a change stays as it is; everything else can change.
#[test]
fn what_cannot_change_is_read_only() {
    let forum = Forum::start();
    let document = forum.json("/openapi.json");
    let mut fixed = BTreeSet::new();
    for table in [&user::TABLE, &thread::TABLE, &post::TABLE] {
        let (service, id) = (table.name, table.hash);
        let path = format!("/api/{service}/1");
        let operation = &document["paths"][format!("/api/{service}/{{{id}}}")]["patch"];
        let schema = resolved(&document, &operation["requestBody"]["content"]["application/json"]["schema"]);
        for (name, property) in schema["properties"].as_object().unwrap() {
            let before = forum.json(&path);
            let value = if name == "email" { json!("other@example.com") } else { json!("3") };
            let body = json!({ name: value }).to_string();
            let response = forum.send("patch", &path, &[("Content-Type".to_owned(), "application/json".to_owned())], &body);
            let after = forum.json(&path);
            if property["readOnly"] == true {
                assert_eq!(after, before, "{service}.{name}");
                fixed.insert(format!("{service}.{name} {}", response.status));
            } else {
                assert_eq!((response.status, &after[name]), (200, &value), "{service}.{name}: {}", response.body);
            }
        }
    }
    assert!(fixed.contains("posts.threadId 422") && fixed.contains("posts.createdAt 200"), "{fixed:?}");
}

/// A length counts characters, or bytes where the description says so.
#[test]
fn lengths_are_counted_as_described() {
    let forum = Forum::start();
    let document = forum.json("/openapi.json");
    let mut limited = BTreeSet::new();
    for (method, path, operation) in
        operations(&document).into_iter().filter(|(.., operation)| operation["requestBody"].is_object())
    {
        let media = &operation["requestBody"]["content"]["application/json"];
        let properties = resolved(&document, &media["schema"])["properties"].as_object().unwrap();
        // An address has a form of its own.
        for (name, property) in properties.iter().filter(|(_, property)| property["format"] != "email") {
            let Some(max) = property["maxLength"].as_u64().and_then(|max| usize::try_from(max).ok()) else { continue };
            let bytes = property["description"].as_str().is_some_and(|text| text.contains("bytes"));
            for text in ["x", "ä", "😀"]
                .iter()
                .flat_map(|letter| [letter.repeat(max / letter.len()), letter.repeat(max), letter.repeat(max + 1)])
            {
                let mut body = media["example"].clone();
                body[name] = json!(text);
                let mut headers = forum.authorization(operation);
                headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
                let path = path.split_once('{').map_or(path.to_owned(), |(start, _)| format!("{start}1"));
                let response: Value = serde_json::from_str(&forum.send(method, &path, &headers, &body.to_string()).body).unwrap();
                let faults = response["errors"].as_array().into_iter().flatten();
                let is_fault = faults.filter(|fault| fault["field"] == **name).count() > 0;
                let length = if bytes { text.len() } else { text.chars().count() };
                assert_eq!(is_fault, length > max, "{method} {path}: {name} of {length}");
            }
            limited.insert(name.as_str());
        }
    }
    // E-mail addresses are not among them.
    let declared = TABLES.iter().flat_map(|table| table.attributes).filter(|known| known.max.is_some() && !known.email);
    assert_eq!(limited, declared.map(|known| known.name).collect::<BTreeSet<_>>());
}
