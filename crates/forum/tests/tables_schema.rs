//! `forum tables schema` through the real binary.

use assert_cmd::cargo::cargo_bin_cmd;

/// Terraform builds the tables from this file, so it must be what the code declares, byte for byte.
#[test]
fn terraform_reads_what_is_declared() {
    let committed = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../terraform/tables.json")).unwrap();
    cargo_bin_cmd!("forum").args(["tables", "schema"]).assert().success().stdout(committed);
}

#[test]
fn help_shows_an_example() {
    let help = cargo_bin_cmd!("forum").args(["tables", "schema", "--help"]).assert().success();
    assert!(String::from_utf8_lossy(&help.get_output().stdout).contains("forum tables schema > terraform/tables.json"));
}
