//! Ctrl-C and SIGTERM end every command in each of its phases: with exit code 1, and with nothing half written.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test may fail so")]

mod place;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc;

use place::{Ended, Place, next};

const USERS: &str = r#"[{"userId":"1","name":"Ann"}]"#;
const THREADS: &str = r#"[{"threadId":"1","title":"T","userId":"1"}]"#;
const POSTS: &str = r#"[{"postId":"1","threadId":"1","userId":"1","content":"C"}]"#;

/// A file that is read so many times, and at which each later reader waits without end. The receiver tells that one waits.
fn endless(path: PathBuf, text: &'static str, times: usize) -> mpsc::Receiver<()> {
    let spares = path.parent().unwrap().with_extension("pipes");
    fs::create_dir(&spares).unwrap();
    // Each reader gets a pipe of its own, which takes the place of the one before while that one is open.
    let pipe = |number: usize| {
        let pipe = spares.join(number.to_string());
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        pipe
    };
    let pipes: Vec<_> = (0..=times).map(pipe).collect();
    fs::rename(&pipes[0], &path).unwrap();
    let (waits, waiting) = mpsc::channel();
    std::thread::spawn(move || {
        for next in &pipes[1..] {
            // Opening waits for a reader.
            let mut file = OpenOptions::new().write(true).open(&path).unwrap();
            fs::rename(next, &path).unwrap();
            // A reader may need only the beginning.
            let _ = file.write_all(text.as_bytes());
        }
        let file = OpenOptions::new().write(true).open(&path);
        let _ = waits.send(());
        std::mem::forget(file);
    });
    waiting
}

fn files(folder: &Path, users: &str) {
    fs::create_dir(folder).unwrap();
    for (name, text) in [("users.json", users), ("threads.json", THREADS)] {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn stop(child: Child, signal: &str) -> Ended {
    assert!(Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap().success());
    Ended::of(child.wait_with_output().unwrap())
}

fn assert_interrupted(ended: &Ended, command: &str) {
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    assert!(ended.stderr.contains("error: interrupted; ") && next(&ended.stderr).starts_with(command), "{}", ended.stderr);
}

/// While the lists are looked for, while the authors are, while the source is surveyed, and while it is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrate_ends_in_each_phase_of_reading() {
    for (times, signal) in [(0, "TERM"), (1, "INT"), (2, "TERM"), (3, "TERM")] {
        for place in Place::each().await {
            let folder = place.path("export");
            // With the files' own authors, the posts are read once more.
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("threads.json"), THREADS).unwrap();
            let waiting = endless(folder.join("posts.json"), POSTS, times);
            let to: &[&str] = if place.dynamodb.is_some() { &[] } else { &["--to", "new"] };
            let child = place.command(&[&["migrate", "--from", "export"], to].concat()).spawn().unwrap();
            waiting.recv().unwrap();
            let ended = stop(child, signal);
            assert_interrupted(&ended, "forum migrate --from export");
            if times < 3 {
                place.assert_empty().await;
                assert!(!place.path("new").exists());
            }
            fs::remove_file(folder.join("posts.json")).unwrap();
            fs::write(folder.join("posts.json"), POSTS).unwrap();
            let done = place.paste(&next(&ended.stderr));
            assert!(done.code == Some(0) && done.stdout.contains("posts: 1 item, checksum"), "{}{}", done.stdout, done.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_ends_while_it_reads_what_it_compares_with() {
    for (times, signal) in [(0, "TERM"), (1, "INT"), (2, "TERM")] {
        let place = Place::json().await;
        place.fill(3, 2, 4).await;
        files(&place.path("export"), USERS);
        let waiting = endless(place.path("export/posts.json"), POSTS, times);
        let child = place.command(&["verify", "--against-dir", "export"]).spawn().unwrap();
        waiting.recv().unwrap();
        assert_interrupted(&stop(child, signal), "forum verify ");
    }
}

/// A backup that is read from a pipe which brings no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restore_ends_while_it_checks_the_backup() {
    for (begun, signal) in [(0, "INT"), (1, "TERM"), (40, "TERM")] {
        let from = Place::json().await;
        from.fill(3, 2, 4).await;
        from.done(&["backup", "--file", "b.jsonl"]);
        let text = fs::read_to_string(from.path("b.jsonl")).unwrap();
        let text: String = text.split_inclusive('\n').take(begun).collect();
        let to = Place::json().await;
        let path = to.path("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let child = to.command(&["restore", "--file", "pipe"]).spawn().unwrap();
        let mut pipe = OpenOptions::new().write(true).open(&path).unwrap();
        pipe.write_all(text.as_bytes()).unwrap();
        let ended = stop(child, signal);
        drop(pipe);
        assert_interrupted(&ended, "forum restore --file pipe");
        to.assert_empty().await;
        assert!(!to.path("pipe.restoring").exists());
    }
}

/// An endpoint that accepts calls and does not respond.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_ends_while_dynamodb_does_not_respond() {
    let commands: [&[&str]; 10] = [
        &["tables", "create"],
        &["tables", "status"],
        &["tables", "delete", "--yes"],
        &["seed"],
        &["verify"],
        &["backup", "--file", "b.jsonl"],
        &["migrate", "--to", "new"],
        &["migrate", "--from", "export"],
        &["pitr-restore"],
        &["region", "status", "--fence-table", "fence"],
    ];
    for (number, arguments) in commands.into_iter().enumerate() {
        let mut place = Place::json().await;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        place.settings =
            vec![("USE_DYNAMODB", "true".to_owned()), ("DYNAMODB_ENDPOINT", endpoint.clone()), ("FENCE_ENDPOINT", endpoint)];
        files(&place.path("export"), USERS);
        fs::write(place.path("export/posts.json"), POSTS).unwrap();
        let child = place.command(arguments).spawn().unwrap();
        // The call has arrived.
        let connection = listener.accept().unwrap();
        assert_interrupted(&stop(child, if number % 2 == 0 { "TERM" } else { "INT" }), &format!("forum {}", arguments[0]));
        drop(connection);
        for name in ["b.jsonl", "b.jsonl.partial"] {
            assert!(!place.path(name).exists(), "{name}");
        }
    }
}
