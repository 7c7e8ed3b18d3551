//! The steps that are left for a person after the restore.

use db_adapter::Table;
use db_adapter::forum::TABLES;

use crate::command::next;

/// The command with the restored tables in place of the live ones.
pub(super) fn with_tables(words: &[&str], region: &str, targets: &[(&'static Table, String)]) -> String {
    let names: Vec<_> = targets.iter().map(|(table, name)| (format!("--{}", table.flag()), name)).collect();
    let names = names.iter().flat_map(|(flag, name)| [flag.as_str(), name.as_str()]);
    next::command(&words.iter().copied().chain(["--region", region]).chain(names).collect::<Vec<_>>())
}

/// Two ways to use the restored data, as commands.
pub(super) fn steps(targets: &[(&'static Table, String)], region: &str, provisioned: bool, replicated: bool) -> String {
    let on_dynamodb = ["--use-dynamodb=true", "--region", region];
    let live = |words: &[&str]| next::command(&[words, &on_dynamodb].concat());
    let mut out = format!(
        "Next, copy the items back into the live tables; names, replicas, alarms and Terraform stay the same:
  {}
  {}
  {}
",
        with_tables(&["backup", "--file", "restored.jsonl.zst", "--use-dynamodb=true"], region, targets),
        live(&["restore", "--file", "restored.jsonl.zst", "--merge"]),
        live(&["verify"])
    );
    if targets.len() < TABLES.len() {
        out += "The file also holds the other tables, as they are now: stop all writers until it is restored.\n";
    }
    out += "Items that were added since then are kept; items that were changed or removed since then are restored.

Or replace the live tables with the new ones:
  1. Stop all writers, and start the services with
";
    targets.iter().for_each(|(table, target)| out += &format!("       {}={target}\n", table.env));
    out += "  2. Set the new names in local.names of terraform/modules/tables/main.tf; otherwise the next apply replaces the tables. Then run
";
    for (table, target) in targets {
        let address = format!("'module.tables.aws_dynamodb_table.this[\"{}\"]'", table.name);
        if replicated {
            out += &format!("       terraform state rm 'module.tables.aws_dynamodb_table_replica.this[\"{}\"]'\n", table.name);
        }
        out += &format!("       terraform state rm {address}\n       terraform import {address} {target}\n");
    }
    let mut left = vec!["roles and policies", "alarms", "backup selection"];
    left.extend(replicated.then_some("replicas"));
    left.extend(provisioned.then_some("auto scaling"));
    out += &format!("  3. Run terraform apply, which creates what a restore does not: {}.\n", left.join(", "));
    out += &format!("  4. Run {}\n", with_tables(&["tables", "status"], region, targets));
    out += "
Delete the tables that are no longer needed: they cost money, and are protected against deletion.";
    out
}
