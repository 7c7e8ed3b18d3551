//! The control table: one item, which says which Region writes.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, CreateGlobalTableWitnessGroupMemberAction,
    CreateReplicationGroupMemberAction, GlobalTableWitnessGroupUpdate, KeySchemaElement, KeyType, MultiRegionConsistency,
    ReplicationGroupUpdate, ScalarAttributeType, TableDescription, TableStatus,
};

use super::attribute_value::{Raw, text};
use super::causes::innermost;
use super::retry::Backoff;
use super::{DynamoOptions, client};
use crate::store::error::{Error, Result};
use crate::store::lease::{Control, Lease};

/// The key of the table, and of its one item.
const ID: &str = "id";
const WRITER: &str = "writer";
const REGION: &str = "region";
const EPOCH: &str = "epoch";
const CHANGE: &str = "change";
const SINCE: &str = "since";
const NOT_BEFORE: &str = "notBefore";
const RENEWED: &str = "renewedAt";
/// What stands for no Region.
const NONE: &str = "none";
/// How long AWS may take to make the table and its replicas.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Where the other copies of a control table with strong consistency are.
#[derive(Debug, Clone)]
pub struct Replicas {
    /// The Region of the other replica.
    pub replica: String,
    /// The Region of the witness, which holds no data that can be read.
    pub witness: String,
}

/// The table that holds the lease: a global table with multi-Region strong consistency, or a plain one in one Region. See
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/multi-region-strong-consistency-gt.html>.
#[derive(Debug)]
pub struct ControlTable {
    client: Client,
    name: String,
    place: String,
}

impl ControlTable {
    /// The table of that name; nothing is asked yet. A read or write takes no longer than 4 s, with its retries.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when there are no credentials.
    pub async fn open(name: &str, region: &str, endpoint: Option<&str>) -> Result<Self> {
        let options = DynamoOptions {
            endpoint: endpoint.map(str::to_owned),
            connect_timeout: Duration::from_millis(500),
            attempt_timeout: Duration::from_secs(1),
            operation_timeout: Duration::from_secs(4),
            ..DynamoOptions::new(region)
        };
        let client = client::connect(&options).await?;
        Ok(Self { client, name: name.to_owned(), place: endpoint.unwrap_or(region).to_owned() })
    }

    /// Makes the table if it is not there, with its replicas, and waits until it can be used. Returns whether it made it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with AWS's reason; [`Error::Timeout`] after half an hour.
    pub async fn create(&self, replicas: Option<&Replicas>) -> Result<bool> {
        let key = KeySchemaElement::builder().attribute_name(ID).key_type(KeyType::Hash).build().map_err(Error::backend)?;
        let attribute = AttributeDefinition::builder().attribute_name(ID).attribute_type(ScalarAttributeType::S).build();
        let request = self.client.create_table().table_name(&self.name).billing_mode(BillingMode::PayPerRequest);
        let request = request.key_schema(key).attribute_definitions(attribute.map_err(Error::backend)?);
        let made = match request.send().await {
            Ok(_) => true,
            Err(error) if error.code() == Some("ResourceInUseException") => false,
            Err(error) => return Err(self.fault("CreateTable", &error)),
        };
        let table = self.wait().await?;
        if let Some(replicas) = replicas.filter(|_| table.replicas().is_empty()) {
            self.replicate(replicas).await?;
            self.wait().await?;
        }
        Ok(made)
    }

    async fn replicate(&self, replicas: &Replicas) -> Result<()> {
        let replica = CreateReplicationGroupMemberAction::builder().region_name(&replicas.replica).build();
        let replica = ReplicationGroupUpdate::builder().create(replica.map_err(Error::backend)?).build();
        let witness = CreateGlobalTableWitnessGroupMemberAction::builder().region_name(&replicas.witness).build();
        let witness = GlobalTableWitnessGroupUpdate::builder().create(witness.map_err(Error::backend)?).build();
        let request = self.client.update_table().table_name(&self.name).replica_updates(replica);
        let request = request.global_table_witness_updates(witness).multi_region_consistency(MultiRegionConsistency::Strong);
        request.send().await.map(drop).map_err(|error| self.fault("UpdateTable", &error))
    }

    async fn wait(&self) -> Result<TableDescription> {
        let mut backoff = Backoff::new(PATIENCE);
        loop {
            match self.client.describe_table().table_name(&self.name).send().await {
                Ok(output) => match output.table {
                    Some(table) if is_ready(&table) => return Ok(table),
                    _ => {}
                },
                Err(error) if error.code() == Some("ResourceNotFoundException") => {}
                Err(error) => return Err(self.fault("DescribeTable", &error)),
            }
            if !backoff.pause().await {
                return Err(Error::Timeout);
            }
        }
    }

    fn fault<E>(&self, operation: &str, error: &SdkError<E>) -> Error
    where
        E: std::error::Error + 'static,
        SdkError<E>: ProvideErrorMetadata,
    {
        let reason = match (error.code(), error.message()) {
            (Some(code), message) => format!("{code}: {}", message.unwrap_or_default()),
            (None, _) => innermost(error),
        };
        Error::unavailable(format!("{operation} on FENCE_TABLE {} in {}: {reason}", self.name, self.place))
    }

    fn lease(&self, raw: &Raw) -> Result<Lease> {
        let place = || format!("FENCE_TABLE {}, item {WRITER}", self.name);
        let needed = |name: &str| {
            text(raw, name).map(str::to_owned).ok_or_else(|| Error::corrupt(place(), format!("{name} must be a string")))
        };
        let known = |name: &str| text(raw, name).unwrap_or_default().to_owned();
        let epoch = raw.get(EPOCH).and_then(|epoch| epoch.as_n().ok()).and_then(|epoch| epoch.parse().ok());
        let region = needed(REGION)?;
        Ok(Lease {
            region: (region != NONE).then_some(region),
            epoch: epoch.ok_or_else(|| Error::corrupt(place(), format!("{EPOCH} must be a whole number")))?,
            change: known(CHANGE),
            since: known(SINCE),
            not_before: known(NOT_BEFORE),
            renewed: known(RENEWED),
        })
    }
}

#[async_trait]
impl Control for ControlTable {
    async fn read(&self) -> Result<Option<Lease>> {
        let request = self.client.get_item().table_name(&self.name).key(ID, AttributeValue::S(WRITER.to_owned()));
        let output = request.consistent_read(true).send().await.map_err(|error| self.fault("GetItem", &error))?;
        output.item.map(|raw| self.lease(&raw)).transpose()
    }

    async fn replace(&self, expected: Option<u64>, lease: &Lease) -> Result<bool> {
        let string = |value: &str| AttributeValue::S(value.to_owned());
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .item(ID, string(WRITER))
            .item(REGION, string(lease.region.as_deref().unwrap_or(NONE)))
            .item(EPOCH, AttributeValue::N(lease.epoch.to_string()))
            .item(CHANGE, string(&lease.change))
            .item(SINCE, string(&lease.since))
            .item(NOT_BEFORE, string(&lease.not_before))
            .item(RENEWED, string(&lease.renewed));
        let request = match expected {
            None => request.condition_expression("attribute_not_exists(id)"),
            Some(epoch) => {
                let request = request.condition_expression("#epoch = :epoch").expression_attribute_names("#epoch", EPOCH);
                request.expression_attribute_values(":epoch", AttributeValue::N(epoch.to_string()))
            }
        };
        match request.send().await {
            Ok(_) => Ok(true),
            // An attempt whose response was lost may have succeeded.
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => {
                Ok(self.read().await?.is_some_and(|stored| stored.change == lease.change))
            }
            Err(error) => Err(self.fault("PutItem", &error)),
        }
    }

    async fn renew(&self, lease: &Lease, now: &str) -> Result<()> {
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .key(ID, AttributeValue::S(WRITER.to_owned()))
            .update_expression("SET #renewed = :now")
            .condition_expression("#epoch = :epoch AND #renewed = :seen")
            .expression_attribute_names("#renewed", RENEWED)
            .expression_attribute_names("#epoch", EPOCH)
            .expression_attribute_values(":now", AttributeValue::S(now.to_owned()))
            .expression_attribute_values(":seen", AttributeValue::S(lease.renewed.clone()))
            .expression_attribute_values(":epoch", AttributeValue::N(lease.epoch.to_string()));
        match request.send().await {
            Ok(_) => Ok(()),
            // Another process was faster.
            Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(()),
            Err(error) => Err(self.fault("UpdateItem", &error)),
        }
    }
}

fn is_ready(table: &TableDescription) -> bool {
    let replicas =
        table.replicas().iter().all(|replica| replica.replica_status().is_none_or(|status| status.as_str() == "ACTIVE"));
    let witnesses = table.global_table_witnesses().iter();
    let witnesses =
        witnesses.map(|witness| witness.witness_status()).all(|status| status.is_none_or(|status| status.as_str() == "ACTIVE"));
    table.table_status() == Some(&TableStatus::Active) && replicas && witnesses
}
