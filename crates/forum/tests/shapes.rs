//! `forum migrate` of what other programs write: every shape arrives whole, attribute by attribute.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod place;

use std::fs;
use std::io::Write;

use db_adapter::Table;
use db_adapter::forum::{post, thread, user};
use serde_json::{Value as Json, json};

use place::Place;

const TIME: &str = "2024-11-23T10:00:00.000Z";

fn write(place: &Place, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = place.path("export").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let bytes = if name.ends_with(".gz") { gzip(text) } else { text.as_bytes().to_vec() };
        fs::write(path, bytes).unwrap();
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

/// Ann opened "Hello" in 2024, and Bob wrote "Hi" in it.
fn check(users: &[Json], threads: &[Json], posts: &[Json]) {
    let named = |items: &[Json], wanted: &str| {
        items.iter().find(|item| item["name"] == wanted).map(|user| user["userId"].as_str().unwrap().to_owned()).unwrap()
    };
    let (ann, bob) = (named(users, "Ann"), named(users, "Bob"));
    assert_eq!((threads.len(), posts.len()), (1, 1), "{threads:?} {posts:?}");
    let thread = &threads[0];
    assert_eq!((&thread["title"], &thread["description"], &thread["userId"]), (&json!("Hello"), &json!("More"), &json!(ann)));
    assert_eq!(thread["createdAt"], TIME);
    let post = &posts[0];
    assert_eq!((&post["content"], &post["userId"], &post["threadId"]), (&json!("Hi"), &json!(bob), &thread["threadId"]));
    assert_eq!(post["createdAt"], "2024-11-23T10:00:01.000Z");
}

async fn items(place: &Place, table: &'static Table) -> Vec<Json> {
    place.items(table).await.iter().map(|item| serde_json::from_str(item).unwrap()).collect()
}

/// Imports the files into JSON files and into DynamoDB, and checks both.
async fn arrives(files: &[(&str, &str)], options: &[&str]) -> String {
    let mut report = String::new();
    for place in Place::each().await {
        write(&place, files);
        let mut arguments = vec!["migrate", "--from", "export"];
        if place.dynamodb.is_none() {
            arguments.extend(["--to", "store"]);
        }
        arguments.extend(options);
        report = place.done(&arguments).stderr;
        check(&items(&place, &user::TABLE).await, &items(&place, &thread::TABLE).await, &items(&place, &post::TABLE).await);
    }
    report
}

const USERS: &str = r#"[{"id":1,"name":"Ann"},{"id":2,"name":"Bob"}]"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authors_texts_and_times_have_many_names() {
    for (author, text, time) in [
        ("author", "body", "created_at"),
        ("authorId", "content", "timestamp"),
        ("user_id", "message", "date"),
        ("createdBy", "text", "time"),
        ("poster", "Body", "createdAt"),
        ("user", "CONTENT", "Created-At"),
    ] {
        let thread = json!([{"id": 7, "title": "Hello", author: 1, text: "More", time: "2024-11-23 10:00:00+00"}]).to_string();
        let post = json!([{"id": 9, "thread_id": 7, author: {"id": 2, "name": "Bob"}, text: "Hi", time: 1_732_356_001_000_u64}])
            .to_string();
        arrives(&[("users.json", USERS), ("topics.json", &thread), ("replies.json", &post)], &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_authors_lead_to_users_or_make_them() {
    let threads =
        json!({"data": {"discussions": [{"id": "a", "title": "Hello", "author": "Ann", "body": "More", "date": "1732356000"}]}});
    let posts =
        json!([{"topicId": "a", "username": "Bob", "message": "Hi", "created_at": "2024-11-23 10:00:01 UTC"}]).to_string();
    for users in [None, Some(USERS)] {
        let threads = threads.to_string();
        let mut files = vec![("db.json", threads.as_str()), ("comments.json", &posts)];
        files.extend(users.map(|users| ("users.json", users)));
        arrives(&files, &[]).await;
    }
    let place = Place::json().await;
    write(&place, &[("threads.json", r#"[{"id":1,"title":"T","author":"Jane Doe"}]"#), ("posts.json", "[]")]);
    place.done(&["migrate", "--from", "export", "--to", "store"]);
    let users = items(&place, &user::TABLE).await;
    assert_eq!(users[0]["name"], "Jane Doe");
    assert_eq!(users[0]["userId"], items(&place, &thread::TABLE).await[0]["userId"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_in_threads_are_posts() {
    for (threads, list) in [("threads", "replies"), ("topics", "comments"), ("discussions", "messages"), ("threads", "posts")] {
        let reply = json!({"author": {"_id": 2, "username": "Bob"}, "body": "Hi", "time": 1_732_356_001.0});
        let thread =
            json!({"id": 1, "title": "Hello", "author": {"id": 1, "name": "Ann"}, "body": "More", "time": TIME, list: [reply]});
        let report = arrives(&[("db.json", &json!({threads: [thread]}).to_string())], &[]).await;
        assert!(!report.contains("warning"), "{report}");
    }
    let deep = r#"{"threads":[{"id":1,"title":"T","user":1,"replies":[{"id":"a","user":1,"text":"1","replies":[{"id":"b","user":1,"text":"2",
        "replies":[{"id":"c","user":1,"text":"3"}]}]},{"id":"d","user":1,"text":"4"}]}]}"#;
    let place = Place::json().await;
    write(&place, &[("db.json", deep)]);
    place.done(&["migrate", "--from", "export", "--to", "store"]);
    let posts: Vec<_> =
        items(&place, &post::TABLE).await.iter().map(|post| (post["postId"].clone(), post["threadId"].clone())).collect();
    assert_eq!(posts, ["a", "b", "c", "d"].map(|id| (json!(id), json!("1"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_by_id_and_in_data_are_lists() {
    let thread = json!({"title": "Hello", "user": "u1", "text": "More", "date": TIME});
    let post = json!({"thread": "t1", "user": "u2", "text": "Hi", "date": "2024-11-23T10:00:01Z"});
    let users = json!({"u1": {"name": "Ann"}, "u2": {"name": "Bob"}});
    for file in [
        json!({"users": users, "threads": {"t1": thread}, "posts": {"p1": post}}),
        json!({"data": {"users": users, "threads": {"t1": thread}, "posts": {"p1": post}}}),
        json!({"data": {"users": users, "topics": {"t1": thread}, "comments": [post]}}),
    ] {
        arrives(&[("db.json", &file.to_string())], &[]).await;
    }
    let (thread, post) = (json!({"t1": thread}).to_string(), json!({"data": {"p1": post}}).to_string());
    arrives(&[("users.json", &users.to_string()), ("threads.json", &thread), ("posts.json", &post)], &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_and_comments_of_json_server_are_threads_and_posts() {
    let thread = json!({"id": 1, "title": "Hello", "userId": 1, "body": "More", "createdAt": TIME});
    let users: Json = serde_json::from_str(USERS).unwrap();
    for (list, id) in [("comments", "postId"), ("replies", "post_id"), ("messages", "post")] {
        let comment = json!({"id": 5, id: 1, "userId": 2, "body": "Hi", "createdAt": "2024-11-23T10:00:01Z"});
        let file = json!({"users": users, "posts": [thread], list: [comment], "profile": {"name": "x"}});
        arrives(&[("db.json", &file.to_string())], &[]).await;
    }
    let mut nested = thread.clone();
    nested["comments"] = json!([{"id": 5, "userId": 2, "body": "Hi", "createdAt": "2024-11-23T10:00:01Z"}]);
    arrives(&[("db.json", &json!({"users": users, "posts": [nested]}).to_string())], &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exports_of_mongodb_arrive() {
    let users =
        "{\"_id\":{\"$oid\":\"a1\"},\"name\":\"Ann\",\"__v\":0}\n{\"_id\":{\"$oid\":\"a2\"},\"name\":\"Bob\",\"__v\":0}\n";
    let date = |seconds: u64| json!({"$date": {"$numberLong": (1_732_356_000_000 + seconds * 1000).to_string()}});
    let thread = json!({"_id": {"$oid": "b1"}, "title": "Hello", "body": "More", "author": {"$oid": "a1"}, "createdAt": date(0)});
    let post = json!({"_id": {"$oid": "c1"}, "topic": {"$oid": "b1"}, "user": {"$oid": "a2"}, "message": "Hi",
        "createdAt": {"$date": "2024-11-23T10:00:01Z"}});
    let (line, array) = (format!("{thread}\n"), json!([post]).to_string());
    for files in [
        [("users.json", users), ("topics.json", line.as_str()), ("posts.json", array.as_str())],
        [("forum.users.json", users), ("forum.topics.json", &line), ("forum.comments.json", &array)],
        [("users.jsonl", users), ("threads.ndjson", &line), ("messages.jsonl.gz", &array)],
    ] {
        arrives(&files, &[]).await;
    }
    let mut nested = thread.clone();
    nested["replies"] = json!([{"_id": {"$oid": "c1"}, "user": {"$oid": "a2"}, "text": "Hi", "createdAt": date(1)}]);
    arrives(&[("users.json", users), ("threads.json", &format!("{nested}\n"))], &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exports_of_dynamodb_arrive() {
    let users = [json!({"userId": {"S": "1"}, "name": {"S": "Ann"}}), json!({"userId": {"S": "2"}, "name": {"S": "Bob"}})];
    let thread = json!({"threadId": {"S": "1"}, "title": {"S": "Hello"}, "description": {"S": "More"}, "userId": {"S": "1"},
        "createdAt": {"S": "2024-11-23T10:00:00Z"}});
    let post = json!({"postId": {"S": "1"}, "threadId": {"S": "1"}, "userId": {"S": "2"}, "content": {"S": "Hi"},
        "createdAt": {"N": "1732356001"}, "title": {"NULL": true}});
    let line = |item: &Json| format!("{}\n", json!({"Item": item}));
    let (first, second) = (line(&users[0]), line(&users[1]));
    let (thread_line, post_line) = (line(&thread), line(&post));
    arrives(
        &[
            ("users/AWSDynamoDB/01-a/manifest-summary.json", r#"{"version":"2020-06-30"}"#),
            ("users/AWSDynamoDB/01-a/data/a.json.gz", &first),
            ("users/AWSDynamoDB/01-a/data/b.json.gz", &second),
            ("threads/AWSDynamoDB/02-b/data/c.json.gz", &thread_line),
            ("posts/AWSDynamoDB/03-c/data/d.json", &post_line),
        ],
        &[],
    )
    .await;
    let scan = |items: &[Json]| json!({"Items": items, "Count": items.len(), "ScannedCount": items.len()}).to_string();
    let (users_scan, thread_scan, post_scan) =
        (scan(&users), scan(std::slice::from_ref(&thread)), scan(std::slice::from_ref(&post)));
    arrives(&[("users.json", &users_scan), ("threads.json", &thread_scan), ("posts.json", &post_scan)], &[]).await;
    let (lines, thread, post) = (format!("{}\n{}\n", users[0], users[1]), thread.to_string(), post.to_string());
    arrives(&[("users.jsonl", &lines), ("threads.jsonl", &thread), ("posts.jsonl", &post)], &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_map_names_lists_and_attributes() {
    let users = json!([{"nr": 1, "called": "Ann"}, {"nr": 2, "called": "Bob"}]);
    let answer = json!({"from": {"nr": 2}, "says": "Hi", "on": "2024-11-23T10:00:01Z"});
    let map = "[users]\nuserId = \"nr\"\nname = \"called\"\n[threads]\nuserId = \"from.nr\"\ndescription = \"says\"\ncreatedAt = \"on\"\n\
        [posts]\nuserId = \"from.nr\"\ncontent = \"says\"\ncreatedAt = \"on\"\nthreadId = \"topic\"\n[collections]\nusers = \"people\"\n";
    let topic = json!({"id": 1, "title": "Hello", "from": {"nr": 1}, "says": "More", "on": TIME});
    let mut nested = topic.clone();
    nested["answers"] = json!([answer]);
    let mut separate = answer.clone();
    separate["topic"] = json!(1);
    for (file, lists) in [
        (json!({"people": users, "boards": [nested]}), "threads = \"boards\"\nposts = \"boards.answers\"\n"),
        (json!({"people": users, "boards": [topic], "answers": [separate]}), "threads = \"boards\"\nposts = \"answers\"\n"),
        (
            json!({"people": users, "forum": {"boards": [topic], "answers": [separate]}}),
            "threads = \"forum.boards\"\nposts = \"forum.answers\"\n",
        ),
    ] {
        let map = format!("{map}{lists}");
        let map = if lists.contains("boards.answers") { map.replace("threadId = \"topic\"\n", "") } else { map };
        arrives(&[("db.json", &file.to_string()), ("map.toml", &map)], &["--map", "export/map.toml"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_looks_like_a_known_attribute_is_refused_with_its_name() {
    for (file, record, named) in [
        ("threads.json", r#"{"id":1,"title":"T","opener":1}"#, "record 1: opener looks like userId"),
        ("threads.json", r#"{"id":1,"title":"T","postedOn":"2024-01-01"}"#, "postedOn looks like createdAt"),
        ("threads.json", r#"{"id":1,"title":"T","first":"2024-01-01T00:00:00Z"}"#, "first looks like createdAt"),
        ("threads.json", r#"{"id":1,"title":"T","html_body":"x"}"#, "html_body looks like description"),
        ("threads.json", r#"{"id":1,"title":"T","desciption":"x"}"#, "desciption looks like description"),
        ("users.json", r#"{"id":1,"name":"T","contact":"a@b.example"}"#, "contact looks like email"),
        ("users.json", r#"{"id":1,"name":"T","nick":"t"}"#, "nick looks like username"),
    ] {
        let place = Place::json().await;
        let mut files = vec![("users.json", "[]"), ("threads.json", "[]"), ("posts.json", "[]")];
        let list = format!("[{record}]");
        files.retain(|(name, _)| *name != file);
        files.push((file, &list));
        write(&place, &files);
        let arguments = ["migrate", "--from", "export", "--to", "store"];
        place.fails(&arguments, &[named, "--keep-unknown", "--map"]);
        place.assert_empty().await;
        place.done(&[arguments.as_slice(), &["--keep-unknown"]].concat());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_inside_that_are_not_understood_are_a_warning() {
    for (list, count, records_inside) in
        [("reactions", 2, "2 records"), ("attachments", 1, "1 record"), ("answers", 3, "3 records")]
    {
        let place = Place::json().await;
        let records = json!([{"id": 1, "title": "T", list: vec![json!({"a": 1}); count]}]).to_string();
        write(
            &place,
            &[("users.json", "[]"), ("threads.json", &records), ("posts.json", "[]"), ("categories.json", "[{\"a\":1}]")],
        );
        let report = place.done(&["migrate", "--from", "export", "--to", "store"]).stderr;
        let warning = format!("warning: threads have lists {list} with {records_inside} inside, kept there and not read");
        assert!(report.contains(&warning) && report.contains("warning: export/categories.json is not read"), "{report}");
        assert_eq!(items(&place, &thread::TABLE).await[0][list].as_array().unwrap().len(), count);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_names_what_there_is() {
    for (files, words) in [
        (vec![("db.json", r#"{"boards":[{"a":1}]}"#)], ["holds no data", "lists there are: export/db.json (boards)"]),
        (vec![("boards.json", "[]"), ("users.json", "[]")], ["has no threads", "lists there are: export/boards.json"]),
        (vec![("users.json", "[]"), ("threads.json", "[]")], ["has no posts", "posts/db.json, posts.json or db.json"]),
    ] {
        let place = Place::json().await;
        write(&place, &files);
        place.fails(&["migrate", "--from", "export", "--to", "store"], &words);
    }
    let place = Place::json().await;
    write(&place, &[("threads.json", "[]"), ("posts.json", "[{\"threadId\":1}]"), ("comments.json", "[{\"a\":1}]")]);
    place.fails(
        &["migrate", "--from", "export", "--to", "store"],
        &["posts.json and export/comments.json both look like posts", "--map"],
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn authors_that_are_missing_go_to_the_user_that_is_named() {
    for author in [json!({"userId": null}), json!({}), json!({"author": null})] {
        let mut post = json!({"thread": 1, "text": "Hi"});
        post.as_object_mut().unwrap().extend(author.as_object().unwrap().clone());
        let place = Place::json().await;
        let threads = r#"[{"id":1,"title":"T"}]"#;
        write(&place, &[("users.json", USERS), ("threads.json", threads), ("posts.json", &json!([post]).to_string())]);
        let arguments = ["migrate", "--from", "export", "--to", "store"];
        place.fails(&arguments, &["posts.json: record 1: userId is missing; --missing-user ID gives"]);
        let report = place.done(&[arguments.as_slice(), &["--missing-user", "2"]].concat()).stderr;
        assert!(report.contains("1 without an author given to --missing-user"), "{report}");
        assert_eq!(items(&place, &post::TABLE).await[0]["userId"], "2");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_and_what_is_secret_is_left_out_and_counted() {
    for (mark, said) in [
        (json!({"deleted": true}), "deleted"),
        (json!({"isDeleted": 1}), "isDeleted"),
        (json!({"deletedAt": TIME}), "deletedAt"),
        (json!({"hidden": true}), "hidden"),
        (json!({"status": "removed"}), "status: removed"),
    ] {
        let mut thread = json!({"id": 1, "title": "T", "user": 1, "replies": [{"user": 1, "text": "x"}]});
        thread.as_object_mut().unwrap().extend(mark.as_object().unwrap().clone());
        let threads = json!([thread, {"id": 2, "title": "U", "user": 1, "deleted": false, "status": "open", "deleted_at": null,
            "replies": [{"user": 1, "text": "y"}]}])
        .to_string();
        let users = r#"[{"id":1,"name":"a","password":"x","passwordHash":"y","reset_token":"z"}]"#;
        let place = Place::json().await;
        write(&place, &[("users.json", users), ("threads.json", &threads)]);
        let report = place.done(&["migrate", "--from", "export", "--to", "store"]).stderr;
        for line in [
            format!("threads: 1 of 2 in export/threads.json; left out: {said} (1)"),
            "posts: 1 of 2 in the records of export/threads.json; left out: inside one that is left out (1)".to_owned(),
            "dropped as secrets: password (1), passwordHash (1), reset_token (1)".to_owned(),
        ] {
            assert!(report.contains(&line), "{line} in {report}");
        }
        assert!(!place.items(&user::TABLE).await[0].contains("password"));
        let all = Place::json().await;
        write(&all, &[("users.json", users), ("threads.json", &threads)]);
        all.done(&["migrate", "--from", "export", "--to", "store", "--include-deleted", "--keep-secrets"]);
        assert_eq!((items(&all, &thread::TABLE).await.len(), items(&all, &post::TABLE).await.len()), (2, 2));
        assert!(all.items(&user::TABLE).await[0].contains("passwordHash"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_that_are_not_allowed_are_made_new_with_their_references() {
    for id in ["a/b", "x y", "health", "ü"] {
        let place = Place::json().await;
        let users = json!([{"id": id, "name": "a"}]).to_string();
        let threads = json!([{"id": id, "title": "T", "user": id}]).to_string();
        let posts = json!([{"id": id, "thread": id, "user": id, "text": "x"}]).to_string();
        write(&place, &[("users.json", &users), ("threads.json", &threads), ("posts.json", &posts)]);
        let arguments = ["migrate", "--from", "export", "--to", "store"];
        place.fails(&arguments, &["--make-ids"]);
        place.done(&[arguments.as_slice(), &["--make-ids", "--strict"]].concat());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_json_where_the_result_is() {
    let place = Place::json().await;
    write(&place, &[("users.json", "[{}]"), ("threads.json", "[]"), ("posts.json", "[]")]);
    for (from, words) in
        [("export", "record 1: name is missing"), ("absent", "cannot open absent"), ("export/users.json", "is not a folder")]
    {
        let ended = place.run(&["migrate", "--from", from, "--to", "store", "--json"]);
        let printed: Json = serde_json::from_str(&ended.stdout).unwrap();
        assert!(ended.code == Some(1) && printed["error"].as_str().unwrap().contains(words), "{printed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_lies_in_a_store_is_named() {
    let place = Place::json().await;
    place.fill(1, 1, 1).await;
    fs::write(place.path("store/db.json"), "{}").unwrap();
    let ended = place.done(&["migrate", "--from", "store", "--to", "other"]);
    assert!(ended.stderr.contains("warning: store/db.json is not read"), "{}", ended.stderr);
}
