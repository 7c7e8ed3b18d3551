//! The clock of a game.

use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use db_adapter::Clock;

/// Stands still until the game moves it. Its time of day can jump.
#[derive(Debug, Default)]
pub(crate) struct GameClock(Mutex<(Duration, TimeDelta)>);

impl GameClock {
    pub(crate) fn pass(&self, time: Duration) {
        self.0.lock().unwrap().0 += time;
    }

    pub(crate) fn jump(&self, time: TimeDelta) {
        self.0.lock().unwrap().1 += time;
    }
}

impl Clock for GameClock {
    fn elapsed(&self) -> Duration {
        self.0.lock().unwrap().0
    }

    fn time_of_day(&self) -> DateTime<Utc> {
        let (elapsed, ahead) = *self.0.lock().unwrap();
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + elapsed + ahead
    }
}
