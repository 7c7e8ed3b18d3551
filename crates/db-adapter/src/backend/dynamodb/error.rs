//! The SDK's faults, mapped once to [`Error`], logged once with DynamoDB's own reason.

use std::error::Error as StdError;
use std::fmt::Display;
use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::call::{Call, NO_RESPONSE};
use super::causes::innermost;
use super::response::{self, ResponseSummary, TooLong};
use crate::store::error::Error;

/// After how long a throttled caller should come again: by then DynamoDB has filled its buckets anew.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Call<'_> {
    /// What a failed call means. Conditions that did not hold are the caller's to look at first.
    pub(super) fn fault<E>(&self, error: SdkError<E>) -> Error
    where
        E: StdError + Send + Sync + 'static,
        SdkError<E>: ProvideErrorMetadata,
    {
        if let Some(refusal) = self.refusal() {
            return self.report(NO_RESPONSE, "it was not sent", refusal);
        }
        let status = error.raw_response().map(|response| response.status().as_u16());
        if let Some(code) = response::code(&error) {
            let reason = response::message(&error);
            let mapped = match (self.meaning(code, &reason), status) {
                (Error::Backend(_), Some(status @ (429 | 500..))) => self.foreign(status),
                (meaning, _) => meaning,
            };
            return self.report(code, &reason, mapped);
        }
        if let Some(foreign) = error.raw_response() {
            let too_long = response::is_too_long(&error);
            let mapped =
                if too_long { Error::unavailable(self.endpoint_said(TooLong)) } else { self.foreign(foreign.status().as_u16()) };
            return self.report_foreign(&ResponseSummary::new(foreign), mapped);
        }
        let reason = innermost(&error);
        let mapped = match &error {
            SdkError::TimeoutError(_) => Error::Timeout,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Error::Timeout,
            SdkError::DispatchFailure(_) => Error::unavailable(self.no_connection(&error)),
            _ => Error::backend(format!("{}: {reason}", self.operation)),
        };
        self.report(NO_RESPONSE, &reason, mapped)
    }

    /// What a response means that has no code of DynamoDB: it comes from something before it, such as a load balancer or a proxy.
    fn foreign(&self, status: u16) -> Error {
        match status {
            429 => Error::Throttled { retry_after: RETRY_AFTER },
            200..=299 => Error::unavailable(self.endpoint_said(format_args!("what cannot be read (status {status})"))),
            _ => Error::unavailable(self.endpoint_said(format_args!("status {status} without a code of DynamoDB"))),
        }
    }

    fn endpoint_said(&self, what: impl Display) -> String {
        match &self.store.options.endpoint {
            Some(endpoint) => format!("{endpoint} returned: {what}; is it DynamoDB? See DYNAMODB_ENDPOINT, and the log"),
            None => format!("DynamoDB in {} returned: {what}; see the log", self.store.options.region),
        }
    }

    /// What it means that DynamoDB refused one item of a transaction.
    pub(super) fn refused(&self, code: &str, reason: &str) -> Error {
        self.report(code, reason, self.meaning(code, reason))
    }

    /// What it means that there is no time left for another retry.
    pub(super) fn exhausted(&self) -> Error {
        self.report("Exhausted", "no time left for another retry", Error::Throttled { retry_after: RETRY_AFTER })
    }

    /// The pages of a list do not end.
    pub(super) fn endless(&self, what: &str) -> Error {
        self.report("EndlessPages", what, Error::unavailable(self.endpoint_said(what)))
    }

    fn report(&self, code: &str, reason: &str, error: Error) -> Error {
        let error = self.settled(error);
        let (table, index, operation) = (self.table.name, self.index, self.operation);
        tracing::warn!(table, index, operation, code, reason, "{operation} on {table} failed: {error}");
        error
    }

    /// The one place that shows what a response held that is not DynamoDB's: it may be anything, also what is stored.
    fn report_foreign(&self, summary: &ResponseSummary, error: Error) -> Error {
        let error = self.settled(error);
        let (table, index, operation) = (self.table.name, self.index, self.operation);
        let ResponseSummary { status, content_type, length, beginning } = summary;
        tracing::warn!(
            table,
            index,
            operation,
            status,
            content_type,
            length,
            beginning,
            "{operation} on {table} failed: {error}"
        );
        error
    }

    fn settled(&self, error: Error) -> Error {
        match error {
            // This attempt or an earlier one may have been executed.
            Error::Throttled { .. } | Error::Unavailable { .. } | Error::NotWriting { .. }
                if self.is_write() && self.is_uncertain() =>
            {
                Error::Timeout
            }
            error => error,
        }
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
            "ResourceNotFoundException" => Error::unavailable(self.no_table()),
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

    fn no_table(&self) -> String {
        let (table, name, region) = (self.table, self.store.table_name(self.table), &self.store.options.region);
        let mut create = format!("forum tables create --region {region}");
        if name != table.default_name {
            create += &format!(" --{} {name}", table.flag());
        }
        match &self.store.options.endpoint {
            None => format!("there is no table {name} in {region}: create it with `{create}`, or set {}", table.env),
            Some(endpoint) => format!(
                "there is no table {name} in {region} at {endpoint}: create it with `{create} --endpoint {endpoint}`, or set {}; \
                 DynamoDB Local keeps tables for each access key and Region unless it was started with -sharedDb",
                table.env
            ),
        }
    }

    fn no_connection(&self, error: &(dyn StdError + 'static)) -> String {
        let region = &self.store.options.region;
        let cause = innermost(error);
        match &self.store.options.endpoint {
            Some(endpoint) => format!("DynamoDB does not respond at {endpoint}: {cause}; is DYNAMODB_ENDPOINT right?"),
            None => format!("no call to DynamoDB in {region} could be made: {cause}"),
        }
    }
}

fn is_about_size(reason: &str) -> bool {
    reason.contains("Item size") && reason.contains("exceeded the maximum allowed size")
}

fn is_about_type(reason: &str) -> bool {
    reason.contains("incorrect data type") || reason.contains("Type mismatch")
}
