//! One call to DynamoDB: its span, its metrics, and what is known of its attempts.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextMut,
    FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation as op;
use aws_sdk_dynamodb::types::ConsumedCapacity;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use tokio::time::Instant;
use tracing::{Instrument, debug_span, field};

use super::DynamoStore;

use super::causes::was_never_sent;
use super::metrics::OK;
use super::response::{self, TooLong};
use super::retry::Backoff;
use crate::store::error::Error;
use crate::store::grant::Grant;
use crate::store::schema::Table;

/// The code of a call that got no response.
pub(super) const NO_RESPONSE: &str = "NoAnswer";
/// The code of a call whose response is not DynamoDB's.
pub(super) const FOREIGN: &str = "Foreign";

/// One call, with the attempts that the SDK and [`Call::run`] make.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) store: &'a DynamoStore,
    pub(super) operation: &'static str,
    pub(super) table: &'static Table,
    pub(super) index: &'static str,
    attempts: Attempts,
}

impl<'a> Call<'a> {
    pub(super) fn new(store: &'a DynamoStore, operation: &'static str, table: &'static Table) -> Self {
        let mut call = Self { store, operation, table, index: "", attempts: Attempts::default() };
        if let Some(grant) = store.options.grant.as_ref().filter(|_| call.is_write()) {
            call.attempts = Attempts(Arc::new(AttemptsSeen { grant: Some(grant.clone()), ..AttemptsSeen::default() }));
        }
        call
    }

    pub(super) fn on_index(self, index: &'static str) -> Self {
        Self { index, ..self }
    }

    /// May an attempt that failed have been executed all the same?
    pub(super) fn is_uncertain(&self) -> bool {
        self.attempts.0.uncertain.load(Ordering::Relaxed)
    }

    /// Why an attempt was not sent, if one was not.
    pub(super) fn refusal(&self) -> Option<Error> {
        let seen = &self.attempts.0;
        let refused = seen.refused.load(Ordering::Relaxed);
        seen.grant.as_ref().filter(|_| refused).map(|grant| grant.refusal())
    }

    /// Does the operation change items?
    pub(super) fn is_write(&self) -> bool {
        matches!(self.operation, "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems" | "BatchWriteItem")
    }

    /// Sends the request, again while a transaction on the same item is in its way.
    pub(super) async fn run<T, E, F>(&self, backoff: &mut Backoff, request: impl Fn() -> F) -> Result<T, SdkError<E>>
    where
        T: Consumed,
        SdkError<E>: ProvideErrorMetadata,
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        loop {
            match self.send(request()).await {
                Err(error) if error.code() == Some("TransactionConflictException") && backoff.pause().await => {}
                result => return result,
            }
        }
    }

    /// Sends the request: enough for a read, which no transaction stands in the way of.
    pub(super) fn send<T, E>(
        &self,
        request: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> impl Future<Output = Result<T, SdkError<E>>>
    where
        T: Consumed,
        SdkError<E>: ProvideErrorMetadata,
    {
        // The SDK's futures have 5 KB, and an async function that passes one on has it twice: without a box, the future of a `get`
        // has 13 KB, which are copied when it is boxed.
        let request = Box::pin(request);
        async move {
            let (table, index, operation) = (self.table.name, self.index, self.operation);
            let span = debug_span!(
                "dynamodb",
                otel.name = operation,
                otel.kind = "client",
                table,
                index,
                operation,
                attempts = field::Empty,
                read_units = field::Empty,
                write_units = field::Empty,
                outcome = field::Empty
            );
            let (started, before) = (Instant::now(), self.attempts.count());
            let result = ATTEMPTS.scope(self.attempts.clone(), request).instrument(span.clone()).await;
            let attempts = self.attempts.count() - before;
            let outcome = match &result {
                Ok(_) => OK,
                Err(error) => response::code(error).unwrap_or(if error.raw_response().is_some() { FOREIGN } else { NO_RESPONSE }),
            };
            span.record("attempts", attempts).record("outcome", outcome);
            self.store.metrics.record([table, index, operation], attempts, started.elapsed(), outcome);
            if let Ok(output) = &result {
                let consumed = output.consumed();
                let total: f64 = consumed.iter().filter_map(ConsumedCapacity::capacity_units).sum();
                span.record(if self.is_write() { "write_units" } else { "read_units" }, total);
                consumed.iter().for_each(|consumed| self.count(consumed));
            }
            result
        }
    }

    fn count(&self, consumed: &ConsumedCapacity) {
        let name = consumed.table_name().unwrap_or_default();
        let table = self.store.schema.iter().find(|table| self.store.table_name(table) == name).unwrap_or(&self.table);
        let add = |index: &'static str, units: Option<f64>| {
            self.store.metrics.consumed([table.name, index, self.operation], self.is_write(), units.unwrap_or_default());
        };
        match consumed.table() {
            Some(capacity) => add("", capacity.capacity_units()),
            None => add("", consumed.capacity_units()),
        }
        for (index, capacity) in consumed.global_secondary_indexes().into_iter().flatten() {
            add(table.index(index).map_or("unknown", |index| index.name), capacity.capacity_units());
        }
    }
}

tokio::task_local! {
    /// Of the call that this task makes just now.
    static ATTEMPTS: Attempts;
}

/// What is known of a call's attempts: how many there were, and whether one that failed may have been executed.
#[derive(Debug, Clone, Default)]
struct Attempts(Arc<AttemptsSeen>);

#[derive(Debug, Default)]
struct AttemptsSeen {
    count: AtomicU32,
    uncertain: AtomicBool,
    /// Must be open for an attempt to be sent.
    grant: Option<Arc<Grant>>,
    refused: AtomicBool,
}

impl Attempts {
    fn count(&self) -> u32 {
        self.0.count.load(Ordering::Relaxed)
    }
}

/// Notes every attempt of the client, and limits what is read of its response. One for all calls, as the SDK makes a configuration of
/// its own for a call that brings one.
#[derive(Debug)]
pub(super) struct WatchAttempts;

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for WatchAttempts {
    fn name(&self) -> &'static str {
        "WatchAttempts"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // A call that was not made through `Call` is not counted.
        let _ = ATTEMPTS.try_with(|attempts| attempts.0.count.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }

    /// The last that is done before the request goes out: the process may have been stopped since the write began.
    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let allowed = ATTEMPTS.try_with(|attempts| {
            let open = attempts.0.grant.as_ref().is_none_or(|grant| grant.is_open());
            attempts.0.refused.fetch_or(!open, Ordering::Relaxed);
            open
        });
        if allowed.unwrap_or(true) { Ok(()) } else { Err("this Region does not write now".into()) }
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        response::limit(context.response_mut())
    }

    fn modify_before_attempt_completion(
        &self,
        context: &mut FinalizerInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // What broke off for its length the SDK would read again.
        if let Some(Err(error)) = context.output_or_error_mut()
            && error.is_response_error()
            && response::is_too_long(error)
        {
            *error = OrchestratorError::other(TooLong);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Err(error)) = context.output_or_error() else { return Ok(()) };
        let uncertain = match context.response() {
            // A refusal is certain; a server's fault, or a response that cannot be read, is not.
            Some(response) => !response.status().is_client_error(),
            None => match error.as_connector_error() {
                Some(error) => !was_never_sent(error),
                None => error.is_timeout_error(),
            },
        };
        let _ = ATTEMPTS.try_with(|attempts| attempts.0.uncertain.fetch_or(uncertain, Ordering::Relaxed));
        Ok(())
    }
}

/// A response that tells what the call consumed.
pub(super) trait Consumed {
    fn consumed(&self) -> &[ConsumedCapacity];
}

macro_rules! consumed {
    ($($output:ty: $read:expr;)*) => {
        $(impl Consumed for $output {
            fn consumed(&self) -> &[ConsumedCapacity] {
                let read: for<'a> fn(&'a Self) -> &'a [ConsumedCapacity] = $read;
                read(self)
            }
        })*
    };
}

consumed! {
    op::get_item::GetItemOutput: |output| output.consumed_capacity.as_slice();
    op::put_item::PutItemOutput: |output| output.consumed_capacity.as_slice();
    op::update_item::UpdateItemOutput: |output| output.consumed_capacity.as_slice();
    op::delete_item::DeleteItemOutput: |output| output.consumed_capacity.as_slice();
    op::query::QueryOutput: |output| output.consumed_capacity.as_slice();
    op::scan::ScanOutput: |output| output.consumed_capacity.as_slice();
    op::batch_get_item::BatchGetItemOutput: |output| output.consumed_capacity();
    op::batch_write_item::BatchWriteItemOutput: |output| output.consumed_capacity();
    op::transact_get_items::TransactGetItemsOutput: |output| output.consumed_capacity();
    op::transact_write_items::TransactWriteItemsOutput: |output| output.consumed_capacity();
    op::create_table::CreateTableOutput: |_| &[];
    op::delete_table::DeleteTableOutput: |_| &[];
    op::describe_table::DescribeTableOutput: |_| &[];
    op::update_table::UpdateTableOutput: |_| &[];
    op::describe_time_to_live::DescribeTimeToLiveOutput: |_| &[];
    op::update_time_to_live::UpdateTimeToLiveOutput: |_| &[];
}
