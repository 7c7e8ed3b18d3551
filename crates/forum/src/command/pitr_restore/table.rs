//! The restore of one table: start it, wait for it, give the new table the settings that a restore does not carry over.

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
use crate::output::{self, Format};

/// Between two looks at a table that is being restored.
const PAUSE: Duration = Duration::from_secs(5);
/// Between two lines about it.
const EVERY: Duration = Duration::from_secs(30);
/// How long a setting may be refused because another one is just taking effect.
const PATIENCE: Duration = Duration::from_secs(300);

/// One table that is restored.
#[derive(Debug)]
pub(crate) struct TableRestore<'a> {
    /// The declared table.
    pub(crate) table: &'static Table,
    /// The table as it is now.
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
    /// There is no such table, or its recovery is off or not known to the endpoint.
    pub(crate) async fn plan(table: &'static Table, source: LiveTable<'a>, target: LiveTable<'a>) -> Result<Self> {
        let LiveTable { name, region, .. } = source;
        let Some(description) = source.describe().await? else {
            bail!(
                "there is no table {name} in {region}; a deleted table is restored from its daily backup: see docs/disaster-recovery.md"
            );
        };
        let recovery = match source.recovery().await? {
            Reply::Known(recovery) => recovery,
            Reply::Unsupported => bail!("the endpoint of {name} in {region} does not know point-in-time recovery"),
        };
        ensure!(
            recovery.enabled && recovery.window.is_some(),
            "point-in-time recovery of {name} in {region} is off, so there is nothing to restore; Terraform's \
             dynamodb_point_in_time_recovery = true switches it on"
        );
        let ttl = source.ttl().await?.known().cloned().flatten();
        let tags = source.tags(description.table_arn().unwrap_or_default()).await?;
        Ok(Self { table, source, target, description, recovery, ttl, tags })
    }

    /// The first and the last moment that can be restored.
    pub(crate) fn window(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        self.recovery.window
    }

    /// Is capacity provisioned, so that auto scaling is needed?
    pub(crate) fn is_provisioned(&self) -> bool {
        billing_mode(&self.description) == BillingMode::Provisioned
    }

    /// Is the new table there already, as a restore of the live one?
    ///
    /// # Errors
    /// It is there, but as something else.
    pub(crate) async fn is_started(&self) -> Result<bool> {
        let Some(description) = self.target.describe().await? else { return Ok(false) };
        let from = description.restore_summary().and_then(|restore| restore.source_table_arn());
        ensure!(
            from.is_some() && from == self.description.table_arn(),
            "table {} in {} exists and is no restore of {}; choose another --suffix",
            self.target.name,
            self.target.region,
            self.source.name
        );
        Ok(true)
    }

    /// Starts the restore to a moment.
    ///
    /// # Errors
    /// DynamoDB refuses.
    pub(crate) async fn start(&self, time: DateTime<Utc>) -> Result<()> {
        let moment = aws_sdk_dynamodb::primitives::DateTime::from_millis(time.timestamp_millis());
        let restore = self.source.client.restore_table_to_point_in_time();
        let restore = restore.source_table_name(self.source.name).target_table_name(self.target.name).restore_date_time(moment);
        restore.send().await.map_err(|error| self.target.failed("RestoreTableToPointInTime", error))?;
        Ok(())
    }

    /// Waits until the new table and its indexes can be used, and says every half minute that it still waits.
    ///
    /// # Errors
    /// The table is gone.
    pub(crate) async fn wait(&self, format: Format) -> Result<TableDescription> {
        let start = Instant::now();
        let mut shown = start;
        loop {
            let Some(description) = self.target.describe().await? else {
                bail!("table {} in {} is gone; its restore failed", self.target.name, self.target.region);
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

    /// Gives the new table what the live one has and a restore loses. Answers what that was.
    ///
    /// # Errors
    /// DynamoDB refuses.
    pub(crate) async fn apply_settings(&self, format: Format) -> Result<Vec<String>> {
        let (client, name) = (self.target.client, self.target.name);
        let mut applied = Vec::new();
        if self.description.deletion_protection_enabled() == Some(true) {
            let update = client.update_table().table_name(name).deletion_protection_enabled(true);
            self.patiently("UpdateTable", || update.clone().send()).await?;
            self.wait(format).await?;
            applied.push("deletion protection".to_owned());
        }
        let recovery = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true);
        let recovery = recovery.set_recovery_period_in_days(self.recovery.days).build()?;
        let update = client.update_continuous_backups().table_name(name).point_in_time_recovery_specification(recovery);
        self.patiently("UpdateContinuousBackups", || update.clone().send()).await?;
        applied.push("point-in-time recovery".to_owned());
        if let Some(attribute) = &self.ttl {
            let ttl = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(true).build()?;
            let update = client.update_time_to_live().table_name(name).time_to_live_specification(ttl);
            self.patiently("UpdateTimeToLive", || update.clone().send()).await?;
            applied.push(format!("time to live by {attribute}"));
        }
        if !self.tags.is_empty() {
            let restored = self.target.describe().await?;
            let arn = restored.as_ref().and_then(TableDescription::table_arn).unwrap_or_default();
            let update = client.tag_resource().resource_arn(arn).set_tags(Some(self.tags.clone()));
            self.patiently("TagResource", || update.clone().send()).await?;
            applied.push(format!("{} tags", self.tags.len()));
        }
        if let Some(stream) = self.description.stream_specification().filter(|stream| stream.stream_enabled()) {
            let update = client.update_table().table_name(name).stream_specification(stream.clone());
            self.patiently("UpdateTable", || update.clone().send()).await?;
            self.wait(format).await?;
            applied.push("stream".to_owned());
        }
        Ok(applied)
    }

    /// Asks again while DynamoDB refuses because the table is busy with an earlier change.
    async fn patiently<T, E, F>(&self, operation: &str, ask: impl Fn() -> F) -> Result<T>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        F: Future<Output = Result<T, SdkError<E>>>,
    {
        let start = Instant::now();
        loop {
            match ask().await {
                Ok(done) => return Ok(done),
                Err(error) if is_busy(error.code()) && start.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
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
