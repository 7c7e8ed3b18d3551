//! Logging in: the authorization code flow with PKCE.

use std::collections::HashMap;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use rstest::rstest;
use serde_json::{Value, json};
use url::Url;

use crate::client::encoded;
use crate::{Client, Dev, POST_OF_BOB, TestResponse, post};

/// The verifier and the challenge of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "http://localhost:5173/callback?from=forum";

/// What a client asks for, with other values for some parameters; an empty value leaves one out.
fn query(others: &[(&str, &str)]) -> String {
    let usual = [
        ("response_type", "code"),
        ("client_id", "my page"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid email"),
        ("state", "a&b=\"c\"<d>"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let mut parameters: Vec<_> =
        usual.iter().filter(|(name, _)| !others.iter().any(|(other, _)| other == name)).copied().collect();
    parameters.extend(others.iter().filter(|(_, value)| !value.is_empty()));
    format!("/dev/authorize?{}", encoded(&parameters))
}

/// The parameters of the URL that a response redirects to, which must be the client's.
fn sent_back(response: &TestResponse) -> HashMap<String, String> {
    assert_eq!(response.status(), 303, "{response:?}");
    let location = response.header("location").unwrap();
    assert!(location.starts_with("http://localhost:5173/callback?from=forum&"), "{location}");
    Url::parse(location).unwrap().query_pairs().into_owned().collect()
}

fn code(client: &Client, query: &str, user: &str) -> String {
    sent_back(&client.form(query, &[("user", user)]))["code"].clone()
}

/// Exchanges a code, with other values for some fields; an empty value leaves one out.
fn exchange(client: &Client, code: &str, others: &[(&str, &str)]) -> TestResponse {
    let usual = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("client_id", "my page"),
        ("code_verifier", VERIFIER),
    ];
    let mut fields: Vec<_> = usual.iter().filter(|(name, _)| !others.iter().any(|(other, _)| other == name)).copied().collect();
    fields.extend(others.iter().filter(|(_, value)| !value.is_empty()));
    client.form("/dev/token", &fields)
}

fn claims(client: &Client, token: &str, audience: &str) -> Value {
    let keys: JwkSet = serde_json::from_value(client.get("/dev/keys").expect(200).json()).unwrap();
    let key = keys.find(&decode_header(token).unwrap().kid.unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[audience]);
    decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation).unwrap().claims
}

#[test]
fn a_client_logs_a_person_in_and_acts_as_that_person() {
    let dev = Dev::start(&[]);
    let client = dev.client();
    let issuer = format!("http://localhost:{}/dev", dev.process.address().port());
    let discovery = client.get("/dev/.well-known/openid-configuration").expect(200).json();
    assert_eq!(discovery["issuer"], issuer);
    for (name, path) in [
        ("authorization_endpoint", "authorize"),
        ("token_endpoint", "token"),
        ("userinfo_endpoint", "userinfo"),
        ("jwks_uri", "keys"),
    ] {
        assert_eq!(discovery[name], format!("{issuer}/{path}"));
    }
    assert_eq!(discovery["code_challenge_methods_supported"], json!(["S256"]));

    let page = client.get(&query(&[])).expect(200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    for (id, name) in [("1", "Alice"), ("2", "Bob"), ("3", "Carol")] {
        assert!(page.body.contains(&format!("<button name=\"user\" value=\"{id}\">{name} ")), "{}", page.body);
    }
    assert!(!page.body.contains("<d>") && !page.body.contains("\"c\""), "what a client sends is no HTML: {}", page.body);
    let action = page.body.split_once("action=\"").unwrap().1.split_once('"').unwrap().0.replace("&amp;", "&");
    let parameters = sent_back(&client.form(&format!("/dev/authorize{action}"), &[("user", "1")]));
    assert_eq!((parameters["state"].as_str(), &parameters["iss"]), ("a&b=\"c\"<d>", &issuer));

    let response = exchange(&client, &parameters["code"], &[]).expect(200);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    assert_eq!((response.json()["expires_in"].clone(), response.text("token_type").as_str()), (json!(28_800), "Bearer"));
    let (access, id) = (response.text("access_token"), response.text("id_token"));
    let said = claims(&client, &access, "forum");
    assert_eq!((&said["iss"], &said["sub"], &said["roles"]), (&json!(issuer), &json!("1"), &json!([])));
    assert_eq!((&said["email"], &said["email_verified"]), (&json!("alice@example.com"), &json!(true)));
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 8 * 3600);
    let said = claims(&client, &id, "my page");
    assert_eq!((&said["iss"], &said["sub"], &said["nonce"]), (&json!(issuer), &json!("1"), &json!("n-1")));

    let alice = dev.client().bearing(&access);
    let person = alice.get("/dev/userinfo").expect(200).json();
    assert_eq!((&person["sub"], &person["email"], &person["name"]), (&json!("1"), &json!("alice@example.com"), &json!("Alice")));
    client.get("/dev/userinfo").expect(401);
    assert_eq!(alice.json("POST", "/api/posts", &post("Hello")).expect(201).json()["userId"], "1");
    alice.json("PATCH", POST_OF_BOB, &json!({ "content": "x" })).expect(403);
    alice.delete(POST_OF_BOB).expect(403);
    // An ID token opens nothing, whatever the client is called.
    let named_forum = query(&[("client_id", "forum")]);
    let response = exchange(&client, &code(&client, &named_forum, "1"), &[("client_id", "forum")]).expect(200);
    dev.client().bearing(&response.text("id_token")).json("POST", "/api/posts", &post("x")).expect(401);
}

#[test]
fn carol_moderates() {
    let dev = Dev::start(&[]);
    let response = exchange(&dev.client(), &code(&dev.client(), &query(&[]), "3"), &[]).expect(200);
    let access = response.text("access_token");
    assert_eq!(claims(&dev.client(), &access, "forum")["roles"], json!(["moderator"]));
    let carol = dev.client().bearing(&access);
    carol.json("PATCH", POST_OF_BOB, &json!({ "content": "x" })).expect(403);
    carol.delete(POST_OF_BOB).expect(204);
}

#[test]
fn a_code_is_for_who_asked_for_it_and_once() {
    let dev = Dev::start(&[]);
    let client = dev.client();
    let wrong_verifier = format!("{VERIFIER}x");
    for (others, error) in [
        ([("code_verifier", wrong_verifier.as_str())], "invalid_grant"),
        ([("code_verifier", "")], "invalid_request"),
        ([("client_id", "other")], "invalid_grant"),
        ([("client_id", "")], "invalid_request"),
        ([("redirect_uri", "http://localhost:5173/")], "invalid_grant"),
        ([("redirect_uri", "")], "invalid_request"),
        ([("grant_type", "refresh_token")], "unsupported_grant_type"),
        ([("grant_type", "")], "invalid_request"),
        ([("code", "made-up")], "invalid_grant"),
    ] {
        let response = exchange(&client, &code(&client, &query(&[]), "1"), &others).expect(400);
        assert_eq!(response.text("error"), error, "{others:?}");
        assert!(response.text("error_description").contains(others[0].0), "{others:?}: {response:?}");
    }
    let once = code(&client, &query(&[]), "1");
    exchange(&client, &once, &[]).expect(200);
    assert_eq!(exchange(&client, &once, &[]).expect(400).text("error"), "invalid_grant");
    // Who guesses at the verifier has one guess.
    let guessed = code(&client, &query(&[]), "1");
    exchange(&client, &guessed, &[("code_verifier", "guess")]).expect(400);
    exchange(&client, &guessed, &[]).expect(400);
}

#[test]
fn an_id_token_is_for_those_who_ask_for_it() {
    let dev = Dev::start(&[]);
    let client = dev.client();
    let response = exchange(&client, &code(&client, &query(&[("scope", "email")]), "1"), &[]).expect(200);
    assert_eq!(response.json()["id_token"], Value::Null);
}

#[rstest]
#[case("https://evil.example/callback")]
#[case("http://localhost.evil.example/")]
#[case("http://localhost@evil.example/")]
#[case("http://evil.example\\@localhost/")]
#[case("http://localhost:5173/callback#fragment")]
#[case("//localhost/callback")]
#[case("/callback")]
#[case("javascript:alert(1)//localhost")]
#[case("com.example.app:/callback")]
#[case("")]
fn nobody_is_sent_to_another_machine(#[case] redirect_uri: &str) {
    let dev = Dev::start(&[]);
    let query = query(&[("redirect_uri", redirect_uri)]);
    for response in [dev.client().get(&query), dev.client().form(&query, &[("user", "1")])] {
        let response = response.expect(400);
        assert_eq!(response.header("location"), None);
        assert_eq!(response.json()["errors"][0]["field"], "redirect_uri", "{response:?}");
    }
}

#[test]
fn what_cannot_be_granted_is_told_the_client() {
    let dev = Dev::start(&[]);
    for (others, error) in [
        ([("response_type", "token")], "unsupported_response_type"),
        ([("response_type", "")], "unsupported_response_type"),
        ([("response_mode", "fragment")], "invalid_request"),
        ([("code_challenge", "")], "invalid_request"),
        ([("code_challenge", "short")], "invalid_request"),
        ([("code_challenge_method", "plain")], "invalid_request"),
        ([("code_challenge_method", "")], "invalid_request"),
    ] {
        let query = query(&others);
        for response in [dev.client().get(&query), dev.client().form(&query, &[("user", "1")])] {
            let parameters = sent_back(&response);
            assert_eq!((parameters["error"].as_str(), parameters["state"].as_str()), (error, "a&b=\"c\"<d>"), "{others:?}");
            assert!(parameters["error_description"].contains(others[0].0), "{others:?}: {parameters:?}");
            assert!(!parameters.contains_key("code"));
        }
    }
    let silent = sent_back(&dev.client().get(&query(&[("prompt", "none")])));
    assert_eq!(silent["error"], "login_required");
    let response = dev.client().get(&query(&[("client_id", "")])).expect(400);
    assert_eq!(response.json()["errors"][0]["field"], "client_id");
    let response = dev.client().form(&query(&[]), &[("user", "4")]).expect(400);
    assert_eq!(response.json()["errors"], json!([{ "field": "user", "message": "expected one of 1, 2, 3" }]));
}
