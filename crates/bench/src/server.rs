//! A process that is measured.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::load::fetch;
use crate::machine::{field, kibibytes};
use crate::place::Place;

/// How long a server may take to its first answer: the largest store is loaded first.
const PATIENCE: Duration = Duration::from_secs(300);
/// Clock ticks of a second in /proc: the same on every Linux.
const TICKS: f64 = 100.0;

/// How to start a program.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) arguments: Vec<String>,
    pub(crate) variables: Vec<(&'static str, String)>,
}

/// A program that runs; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pub(crate) log: PathBuf,
}

/// A program that answers; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
    /// From its start to its first answer.
    pub(crate) started_in: Duration,
}

impl Program {
    pub(crate) fn new(path: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { path: path.into(), arguments, variables: Vec::new() }
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Starts it on a core, with its output in a file of that name.
    pub(crate) fn start(&self, place: &Place, core: Option<usize>, name: &str) -> Result<Process> {
        let logs = place.work.join("logs");
        std::fs::create_dir_all(&logs)?;
        let log = logs.join(format!("{name}.log"));
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(&self.path);
                command
            }
            None => Command::new(&self.path),
        };
        // The settings of whoever runs the benchmark are not those of what is measured.
        let kept = ["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.env_clear().envs(kept).envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.args(&self.arguments);
        command.current_dir(&place.work).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot start {}", self.path.display()))?;
        Ok(Process { child, log })
    }
}

impl Process {
    pub(crate) fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Lets it run only where nobody else wants to.
    pub(crate) fn take_only_idle_time(&self) -> Result<()> {
        let set = Command::new("chrt").args(["--idle", "--pid", "0", &self.child.id().to_string()]).output();
        let set = set.context("chrt (util-linux) is missing")?;
        ensure!(set.status.success(), "chrt: {}", String::from_utf8_lossy(&set.stderr));
        Ok(())
    }

    /// What it has printed so far.
    pub(crate) fn output(&self) -> Result<String> {
        std::fs::read_to_string(&self.log).with_context(|| format!("cannot read {}", self.log.display()))
    }

    /// Megabytes in memory at most so far; `None` when it has ended.
    pub(crate) fn peak_rss_mb(&self) -> Option<f64> {
        self.memory_mb("VmHWM")
    }

    fn memory_mb(&self, name: &str) -> Option<f64> {
        let status = std::fs::read_to_string(self.proc("status")).ok()?;
        Some(kibibytes(field(&status, name)?)? as f64 * 1024.0 / 1e6)
    }

    fn proc(&self, file: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(file)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts a server on a free port of the measured core, and waits until it answers `ready` with 200.
    pub(crate) async fn start(place: &Place, name: &str, ready: &str, program: impl FnOnce(u16) -> Program) -> Result<Self> {
        Self::start_on(place, place.cores.server, name, Some(ready), program).await
    }

    /// As [`Server::start`], on some core; ready when it answers anything where `ready` is `None`.
    pub(crate) async fn start_on(
        place: &Place,
        core: Option<usize>,
        name: &str,
        ready: Option<&str>,
        program: impl FnOnce(u16) -> Program,
    ) -> Result<Self> {
        let address = free_address()?;
        let process = program(address.port()).start(place, core, name)?;
        // From here, as to make a process takes longer the more memory this one has.
        let start = Instant::now();
        let mut server = Self { process, address, started_in: Duration::ZERO };
        server.wait_until_ready(ready).await?;
        server.started_in = start.elapsed();
        Ok(server)
    }

    /// Asks without a pause, so that it is known when it was ready.
    async fn wait_until_ready(&mut self, ready: Option<&str>) -> Result<()> {
        let start = Instant::now();
        loop {
            match fetch(self.address, ready.unwrap_or("/")).await {
                Ok(answer) if answer.status == 200 || ready.is_none() => return Ok(()),
                Ok(answer) => {
                    let body = String::from_utf8_lossy(&answer.body).into_owned();
                    bail!("{ready:?} answered {}: {body}", answer.status)
                }
                Err(error) => {
                    let ended = self.process.has_ended()?;
                    let log = || format!("{error:#}; its output: {}", self.process.log.display());
                    ensure!(ended.is_none() && start.elapsed() < PATIENCE, "a server does not answer: {}", log());
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// What it has printed so far.
    pub(crate) fn output(&self) -> Result<String> {
        self.process.output()
    }

    /// Seconds of processor time so far, of all its threads.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(self.process.proc("stat")).context("a server has ended")?;
        cpu_ticks(&stat).map(|ticks| ticks as f64 / TICKS).context("/proc tells no processor time")
    }

    /// Megabytes in memory.
    pub(crate) fn rss_mb(&self) -> Result<f64> {
        self.process.memory_mb("VmRSS").context("a server has ended")
    }

    /// Megabytes in memory at most so far.
    pub(crate) fn peak_rss_mb(&self) -> Result<f64> {
        self.process.peak_rss_mb().context("a server has ended")
    }
}

/// An address that nobody listens on.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// User and system time of `/proc/PID/stat`. The program's name, in parentheses, may hold anything.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 31 0 0 20 0 3 0 1000 2000 300";
        assert_eq!(cpu_ticks(stat), Some(281));
        assert_eq!(cpu_ticks("42 (a) S 1"), None);
    }
}
