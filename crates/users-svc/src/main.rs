//! The users service as a program.

use std::process::ExitCode;

use http_kit::binary::{Program, run};

fn main() -> ExitCode {
    run(Program { name: "users-svc", about: "The users service of the forum", port: "3001", service: users_svc::service })
}
