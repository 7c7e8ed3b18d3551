//! A test of this program that runs as a process of its own and tells on its standard output what it does.

use std::io::{BufRead, BufReader, Read, Stdout, Write};
use std::path::{Path, PathBuf};
use std::process::{Child as Process, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

const DIR: &str = "JSON_PROCESSES_DIR";
const NAME: &str = "JSON_PROCESSES_NAME";
/// How long to wait for anything that a child does.
const PATIENCE: Duration = Duration::from_secs(60);

/// The directory and the name that this process was given, if it is a child.
pub(crate) fn role() -> Option<(PathBuf, String)> {
    Some((std::env::var_os(DIR)?.into(), std::env::var(NAME).unwrap()))
}

/// Tells the parent a line.
pub(crate) fn say(out: &Mutex<Stdout>, line: &str) {
    let mut out = out.lock().unwrap();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

/// A running child, and everything it has said.
pub(crate) struct Child {
    process: Process,
    errors: ChildStderr,
    pub(crate) input: Option<ChildStdin>,
    said: JoinHandle<Vec<String>>,
    steps: Receiver<String>,
}

impl Child {
    /// Starts that test on the directory. `hear` is called with each line.
    pub(crate) fn start(test: &str, dir: &Path, name: &str, hear: impl Fn(&str) + Send + 'static) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(DIR, dir)
            .env(NAME, name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (out, errors, input) = (process.stdout.take().unwrap(), process.stderr.take().unwrap(), process.stdin.take());
        let (tell, steps) = channel();
        let said = std::thread::spawn(move || listen(out, &tell, &hear));
        Self { process, errors, input, said, steps }
    }

    /// Waits until the child is that far: it says so in a line of one word.
    pub(crate) fn await_step(&mut self, step: &str) {
        while match self.steps.recv_timeout(PATIENCE) {
            Ok(said) => said != step,
            Err(_) => panic!("a child is not {step}: {}", self.complaint()),
        } {}
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends a signal by its name, as in `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Kills the child, which must be running, and returns what it said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        let ended = self.process.try_wait().unwrap();
        assert!(ended.is_none(), "a child ended by itself: {}", self.complaint());
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.said.join().unwrap()
    }

    /// Waits for the child's end, which must be a good one, and returns what it said.
    pub(crate) fn finish(mut self) -> Vec<String> {
        drop(self.input.take());
        let ended = self.process.wait().unwrap();
        assert!(ended.success(), "a child failed: {}", self.complaint());
        self.said.join().unwrap()
    }

    fn complaint(&mut self) -> String {
        let mut text = String::new();
        let _ = self.process.kill();
        self.errors.read_to_string(&mut text).unwrap();
        text
    }
}

fn listen(out: ChildStdout, steps: &Sender<String>, hear: &impl Fn(&str)) -> Vec<String> {
    let mut said = Vec::new();
    for line in BufReader::new(out).split(b'\n') {
        let line = String::from_utf8(line.unwrap()).unwrap();
        // The test harness begins the first line.
        let last = line.rsplit(' ').next().unwrap_or_default();
        if ["opening", "ready", "done"].contains(&last) {
            let _ = steps.send(last.to_owned());
        }
        hear(&line);
        said.push(line);
    }
    said
}
