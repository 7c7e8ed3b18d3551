//! The imports on the page on migration, run as they stand there.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod place;

use std::fs;

use db_adapter::forum::{TABLES, post, thread, user};
use rstest::rstest;

use place::Place;

const PAGE: &str = include_str!("../../../docs/migration.md");

/// Follows the section: writes the files that it names, runs its commands, and expects what it prints.
async fn follow(heading: &str) -> Place {
    let start = PAGE.find(&format!("\n### {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    let section = &PAGE[start + 1..];
    let section = section[4..].find("\n### ").map_or(section, |end| &section[..end + 4]);
    let place = Place::json().await;
    let (mut printed, mut before, mut runs) = (String::new(), "", 0);
    for (number, part) in section.split("```").enumerate() {
        if number % 2 == 0 {
            before = part;
            continue;
        }
        let (kind, text) = part.split_once('\n').unwrap();
        match kind {
            "json" | "toml" => {
                let name = before.rsplit('`').nth(1).unwrap();
                let path = place.path(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            "sh" => {
                for command in text.lines() {
                    let arguments: Vec<_> = command.split(' ').skip(1).collect();
                    printed = place.done(&arguments).stdout;
                    runs += 1;
                }
            }
            "text" => text.lines().for_each(|line| assert!(printed.contains(line), "{heading}: {line} in {printed}")),
            "sh no-run" => {}
            other => panic!("{heading}: what is {other}?"),
        }
    }
    assert!(runs > 0, "{heading} runs nothing");
    place
}

#[rstest]
#[case("json-server")]
#[case("A flat forum with nested replies")]
#[case("MongoDB")]
#[case("An export of DynamoDB to S3")]
#[case("Anything else: a map")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_holds_what_it_says(#[case] heading: &str) {
    let place = follow(heading).await;
    for table in TABLES {
        let is_imported = [&post::TABLE, &thread::TABLE, &user::TABLE].iter().any(|other| other.name == table.name);
        assert_eq!(!place.items(table).await.is_empty(), is_imported, "{heading}: {}", table.name);
        assert_eq!(place.store.check(table).await.unwrap(), [], "{heading}");
    }
    // Nothing that came under another name is left under it.
    let mut all = Vec::new();
    for table in TABLES {
        all.extend(place.items(table).await);
    }
    for name in ["body", "author", "passwordHash", "says", "from", "called", "joined", "replies"] {
        assert!(all.iter().all(|item| !item.contains(&format!("\"{name}\""))), "{heading}: {name} in {all:?}");
    }
}

#[test]
fn every_import_of_the_page_is_run() {
    let imports = PAGE.split("\n## Five imports\n").nth(1).unwrap();
    assert_eq!(imports.matches("\n### ").count(), 5);
}
