//! Reading with serde so that nothing is overlooked.

use serde::de::{Deserialize, Deserializer};

use crate::problem::FieldError;

/// Maximum number of unknown names that are reported: each is compared with those before it, and a body has room for tens of thousands.
const MAX_UNKNOWN: usize = 100;

/// What was read, or where serde stopped and why; and the unknown names, which are faults all the same.
pub(super) struct Strict<T, E> {
    pub(super) value: Result<T, (String, E)>,
    pub(super) faults: Vec<FieldError>,
}

/// Reads a value. Every name that the type does not know is a fault, unless it is `ignored`; the first 100 are told.
pub(super) fn read<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
    ignored: impl Fn(&str) -> bool,
    unknown: &str,
) -> Strict<T, D::Error> {
    let mut faults: Vec<FieldError> = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(deserializer, &mut track);
    let read = serde_ignored::deserialize(deserializer, |path| {
        if faults.len() == MAX_UNKNOWN {
            return;
        }
        let field = path.to_string();
        if !ignored(&field) && !faults.iter().any(|fault| fault.field == field) {
            faults.push(FieldError { field, message: unknown.to_owned() });
        }
    });
    let value = read.map_err(|error| match track.path().to_string() {
        path if path == "." || path == "?" => (String::new(), error),
        path => (path, error),
    });
    Strict { value, faults }
}
