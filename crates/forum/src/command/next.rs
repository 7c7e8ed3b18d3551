//! Commands that are printed for a person to run next. Pasted into a shell, each works on the same data as the command that printed it.

use clap::builder::ArgAction;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use http_kit::config::without_empty_variables;

/// What this run was given, on its command line or in its environment.
#[derive(Debug, Default)]
struct Given {
    /// The names of the command, and its arguments without a flag.
    words: Vec<String>,
    /// Each option: its flag, and how it is written.
    options: Vec<(String, String)>,
}

/// `forum` with these words, and with every option that this run was given and that the command takes too. An option that is among the
/// words is not repeated.
pub(crate) fn command(words: &[&str]) -> String {
    let program = program();
    let mut wanted = &program;
    for word in words {
        let Some(inner) = wanted.find_subcommand(word) else { break };
        wanted = inner;
    }
    let takes = |flag: &str| wanted.get_arguments().any(|argument| flag_of(argument).is_some_and(|known| known == flag));
    let has = |flag: &str| {
        words.iter().any(|word| word.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
    };
    let options = given(&program).options.into_iter().filter(|(flag, _)| takes(flag) && !has(flag)).map(|(_, written)| written);
    let words = words.iter().map(|word| quoted(word));
    std::iter::once("forum".to_owned()).chain(words).chain(options).collect::<Vec<_>>().join(" ")
}

/// The error, then what it leaves and the command that continues, at the end, where it can be copied.
pub(crate) fn after(error: &anyhow::Error, leaves: &str, command: &str) -> anyhow::Error {
    anyhow::anyhow!("{error:#}; {leaves}. Next: {command}")
}

/// The command that runs, as it was given.
pub(crate) fn same() -> String {
    let words = given(&program()).words;
    command(&words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn program() -> Command {
    let mut program = without_empty_variables(crate::command());
    program.build();
    program
}

/// Nothing where the arguments of this process are not the program's, as in tests of this crate.
fn given(program: &Command) -> Given {
    let mut given = Given::default();
    if let Ok(matches) = program.clone().try_get_matches_from(std::env::args_os()) {
        given.add(program, &matches);
    }
    given
}

impl Given {
    fn add(&mut self, command: &Command, matches: &ArgMatches) {
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            let is_help = matches!(
                argument.get_action(),
                ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
            );
            let source = if is_help { None } else { matches.value_source(id) };
            if !matches!(source, Some(ValueSource::CommandLine | ValueSource::EnvVariable)) {
                continue;
            }
            let values = matches.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy());
            match flag_of(argument) {
                None => self.words.extend(values.map(String::from)),
                Some(flag) if !argument.get_action().takes_values() => self.options.push((flag.clone(), flag)),
                Some(flag) => {
                    for value in values {
                        let joint = if argument.is_require_equals_set() || value.starts_with('-') { '=' } else { ' ' };
                        self.options.push((flag.clone(), format!("{flag}{joint}{}", quoted(&value))));
                    }
                }
            }
        }
        if let Some((name, matches)) = matches.subcommand()
            && let Some(command) = command.find_subcommand(name)
        {
            self.words.insert(0, name.to_owned());
            let words = std::mem::take(&mut self.words);
            self.add(command, matches);
            self.words.splice(0..0, words);
        }
    }
}

fn flag_of(argument: &Arg) -> Option<String> {
    argument.get_long().map(|long| format!("--{long}"))
}

/// The text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let is_plain = !text.is_empty() && text.chars().all(|letter| letter.is_alphanumeric() || "-_=./:,@+%".contains(letter));
    if is_plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_read_it_otherwise() {
        for (text, expected) in
            [("a-b/c.jsonl", "a-b/c.jsonl"), ("", "''"), ("my file", "'my file'"), ("it's", r"'it'\''s'"), ("$HOME", "'$HOME'")]
        {
            assert_eq!(quoted(text), expected);
        }
    }

    #[test]
    fn a_command_has_its_words() {
        assert_eq!(command(&["backup", "--file", "a b"]), "forum backup --file 'a b'");
    }
}
