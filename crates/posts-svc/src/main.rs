//! The posts service.
fn main() {}
