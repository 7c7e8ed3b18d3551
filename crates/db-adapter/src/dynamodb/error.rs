//! The SDK's faults, mapped once to [`Error`], logged once with DynamoDB's own reason.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use std::time::Duration;

use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::call::Call;
use crate::error::Error;

/// After how long a throttled caller should come again: by then DynamoDB has filled its buckets anew.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Call<'_> {
    /// What a failed call means. Conditions that did not hold are the caller's to look at first.
    pub(super) fn fault<E>(&self, error: SdkError<E>) -> Error
    where
        E: StdError + Send + Sync + 'static,
        SdkError<E>: ProvideErrorMetadata,
    {
        let code = error.code().unwrap_or("NoAnswer").to_owned();
        let reason = match error.message() {
            Some(message) => message.to_owned(),
            None => DisplayErrorContext(&error).to_string(),
        };
        let mapped = match &error {
            SdkError::TimeoutError(_) => Error::Timeout,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Error::Timeout,
            SdkError::DispatchFailure(_) => Error::unavailable(self.no_connection(&error)),
            SdkError::ResponseError(_) => {
                Error::unavailable(format!("DynamoDB's answer could not be read: {}", innermost(&error)))
            }
            SdkError::ServiceError(_) => self.meaning(&code, &reason),
            _ => Error::backend(format!("{}: {reason}", self.operation)),
        };
        self.report(&code, &reason, mapped)
    }

    /// What it means that DynamoDB refused one item of a transaction.
    pub(super) fn refused(&self, code: &str, reason: &str) -> Error {
        self.report(code, reason, self.meaning(code, reason))
    }

    /// What it means that there is no time left for another retry.
    pub(super) fn exhausted(&self) -> Error {
        self.report("Exhausted", "no time left for another retry", Error::Throttled { retry_after: RETRY_AFTER })
    }

    fn report(&self, code: &str, reason: &str, error: Error) -> Error {
        let error = match error {
            // An earlier attempt may have been executed.
            Error::Throttled { .. } | Error::Unavailable { .. } if self.is_write() && self.is_uncertain() => Error::Timeout,
            error => error,
        };
        let (table, index, operation) = (self.table.name, self.index, self.operation);
        tracing::warn!(table, index, operation, code, reason, "{operation} on {table} failed: {error}");
        error
    }

    /// What an error code of DynamoDB means, whether of a call or of one item of a transaction.
    fn meaning(&self, code: &str, reason: &str) -> Error {
        let (operation, name, region) = (self.operation, self.store.table_name(self.table), &self.store.options.region);
        match code {
            "ThrottlingException"
            | "ThrottlingError"
            | "ProvisionedThroughputExceededException"
            | "ProvisionedThroughputExceeded"
            | "RequestLimitExceeded"
            | "TransactionConflictException"
            | "TransactionConflict" => Error::Throttled { retry_after: RETRY_AFTER },
            "TransactionInProgressException" => Error::Timeout,
            "ResourceNotFoundException" => Error::unavailable(format!(
                "there is no table {name} in {region}: create it with `forum tables create`, or set {}",
                self.table.env
            )),
            "AccessDeniedException" | "AccessDenied" => Error::unavailable(format!(
                "AWS refuses dynamodb:{operation} on table {name} in {region}: grant that permission to this role ({reason})"
            )),
            "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "IncompleteSignatureException"
            | "MissingAuthenticationTokenException"
            | "MissingAuthenticationToken"
            | "ExpiredTokenException" => {
                Error::unavailable(format!("AWS does not accept the credentials for {region}: {reason} ({code})"))
            }
            "InternalServerError" | "InternalServerErrorException" | "InternalFailure" | "ServiceUnavailable" => {
                Error::unavailable(format!("DynamoDB failed in {region}: {reason}"))
            }
            "ValidationException" | "ValidationError" if is_about_size(reason) => Error::TooLarge,
            "ValidationException" | "ValidationError" if is_about_type(reason) => Error::corrupt(format!("table {name}"), reason),
            "ItemCollectionSizeLimitExceeded" | "ItemCollectionSizeLimitExceededException" => Error::TooLarge,
            _ => Error::backend(format!("{operation} on table {name} in {region}: {reason} ({code})")),
        }
    }

    fn no_connection(&self, error: &(dyn StdError + 'static)) -> String {
        let region = &self.store.options.region;
        let cause = innermost(error);
        match &self.store.options.endpoint {
            Some(endpoint) => format!("DynamoDB does not answer at {endpoint}: {cause}; is DYNAMODB_ENDPOINT right?"),
            None => format!("no call to DynamoDB in {region} could be made: {cause}"),
        }
    }
}

/// Was the request refused before any of it was sent? Only where that is certain.
pub(super) fn was_never_sent(error: &ConnectorError) -> bool {
    causes(error).any(|cause| {
        let refused = cause.downcast_ref::<io::Error>().is_some_and(|error| {
            matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable)
        });
        refused || cause.is::<ResolveDnsError>()
    })
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

/// The last cause, which says most in one line.
pub(super) fn innermost(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

fn is_about_size(reason: &str) -> bool {
    reason.contains("Item size") && reason.contains("exceeded the maximum allowed size")
}

fn is_about_type(reason: &str) -> bool {
    reason.contains("incorrect data type") || reason.contains("Type mismatch")
}
