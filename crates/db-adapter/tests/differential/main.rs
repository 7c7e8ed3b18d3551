//! The two backends in lock step: one random sequence of operations on the JSON store and on DynamoDB, with equal results, errors,
//! orders and page cuts all along, and equal, sound tables at the end. A sequence that fails is shrunk to a small one.
//!
//! DynamoDB is an in-process one, or what is at `DYNAMODB_ENDPOINT`; with `REQUIRE_DYNAMODB=1` that must be set. A short run is part
//! of `cargo test`. The long one, of 100,000 operations where `DIFFERENTIAL_OPERATIONS` says nothing else:
//!
//! ```text
//! cargo test --release -p db-adapter --test differential -- --ignored --nocapture
//! ```
//!
//! The seed is printed; `DIFFERENTIAL_SEED` repeats a run. The short run has the same one every time, so that a change is tried on what
//! passed before.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail so"
)]

#[path = "../dynoxide/mod.rs"]
mod dynoxide;
mod foreign;
mod lockstep;
#[path = "../moved_clock/mod.rs"]
mod moved_clock;
mod operation;
mod value;

use std::cell::Cell;
use std::time::Instant;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::runtime::Runtime;

use lockstep::Lockstep;
use operation::operation;

/// Operations of one sequence at most. Each sequence starts with empty tables.
const SEQUENCE: usize = 250;

/// Runs so many operations, on the seed of the environment or else this one.
fn run(operations: usize, seed: u64) {
    let seed = variable("DIFFERENTIAL_SEED").unwrap_or(seed);
    let start = Instant::now();
    let runtime = Runtime::new().unwrap();
    let endpoint = match std::env::var("DYNAMODB_ENDPOINT") {
        Ok(endpoint) if !endpoint.is_empty() => endpoint,
        _ if std::env::var("REQUIRE_DYNAMODB").is_ok_and(|value| value == "1") => {
            panic!("REQUIRE_DYNAMODB is set: set DYNAMODB_ENDPOINT to a DynamoDB Local")
        }
        _ => runtime.block_on(dynoxide::start()),
    };
    println!("DIFFERENTIAL_SEED={seed} on {endpoint}");
    let config =
        Config { cases: 1, failure_persistence: None, max_shrink_iters: 1000, max_shrink_time: 60_000, ..Config::default() };
    let mut seeds = [0; 32];
    seeds[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &seeds);
    let operation = operation().boxed();
    let sequences = |most: usize| proptest::collection::vec(operation.clone(), most.div_ceil(2)..=most);
    let (done, failing) = (Cell::new(0), Cell::new(false));
    while done.get() < operations {
        let most = SEQUENCE.min(operations - done.get());
        random.fill_bytes(&mut seeds);
        let mut runner = TestRunner::new_with_rng(config.clone(), TestRng::from_seed(RngAlgorithm::ChaCha, &seeds));
        let outcome = runner.run(&sequences(most), |sequence| {
            let outcome = runtime.block_on(async {
                let mut lockstep = Lockstep::start(&endpoint).await;
                let outcome = lockstep.run(&sequence).await;
                lockstep.stop().await;
                outcome
            });
            if !failing.get() {
                done.set(done.get() + sequence.len());
            }
            outcome.map_err(|difference| {
                if !failing.replace(true) {
                    eprintln!("a difference, to be shrunk:\n{difference}");
                }
                TestCaseError::fail(difference)
            })
        });
        if let Err(error) = outcome {
            panic!("DIFFERENTIAL_SEED={seed} after {} operations: {error}", done.get());
        }
        println!("{} operations", done.get());
    }
    println!("{} operations, no difference, {} s", done.get(), start.elapsed().as_secs());
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a whole number")))
}

#[test]
fn both_backends_answer_alike() {
    run(500, 1);
}

#[test]
#[ignore = "takes minutes: DIFFERENTIAL_OPERATIONS operations, 100,000 by default"]
fn both_backends_answer_alike_for_long() {
    let operations = usize::try_from(variable("DIFFERENTIAL_OPERATIONS").unwrap_or(100_000)).unwrap();
    run(operations, uuid::Uuid::new_v4().as_u64_pair().0);
}
