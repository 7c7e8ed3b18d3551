//! The threads service as a program, which can serve the page, too.

use std::process::ExitCode;

use http_kit::binary::{Allocator, Program, run_with};
use web::ServiceConfig;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    run_with::<ServiceConfig>(Program {
        name: "threads-svc",
        about: "The threads service of the forum",
        port: "3002",
        services: |_| vec![threads_svc::service()],
    })
}
