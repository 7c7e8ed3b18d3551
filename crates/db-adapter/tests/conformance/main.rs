//! The conformance suite: one list of cases that holds every backend to the promises of `Store`.
//!
//! Each case is its own test on each backend: `json::…`, `dynoxide::…` (in-process DynamoDB), `dynamodb_local::…` (the real
//! DynamoDB Local at `DYNAMODB_ENDPOINT`). Without that variable the last group shows as ignored; with `REQUIRE_DYNAMODB=1` it fails.
//! `json_cached::…` and `dynoxide_cached::…` have a cache in front. No case is left out: those where a second store writes read
//! strongly, or for the first time.
//!
//! `cargo test -p db-adapter --test conformance -- json::unique` runs some of it.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod backends;
mod concurrency;
mod create;
mod cursor;
mod delete;
#[path = "../dynoxide/mod.rs"]
mod dynoxide;
mod expiry;
mod fixture;
mod item;
mod load;
#[path = "../moved_clock/mod.rs"]
mod moved_clock;
mod partitions;
mod query;
mod read;
mod scan;
mod touch;
mod unique;
mod update;

use std::process::ExitCode;

use fixture::Case;

fn main() -> ExitCode {
    let cases: Vec<Case> = [
        concurrency::CASES,
        create::CASES,
        cursor::CASES,
        delete::CASES,
        expiry::CASES,
        item::CASES,
        load::CASES,
        partitions::CASES,
        query::CASES,
        read::CASES,
        scan::CASES,
        touch::CASES,
        unique::CASES,
        update::CASES,
    ]
    .concat();
    let arguments = libtest_mimic::Arguments::from_args();
    let trials = backends::all().into_iter().flat_map(|backend| backend.trials(&cases)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}
