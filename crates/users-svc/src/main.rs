//! The users service as a program.

use std::process::ExitCode;

use http_kit::binary::{Allocator, Program, run};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    run(Program {
        name: "users-svc",
        about: "The users service of the forum",
        port: "3001",
        services: |config| users_svc::services(config.removed_keep_days),
    })
}
