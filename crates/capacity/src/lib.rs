//! What the forum's operations take on DynamoDB, and what AWS asks for it. `forum cost` and `bench scale` count with the same units and prices.

pub mod operations;
pub mod prices;

/// Days of a month, as in the guide.
pub const DAYS: f64 = 30.0;
/// Hours of a month by which capacity is billed, as AWS counts.
pub const HOURS: f64 = 730.0;
/// CPUs of a task.
pub const TASK_CPUS: f64 = 0.25;
/// Gigabytes of memory of a task.
pub const TASK_GB: f64 = 0.5;
