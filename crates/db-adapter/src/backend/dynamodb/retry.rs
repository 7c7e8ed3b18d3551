//! Retries that the SDK does not make: transaction conflicts and what a batch left unprocessed.

use std::time::Duration;

use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Growing pauses with full jitter, until a deadline.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    deadline: Instant,
    pause: Duration,
}

impl Backoff {
    pub(super) fn new(limit: Duration) -> Self {
        Self { deadline: Instant::now() + limit, pause: FIRST_PAUSE }
    }

    /// Waits; false, and at once, where the deadline would pass meanwhile.
    pub(super) async fn pause(&mut self) -> bool {
        let pause = self.pause.mul_f64(fastrand::f64());
        if Instant::now() + pause >= self.deadline {
            return false;
        }
        tokio::time::sleep(pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

/// Pauses for as long as something gets done: what is left must become less than it ever was, or the patience ends.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    least: usize,
    pub(super) backoff: Backoff,
}

impl Patience {
    /// For so much work; `limit` is how long nothing of it may get done.
    pub(super) fn new(limit: Duration, work: usize) -> Self {
        Self { limit, least: work, backoff: Backoff::new(limit) }
    }

    /// As [`Backoff::pause`], with so much left.
    pub(super) async fn pause(&mut self, left: usize) -> bool {
        if left < self.least {
            self.least = left;
            self.backoff = Backoff::new(self.limit);
        }
        self.backoff.pause().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pauses_grow_and_end() {
        let mut backoff = Backoff::new(Duration::from_millis(200));
        let mut before = Duration::ZERO;
        while backoff.pause().await {
            assert!(backoff.pause > before);
            before = backoff.pause;
        }
        assert!(before > FIRST_PAUSE, "not one pause");
        assert!(!Backoff::new(Duration::ZERO).pause().await);
    }

    /// The time is what is tested.
    #[tokio::test]
    async fn patience_ends_where_what_is_left_shrinks_and_grows() {
        let mut patience = Patience::new(Duration::from_millis(100), 4);
        let ended = async { while patience.pause(2).await && patience.pause(3).await {} };
        tokio::time::timeout(Duration::from_secs(30), ended).await.expect("an end");
    }
}
