//! The drill of `docs/disaster-recovery.md`: two Regions with replication between them, one of which is lost, taken over and comes back.
//!
//! Each Region is a DynamoDB of its own. Replication is the test's: the last writer of an item wins, and each item lags by itself. All
//! clocks are one that the test moves, so that a run of minutes takes seconds; what happens follows from a seed, which is printed.
//! `GAME_DAY_SEEDS=100` plays more games, `GAME_DAY_SEED=7` one of them again.
//!
//! The commands of the page are run as they stand there, with the real program: see `game_day/page.rs`.

#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "in tests")]
#![expect(clippy::indexing_slicing, reason = "in tests")]

#[path = "game_day/clock.rs"]
mod clock;
#[path = "game_day/game.rs"]
mod game;
#[path = "game_day/heartbeat.rs"]
mod heartbeat;
#[path = "game_day/page.rs"]
mod page;
#[path = "game_day/region.rs"]
mod region;
#[path = "game_day/replication.rs"]
mod replication;
#[path = "game_day/router.rs"]
mod router;
#[path = "game_day/script.rs"]
mod script;

use std::time::Instant;

use game::{Game, Outcome};

fn seeds(usual: u64) -> Vec<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    match number("GAME_DAY_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("GAME_DAY_SEEDS").unwrap_or(usual)).collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_region_writes_at_a_time_and_nothing_is_lost_unseen() {
    let (mut lost, mut claims, mut late) = (0, 0, 0);
    for seed in seeds(20) {
        let started = Instant::now();
        let outcome = Game::new(seed, true).await.play().await;
        let Outcome { accepted, refused, recovery, .. } = &outcome;
        println!(
            "seed {seed}: {accepted} writes accepted, {refused} refused; writes back after {} s; {} acknowledged changes lost, {} \
             claims added, {} sent late and refused ({} ms)",
            recovery.as_secs(),
            outcome.lost,
            outcome.claims_added,
            outcome.late,
            started.elapsed().as_millis()
        );
        assert_eq!(outcome.broken, [] as [String; 0], "seed {seed}");
        lost += outcome.lost;
        claims += outcome.claims_added;
        late += outcome.late;
    }
    // The games must be hard enough to show something.
    if std::env::var_os("GAME_DAY_SEED").is_none() {
        assert!(lost > 0 && claims > 0 && late > 0, "lost {lost}, claims {claims}, late {late}");
    }
}

/// The same games without the fence: most of them must end badly, else they prove nothing.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_fence_the_drill_fails() {
    let mut failed = 0;
    let played = seeds(5);
    for seed in &played {
        let outcome = Game::new(*seed, false).await.play().await;
        println!("seed {seed} without a fence: {:?}", outcome.broken.first());
        failed += usize::from(outcome.broken.iter().any(|broken| broken.starts_with("two Regions")));
    }
    assert_eq!(failed, played.len(), "games in which two Regions accepted writes");
}
