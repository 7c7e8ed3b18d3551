//! What only an emulator of all of DynamoDB knows: point-in-time recovery, replicas, tags. `.ci/moto` starts it and runs these.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod place;

use std::process::Stdio;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    CreateReplicationGroupMemberAction, PointInTimeRecoverySpecification, ReplicationGroupUpdate, StreamSpecification,
    StreamViewType, Tag, TimeToLiveSpecification,
};
use db_adapter::Key;
use db_adapter::forum::{TABLES, user};
use serde_json::{Value as Json, json};

use place::{Ended, Place, item, next};

const EXPECT: [&str; 6] =
    ["--expect-pitr", "--expect-protection", "--expect-billing", "PAY_PER_REQUEST", "--expect-replica", "us-west-2"];

/// A forum on the emulator, in tables whose names start as given.
async fn forum(prefix: &str) -> Place {
    let endpoint = std::env::var("MOTO_ENDPOINT").expect("MOTO_ENDPOINT: run .ci/moto");
    let place = Place::dynamodb_at(endpoint, &TABLES.map(|table| (table, format!("{prefix}-{}", table.name)))).await;
    place.fill(3, 2, 5).await;
    place
}

fn client(place: &Place) -> Client {
    place.dynamodb.as_ref().unwrap().client().clone()
}

fn names(prefix: &str) -> Vec<String> {
    TABLES.iter().map(|table| format!("{prefix}-{}", table.name)).collect()
}

async fn switch_recovery_on(place: &Place, prefix: &str) {
    let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().unwrap();
    for name in names(prefix) {
        let update = client(place).update_continuous_backups().table_name(name);
        update.point_in_time_recovery_specification(on.clone()).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MOTO_ENDPOINT: run .ci/moto"]
async fn status_shows_recovery_protection_and_replicas() {
    let place = forum("status").await;
    let bare = place.run(&[&["tables", "status"], &EXPECT[..]].concat());
    assert_eq!(bare.code, Some(3), "{}{}", bare.stdout, bare.stderr);
    assert_eq!(
        bare.stdout.matches("differs: point-in-time recovery is off, expected on").count(),
        TABLES.len(),
        "{}",
        bare.stdout
    );

    switch_recovery_on(&place, "status").await;
    for name in names("status") {
        client(&place).update_table().table_name(&name).deletion_protection_enabled(true).send().await.unwrap();
        let replica = CreateReplicationGroupMemberAction::builder().region_name("us-west-2").build().unwrap();
        let update = ReplicationGroupUpdate::builder().create(replica).build();
        client(&place).update_table().table_name(&name).replica_updates(update).send().await.unwrap();
    }
    let shown = place.done(&[&["tables", "status"], &EXPECT[..]].concat()).stdout;
    for line in ["deletion protection: on", "point-in-time recovery: on, from 20", "replicas: us-west-2 ACTIVE"] {
        assert_eq!(shown.matches(line).count(), TABLES.len(), "{line:?} in {shown}");
    }
    let replica = place.done(&["tables", "status", "--region", "us-west-2", "--expect-replica", "us-east-1"]).stdout;
    assert_eq!(replica.matches("replicas: us-east-1 ACTIVE").count(), TABLES.len(), "{replica}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MOTO_ENDPOINT: run .ci/moto"]
async fn a_restored_table_gets_what_a_restore_loses() {
    let place = forum("restore").await;
    let client = client(&place);
    switch_recovery_on(&place, "restore").await;
    let users = "restore-users";
    client.update_table().table_name(users).deletion_protection_enabled(true).send().await.unwrap();
    let expiry = TimeToLiveSpecification::builder().attribute_name("expiresAt").enabled(true).build().unwrap();
    client.update_time_to_live().table_name(users).time_to_live_specification(expiry).send().await.unwrap();
    let stream =
        StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages).build().unwrap();
    client.update_table().table_name(users).stream_specification(stream).send().await.unwrap();
    let live = client.describe_table().table_name(users).send().await.unwrap().table.unwrap();
    let tag = Tag::builder().key("owner").value("forum").build().unwrap();
    client.tag_resource().resource_arn(live.table_arn().unwrap()).tags(tag).send().await.unwrap();

    let ended = place.done(&["pitr-restore", "--suffix", "back"]);
    for line in [
        "restore-users-back: 3 items, checksum ",
        "settings applied: deletion protection, point-in-time recovery, time to live by expiresAt, 1 tag, stream",
        "DYNAMODB_USERS_TABLE=restore-users-back",
        "terraform import 'module.tables.aws_dynamodb_table.this[\"users\"]' restore-users-back",
        "forum restore --file restored.jsonl.zst --merge",
    ] {
        assert!(ended.stdout.contains(line), "{line:?} in {}", ended.stdout);
    }
    // The printed steps work as they stand, in a shell in which nothing is set.
    let steps: Vec<_> = ended.stdout.lines().filter_map(|line| line.strip_prefix("  forum ")).collect();
    assert_eq!(steps.len(), 3, "{}", ended.stdout);
    for step in steps {
        let done = place.paste(&format!("forum {step}"));
        assert_eq!(done.code, Some(0), "{step}: {}{}", done.stdout, done.stderr);
    }
    assert!(!ended.stdout.contains("wrong:") && !ended.stdout.contains("since that time"), "{}", ended.stdout);

    let name = "restore-users-back";
    let restored = client.describe_table().table_name(name).send().await.unwrap().table.unwrap();
    assert_eq!(restored.deletion_protection_enabled(), Some(true));
    assert_eq!(restored.stream_specification(), live.stream_specification());
    let tags = client.list_tags_of_resource().resource_arn(restored.table_arn().unwrap()).send().await.unwrap();
    assert_eq!(tags.tags()[0].key(), "owner");
    let ttl = client.describe_time_to_live().table_name(name).send().await.unwrap().time_to_live_description.unwrap();
    assert_eq!(ttl.attribute_name(), Some("expiresAt"));
    let backups =
        client.describe_continuous_backups().table_name(name).send().await.unwrap().continuous_backups_description.unwrap();
    assert_eq!(
        backups.point_in_time_recovery_description().unwrap().point_in_time_recovery_status().unwrap().as_str(),
        "ENABLED"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MOTO_ENDPOINT: run .ci/moto"]
async fn a_restore_goes_on_and_tells_what_has_changed_since() {
    let place = forum("again").await;
    switch_recovery_on(&place, "again").await;
    let restore = ["pitr-restore", "--table", "users", "--suffix", "back"];
    place.done(&restore);
    place.fails(&restore, &["table again-users-back in us-east-1 already exists", "--suffix back --resume --table users"]);
    let resumed = place.paste(&next(&place.run(&restore).stderr));
    assert_eq!(resumed.code, Some(0), "{}{}", resumed.stdout, resumed.stderr);

    place.load(&user::TABLE, vec![item(json!({"userId": "new", "name": "new", "createdAt": "2020-01-01T00:00:00.000Z"}))]).await;
    place.store.delete(&user::TABLE, &Key::hash("u1"), None).await.unwrap();
    let ended = place.done(&[&restore[..], &["--resume", "--json"]].concat());
    let report: Json = serde_json::from_str(&ended.stdout).unwrap();
    let users = &report["tables"][0];
    assert_eq!((&users["items"], &users["wrong"]), (&json!(3), &json!([])));
    assert_eq!(users["changes"]["added"], json!(["users userId \"new\""]));
    assert_eq!(users["changes"]["removed"], json!(["users userId \"u1\""]));

    for form in [&["--resume"][..], &["--resume", "--json"]] {
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        for (stdout, code) in [(Stdio::from(closed), 0), (Stdio::from(full), 1)] {
            let ended = Ended::of(place.command(&[&restore[..], form].concat()).stdout(stdout).output().unwrap());
            assert_eq!((ended.code, ended.stderr.contains("No space left")), (Some(code), code == 1), "{}", ended.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs MOTO_ENDPOINT: run .ci/moto"]
async fn what_cannot_be_restored_is_refused_before_anything_is_made() {
    let place = forum("refused").await;
    place.fails(
        &["pitr-restore"],
        &["point-in-time recovery of refused-modlog in us-east-1 is off", "dynamodb_point_in_time_recovery"],
    );
    switch_recovery_on(&place, "refused").await;
    place.fails(
        &["pitr-restore", "--at", "2020-01-01T00:00:00Z", "--suffix", "back"],
        &["refused-modlog cannot be restored to 2020-01-01T00:00:00.000Z: expected a time from 20"],
    );
    // A table of that name which is no restore of the live one.
    let other = TABLES.map(|table| (table, format!("refused-{}-back", table.name)));
    Place::dynamodb_at(std::env::var("MOTO_ENDPOINT").unwrap(), &other).await;
    place.fails(
        &["pitr-restore", "--table", "users", "--suffix", "back"],
        &["table refused-users-back in us-east-1 exists and is not a restore of refused-users; choose another --suffix"],
    );
    let tables = client(&place).list_tables().send().await.unwrap();
    assert_eq!(tables.table_names().iter().filter(|name| name.starts_with("refused-")).count(), 2 * TABLES.len());
}
