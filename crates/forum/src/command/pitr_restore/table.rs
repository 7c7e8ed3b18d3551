//! The restore of one table: start it, wait for it, apply the settings that DynamoDB does not restore.

use std::future::Future;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    BillingMode, IndexStatus, PointInTimeRecoverySpecification, TableDescription, TableStatus, Tag, TimeToLiveSpecification,
};
use chrono::{DateTime, Utc};
use db_adapter::Table;
use serde_json::json;
use tokio::time::Instant;

use crate::data::dynamodb::drift::billing_mode;
use crate::data::dynamodb::{LiveTable, Recovery, Reply};
use crate::output::{self, Format, plural};

/// Interval at which a table that is being restored is polled.
const PAUSE: Duration = Duration::from_secs(5);
/// Interval of progress lines.
const EVERY: Duration = Duration::from_secs(30);
/// How long a setting is retried while DynamoDB is busy with another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(300);

/// The restore of one table.
#[derive(Debug)]
pub(crate) struct TableRestore<'a> {
    /// The declared table.
    pub(crate) table: &'static Table,
    /// The live table.
    pub(crate) source: LiveTable<'a>,
    /// The new table.
    pub(crate) target: LiveTable<'a>,
    /// The live table's description.
    pub(crate) description: TableDescription,
    recovery: Recovery,
    ttl: Option<String>,
    tags: Vec<Tag>,
}

impl<'a> TableRestore<'a> {
    /// Reads the settings of the live table.
    ///
    /// # Errors
    /// The table does not exist, or its point-in-time recovery is off or not supported by the endpoint.
    pub(crate) async fn plan(table: &'static Table, source: LiveTable<'a>, target: LiveTable<'a>) -> Result<Self> {
        let LiveTable { name, region, .. } = source;
        let Some(description) = source.describe().await? else {
            bail!(
                "table {name} does not exist in {region}; to restore a deleted table from its daily backup, see docs/disaster-recovery.md"
            );
        };
        let recovery = match source.recovery().await? {
            Reply::Known(recovery) => recovery,
            Reply::Unsupported => bail!("the endpoint of {name} in {region} does not support point-in-time recovery"),
        };
        ensure!(
            recovery.enabled && recovery.window.is_some(),
            "point-in-time recovery of {name} in {region} is off; to switch it on, set \
             dynamodb_point_in_time_recovery = true in Terraform"
        );
        let ttl = source.ttl().await?.known().cloned().flatten();
        let tags = source.tags(description.table_arn().unwrap_or_default()).await?;
        Ok(Self { table, source, target, description, recovery, ttl, tags })
    }

    /// The earliest and the latest time that can be restored.
    pub(crate) fn window(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        self.recovery.window
    }

    /// Is capacity provisioned, so that auto scaling is needed?
    pub(crate) fn is_provisioned(&self) -> bool {
        billing_mode(&self.description) == BillingMode::Provisioned
    }

    /// Does the new table already exist, as a restore of the live one?
    ///
    /// # Errors
    /// It exists but is not a restore of the live table.
    pub(crate) async fn is_started(&self) -> Result<bool> {
        let Some(description) = self.target.describe().await? else { return Ok(false) };
        let from = description.restore_summary().and_then(|restore| restore.source_table_arn());
        ensure!(
            from.is_some() && from == self.description.table_arn(),
            "table {} in {} exists and is not a restore of {}; choose another --suffix",
            self.target.name,
            self.target.region,
            self.source.name
        );
        Ok(true)
    }

    /// Starts the restore to a point in time.
    ///
    /// # Errors
    /// DynamoDB refuses it.
    pub(crate) async fn start(&self, time: DateTime<Utc>) -> Result<()> {
        let moment = aws_sdk_dynamodb::primitives::DateTime::from_millis(time.timestamp_millis());
        let restore = self.source.client.restore_table_to_point_in_time();
        let restore = restore.source_table_name(self.source.name).target_table_name(self.target.name).restore_date_time(moment);
        restore.send().await.map_err(|error| self.target.failed("RestoreTableToPointInTime", error))?;
        Ok(())
    }

    /// Waits until the new table and its indexes are active. Prints a line every half minute.
    ///
    /// # Errors
    /// The table does not exist any more.
    pub(crate) async fn wait(&self, format: Format) -> Result<TableDescription> {
        let start = Instant::now();
        let mut shown = start;
        loop {
            let Some(description) = self.target.describe().await? else {
                bail!("table {} in {} does not exist any more: its restore failed", self.target.name, self.target.region);
            };
            if is_usable(&description) {
                return Ok(description);
            }
            if shown.elapsed() >= EVERY {
                shown = Instant::now();
                let (status, seconds) =
                    (description.table_status().map_or("", |status| status.as_str()), start.elapsed().as_secs());
                let name = self.target.name;
                match format {
                    Format::Json => {
                        output::note(json!({"step": "restore", "table": name, "status": status, "seconds": seconds}));
                    }
                    Format::Text => output::note(format_args!("restore {name}: {status} for {seconds} s")),
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Applies the settings of the live table that DynamoDB does not restore. Returns their names.
    ///
    /// # Errors
    /// DynamoDB refuses one of them.
    pub(crate) async fn apply_settings(&self, format: Format) -> Result<Vec<String>> {
        let (client, name) = (self.target.client, self.target.name);
        let mut applied = Vec::new();
        if self.description.deletion_protection_enabled() == Some(true) {
            let update = client.update_table().table_name(name).deletion_protection_enabled(true);
            self.retry_while_busy("UpdateTable", || update.clone().send()).await?;
            self.wait(format).await?;
            applied.push("deletion protection".to_owned());
        }
        let recovery = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true);
        let recovery = recovery.set_recovery_period_in_days(self.recovery.days).build()?;
        let update = client.update_continuous_backups().table_name(name).point_in_time_recovery_specification(recovery);
        self.retry_while_busy("UpdateContinuousBackups", || update.clone().send()).await?;
        applied.push("point-in-time recovery".to_owned());
        if let Some(attribute) = &self.ttl {
            let ttl = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build()?;
            let update = client.update_time_to_live().table_name(name).time_to_live_specification(ttl);
            self.retry_while_busy("UpdateTimeToLive", || update.clone().send()).await?;
            applied.push(format!("time to live by {attribute}"));
        }
        if !self.tags.is_empty() {
            let restored = self.target.describe().await?;
            let arn = restored.as_ref().and_then(TableDescription::table_arn).unwrap_or_default();
            let update = client.tag_resource().resource_arn(arn).set_tags(Some(self.tags.clone()));
            self.retry_while_busy("TagResource", || update.clone().send()).await?;
            applied.push(plural(self.tags.len() as u64, "tag", "tags"));
        }
        if let Some(stream) = self.description.stream_specification().filter(|stream| stream.stream_enabled()) {
            let update = client.update_table().table_name(name).stream_specification(stream.clone());
            self.retry_while_busy("UpdateTable", || update.clone().send()).await?;
            self.wait(format).await?;
            applied.push("stream".to_owned());
        }
        Ok(applied)
    }

    /// Retries while DynamoDB refuses because the table is busy with an earlier change.
    async fn retry_while_busy<T, E, F>(&self, operation: &str, send: impl Fn() -> F) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        let start = Instant::now();
        loop {
            match send().await {
                Ok(done) => return Ok(done),
                Err(error) if is_busy(error.code()) && start.elapsed() < BUSY_TIMEOUT => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(self.target.failed(operation, error)),
            }
        }
    }
}

fn is_busy(code: Option<&str>) -> bool {
    matches!(code, Some("ResourceInUseException" | "ContinuousBackupsUnavailableException" | "LimitExceededException"))
}

fn is_usable(table: &TableDescription) -> bool {
    let restoring = table.restore_summary().is_some_and(|restore| restore.restore_in_progress());
    let indexes = table.global_secondary_indexes();
    table.table_status() == Some(&TableStatus::Active)
        && !restoring
        && indexes.iter().all(|index| index.index_status().is_none_or(|status| *status == IndexStatus::Active))
}
