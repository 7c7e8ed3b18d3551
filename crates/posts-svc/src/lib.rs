//! The posts service.
