//! The threads service as a program.

use std::process::ExitCode;

use http_kit::binary::{Allocator, Program, run};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    run(Program { name: "threads-svc", about: "The threads service of the forum", port: "3002", service: threads_svc::service })
}
