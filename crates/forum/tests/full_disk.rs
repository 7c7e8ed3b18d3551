//! A disk that is really full: writes are refused with 503, reads go on, and all is well once there is room.

#![cfg(unix)]
#![expect(clippy::panic, clippy::unwrap_used, reason = "in tests")]

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use http_test::Process;
use serde_json::{Value, json};

fn start(dir: &Path) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_forum"));
    command.env_clear().args(["dev", "--empty"]).env("DATA_DIR", dir).stdout(Stdio::null());
    Process::start(&mut command)
}

fn request(process: &Process, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (mut stream, body) = (process.connect(), body.to_string());
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n");
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

/// The titles of all threads.
fn titles(process: &Process) -> Vec<String> {
    let (status, threads) = request(process, "GET", "/api/threads?limit=1000", &Value::Null);
    assert_eq!(status, 200);
    let mut titles: Vec<_> =
        threads.as_array().unwrap().iter().map(|thread| thread["title"].as_str().unwrap().to_owned()).collect();
    titles.sort_unstable();
    titles
}

fn thread(title: &str) -> Value {
    json!({ "title": title, "description": "x".repeat(1000) })
}

/// A file that takes all the room there is.
struct Ballast(PathBuf);

impl Ballast {
    fn fill(dir: &Path) -> Self {
        let path = dir.join("ballast");
        let mut file = File::create(&path).unwrap();
        loop {
            match file.write(&[0; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Self(path),
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn remove(self) {
        std::fs::remove_file(self.0).unwrap();
    }
}

/// `FULL_DISK_DIR` is a small file system of its own, some megabytes large and empty.
#[test]
#[ignore = "needs a small file system at FULL_DISK_DIR: see .ci/run"]
fn a_full_disk_refuses_writes_until_there_is_room() {
    let disk = PathBuf::from(std::env::var_os("FULL_DISK_DIR").expect("FULL_DISK_DIR"));
    let dir = disk.join("store");
    let mut process = start(&dir);
    let (status, kept) = request(&process, "POST", "/api/threads", &thread("kept"));
    assert_eq!(status, 201);
    let path = format!("/api/threads/{}", kept["threadId"].as_str().unwrap());
    let mut written = vec!["kept".to_owned()];

    for round in 0..3 {
        let ballast = Ballast::fill(&disk);
        // The last block of the journal may have room for some more.
        let refused = (0..100).find_map(|number| {
            let title = format!("{round}-{number}");
            match request(&process, "POST", "/api/threads", &thread(&title)) {
                (201, _) => {
                    written.push(title);
                    None
                }
                refused => Some(refused),
            }
        });
        let (status, problem) = refused.expect("a refusal");
        assert_eq!((status, &problem["status"]), (503, &json!(503)), "{problem}");
        assert!(!problem.to_string().contains(dir.to_str().unwrap()), "{problem}");
        let large = json!({ "description": "y".repeat(5000) });
        assert_eq!(request(&process, "PATCH", &path, &large).0, 503);
        written.sort_unstable();
        assert_eq!(titles(&process), written, "reads go on");
        assert_eq!(process.status("/health"), 200);

        // Once it goes on, once it is killed, and once it ends in order while the disk is full.
        if round == 1 {
            drop(process);
            process = start(&dir);
            assert_eq!(titles(&process), written);
        } else if round == 2 {
            process.signal("INT");
            assert!(process.wait().success());
            process = start(&dir);
            assert_eq!(titles(&process), written);
        }
        ballast.remove();
        let title = format!("room again {round}");
        assert_eq!(request(&process, "POST", "/api/threads", &thread(&title)).0, 201);
        assert_eq!(request(&process, "PATCH", &path, &large).0, 200);
        written.push(title);
        written.sort_unstable();
        assert_eq!(titles(&process), written);
    }
    drop(process);
    assert_eq!(titles(&start(&dir)), written);
}
