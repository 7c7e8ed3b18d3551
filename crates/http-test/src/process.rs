//! A program that serves.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long to wait for anything.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long between two looks at a process that is to end.
const POLL: Duration = Duration::from_millis(5);

/// A program that serves on a free port; killed when it is dropped.
pub struct Process {
    child: Child,
    address: SocketAddr,
    log: Receiver<Value>,
    unread: Option<Unread>,
}

/// A log that is not read.
struct Unread {
    pipe: BufReader<ChildStderr>,
    lines: Sender<Value>,
}

impl Process {
    /// Starts the command on a free port and waits until it listens.
    pub fn start(command: &mut Command) -> Self {
        let mut process = Self::start_unread(command);
        process.read_log();
        process
    }

    /// The same; its log is not read from then on.
    pub fn start_unread(command: &mut Command) -> Self {
        command.env("PORT", "0").env("LOG_FORMAT", "json").env("RUST_LOG", "info");
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program");
        let mut pipe = BufReader::new(child.stderr.take().expect("a pipe"));
        let (lines, log) = channel();
        let address = loop {
            let mut line = String::new();
            assert_ne!(pipe.read_line(&mut line).expect("a line"), 0, "it ended before it listened");
            let line = parsed(&line);
            let address = line["address"].as_str().and_then(|text| text.parse().ok());
            lines.send(line.clone()).expect("a receiver");
            if line["message"] == "listening" {
                break address.expect("an address");
            }
        };
        Self { child, address, log, unread: Some(Unread { pipe, lines }) }
    }

    /// Begins to read the log of a process that was started with [`Process::start_unread`].
    pub fn read_log(&mut self) {
        let Unread { pipe, lines } = self.unread.take().expect("a log that is not read yet");
        std::thread::spawn(move || {
            for line in pipe.lines().map_while(Result::ok) {
                let _ = lines.send(parsed(&line));
            }
        });
    }

    /// Closes the log's pipe, so that writing to it fails.
    pub fn close_log(&mut self) {
        self.unread = None;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next log line that starts with that message.
    pub fn wait_for_log(&self, message: &str) -> Value {
        self.log_until(message).pop().expect("a line")
    }

    /// The log up to the next line that starts with that message.
    pub fn log_until(&self, message: &str) -> Vec<Value> {
        let mut lines = Vec::new();
        loop {
            let line = self.log.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("{error} while waiting for {message:?}"));
            let last = line["message"].as_str().is_some_and(|text| text.starts_with(message));
            lines.push(line);
            if last {
                return lines;
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
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(POLL);
        }
    }

    /// A new connection.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    /// The status of a GET on a connection of its own.
    pub fn status(&self, path: &str) -> u16 {
        let response = self.get(path);
        response.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{response:?}"))
    }

    /// The value of a series in `/metrics`; zero where there is none.
    pub fn metric(&self, series: &str) -> f64 {
        let metrics = self.get("/metrics");
        let value = metrics.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until that holds for a series in `/metrics`.
    pub fn wait_for_metric(&self, series: &str, holds: impl Fn(f64) -> bool) {
        let started = Instant::now();
        while !holds(self.metric(series)) {
            assert!(started.elapsed() < PATIENCE, "{series} stays at {}", self.metric(series));
        }
    }

    /// The response to a GET on a connection of its own, head and body.
    pub fn get(&self, path: &str) -> String {
        let mut stream = self.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("a request");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        response
    }
}

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.to_owned()))
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
