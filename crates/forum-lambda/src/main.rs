//! The whole forum as a function of AWS Lambda. Its settings are those of `forum serve`, as environment variables; where to listen is
//! none of them.

use std::process::ExitCode;

use http_kit::ServerConfig;
use http_kit::binary::{Allocator, Serve};
use http_kit::telemetry;
use web::ForumConfig;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// A function handles one request at a time, on less than one processor.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let settings = Serve::<ForumConfig>::of_environment("forum-lambda");
    let services = |config: &ServerConfig| services::all(config.removed_keep_days);
    let ended = match settings.embed(services).await {
        Ok(forum) => http_lambda::run(forum.router.clone(), || forum.before_freeze()).await,
        Err(reason) => Err(reason),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            telemetry::print(std::io::stderr(), format!("forum-lambda: {reason}\n"));
            ExitCode::FAILURE
        }
    }
}
