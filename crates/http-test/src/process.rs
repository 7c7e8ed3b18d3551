//! A program that serves.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// How long to wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program that serves on a free port; killed when it is dropped.
pub struct Process {
    child: Child,
    address: SocketAddr,
    log: Receiver<Value>,
}

impl Process {
    /// Starts the command on a free port and waits until it listens.
    pub fn start(command: &mut Command) -> Self {
        command.env("PORT", "0").env("LOG_FORMAT", "json").env("RUST_LOG", "info");
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program");
        let lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
        let (sender, log) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap_or(Value::String(line)));
            }
        });
        let mut process = Self { child, address: ([127, 0, 0, 1], 0).into(), log };
        let listening = process.wait_for_log("listening");
        process.address = listening["address"].as_str().and_then(|text| text.parse().ok()).expect("an address");
        process
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next log line that starts with that message.
    pub fn wait_for_log(&self, message: &str) -> Value {
        loop {
            let line = self.log.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{error} while waiting for {message:?}"));
            if line["message"].as_str().is_some_and(|text| text.starts_with(message)) {
                return line;
            }
        }
    }

    /// Sends a signal by its name, as in `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().expect("kill");
        assert!(sent.success());
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("an end")
    }

    /// A new connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// The status of a GET on a connection of its own.
    pub fn status(&self, path: &str) -> u16 {
        let mut stream = self.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer:?}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
