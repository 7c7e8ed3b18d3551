//! The commands of `docs/disaster-recovery.md`, run as they stand there by somebody who follows the page: a Region is lost, taken over,
//! comes back, and writes again.
//!
//! `GAME_DAY_ENDPOINTS="EAST WEST"` are two DynamoDB Locals for it, in which the tables of the forum are deleted first. Without, it plays
//! on two DynamoDBs in its own process.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::AttributeValue;
use db_adapter::dynamodb::{DynamoOptions, DynamoStore, tables};
use db_adapter::forum::{TABLES, user};
use db_adapter::{Key, Read as StoreRead, Store};
use http_test::Process;
use serde_json::{Value, json};

use crate::region::{Raw, Region, dynamodb, key_of};
use crate::replication::Replication;
use crate::router::Router;
use crate::script::{Section, Shell};

const PAGE: &str = include_str!("../../../../docs/disaster-recovery.md");
const NAMES: [&str; 2] = ["us-east-1", "us-west-2"];
const EAST: usize = 0;
const WEST: usize = 1;
const FENCE: &str = "forum-microservices-fence-dev";
const RESTORED: &str = "forum-microservices-users-restored";

/// Two Regions with a process each, and replication between them.
struct World {
    regions: [Region; 2],
    router: Router,
    replication: Replication,
    started: Instant,
    folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let endpoints = match std::env::var("GAME_DAY_ENDPOINTS") {
            Ok(endpoints) => endpoints.split_whitespace().map(str::to_owned).collect(),
            Err(_) => vec![dynamodb().await, dynamodb().await],
        };
        let [east, west] = <[String; 2]>::try_from(endpoints).expect("two endpoints");
        let router = Router::start(&[(NAMES[EAST], &east), (NAMES[WEST], &west)]).await;
        let regions = [Region::at(NAMES[EAST], east).await, Region::at(NAMES[WEST], west).await];
        for region in &regions {
            for table in TABLES.map(|table| table.default_name).into_iter().chain([FENCE, RESTORED]) {
                // Only of an earlier run.
                let _ = region.store.client().delete_table().table_name(table).send().await;
            }
            tables::create(&region.store).await.unwrap();
        }
        let (replication, started, folder) = (Replication::default(), Instant::now(), tempfile::tempdir().unwrap());
        Self { regions, router, replication, started, folder }
    }

    /// What tests set and people do not: where DynamoDB is, and how long to wait for it. The lease is where the Region that is lost does
    /// not take it along.
    fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DYNAMODB_ENDPOINT", self.router.endpoint.clone()),
            ("FENCE_ENDPOINT", self.regions[WEST].endpoint.clone()),
            ("DYNAMODB_CONNECT_TIMEOUT_MS", "500".to_owned()),
            ("DYNAMODB_ATTEMPT_TIMEOUT_MS", "1000".to_owned()),
            ("DYNAMODB_OPERATION_TIMEOUT_MS", "2000".to_owned()),
        ]
    }

    fn serve(&self, region: usize) -> Process {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("forum"));
        command.env_clear().envs(self.settings()).env("AWS_REGION", NAMES[region]).env("FENCE_TABLE", FENCE);
        command.stdout(Stdio::null()).env("DATA_DIR", self.folder.path().join(NAMES[region])).args([
            "dev",
            "--use-dynamodb",
            "--empty",
        ]);
        tokio::task::block_in_place(|| Process::start(&mut command))
    }

    /// What was written since the last time is on its way.
    async fn notice(&mut self, region: usize) {
        self.replication.notice(&self.regions, region, self.started.elapsed(), || Duration::ZERO).await;
    }

    /// It arrives.
    async fn replicate(&mut self) {
        for region in [EAST, WEST] {
            self.notice(region).await;
        }
        self.replication.deliver(&self.regions, self.started.elapsed()).await;
    }

    /// The user with that name as a Region has it.
    async fn user(&self, region: usize, name: &str) -> Raw {
        let mut users = self.regions[region].raw(&user::TABLE).await.into_values();
        users.find(|item| item.get("name") == Some(&AttributeValue::S(name.to_owned()))).unwrap()
    }

    /// A table that AWS has restored: `users` of East under another name, as it is now.
    async fn restore_users(&self) {
        let mut options =
            DynamoOptions { endpoint: Some(self.regions[EAST].endpoint.clone()), ..DynamoOptions::new(NAMES[EAST]) };
        options.tables.insert(user::TABLE.name, RESTORED.to_owned());
        let store = DynamoStore::open(&TABLES, options).await.unwrap();
        tables::create(&store).await.unwrap();
        for item in self.regions[EAST].raw(&user::TABLE).await.into_values() {
            let item = item.into_iter().collect();
            store.client().put_item().table_name(RESTORED).set_item(Some(item)).send().await.unwrap();
        }
    }

    /// Nobody has heard of the Region that writes for a minute.
    async fn let_the_heartbeat_age(&self) {
        let then = db_adapter::forum::timestamp(chrono::Utc::now() - chrono::TimeDelta::minutes(1));
        let update = self.regions[WEST].store.client().update_item().table_name(FENCE);
        let update = update.key("id", AttributeValue::S("writer".to_owned())).update_expression("SET renewedAt = :then");
        update.expression_attribute_values(":then", AttributeValue::S(then)).send().await.unwrap();
    }
}

fn send(process: &Process, method: &str, path: &str, body: &Value) -> (String, Value) {
    tokio::task::block_in_place(|| {
        let mut stream = process.connect();
        let (kind, body) = (if method == "PATCH" { "merge-patch+json" } else { "json" }, body.to_string());
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/{kind}");
        write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), serde_json::from_str(body).unwrap_or_default())
    })
}

fn register(process: &Process, name: &str, email: &str) -> (String, Value) {
    send(process, "POST", "/api/users", &json!({ "name": name, "email": email }))
}

/// Waits until the process knows that this Region writes. It never accepts anything meanwhile.
fn wait_for_refusal(process: &Process, writer: &str) {
    let started = Instant::now();
    loop {
        let (head, _) = register(process, "eve", "eve@example.org");
        assert!(head.starts_with("http/1.1 503") && started.elapsed() < Duration::from_secs(30), "{head}");
        if head.contains(&format!("writing-region: {writer}")) {
            return;
        }
    }
}

/// The id of a user who could register.
fn registered(process: &Process, name: &str, email: &str) -> String {
    let (head, user) = register(process, name, email);
    assert!(head.starts_with("http/1.1 201"), "{head} {user}");
    user["userId"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_can_be_followed() {
    let mut world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Shell::new(world.settings(), folder.path());

    let mut setting_up = Section::of(PAGE, "### Setting it up");
    shell.run(&setting_up.next("forum region init us-east-1"));
    setting_up.end();
    let east = world.serve(EAST);
    let west = world.serve(WEST);
    registered(&east, "ann", "ann@example.org");
    // The other Region's process tells how old that is which has arrived.
    while tokio::task::block_in_place(|| west.metric("replication_age_seconds{table=\"users\"}")) == 0.0 {
        world.replicate().await;
    }

    // The Region is lost: bob's item has arrived and his claim has not; of cat nothing has.
    world.replication.cut();
    let bob = registered(&east, "bob", "bob@example.org");
    world.notice(EAST).await;
    let item = world.user(EAST, "bob").await;
    world.regions[WEST].put_raw(&user::TABLE, &key_of(&user::TABLE, &item), Some(&item)).await;
    let cat = registered(&east, "cat", "cat@example.org");
    world.notice(EAST).await;
    east.signal("STOP");
    world.router.lose(Some(NAMES[EAST]));
    world.let_the_heartbeat_age().await;

    let mut failover = Section::of(PAGE, "## Failover");
    shell.run(&failover.next("export USE_DYNAMODB=true AWS_REGION=us-west-2"));
    shell.run(&failover.next("forum region status"));
    let taken = shell.run(&failover.next("forum region take us-west-2"));
    assert!(taken.contains("1 added; 0 whose item"), "{taken}");
    failover.end();
    tokio::task::block_in_place(|| west.wait_for_metric("writes_allowed", |allowed| allowed == 1.0));
    // Bob has his claim; of cat nobody knows, so somebody else can have the address.
    assert!(register(&west, "eve", "bob@example.org").0.starts_with("http/1.1 409"));
    let dan = registered(&west, "dan", "cat@example.org");
    world.notice(WEST).await;

    // It is back, and replication is not yet.
    world.router.lose(None);
    east.signal("CONT");
    wait_for_refusal(&east, "us-west-2");

    let mut back = Section::of(PAGE, "## When the lost Region is back");
    shell.run(&back.next("tee differences.txt"));
    let differences = std::fs::read_to_string(folder.path().join("differences.txt")).unwrap();
    for (what, id) in [("lost", &cat), ("written since", &dan)] {
        assert!(differences.contains(id.as_str()), "{what}: {id} is not in {differences}");
    }
    world.replication.join();
    world.replicate().await;
    let listed = shell.run(&back.next("forum verify "));
    assert!(listed.contains(&cat) && listed.contains(&dan), "{listed}");
    let (head, _) = send(&west, "PATCH", &format!("/api/users/{dan}"), &json!({ "email": "dan@example.org" }));
    assert!(head.starts_with("http/1.1 200"), "{head}");
    world.replicate().await;
    // The last command compares what the repair made, which must have arrived by then.
    let repair = back.next("forum verify --repair --apply");
    let (repair, compare) = repair.split_at("forum verify --against-region");
    shell.run(&repair);
    world.replicate().await;
    shell.run(&compare);
    back.end();
    let claims = world.regions[EAST].store.check(&user::TABLE).await.unwrap();
    assert_eq!(claims, [], "in the Region that was lost");

    let mut failback = Section::of(PAGE, "## Failback");
    shell.run(&failback.next("forum tables status --region us-east-1"));
    registered(&west, "fay", "fay@example.org");
    shell.run(&failback.next("forum region drain"));
    wait_for_refusal(&west, "none");
    // Fay arrives when it has been seen that she has not.
    let mut waiting = shell.command(&failback.next("until forum verify --against-region us-east-1")).spawn().unwrap();
    let mut printed = BufReader::new(waiting.stdout.take().unwrap()).lines();
    tokio::task::block_in_place(|| printed.by_ref().map(Result::unwrap).find(|line| line.contains("different"))).unwrap();
    world.replicate().await;
    assert!(tokio::task::block_in_place(|| printed.by_ref().map(Result::unwrap).any(|line| line.contains("equal"))));
    drop(tokio::task::block_in_place(|| printed.by_ref().map(Result::unwrap).last()));
    assert_eq!(tokio::task::block_in_place(|| waiting.wait()).unwrap().code(), Some(0));
    shell.run(&failback.next("forum region take us-east-1"));
    failback.end();
    tokio::task::block_in_place(|| east.wait_for_metric("writes_allowed", |allowed| allowed == 1.0));
    wait_for_refusal(&west, "us-east-1");
    registered(&east, "gil", "gil@example.org");

    // Bob is deleted by mistake, and restored.
    world.restore_users().await;
    assert!(send(&east, "DELETE", &format!("/api/users/{bob}"), &Value::Null).0.starts_with("http/1.1 204"));
    let mut lost = Section::of(PAGE, "## Lost data, not a lost Region");
    shell.run(&lost.next("forum restore --file"));
    lost.end();
    let key = Key::hash(&bob);
    assert!(world.regions[EAST].store.get(&user::TABLE, &key, &StoreRead::STRONG).await.unwrap().is_some());
}

/// Each command of the page is run by the test above, or cannot be run without AWS.
#[test]
fn no_command_of_the_page_is_left_out() {
    let sections: Vec<_> = PAGE.lines().filter(|line| line.starts_with("## ") || line.starts_with("### ")).collect();
    let run =
        ["### Setting it up", "## Failover", "## When the lost Region is back", "## Failback", "## Lost data, not a lost Region"];
    assert!(run.iter().all(|section| sections.contains(section)));
    let in_sections: usize = run.iter().map(|section| Section::of(PAGE, section).len()).sum();
    assert_eq!(in_sections, PAGE.matches("```sh\n").count());
}
