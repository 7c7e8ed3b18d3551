//! The threads service.
