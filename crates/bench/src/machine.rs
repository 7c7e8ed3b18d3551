//! The machine: which cores are used for what, and what it is.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

/// Who runs where, so that the load generator does not take its time from what it measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cores {
    /// Of what is measured; `None` where there is only one core.
    pub(crate) server: Option<usize>,
    /// Of the load generator.
    pub(crate) client: Option<usize>,
    /// Of a DynamoDB endpoint.
    pub(crate) endpoint: Option<usize>,
}

impl Cores {
    pub(crate) fn of_this_process() -> Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").context("the benchmark reads /proc, so it needs Linux")?;
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        Ok(Self::among(&list(allowed.context("/proc/self/status tells no cores")?)))
    }

    fn among(allowed: &[usize]) -> Self {
        match *allowed {
            [] | [_] => Self { server: None, client: None, endpoint: None },
            [server, client] => Self { server: Some(server), client: Some(client), endpoint: Some(client) },
            [server, client, endpoint, ..] => Self { server: Some(server), client: Some(client), endpoint: Some(endpoint) },
        }
    }

    /// Keeps this process to the client's core.
    pub(crate) fn pin_this_process(&self) -> Result<()> {
        let Some(core) = self.client else { return Ok(()) };
        let pid = std::process::id().to_string();
        let pinned = Command::new("taskset").args(["-a", "-c", "-p", &core.to_string(), &pid]).output();
        let pinned = pinned.context("taskset (util-linux) is missing")?;
        ensure!(pinned.status.success(), "taskset: {}", String::from_utf8_lossy(&pinned.stderr));
        Ok(())
    }

    pub(crate) fn describe(&self) -> String {
        match (self.server, self.client, self.endpoint) {
            (Some(server), Some(client), Some(endpoint)) if client == endpoint => format!(
                "What is measured runs on core {server} alone; the load generator and, where there is one, the DynamoDB endpoint share core {client}"
            ),
            (Some(server), Some(client), Some(endpoint)) => format!(
                "What is measured runs on core {server} alone, the load generator on core {client}, a DynamoDB endpoint on core {endpoint}"
            ),
            _ => {
                "Nothing is pinned: there is only one core, so the load generator takes its time from what it measures".to_owned()
            }
        }
    }
}

/// The numbers of a list such as `0-2,5`.
fn list(text: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

/// What a measurement is only true for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) system: String,
    pub(crate) rustc: String,
    pub(crate) node: String,
    pub(crate) pinning: String,
}

impl Machine {
    pub(crate) fn this(cores: &Cores) -> Result<Self> {
        let read = |path: &str| std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"));
        let (cpuinfo, meminfo) = (read("/proc/cpuinfo")?, read("/proc/meminfo")?);
        Ok(Self {
            processor: field(&cpuinfo, "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: field(&meminfo, "MemTotal").and_then(kibibytes).unwrap_or_default() / (1 << 20),
            system: format!("Linux {}", read("/proc/sys/kernel/osrelease")?.trim()),
            rustc: first_line("rustc", "--version")?,
            node: first_line("node", "--version")?,
            pinning: cores.describe(),
        })
    }
}

/// The value of `name : value` in a file of /proc.
pub(crate) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let value = |line: &'a str| line.split_once(':').filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim());
    text.lines().find_map(value)
}

/// The number of `123 kB`.
pub(crate) fn kibibytes(text: &str) -> Option<u64> {
    text.strip_suffix("kB")?.trim().parse().ok()
}

/// The first line that a program prints.
pub(crate) fn first_line(program: &str, argument: &str) -> Result<String> {
    let output = Command::new(program).arg(argument).output().with_context(|| format!("{program} is missing"))?;
    ensure!(output.status.success(), "{program} {argument} failed");
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_shared_only_where_there_are_too_few() {
        assert_eq!(list("0-2,5\n"), [0, 1, 2, 5]);
        assert_eq!(Cores::among(&list("3")).server, None);
        assert_eq!(Cores::among(&list("0-1")), Cores { server: Some(0), client: Some(1), endpoint: Some(1) });
        assert_eq!(Cores::among(&list("2,4-7")), Cores { server: Some(2), client: Some(4), endpoint: Some(5) });
    }

    #[test]
    fn fields_of_proc_are_read() {
        let status = "Name:\tbench\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n";
        assert_eq!(field(status, "VmRSS").and_then(kibibytes), Some(1024));
        assert_eq!(field(status, "Vm"), None);
        assert_eq!(kibibytes("12 MB"), None);
    }
}
