//! `forum token`, and the key that it shares with `forum dev`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use http_test::Process;
use rstest::rstest;

use crate::{Client, Dev, POST_OF_BOB, forum, post, refusal, run};

#[rstest]
#[case("alice", "1")]
#[case("ALICE", "1")]
#[case("2", "2")]
#[case("Carol", "3")]
fn a_printed_token_is_taken_by_a_running_server(#[case] user: &str, #[case] id: &str) {
    let dev = Dev::start(&["--strict"]);
    let client = dev.client().bearing(&dev.token(user));
    assert_eq!(client.json("POST", "/api/posts", &post("Hello")).expect(201).json()["userId"], id);
    client.delete(POST_OF_BOB).expect(if id == "1" { 403 } else { 204 });
}

#[test]
fn who_is_unknown_is_told_who_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let message = refusal(forum(dir.path(), &["token", "mallory"]));
    assert!(message.contains("mallory") && message.contains("alice, bob, carol"), "{message}");
    let message = refusal(forum(dir.path(), &["token", "alice", "--port", "0"]));
    assert!(message.contains("PORT") && message.contains("AUTH_DEV_URL"), "{message}");
}

/// Tokens of one key, for one public address: from before a server runs, and for whichever of several.
#[test]
fn processes_share_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let at = |arguments: &[&str]| {
        let mut command = forum(dir.path(), arguments);
        command.env("AUTH_DEV_URL", "http://localhost:8080/");
        command
    };
    let output = run(at(&["token", "alice"]));
    let token = String::from_utf8(output.stdout).unwrap();
    let (first, second) =
        (Process::start(at(&["dev"]).env("HOST", "0.0.0.0").env("AUTH", "dev")), Process::start(&mut at(&["dev"])));
    let keys = [&first, &second].map(|process| {
        Client::new(process).bearing(token.trim()).json("POST", "/api/posts", &post("Hello")).expect(201);
        Client::new(process).get("/dev/keys").expect(200).json()
    });
    assert_eq!(keys[0], keys[1]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(dir.path().join("dev-issuer.pem")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_token_is_for_one_server_and_one_key() {
    let (dev, other) = (Dev::start(&[]), Dev::start(&[]));
    let token = dev.token("alice");
    other.client().bearing(&token).get("/api/posts").expect(401);
    let port = dev.process.address().port();
    let elsewhere = run(forum(dev.dir.path(), &["token", "alice", "--port", &(port ^ 1).to_string()])).stdout;
    dev.client().bearing(String::from_utf8(elsewhere).unwrap().trim()).get("/api/posts").expect(401);
}

#[test]
fn a_file_that_is_no_key_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("mine.pem");
    fs::write(&file, "not a key").unwrap();
    for arguments in [&["token", "alice"][..], &["dev", "--port", "0"]] {
        let mut command = forum(&dir.path().join("data"), arguments);
        command.env("AUTH_DEV_KEY_FILE", &file);
        let message = refusal(command);
        assert!(message.contains(file.to_str().unwrap()) && message.contains("AUTH_DEV_KEY_FILE"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a key");
}

/// What is printed at the start is what a person copies: the page to log in, and a command that posts as Alice.
#[test]
fn the_greeting_can_be_used_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = forum(dir.path(), &["dev", "--strict", "--port", "0"]);
    let mut child = Running(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut line =
        |name: &str| lines.by_ref().find_map(|line| line.strip_prefix(name).map(|rest| rest.trim().to_owned())).unwrap();
    let log_in = line("  log in");
    assert!(log_in.starts_with("http://localhost:") && log_in.contains("/dev  (as alice, bob, carol;"), "{log_in}");
    let curl = line("  as alice");
    let (command, token) = curl.split_once(" -H 'Authorization: Bearer ").unwrap();
    let (command, body) = command.split_once(" -d '").unwrap();
    assert!(command.starts_with("curl http://localhost:"), "{curl}");
    let body = serde_json::from_str(body.strip_suffix('\'').unwrap()).unwrap();
    let port = command.split_once("localhost:").unwrap().1.split_once('/').unwrap().0.parse().unwrap();
    let client = Client::on(([127, 0, 0, 1], port).into()).bearing(token.strip_suffix('\'').unwrap());
    assert_eq!(client.json("POST", "/api/posts", &body).expect(201).json()["userId"], "1");
    let page = client.get("/dev").expect(200);
    assert!(page.body.contains("Alice") && page.body.contains(&format!("http://localhost:{port}/dev")), "{}", page.body);
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
