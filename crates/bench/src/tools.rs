//! What is measured, obtained: the workspace's programs by cargo, json-server by npm, PocketBase by go.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cli::Profile;
use crate::machine::first_line;
use crate::place::Place;

/// The peers: the stock choice for a backend on a JSON file, and its newest beta that runs on Node 18 and later.
pub(crate) const JSON_SERVERS: [&str; 2] = ["0.17.4", "1.0.0-beta.3"];

/// The program that serves PocketBase.
const POCKETBASE: &str = "crates/bench/pocketbase";
const POCKETBASE_MODULES: &str = include_str!("../pocketbase/go.mod");

/// Builds the programs of the workspace.
pub(crate) fn build(place: &Place) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--locked",
        "-p",
        "users-svc",
        "-p",
        "threads-svc",
        "-p",
        "posts-svc",
        "-p",
        "forum",
        "-p",
        "forum-lambda",
    ]);
    if place.settings.profile == Profile::Release {
        cargo.arg("--release");
    }
    run(cargo.current_dir(&place.root), "cargo")
}

/// Installs json-server where it is not there yet, and answers its script.
pub(crate) fn json_server(place: &Place, version: &str) -> Result<PathBuf> {
    let dir = place.work.join(format!("json-server-{version}"));
    let package = dir.join("node_modules/json-server");
    if !package.join("package.json").exists() {
        std::fs::create_dir_all(&dir)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"]).arg(&dir).arg(format!("json-server@{version}"));
        run(&mut npm, "npm")?;
    }
    let script = if version.starts_with('0') { "lib/cli/bin.js" } else { "lib/bin.js" };
    let script = package.join(script);
    ensure!(script.exists(), "json-server {version} has no {}", script.display());
    Ok(script)
}

/// The version of PocketBase that is measured.
pub(crate) fn pocketbase_version() -> Result<&'static str> {
    let required = POCKETBASE_MODULES.lines().find_map(|line| line.strip_prefix("require github.com/pocketbase/pocketbase v"));
    required.context("go.mod does not require PocketBase")
}

/// Builds PocketBase, and answers the program.
pub(crate) fn pocketbase(place: &Place) -> Result<PathBuf> {
    let program = place.work.join("pocketbase");
    let mut go = Command::new("go");
    // As it is released.
    go.args(["build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o"]).arg(&program).arg(".").env("CGO_ENABLED", "0");
    run(go.current_dir(place.root.join(POCKETBASE)), "go")?;
    Ok(program)
}

/// The commit that is measured, and whether files differ from it.
pub(crate) fn commit(root: &Path) -> Result<String> {
    let git = |arguments: &[&str]| -> Result<String> {
        let output = Command::new("git").args(arguments).current_dir(root).output().context("git is missing")?;
        ensure!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let head = git(&["rev-parse", "--short=10", "HEAD"])?;
    // The report itself is no difference in what was measured.
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs"])?;
    Ok(if changed.is_empty() { head } else { format!("{head} with local changes") })
}

/// Are the programs there that no package manager of ours brings?
pub(crate) fn check_present() -> Result<()> {
    for tool in ["cargo", "node", "npm", "git", "taskset"] {
        first_line(tool, "--version")?;
    }
    first_line("go", "version")?;
    Ok(())
}

fn run(command: &mut Command, name: &str) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("{name} is missing"))?;
    ensure!(status.success(), "{name} failed: {command:?}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pocketbase_has_the_version_of_its_module() {
        assert!(pocketbase_version().unwrap().starts_with("0.36."));
    }
}
