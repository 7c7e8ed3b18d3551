//! Large responses in turns: a worker that has hundreds of them to make and to write would serve nothing else meanwhile.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::compression::cores;

/// How long a response that is being sent keeps others waiting: a client that reads slowly has its turn no longer.
const SENDING: Duration = Duration::from_millis(5);

static TURNS: LazyLock<Turns> = LazyLock::new(|| Turns(Arc::new(Semaphore::new(2 * cores()))));

/// As many turns as large responses are made or sent at once.
struct Turns(Arc<Semaphore>);

impl Turns {
    async fn next(&self) -> Option<Turn> {
        // It is never closed, so there is always a turn.
        let turn = Arc::clone(&self.0).acquire_owned().await.ok()?;
        Some(Turn(Arc::new(turn)))
    }
}

/// The right to make a large response and to begin to send it. It ends when it is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Turn(Arc<OwnedSemaphorePermit>);

impl Turn {
    /// Waits for a turn, in the order of requests.
    pub(crate) async fn of_large() -> Option<Self> {
        TURNS.next().await
    }

    /// The turn of a response that is made: it ends when it is dropped, and soon by itself.
    pub(crate) fn sending(self) -> Sending {
        let ends = async move {
            let _turn = self.0;
            sleep(SENDING).await;
        };
        Sending(tokio::spawn(ends).abort_handle())
    }
}

/// The turn of a response that is being sent.
#[derive(Debug)]
pub(crate) struct Sending(AbortHandle);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_turn_ends_when_the_response_is_made_and_sent_or_soon() {
        let turns = Turns(Arc::new(Semaphore::new(1)));
        let next = || turns.next().now_or_never().flatten();
        let made = next().unwrap();
        assert!(next().is_none(), "another is being made");
        let sent = made.sending();
        tokio::task::yield_now().await;
        assert!(next().is_none(), "another is being sent");
        drop(sent);
        tokio::task::yield_now().await;
        let slow = next().unwrap().sending();
        tokio::task::yield_now().await;
        assert!(next().is_none(), "another is being sent slowly");
        sleep(SENDING).await;
        tokio::task::yield_now().await;
        assert!(next().is_some());
        drop(slow);
    }
}
