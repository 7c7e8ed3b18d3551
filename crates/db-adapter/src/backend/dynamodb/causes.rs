//! What is behind an error of the SDK.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};

use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::result::ConnectorError;

/// Was the request refused before any of it was sent? Only where that is certain.
pub(super) fn was_never_sent(error: &ConnectorError) -> bool {
    causes(error).any(|cause| {
        let refused = cause.downcast_ref::<io::Error>().is_some_and(|error| {
            matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable)
        });
        refused || cause.is::<ResolveDnsError>()
    })
}

pub(super) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// The last cause, which says most in one line.
pub(super) fn innermost(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}
