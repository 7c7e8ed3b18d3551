//! Can the store serve?

use serde::Serialize;
use utoipa::ToSchema;

/// What readiness shows of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Health {
    /// Which backend it is.
    pub mode: Backend,
    /// Can it read and write now?
    pub reachable: bool,
    /// Why not, in coarse words that tell a client nothing of our insides.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The other Region that writes, where a fence says so.
    #[serde(skip)]
    pub writer_elsewhere: Option<String>,
}

/// The backends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Mode)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// JSON files.
    Json,
    /// Amazon DynamoDB.
    DynamoDb,
}

impl Backend {
    /// How cursors name it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::DynamoDb => "dynamodb",
        }
    }
}
