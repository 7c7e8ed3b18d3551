//! The threads service.
fn main() {}
