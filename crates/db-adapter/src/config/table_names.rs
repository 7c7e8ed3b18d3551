//! The names of the tables on DynamoDB: one option for each table of the forum, whatever tables there are.

use std::collections::BTreeMap;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, Error, FromArgMatches};

use crate::forum::{TABLES, in_reference_order};
use crate::store::Table;

/// What each table of [`TABLES`] is called on DynamoDB: [`Table::env`], or the flag of the same words, or
/// [`Table::default_name`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableNames(BTreeMap<&'static str, String>);

impl TableNames {
    /// The table's name on DynamoDB.
    pub fn get(&self, table: &Table) -> &str {
        self.0.get(table.name).map_or(table.default_name, String::as_str)
    }

    /// Gives the table another name.
    pub fn set(&mut self, table: &Table, name: impl Into<String>) {
        self.0.insert(table.name, name.into());
    }

    /// The names by [`Table::name`], as [`crate::dynamodb::DynamoOptions::tables`] takes them.
    pub(super) fn to_map(&self) -> BTreeMap<&'static str, String> {
        self.0.clone()
    }
}

impl Args for TableNames {
    fn augment_args(command: Command) -> Command {
        command.args(in_reference_order(&TABLES).into_iter().map(|table| {
            Arg::new(table.env)
                .long(table.flag())
                .env(table.env)
                .value_name(table.env)
                .default_value(table.default_name)
                .value_parser(parse)
                .help(format!("Name of the {} table", table.name))
        }))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for TableNames {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let name = |table: &'static Table| match matches.get_one::<String>(table.env) {
            Some(name) => Ok((table.name, name.clone())),
            None => Err(Error::raw(ErrorKind::MissingRequiredArgument, format!("{} is not set", table.env))),
        };
        TABLES.into_iter().map(name).collect::<Result<_, _>>().map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        Self::from_arg_matches(matches).map(|names| *self = names)
    }
}

/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
pub(super) fn parse(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    let valid = (3..=255).contains(&text.len()) && text.bytes().all(allowed);
    if valid { Ok(text.to_owned()) } else { Err("expected 3 to 255 of a-z, A-Z, 0-9, _, - and .") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        names: TableNames,
    }

    #[test]
    fn every_table_has_an_option_of_its_own() {
        for table in TABLES {
            let flag = format!("--dynamodb-{}-table=own-name", table.name);
            let names = Program::try_parse_from(["program", &flag]).unwrap().names;
            for other in TABLES {
                let expected = if other.name == table.name { "own-name" } else { other.default_name };
                assert_eq!(names.get(other), expected, "{flag}");
            }
        }
    }

    #[test]
    fn a_name_can_be_replaced() {
        let mut names = Program::try_parse_from(["program"]).unwrap().names;
        for table in TABLES {
            names.set(table, format!("{}-restored", table.name));
            assert_eq!(names.get(table), format!("{}-restored", table.name));
        }
    }
}
