//! `forum cost` through the real binary.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use assert_cmd::Command;
use assert_cmd::cargo::cargo_bin_cmd;
use db_adapter::forum::TABLES;
use predicates::prelude::*;

fn cost(arguments: &[&str]) -> Command {
    let mut command = cargo_bin_cmd!("forum");
    command.arg("cost").args(arguments);
    command
}

fn json(arguments: &[&str]) -> serde_json::Value {
    let output = cost(arguments).arg("--json").assert().success();
    serde_json::from_slice(&output.get_output().stdout).unwrap()
}

/// Every block of the document that starts with a command shows that command's output.
#[test]
fn the_document_shows_what_the_command_prints() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/costs.md")).unwrap();
    let blocks: Vec<_> = document.split("```\n").filter_map(|block| block.strip_prefix("$ forum cost")).collect();
    assert_eq!(blocks.len(), 6);
    for block in blocks {
        let (arguments, output) = block.split_once('\n').unwrap();
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        cost(&arguments).assert().success().stdout(output.to_owned());
    }
}

#[test]
fn the_prices_of_the_shapes_are_those_of_the_command() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/deployment.md")).unwrap();
    for stack in ["lambda", "ecs-one", "ecs"] {
        let row = document.lines().find(|line| line.starts_with(&format!("| `{stack}`"))).unwrap();
        let prices = ["1", "2"].map(|regions| json(&["--stack", stack, "--regions", regions])["dollars"].as_f64().unwrap());
        let end = prices.map(|price| format!("| {price:.0} ")).concat() + "|";
        assert!(row.ends_with(&end), "{row} does not end with {end}");
    }
}

#[test]
fn flags_change_the_profile_that_a_file_gives() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("load.json");
    std::fs::write(&file, r#"{"operationsPerDay": {"list": 7}, "regions": 1}"#).unwrap();
    let response = json(&["--profile", file.to_str().unwrap(), "--operation", "get=1", "--storage", "posts=10", "--no-pitr"]);
    let profile = &response["profile"];
    assert_eq!(profile["operationsPerDay"], serde_json::json!({"list": 7.0, "get": 1.0}));
    assert_eq!((profile["regions"].as_u64(), profile["pitr"].as_bool()), (Some(1), Some(false)));
    assert_eq!(profile["storageMb"]["posts"], 10.0);
}

#[test]
fn other_prices_change_the_sum() {
    let embedded = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../capacity/src/prices.json")).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("prices.json");
    std::fs::write(
        &file,
        embedded.replace("\"backupGbMonth\": 0.1", "\"backupGbMonth\": 1.1").replace("2024-11-01", "2030-01-01"),
    )
    .unwrap();
    let (before, after) = (json(&[]), json(&["--prices", file.to_str().unwrap()]));
    let total = |response: &serde_json::Value| response["dollars"]["onDemand"].as_f64().unwrap();
    assert!((total(&after) - total(&before) - 6.0).abs() < 1e-9, "{before} {after}");
    assert_eq!(after["pricesAsOf"], "2030-01-01");
}

#[test]
fn what_is_not_known_is_named() {
    let error = |arguments: &[&str], code, text: &str| {
        cost(arguments).assert().code(code).stderr(predicate::str::contains(text));
    };
    error(&["--operation", "vote=1"], 1, "unknown operation vote; expected one of get, ");
    error(&["--operation", "get"], 2, "\"get\" is not NAME=NUMBER");
    error(
        &["--storage", "likes=1"],
        1,
        &format!("unknown table likes; expected one of {}", TABLES.map(|table| table.name).join(", ")),
    );
    error(&["--regions", "0"], 1, "regions is 0; expected 1 to 40");
    error(&["--profile", "absent.json"], 1, "cannot read absent.json");
    error(&["--guide", "--regions", "1"], 2, "--guide");
    error(&["--stack", "kubernetes"], 2, "possible values: ecs, ecs-one, lambda");
    error(&["--stack", "ecs", "--operations"], 2, "--operations");
}

#[test]
fn help_shows_an_example() {
    cost(&["--help"]).assert().success().stdout(predicate::str::contains("forum cost --operation list=20000"));
}
