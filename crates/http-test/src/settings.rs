//! The settings of a program, and what the documents say of them.

use std::collections::BTreeMap;
use std::process::Command;

const CONFIGURATION: &str = include_str!("../../../docs/configuration.md");
const README: &str = include_str!("../../../README.md");

/// A setting: its flag, and its default if it has one.
type Settings = BTreeMap<String, (String, Option<String>)>;

/// Every setting in the program's `--help` is in the tables of `docs/configuration.md` with its flag and its default, and no other is.
/// README's table says the same of those that it shows. A row whose meaning begins with `of NAME:`, or `of NAME and NAME:`, is of these
/// programs only; a name is that of a program, or of a program and its subcommand.
pub fn settings_are_documented(program: &str, command: &mut Command) {
    let output = command.env_clear().arg("--help").output().expect("--help");
    let help = String::from_utf8(output.stdout).expect("text");
    let settings = of_help(&help);
    let rows = rows(CONFIGURATION);
    let defaults: BTreeMap<_, _> = rows.iter().map(|cells| (cells[0], cells[2])).collect();
    let mut documented = Settings::new();
    for cells in &rows {
        let [variable, flag, default, meaning] = cells[..] else { panic!("{cells:?} has not four cells") };
        let owners = meaning.strip_prefix("of ").and_then(|rest| rest.split_once(": ")).map(|(owners, _)| owners);
        let owners = owners.map(|owners| owners.split(" and ").collect::<Vec<_>>());
        let owners = owners.filter(|owners| owners.iter().all(|owner| owner.split(' ').count() <= 2));
        let is_own = |owner: &&str| *owner == program || program.strip_prefix(owner).is_some_and(|rest| rest.starts_with(' '));
        if owners.is_some_and(|owners| !owners.iter().any(is_own)) {
            continue;
        }
        // The meaning of PORT names the other programs' defaults.
        let own = meaning.split([',', ';']).find_map(|part| part.trim().strip_suffix(&format!(" for {program}")));
        let default = own.unwrap_or(default);
        // Where no value is the default, words say what is done without one.
        let is_set = settings.get(unquoted(variable)).is_some_and(|(_, default)| default.is_some());
        let value = is_set.then(|| first_word(default).to_owned());
        assert!(is_set || default.contains(' '), "{variable} has no default value, and docs/configuration.md says {default}");
        let earlier = documented.insert(unquoted(variable).to_owned(), (unquoted(flag).to_owned(), value));
        assert_eq!(earlier, None, "{variable} stands twice");
    }
    for variable in documented.keys().chain(settings.keys()) {
        let (document, help) = (documented.get(variable), settings.get(variable));
        assert_eq!(document, help, "{variable} in docs/configuration.md, and in {program} --help");
    }
    let shown = self::rows(README);
    assert!(!shown.is_empty(), "README has no table of settings");
    for cells in shown {
        assert_eq!(Some(&cells[1]), defaults.get(cells[0]), "README and docs/configuration.md: {}", cells[0]);
    }
}

/// The settings that a help text shows: `--flag <NAME> … [env: NAME=] [default: VALUE]`.
fn of_help(help: &str) -> Settings {
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut parts = help.split("[env: ");
    let mut before = parts.next().unwrap_or_default();
    let mut settings = Settings::new();
    for part in parts {
        let (variable, after) = part.split_once(']').expect("a variable without a value");
        // Of a secret the value is never shown, and so no sign of equality.
        let variable = variable.trim_end_matches('=');
        let flag = before.split(' ').rfind(|word| word.starts_with("--")).and_then(|flag| flag.split('[').next());
        let flag = flag.expect("a flag");
        let default =
            after.strip_prefix(" [default: ").and_then(|rest| rest.split_once(']')).map(|(default, _)| default.to_owned());
        settings.insert(variable.to_owned(), (flag.to_owned(), default));
        before = after;
    }
    assert!(settings.len() > 10, "{help}");
    settings
}

/// The cells of every row that begins with a variable.
fn rows(document: &str) -> Vec<Vec<&str>> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
    let rows = rows.map(|row| row.split(" | ").map(str::trim).collect::<Vec<_>>());
    rows.filter(|cells| cells[0].starts_with('`') && unquoted(cells[0]).chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .collect()
}

/// What stands in the first quotes, or before the first blank.
fn first_word(cell: &str) -> &str {
    let quoted = cell.strip_prefix('`').and_then(|rest| rest.split('`').next());
    quoted.unwrap_or_else(|| cell.split([' ', ':']).next().unwrap_or_default())
}

fn unquoted(cell: &str) -> &str {
    cell.trim_matches('`')
}
