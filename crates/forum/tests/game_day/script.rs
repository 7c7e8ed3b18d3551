//! The commands of a page, block by block.
//!
//! A block of `sh` is run by a shell, and each of its commands must end with 0, or with what a comment beside it says: `# exit code 3`. A
//! block of `text` behind it is what they print, where `…` stands for anything. A block of `sh aws` needs AWS, and is not run.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{Command, Stdio};

/// A block that can be run, and what it prints.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) commands: String,
    prints: Vec<&'static str>,
}

impl Block {
    /// What is before that command, and the rest.
    pub(crate) fn split_at(self, command: &str) -> (Self, Self) {
        let (before, after) = self.commands.split_at(self.commands.find(command).unwrap());
        (Self { commands: before.to_owned(), prints: Vec::new() }, Self { commands: after.to_owned(), prints: self.prints })
    }
}

/// The blocks of a section, up to the next heading of its rank or above, which are taken in their order. What they export holds in all that
/// follow in any section.
#[derive(Debug)]
pub(crate) struct Section(VecDeque<Block>);

impl Section {
    pub(crate) fn of(page: &'static str, heading: &str) -> Self {
        let start = page.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no section {heading}")) + 1;
        let rest = &page[start..];
        let rank = heading.split(' ').next().unwrap();
        let ends = [rank, "##"].map(|rank| rest.find(&format!("\n{rank} ")));
        let rest = &rest[..ends.into_iter().flatten().min().unwrap_or(rest.len())];
        let mut blocks = VecDeque::new();
        for fenced in rest.split("```").skip(1).step_by(2) {
            let (kind, text) = fenced.split_once('\n').unwrap();
            match kind {
                "sh" => blocks.push_back(Block { commands: unindented(text), prints: Vec::new() }),
                "text" => blocks.back_mut().unwrap().prints.extend(text.lines().map(str::trim).filter(|line| !line.is_empty())),
                "sh aws" => {
                    assert!(text.contains("aws ") || text.contains("--witness "), "{text} needs no AWS: it can be run");
                }
                other => panic!("what is a block of {other}?"),
            }
        }
        Self(blocks)
    }

    /// The next block, which must have that in its commands: who follows the page knows where he is.
    pub(crate) fn next(&mut self, about: &str) -> Block {
        let block = self.0.pop_front().unwrap_or_else(|| panic!("no block with {about}"));
        assert!(block.commands.contains(about), "{about} is not in {}", block.commands);
        block
    }

    /// How many blocks are left.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Nothing of the page was left out.
    pub(crate) fn end(self) {
        assert!(self.0.is_empty(), "not run: {:?}", self.0);
    }
}

fn unindented(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", line.trim_start())).collect()
}

/// A shell: what was exported, and where files are.
pub(crate) struct Shell<'a> {
    pub(crate) settings: Vec<(&'static str, String)>,
    pub(crate) folder: &'a Path,
    exported: String,
}

impl<'a> Shell<'a> {
    pub(crate) fn new(settings: Vec<(&'static str, String)>, folder: &'a Path) -> Self {
        Self { settings, folder, exported: String::new() }
    }

    /// A shell that runs the block, and whose exit code is 0 if all was as the page says.
    pub(crate) fn command(&mut self, block: &Block) -> Command {
        let mut script = format!("set -e\n{}", self.exported);
        for line in block.commands.lines() {
            match line.split_once("# exit code ") {
                Some((command, code)) => {
                    let code = code.split(|after: char| !after.is_ascii_digit()).next().unwrap();
                    script += &format!("code=0; {} || code=$?; [ $code = {code} ]\n", command.trim_end());
                }
                None => script += &format!("{line}\n"),
            }
            if line.starts_with("export ") {
                self.exported += &format!("{line}\n");
            }
        }
        let program = assert_cmd::cargo::cargo_bin!("forum");
        let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
        let mut shell = Command::new("sh");
        shell.env_clear().env("PATH", path).envs(self.settings.iter().cloned()).current_dir(self.folder).args(["-c", &script]);
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        shell
    }

    /// Runs the block, and returns what it printed.
    pub(crate) fn run(&mut self, block: &Block) -> String {
        let output = tokio::task::block_in_place(|| self.command(block).output()).unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        let printed = format!("{stdout}{stderr}");
        assert_eq!(output.status.code(), Some(0), "{}{printed}", block.commands);
        for line in &block.prints {
            assert!(printed.lines().any(|printed| is_like(printed.trim(), line)), "{line:?} in {printed}");
        }
        printed
    }
}

/// Is the line as the page says, where `…` stands for anything?
fn is_like(line: &str, documented: &str) -> bool {
    let mut parts = documented.split('…');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap()) else { return false };
    let mut ends_open = false;
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        (rest, ends_open) = (after, part.is_empty());
    }
    rest.is_empty() || ends_open
}

#[test]
fn what_is_left_out_stands_for_anything() {
    for (line, documented, is) in [
        ("a 12 b", "a … b", true),
        ("a 12 b", "a …", true),
        ("a 12 b", "a", false),
        ("a 12 b c", "a … b", false),
        ("x a 12 b", "a … b", false),
    ] {
        assert_eq!(is_like(line, documented), is, "{line} {documented}");
    }
}
