//! Two users and a moderator in random sequences, against a model of what each of them must see.

use std::collections::{BTreeMap, BTreeSet};

use http_kit::layers::Behaviour;
use http_test::{Issuer, SigningKey, TestApp, behaviour};
use jsonwebtoken::Algorithm;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::{Forum, app, with_until};

const FLAGS: [&str; 4] = ["--auth-user-id-claim", "sub", "--auth-roles-claim", "roles"];
const USERS: [&str; 2] = ["ann", "bob"];

#[derive(Debug, Clone)]
enum Step {
    Post(usize),
    Edit(usize, usize),
    Delete(usize, usize),
    Report(usize, usize),
    /// Of the thread.
    Lock(bool),
    Remove(bool, usize),
    Dismiss(usize),
    Suspend(bool, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let (user, post) = (0..USERS.len(), 0..6_usize);
    prop_oneof![
        4 => user.clone().prop_map(Step::Post),
        2 => (user.clone(), post.clone()).prop_map(|(user, post)| Step::Edit(user, post)),
        1 => (user.clone(), post.clone()).prop_map(|(user, post)| Step::Delete(user, post)),
        3 => (user.clone(), post.clone()).prop_map(|(user, post)| Step::Report(user, post)),
        1 => any::<bool>().prop_map(Step::Lock),
        3 => (any::<bool>(), post.clone()).prop_map(|(on, post)| Step::Remove(on, post)),
        2 => post.prop_map(Step::Dismiss),
        1 => (any::<bool>(), user).prop_map(|(on, user)| Step::Suspend(on, user)),
    ]
}

#[derive(Debug)]
struct Post {
    author: usize,
    content: String,
    removed: bool,
}

/// What must be true.
#[derive(Debug, Default)]
struct Model {
    posts: BTreeMap<String, Post>,
    /// The ids of all posts there ever were, in order.
    made: Vec<String>,
    locked: bool,
    suspended: [bool; 2],
    /// Reporter and post.
    open: BTreeSet<(usize, String)>,
    reported: BTreeSet<(usize, String)>,
    logged: usize,
}

impl Model {
    fn id(&self, at: usize) -> Option<String> {
        self.made.get(at).cloned()
    }
}

struct Run {
    forum: Forum,
    model: Model,
    count: usize,
}

impl Run {
    async fn send(&self, user: usize, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let response = self.forum.send(method, path, Some(&self.forum.token(USERS[user])), body).await;
        let json = if response.body.is_empty() { Value::Null } else { response.json() };
        (response.status.as_u16(), json)
    }

    async fn act(&mut self, target: &str, action: &str, exists: bool) -> Result<(), String> {
        let body = json!({ "target": target, "action": action, "reason": "r" });
        let body = if action == "suspend" { with_until(body) } else { body };
        let response = self.forum.send("POST", "/api/moderation/actions", Some(&self.forum.moderator()), Some(body)).await;
        same(&format!("{action} {target}"), response.status.as_u16(), if exists { 201 } else { 422 })?;
        self.model.logged += usize::from(exists);
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), String> {
        self.count += 1;
        let content = format!("words {}", self.count);
        match *step {
            Step::Post(user) => {
                let body = json!({ "threadId": "t2", "content": content });
                let (status, post) = self.send(user, "POST", "/api/posts", Some(body)).await;
                let expected = match (self.model.suspended[user], self.model.locked) {
                    (true, _) => 403,
                    (false, true) => 409,
                    (false, false) => 201,
                };
                same("post", status, expected)?;
                if status == 201 {
                    let id = post["postId"].as_str().unwrap_or_default().to_owned();
                    self.model.made.push(id.clone());
                    self.model.posts.insert(id, Post { author: user, content, removed: false });
                }
            }
            Step::Edit(user, at) => {
                let Some(id) = self.model.id(at) else { return Ok(()) };
                let path = format!("/api/posts/{id}");
                let (status, _) = self.send(user, "PATCH", &path, Some(json!({ "content": content }))).await;
                let allowed = self.model.posts.get_mut(&id).map(|post| (post.author == user, post));
                match allowed {
                    // A suspension is noticed ten seconds late.
                    _ if self.model.suspended[user] && status == 403 => {}
                    None => same("edit", status, 404)?,
                    Some((false, _)) => same("edit", status, 403)?,
                    Some((true, post)) => {
                        same("edit", status, 200)?;
                        post.content = content;
                    }
                }
            }
            Step::Delete(user, at) => {
                let Some(id) = self.model.id(at) else { return Ok(()) };
                let (status, _) = self.send(user, "DELETE", &format!("/api/posts/{id}"), None).await;
                match self.model.posts.get(&id).map(|post| post.author == user) {
                    _ if self.model.suspended[user] && status == 403 => {}
                    None => same("delete", status, 404)?,
                    Some(false) => same("delete", status, 403)?,
                    Some(true) => {
                        same("delete", status, 204)?;
                        self.model.posts.remove(&id);
                    }
                }
            }
            Step::Report(user, at) => {
                let Some(id) = self.model.id(at) else { return Ok(()) };
                let body = json!({ "target": format!("posts/{id}"), "reason": content });
                let (status, _) = self.send(user, "POST", "/api/reports", Some(body)).await;
                let report = (user, id);
                if self.model.reported.contains(&report) {
                    same("report again", status, 200)?;
                } else if self.model.suspended[user] {
                    same("report", status, 403)?;
                } else if self.model.posts.contains_key(&report.1) {
                    same("report", status, 201)?;
                    self.model.reported.insert(report.clone());
                    self.model.open.insert(report);
                } else {
                    same("report", status, 422)?;
                }
            }
            Step::Lock(on) => {
                self.act("threads/t2", if on { "lock" } else { "unlock" }, true).await?;
                self.model.locked = on;
            }
            Step::Remove(on, at) => {
                let Some(id) = self.model.id(at) else { return Ok(()) };
                let exists = self.model.posts.contains_key(&id);
                self.act(&format!("posts/{id}"), if on { "remove" } else { "restore" }, exists).await?;
                if let Some(post) = self.model.posts.get_mut(&id) {
                    post.removed = on;
                    self.model.open.retain(|(_, reported)| !on || *reported != id);
                }
            }
            Step::Dismiss(at) => {
                let Some(id) = self.model.id(at) else { return Ok(()) };
                // Also of a post that is gone.
                self.act(&format!("posts/{id}"), "dismiss", true).await?;
                self.model.open.retain(|(_, reported)| *reported != id);
            }
            Step::Suspend(on, user) => {
                let target = format!("users/{}", USERS[user]);
                self.act(&target, if on { "suspend" } else { "unsuspend" }, true).await?;
                self.model.suspended[user] = on;
            }
        }
        self.check().await
    }

    /// What everybody sees.
    async fn check(&self) -> Result<(), String> {
        let tokens = [None, Some(self.forum.token("ann")), Some(self.forum.token("bob")), Some(self.forum.moderator())];
        for (viewer, token) in tokens.iter().enumerate() {
            let page = self.forum.send("GET", "/api/posts?threadId=t2", token.as_deref(), None).await.json();
            let shown: BTreeMap<_, _> =
                page.as_array().into_iter().flatten().map(|post| (post["postId"].as_str(), post)).collect();
            same("posts", shown.len(), self.model.posts.len())?;
            for (id, post) in &self.model.posts {
                let found = shown.get(&Some(id.as_str())).ok_or_else(|| format!("{id} is not shown"))?;
                let sees = !post.removed || viewer == 3 || viewer == post.author + 1;
                let expected = sees.then_some(post.content.as_str());
                same("content", found["content"].as_str(), expected)?;
                same("removed", found["removed"] == true, post.removed)?;
            }
        }
        let moderator = self.forum.moderator();
        let queue = self.forum.send("GET", "/api/moderation/reports", Some(&moderator), None).await.json();
        let open = queue.as_array().into_iter().flatten().map(|report| {
            let user = USERS.iter().position(|user| report["userId"] == *user).unwrap_or(usize::MAX);
            (user, report["target"].as_str().unwrap_or_default().trim_start_matches("posts/").to_owned())
        });
        same("open reports", open.collect::<BTreeSet<_>>(), self.model.open.clone())?;
        let log = self.forum.send("GET", "/api/moderation/log?limit=1000", Some(&moderator), None).await.json();
        same("entries of the log", log.as_array().map_or(0, Vec::len), self.model.logged)?;
        let unfinished = moderation::unfinished(&*self.forum.app.store).await.map_err(|error| error.to_string())?;
        same("unfinished actions", unfinished, Vec::new())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, expected {expected:?}")) }
}

async fn run(steps: &[Step], dynamodb: Option<&str>) -> Result<(), String> {
    let key = SigningKey::new("first", Algorithm::ES256);
    let issuer = Issuer::start(&[&key]).await;
    let auth = issuer.auth(&FLAGS);
    let app = match dynamodb {
        Some(endpoint) => TestApp::on_dynamodb(services::all(30), &Behaviour { auth: Some(auth), ..behaviour() }, endpoint).await,
        None => app(auth).await,
    };
    let forum = Forum { app, issuer, key };
    forum.populate().await;
    let mut run = Run { forum, model: Model::default(), count: 0 };
    for (at, step) in steps.iter().enumerate() {
        run.step(step).await.map_err(|error| format!("step {at}, {step:?}: {error}"))?;
    }
    Ok(())
}

fn explore(cases: u32, dynamodb: Option<&str>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // The same sequences each time: a failure must be one that can be looked into.
    let mut runner = TestRunner::new_with_rng(
        Config { cases, failure_persistence: None, ..Config::default() },
        TestRng::deterministic_rng(RngAlgorithm::ChaCha),
    );
    let steps = prop::collection::vec(step(), 1..30);
    let explored = runner.run(&steps, |steps| runtime.block_on(run(&steps, dynamodb)).map_err(TestCaseError::fail));
    assert!(explored.is_ok(), "{}", explored.unwrap_err());
}

#[test]
fn on_json_files_everybody_sees_what_the_model_says() {
    explore(24, None);
}

#[test]
fn on_dynamodb_everybody_sees_what_the_model_says() {
    let server = tokio::runtime::Runtime::new().unwrap();
    let listener = server.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    server.spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    explore(8, Some(&endpoint));
}
