//! The posts service as a program.

use std::process::ExitCode;

use http_kit::binary::{Allocator, Program, run};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    run(Program {
        name: "posts-svc",
        about: "The posts service of the forum",
        port: "3003",
        services: |_| vec![posts_svc::service()],
    })
}
