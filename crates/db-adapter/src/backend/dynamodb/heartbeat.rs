//! The heartbeat of a table: an item of DynamoDB beside the others, as claims are. It has no attribute that an index needs, so it is in no
//! index; scans hide it.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use super::DynamoStore;
use super::attribute_value::{Raw, raw_key, text};
use crate::store::error::Result;
use crate::store::heartbeat::{HEARTBEAT, Heartbeats, key};
use crate::store::page::Read;
use crate::store::schema::Table;

/// The attribute of a heartbeat with its time.
const AT: &str = "at";

/// Is this the heartbeat and no item?
pub(super) fn is_heartbeat(table: &Table, raw: &Raw) -> bool {
    text(raw, table.hash) == Some(HEARTBEAT)
}

#[async_trait]
impl Heartbeats for DynamoStore {
    async fn beat(&self, table: &'static Table, at: &str) -> Result<()> {
        self.check_open()?;
        let mut raw = raw_key(table, &key(table));
        raw.insert(AT.to_owned(), AttributeValue::S(at.to_owned()));
        let request = self.client.put_item().table_name(self.table_name(table)).set_item(Some(raw));
        let request = request.return_consumed_capacity(ReturnConsumedCapacity::Indexes);
        let call = self.call("PutItem", table);
        let send = || request.clone().send();
        call.run(&mut self.backoff(), send).await.map(drop).map_err(|error| call.fault(error))
    }

    async fn last_beat(&self, table: &'static Table) -> Result<Option<String>> {
        let raw = self.get_raw(table, &key(table), &Read::default()).await?;
        Ok(raw.and_then(|raw| text(&raw, AT).map(str::to_owned)))
    }
}
