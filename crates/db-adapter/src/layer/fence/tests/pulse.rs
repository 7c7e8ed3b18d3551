//! Heartbeats of a process that stands still between requests.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::{Moved, seconds};
use crate::layer::fence::Pulse;
use crate::store::error::Result;
use crate::store::grant::Grant;
use crate::store::heartbeat::Heartbeats;
use crate::store::schema::Table;
use crate::store::toy;

/// One heartbeat, and how often it was asked for and made.
#[derive(Debug, Default)]
struct Memory(Mutex<(Option<String>, usize, usize)>);

/// Never responds.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl Heartbeats for Silent {
    async fn beat(&self, _: &'static Table, _: &str) -> Result<()> {
        std::future::pending().await
    }

    async fn last_beat(&self, _: &'static Table) -> Result<Option<String>> {
        std::future::pending().await
    }
}

#[async_trait]
impl Heartbeats for Memory {
    async fn beat(&self, _: &'static Table, at: &str) -> Result<()> {
        let mut memory = self.0.lock().unwrap();
        memory.0 = Some(at.to_owned());
        memory.2 += 1;
        Ok(())
    }

    async fn last_beat(&self, _: &'static Table) -> Result<Option<String>> {
        let mut memory = self.0.lock().unwrap();
        memory.1 += 1;
        Ok(memory.0.clone())
    }
}

#[tokio::test]
async fn heartbeats_are_made_where_they_are_due_and_only_by_who_writes() {
    let (memory, clock) = (Arc::new(Memory::default()), Arc::new(Moved::default()));
    let grant = Arc::new(Grant::new(clock.clone()));
    let pulse = Pulse::new(memory.clone(), vec![&toy::NOTES], grant.clone(), clock.clone());
    let counts = || {
        let memory = memory.0.lock().unwrap();
        (memory.1, memory.2)
    };
    pulse.catch_up().await;
    assert_eq!(counts(), (1, 0), "it may not write");
    grant.open_until(Duration::MAX, "us-east-1");
    pulse.catch_up().await;
    assert_eq!(counts(), (1, 0), "it has just looked");
    clock.pass(seconds(60));
    pulse.catch_up().await;
    assert_eq!(counts(), (2, 1));
    for _ in 0..12 {
        clock.pass(seconds(5));
        pulse.refresh().await;
    }
    assert_eq!(counts(), (14, 7), "every other look, of one process");
}

/// Readiness asks the pulse to catch up, and must not wait for a store that does not respond to the background.
#[tokio::test]
async fn nobody_waits_while_the_heartbeats_are_being_read() {
    let clock = Arc::new(Moved::default());
    let pulse = Pulse::new(Arc::new(Silent), vec![&toy::NOTES], Arc::new(Grant::new(clock.clone())), clock.clone());
    let mut background = std::pin::pin!(pulse.refresh());
    assert!(futures::poll!(background.as_mut()).is_pending());
    clock.pass(seconds(60));
    assert!(futures::poll!(std::pin::pin!(pulse.catch_up())).is_ready());
}
