//! `forum region` through the real binary: making the lease, obeying it, and taking over.

#![expect(clippy::unwrap_used, reason = "in tests")]

use std::io::{Read, Write};
use std::process::{Command, Output, Stdio};

use db_adapter::dynamodb::{DynamoOptions, DynamoStore};
use db_adapter::forum::TABLES;
use http_test::Process;
use serde_json::Value;

/// Two Regions and a control store, each an in-process DynamoDB.
struct World {
    runtime: tokio::runtime::Runtime,
    east: String,
    west: String,
    control: String,
    data: tempfile::TempDir,
}

impl World {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let [east, west, control] = [(); 3].map(|()| {
            let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            runtime.spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
            endpoint
        });
        let world = Self { runtime, east, west, control, data: tempfile::tempdir().unwrap() };
        for region in ["us-east-1", "us-west-2"] {
            done(&world.run(region, &["tables", "create"]));
        }
        world
    }

    fn command(&self, region: &str, arguments: &[&str]) -> Command {
        let endpoint = if region == "us-east-1" { &self.east } else { &self.west };
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("forum"));
        command.env_clear().args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.envs([("AWS_REGION", region), ("DYNAMODB_ENDPOINT", endpoint), ("FENCE_ENDPOINT", &self.control)]);
        if arguments.first() == Some(&"region") {
            // A take-over waits for the timeout of an operation, which these make short.
            command.envs([("DYNAMODB_CONNECT_TIMEOUT_MS", "100"), ("DYNAMODB_ATTEMPT_TIMEOUT_MS", "200")]);
            command.env("DYNAMODB_OPERATION_TIMEOUT_MS", "300");
        }
        command.env("FENCE_TABLE", "fence").env("DATA_DIR", self.data.path());
        command
    }

    fn run(&self, region: &str, arguments: &[&str]) -> Output {
        self.command(region, arguments).output().unwrap()
    }

    /// Empties the table with the lease, as a person may do by mistake.
    fn lose_the_lease(&self, table: &str) {
        self.runtime.block_on(async {
            let options = DynamoOptions { endpoint: Some(self.control.clone()), ..DynamoOptions::new("us-west-2") };
            let client = DynamoStore::open(&TABLES, options).await.unwrap().client().clone();
            let description = client.describe_table().table_name(table).send().await.unwrap().table.unwrap();
            let key = description.key_schema().first().unwrap().attribute_name();
            for item in client.scan().table_name(table).send().await.unwrap().items() {
                client.delete_item().table_name(table).key(key, item.get(key).unwrap().clone()).send().await.unwrap();
            }
        });
    }

    fn status(&self) -> Value {
        serde_json::from_str(&done(&self.run("us-west-2", &["region", "status", "--json"]))).unwrap()
    }
}

fn texts(output: &Output) -> [String; 2] {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8(bytes.clone()).unwrap())
}

/// What a command printed that must have done its work.
fn done(output: &Output) -> String {
    let [stdout, stderr] = texts(output);
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    stdout
}

fn fails(output: &Output, words: &[&str]) {
    let [stdout, stderr] = texts(output);
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    words.iter().for_each(|word| assert!(stderr.contains(word), "{word:?} in {stderr}"));
}

#[test]
fn the_region_of_the_lease_writes_until_another_one_takes_over() {
    let world = World::start();
    fails(&world.run("us-east-1", &["region", "status"]), &["FENCE_TABLE"]);
    assert!(done(&world.run("us-east-1", &["region", "init", "us-east-1"])).contains("us-east-1 writes"));
    assert!(done(&world.run("us-west-2", &["region", "init", "us-west-2"])).contains("unchanged"));
    assert_eq!(world.status()["region"], "us-east-1");
    assert_eq!(world.status()["epoch"], 1);

    let seed = ["seed", "--use-dynamodb"];
    fails(&world.run("us-west-2", &seed), &["does not write now", "us-east-1 does"]);
    done(&world.run("us-east-1", &seed));
    let forced = world.run("us-west-2", &["seed", "--use-dynamodb", "--ignore-fence"]);
    done(&forced);
    assert!(texts(&forced)[1].contains("--ignore-fence"));

    // Two operators: one of them succeeds, whichever it is.
    let take = ["region", "take", "us-west-2"];
    let operators = [(); 2].map(|()| world.command("us-west-2", &take).spawn().unwrap());
    let [first, second] = operators.map(|operator| operator.wait_with_output().unwrap());
    let (winner, loser) = if first.status.success() { (first, second) } else { (second, first) };
    assert!(done(&winner).starts_with("us-west-2 writes since"));
    fails(&loser, &["another operator", "forum region status"]);
    assert_eq!(world.status()["region"], "us-west-2");
    fails(&world.run("us-east-1", &seed), &["us-west-2 does"]);
    done(&world.run("us-west-2", &seed));
}

/// The commands that are printed carry the options that were given: each is run as printed, where nothing is set.
#[test]
fn what_is_printed_can_be_pasted() {
    let world = World::start();
    let options = [
        format!("--endpoint={}", world.west),
        format!("--fence-endpoint={}", world.control),
        "--fence-table=my-fence".to_owned(),
        "--region=us-west-2".to_owned(),
    ];
    let forum = |words: &[&str]| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("forum"));
        command.env_clear().args(["region"]).args(words).args(&options).output().unwrap()
    };
    let paste = |printed: &str| {
        let command = printed.lines().find_map(|line| line.split_once("Next, ")?.1.split_once(": ")).unwrap().1;
        let program = assert_cmd::cargo::cargo_bin!("forum");
        let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
        Command::new("sh").env_clear().env("PATH", path).args(["-c", &command.replace("REGION", "us-west-2")]).output().unwrap()
    };
    let timeouts =
        ["--dynamodb-connect-timeout-ms=100", "--dynamodb-attempt-timeout-ms=200", "--dynamodb-operation-timeout-ms=300"];
    done(&forum(&["init", "us-west-2"]));
    world.lose_the_lease("my-fence");
    for words in [&["status"][..], &[&["drain"], &timeouts[..]].concat()] {
        fails(&forum(words), &["there is no lease in FENCE_TABLE"]);
    }
    assert!(done(&paste(&texts(&forum(&["status"]))[1])).contains("us-west-2 writes"));
    let drained = done(&forum(&[&["drain"], &timeouts[..]].concat()));
    assert!(done(&paste(&drained)).starts_with("us-west-2 writes since"), "{drained}");
    done(&forum(&["status"]));
}

fn create_a_user(process: &Process, name: &str) -> String {
    let body = format!(r#"{{"name":"{name}","email":"{name}@example.org"}}"#);
    let mut stream = process.connect();
    let head = "POST /api/users HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.to_ascii_lowercase()
}

/// A process in each Region; the one that writes is stopped, loses writing meanwhile, and goes on.
#[test]
fn a_process_that_is_stopped_while_another_region_takes_over_writes_nothing() {
    let world = World::start();
    done(&world.run("us-east-1", &["region", "init", "us-east-1"]));
    let [east, west] = ["us-east-1", "us-west-2"]
        .map(|region| Process::start(&mut world.command(region, &["dev", "--use-dynamodb", "--empty"])));
    let accepted = create_a_user(&east, "ann");
    assert!(accepted.starts_with("http/1.1 201"), "{accepted}");
    let refused = create_a_user(&west, "bob");
    for part in ["http/1.1 503", "writing-region: us-east-1", "retry-after: 5", "/problems/not-writing"] {
        assert!(refused.contains(part), "{part:?} in {refused}");
    }
    assert_eq!((east.metric("writes_allowed"), west.metric("writes_allowed")), (1.0, 0.0));
    assert_eq!([west.status("/api/users/health"), west.status("/api/users")], [200, 200]);
    // What DNS asks of the Region that usually writes.
    let writing = "/api/users/health/writing";
    assert_eq!([east.status(writing), west.status(writing)], [200, 503]);

    east.signal("STOP");
    done(&world.run("us-west-2", &["region", "take", "us-west-2"]));
    west.wait_for_metric("writes_allowed", |allowed| allowed == 1.0);
    assert!(create_a_user(&west, "bob").starts_with("http/1.1 201"));
    east.signal("CONT");
    let refused = create_a_user(&east, "cat");
    assert!(refused.starts_with("http/1.1 503") && refused.contains("/problems/not-writing"), "{refused}");
    east.wait_for_metric("writes_allowed", |allowed| allowed == 0.0);
    let refused = create_a_user(&east, "cat");
    assert!(refused.contains("writing-region: us-west-2"), "{refused}");
    assert_eq!([east.status(writing), west.status(writing)], [503, 200]);
}

#[test]
fn what_cannot_work_fails_before_anything_changes() {
    let world = World::start();
    let no_table = world.command("us-east-1", &["region", "drain"]).env_remove("FENCE_TABLE").output().unwrap();
    fails(&no_table, &["FENCE_TABLE is not set"]);
    done(&world.run("us-east-1", &["region", "init", "us-east-1"]));
    let elsewhere = ["region", "take", "us-west-2", "--dynamodb-users-table", "absent"];
    fails(&world.run("us-west-2", &elsewhere), &["absent", "nothing was changed"]);
    assert_eq!(world.status()["epoch"], 1);
}
