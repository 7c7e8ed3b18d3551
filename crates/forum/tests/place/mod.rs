//! A place where a forum's data can be: a folder of JSON files, or an in-process DynamoDB. Each is empty and a test's own.

#![allow(dead_code, reason = "no test file uses all of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::forum::{TABLES, activity, post, thread, user};
use db_adapter::json::{JsonOptions, JsonStore};
use db_adapter::{Item, Scan, Store, Table};
use futures::StreamExt;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

pub(crate) struct Place {
    /// For backups and other files.
    pub(crate) files: TempDir,
    pub(crate) store: Arc<dyn Store>,
    /// The same store, where it is DynamoDB.
    pub(crate) dynamodb: Option<Arc<DynamoStore>>,
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// How a run of the program ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) async fn json() -> Self {
        let files = tempfile::tempdir().unwrap();
        let dir = files.path().join("store");
        let store = Arc::new(JsonStore::open(&TABLES, JsonOptions::new(&dir)).await.unwrap());
        let settings = vec![("USE_DYNAMODB", "false".to_owned()), ("DATA_DIR", dir.display().to_string())];
        Self { files, store, dynamodb: None, settings }
    }

    pub(crate) async fn dynamodb() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
        Self::dynamodb_at(endpoint, &[]).await
    }

    /// DynamoDB at an endpoint that others use too, so with tables of these names.
    pub(crate) async fn dynamodb_at(endpoint: String, names: &[(&'static Table, String)]) -> Self {
        let mut options = DynamoOptions { endpoint: Some(endpoint.clone()), ..DynamoOptions::new("us-east-1") };
        options.tables.extend(names.iter().map(|(table, name)| (table.name, name.clone())));
        let store = Arc::new(DynamoStore::open(&TABLES, options).await.unwrap());
        tables::create(&store).await.unwrap();
        let mut settings = vec![("USE_DYNAMODB", "true".to_owned()), ("DYNAMODB_ENDPOINT", endpoint)];
        settings.extend(names.iter().map(|(table, name)| (table.env, name.clone())));
        Self { files: tempfile::tempdir().unwrap(), store: store.clone(), dynamodb: Some(store), settings }
    }

    /// Both kinds.
    pub(crate) async fn each() -> [Self; 2] {
        [Self::json().await, Self::dynamodb().await]
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// The program with the settings of this place, and no others.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("forum"));
        let variables = TABLES.map(|table| table.env).into_iter().chain(["AWS_REGION", "AWS_PROFILE"]);
        for variable in variables {
            command.env_remove(variable);
        }
        command.args(arguments).envs(self.settings.iter().cloned()).current_dir(&self.files);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The settings as options, which come from nowhere else from now on.
    pub(crate) fn as_options(&mut self) -> Vec<String> {
        let settings = std::mem::take(&mut self.settings);
        let option = |(name, value): (&str, String)| match name {
            "DYNAMODB_ENDPOINT" => format!("--endpoint={value}"),
            name => format!("--{}={value}", name.to_lowercase().replace('_', "-")),
        };
        settings.into_iter().map(option).collect()
    }

    /// Runs a command that the program printed, as a shell does in which nothing is set.
    pub(crate) fn paste(&self, command: &str) -> Ended {
        let program = assert_cmd::cargo::cargo_bin!("forum");
        let path = std::env::join_paths([program.parent().unwrap(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
        let mut shell = Command::new("sh");
        Ended::of(shell.env_clear().env("PATH", path).args(["-c", command]).current_dir(&self.files).output().unwrap())
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().unwrap())
    }

    /// Runs what must end with code 0.
    pub(crate) fn done(&self, arguments: &[&str]) -> Ended {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        ended
    }

    /// Runs what must fail and say all of this.
    pub(crate) fn fails(&self, arguments: &[&str], words: &[&str]) {
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(1), "{arguments:?}: {}{}", ended.stdout, ended.stderr);
        words.iter().for_each(|word| assert!(ended.stderr.contains(word), "{word:?} in {}", ended.stderr));
    }

    pub(crate) async fn load(&self, table: &'static Table, items: Vec<Item>) {
        self.store.load(table, futures::stream::iter(items.into_iter().map(Ok)).boxed()).await.unwrap();
    }

    /// Loads a small forum with every type of value.
    pub(crate) async fn fill(&self, users: usize, threads: usize, posts: usize) {
        self.load(&user::TABLE, (0..users).map(a_user).collect()).await;
        self.load(&thread::TABLE, (0..threads).map(|n| a_thread(n, users)).collect()).await;
        self.load(&post::TABLE, (0..posts).map(|n| a_post(n, threads, users)).collect()).await;
        activity::fill(&*self.store).await.unwrap();
    }

    /// Every item as it is stored, sorted.
    pub(crate) async fn items(&self, table: &'static Table) -> Vec<String> {
        let mut items = Vec::new();
        let mut scan = Scan::new(1000);
        loop {
            let page = self.store.scan(table, &scan).await.unwrap();
            items.extend(page.items.iter().map(|item| item.as_json().to_owned()));
            scan.cursor = page.next;
            if scan.cursor.is_none() {
                items.sort_unstable();
                return items;
            }
        }
    }

    /// All tables hold the same as the other place's, and nothing is wrong with the claims.
    pub(crate) async fn assert_equals(&self, other: &Self) {
        for table in TABLES {
            assert_eq!(self.items(table).await, other.items(table).await, "{}", table.name);
            assert_eq!(self.store.check(table).await.unwrap(), []);
        }
    }

    pub(crate) async fn assert_empty(&self) {
        for table in TABLES {
            assert_eq!(self.items(table).await, [] as [&str; 0], "{}", table.name);
        }
    }

    /// Removes an item or claim of DynamoDB past every rule.
    pub(crate) async fn remove_raw(&self, table: &'static Table, hash: &str) {
        let store = self.dynamodb.as_ref().unwrap();
        let delete = store.client().delete_item().table_name(store.table_name(table));
        delete.key(table.hash, AttributeValue::S(hash.to_owned())).send().await.unwrap();
    }

    /// Puts an item into DynamoDB past every rule.
    pub(crate) async fn put_raw(&self, table: &'static Table, attributes: &[(&str, AttributeValue)]) {
        let store = self.dynamodb.as_ref().unwrap();
        let item = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        store.client().put_item().table_name(store.table_name(table)).set_item(Some(item)).send().await.unwrap();
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// What is printed after the last `Next: `, to the end of its line.
pub(crate) fn next(printed: &str) -> String {
    let next = printed.rsplit_once("Next: ").and_then(|(_, next)| next.lines().next()).unwrap_or_default();
    assert!(!next.is_empty(), "no next command in {printed}");
    next.to_owned()
}

pub(crate) fn item(json: Json) -> Item {
    Item::parse(&json.to_string()).unwrap()
}

pub(crate) fn a_user(n: usize) -> Item {
    let text = format!(
        r#"{{"userId":"u{n}","email":"u{n}@example.org","name":"ä \"{n}\"\n","createdAt":"2024-01-01T00:00:00.000Z","version":1,
            "writeId":"w{n}","tags":{{"$SS":["a","b"]}},"sizes":{{"$NS":[1.5,2]}},"photo":{{"$B":"AP8="}},
            "exact":1234567890123456789012345678901234567{n},"nested":{{"list":[null,true,{{"x":{{"$BS":["AA=="]}}}}]}}}}"#,
        n = n % 10
    );
    let plain = format!(
        r#"{{"userId":"u{n}","email":"u{n}@example.org","name":"user {n}","createdAt":"2024-01-01T00:00:00.000Z","version":1}}"#
    );
    Item::parse(if n < 10 { &text } else { &plain }).unwrap()
}

pub(crate) fn a_thread(n: usize, users: usize) -> Item {
    let user = format!("u{}", n % users);
    item(json!({"threadId": format!("t{n}"), "title": format!("thread {n}"), "userId": user, "createdAt": time(n), "version": 1}))
}

pub(crate) fn a_post(n: usize, threads: usize, users: usize) -> Item {
    item(json!({
        "postId": format!("p{n}"), "threadId": format!("t{}", n % threads), "userId": format!("u{}", n % users),
        "content": format!("content {n} {}", "x".repeat(n % 50)), "createdAt": time(n), "version": 1,
    }))
}

fn time(n: usize) -> String {
    format!("2024-01-{:02}T{:02}:{:02}:00.000Z", 1 + n / 1440 % 28, n / 60 % 24, n % 60)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Waits until the condition holds.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed().as_secs() < 60, "waited for {what}");
        std::thread::yield_now();
    }
}
