//! What is left for a person to do when the new tables are there.

use db_adapter::Table;
use db_adapter::forum::TABLES;

/// The ways from the new tables to a forum that works with them, as commands.
pub(super) fn steps(targets: &[(&'static Table, String)], region: &str, provisioned: bool, replicated: bool) -> String {
    let settings: Vec<_> = targets.iter().map(|(table, target)| format!("{}={target}", table.env)).collect();
    let mut out = format!(
        "Next, bring the items back into the live tables; names, replicas, alarms and Terraform stay as they are:
  export USE_DYNAMODB=true AWS_REGION={region}
  {} forum backup --file restored.jsonl.zst
  forum restore --file restored.jsonl.zst --merge
  forum verify
",
        settings.join(" ")
    );
    if targets.len() < TABLES.len() {
        out += "The file holds the other tables as they are now: stop the writers until it is restored.\n";
    }
    out += "What was added since stays, what was changed or removed since comes back as it was.

Or let the new tables take the place of the live ones:
  1. Stop the writers, and start the services with
";
    settings.iter().for_each(|setting| out += &format!("       {setting}\n"));
    out += "  2. Give local.names in terraform/modules/tables/main.tf the new names, or the next apply replaces the tables. Then
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
    out += &format!("  3. terraform apply, which makes what a restore cannot: {}.\n", left.join(", "));
    out += "  4. forum tables status, with the names of step 1.

Delete the new or the old tables once nobody needs them: they are paid for, and protected.";
    out
}
