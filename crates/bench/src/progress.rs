//! The progress lines of `forum` and of the bare limit: JSON, one a line, on standard error.

use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Progress {
    pub(crate) step: String,
    pub(crate) items_per_second: f64,
    pub(crate) complete: bool,
}

/// Items a second of a step that was completed.
pub(crate) fn item_rate(log: &str, step: &str) -> Option<f64> {
    let lines = log.lines().rev().filter_map(|line| serde_json::from_str::<Progress>(line).ok());
    lines.filter(|line| line.complete).find(|line| line.step == step).map(|line| line.items_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_of_a_completed_step_is_read() {
        let log = r#"taskset: what is not JSON
{"complete":false,"items":500,"itemsPerSecond":100.0,"seconds":5.0,"secondsLeft":5.0,"step":"restore posts","total":1000,"units":0.0}
{"complete":true,"items":1000,"itemsPerSecond":125.0,"seconds":8.0,"secondsLeft":0.0,"step":"restore posts","total":1000,"units":0.0}
{"complete":true,"items":1000,"itemsPerSecond":900.0,"seconds":1.1,"secondsLeft":0.0,"step":"verify posts","total":1000,"units":0.0}
"#;
        assert_eq!(item_rate(log, "restore posts"), Some(125.0));
        assert_eq!(item_rate(log, "migrate posts"), None);
    }
}
