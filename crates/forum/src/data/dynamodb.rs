//! The settings of a table on DynamoDB: description, time to live, point-in-time recovery, tags.

pub(crate) mod drift;

use anyhow::{Result, anyhow};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{PointInTimeRecoveryStatus, TableDescription, Tag, TimeToLiveStatus};
use chrono::{DateTime, Utc};

/// A table on DynamoDB, as errors name it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LiveTable<'a> {
    /// The SDK's client.
    pub(crate) client: &'a Client,
    /// The AWS region.
    pub(crate) region: &'a str,
    /// The table's name on DynamoDB.
    pub(crate) name: &'a str,
}

/// What an endpoint replies: DynamoDB Local and other emulators do not support every operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply<T> {
    /// The value.
    Known(T),
    /// The endpoint does not support the operation.
    Unsupported,
}

/// Whether a table can be restored to a point in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// Is it on?
    pub(crate) enabled: bool,
    /// Days that the recovery window covers, if that is not the default.
    pub(crate) days: Option<i32>,
    /// The earliest and the latest time that can be restored.
    pub(crate) window: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl LiveTable<'_> {
    /// The table's description; `None` if the table does not exist.
    ///
    /// # Errors
    /// When DynamoDB refuses or cannot be reached.
    pub(crate) async fn describe(&self) -> Result<Option<TableDescription>> {
        match self.client.describe_table().table_name(self.name).send().await {
            Ok(output) => Ok(output.table),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(self.failed("DescribeTable", error)),
        }
    }

    /// The attribute that holds the expiry time of items, if time to live is on.
    ///
    /// # Errors
    /// As [`LiveTable::describe`].
    pub(crate) async fn ttl(&self) -> Result<Reply<Option<String>>> {
        let output = self.client.describe_time_to_live().table_name(self.name).send().await;
        let output = self.reply("DescribeTimeToLive", output)?;
        Ok(output.map(|output| {
            let on = |status: &TimeToLiveStatus| matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling);
            let ttl = output.time_to_live_description?;
            if ttl.time_to_live_status().is_some_and(on) { ttl.attribute_name } else { None }
        }))
    }

    /// Point-in-time recovery.
    ///
    /// # Errors
    /// As [`LiveTable::describe`].
    pub(crate) async fn recovery(&self) -> Result<Reply<Recovery>> {
        let output = self.client.describe_continuous_backups().table_name(self.name).send().await;
        let output = self.reply("DescribeContinuousBackups", output)?;
        Ok(output.map(|output| {
            let recovery = output.continuous_backups_description.and_then(|backups| backups.point_in_time_recovery_description);
            let Some(recovery) = recovery else { return Recovery { enabled: false, days: None, window: None } };
            let window =
                recovery.earliest_restorable_date_time().and_then(utc).zip(recovery.latest_restorable_date_time().and_then(utc));
            Recovery {
                enabled: recovery.point_in_time_recovery_status() == Some(&PointInTimeRecoveryStatus::Enabled),
                days: recovery.recovery_period_in_days(),
                window,
            }
        }))
    }

    /// The table's tags, without those of AWS itself.
    ///
    /// # Errors
    /// As [`LiveTable::describe`].
    pub(crate) async fn tags(&self, arn: &str) -> Result<Vec<Tag>> {
        let mut tags = Vec::new();
        let mut next = None;
        loop {
            let output = self.client.list_tags_of_resource().resource_arn(arn).set_next_token(next).send().await;
            let output = output.map_err(|error| self.failed("ListTagsOfResource", error))?;
            tags.extend(output.tags.unwrap_or_default().into_iter().filter(|tag| !tag.key().starts_with("aws:")));
            next = output.next_token;
            if next.is_none() {
                return Ok(tags);
            }
        }
    }

    fn reply<T, E>(&self, operation: &str, output: Result<T, SdkError<E>>) -> Result<Reply<T>>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        match output {
            Ok(output) => Ok(Reply::Known(output)),
            Err(error) if error.code() == Some("UnknownOperationException") => Ok(Reply::Unsupported),
            Err(error) => Err(self.failed(operation, error)),
        }
    }

    /// The error of an operation on this table, as the operator reads it.
    pub(crate) fn failed<E>(&self, operation: &str, error: SdkError<E>) -> anyhow::Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let LiveTable { region, name, .. } = self;
        let message = error.message().unwrap_or_default().to_owned();
        match error.code() {
            Some("AccessDeniedException") => {
                anyhow!(
                    "AWS refuses dynamodb:{operation} on table {name} in {region}: grant that permission to this role ({message})"
                )
            }
            Some(code) => anyhow!("{operation} on table {name} in {region}: {code}: {message}"),
            None => anyhow!("{operation} on table {name} in {region}: {}", innermost(&error)),
        }
    }
}

impl<T> Reply<T> {
    /// Converts a known value.
    pub(crate) fn map<U>(self, convert: impl FnOnce(T) -> U) -> Reply<U> {
        match self {
            Self::Known(value) => Reply::Known(convert(value)),
            Self::Unsupported => Reply::Unsupported,
        }
    }

    /// The value, if it is known.
    pub(crate) fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unsupported => None,
        }
    }
}

/// The innermost cause, such as `Connection refused`.
fn innermost(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => error.to_string(),
    }
}

/// The SDK's time as chrono's.
pub(crate) fn utc(time: &aws_sdk_dynamodb::primitives::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}
