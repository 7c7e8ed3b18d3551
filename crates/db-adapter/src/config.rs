//! The store's settings, from the environment or flags. The only place that chooses a backend.

mod fence;
mod table_names;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::backend::dynamodb::{DynamoOptions, DynamoStore};
use crate::backend::json::{JsonOptions, JsonStore};
use crate::forum::{TABLES, activity};
use crate::layer::fence::{Pulse, Watch};
use crate::layer::{CachedStore, FencedStore};
use crate::store::{Backend, Store, SystemClock, Table};

use crate::store::error::Error;
pub use fence::FenceConfig;
pub use table_names::TableNames;

/// Where the forum's data is. Each setting is an environment variable and a flag; the flag wins.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Store")]
pub struct StoreConfig {
    /// Keep the data on DynamoDB (true) or in JSON files (false)
    #[arg(long = "use-dynamodb", env = "USE_DYNAMODB", value_name = "USE_DYNAMODB", value_parser = parse_backend)]
    #[arg(default_value = "false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub backend: Backend,

    /// Folder of the JSON files
    #[arg(long, env = "DATA_DIR", value_name = "DATA_DIR", default_value = "data/store")]
    pub data_dir: PathBuf,

    /// Keep the JSON files to one process; needed on network file systems, where locks do not work
    #[arg(long, env = "DATA_DIR_SINGLE_WRITER", value_name = "DATA_DIR_SINGLE_WRITER", value_parser = parse_bool)]
    #[arg(default_value = "false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub data_dir_single_writer: bool,

    /// Seconds for which the lock of a JSON table may stand still before writes are refused; a start waits six times as long
    #[arg(long, env = "LOCK_TIMEOUT_SECONDS", value_name = "LOCK_TIMEOUT_SECONDS", default_value = "5")]
    #[arg(value_parser = parse_lock_timeout)]
    pub lock_timeout_seconds: Duration,

    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub dynamodb: DynamoConfig,

    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub fence: FenceConfig,
}

/// What a server remembers of its reads. Tools, which read everything once, go without.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Cache")]
pub struct CacheConfig {
    /// Seconds for which reads may come from memory, even if other processes have written meanwhile; 0 turns it off
    #[arg(long, env = "CACHE_TTL_SECONDS", value_name = "CACHE_TTL_SECONDS", default_value = "0", value_parser = parse_cache_ttl)]
    pub cache_ttl_seconds: Duration,

    /// Maximum bytes of memory for them, approximately
    #[arg(long, env = "CACHE_MAX_BYTES", value_name = "CACHE_MAX_BYTES", default_value = "67108864")]
    #[arg(value_parser = parse_cache_bytes)]
    pub cache_max_bytes: u64,
}

impl CacheConfig {
    /// The store with a cache in front, or as it is where the cache is off.
    pub fn wrap(&self, store: Arc<dyn Store>) -> Arc<dyn Store> {
        match self.cache_ttl_seconds {
            Duration::ZERO => store,
            ttl => Arc::new(CachedStore::new(store, ttl, self.cache_max_bytes)),
        }
    }
}

/// How to reach DynamoDB. Credentials come from the AWS default chain; a local endpoint needs none.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "DynamoDB")]
pub struct DynamoConfig {
    /// AWS Region of the tables
    #[arg(long = "region", env = "AWS_REGION", value_name = "AWS_REGION", default_value = "us-east-1", value_parser = parse_region)]
    pub aws_region: String,

    /// URL of DynamoDB Local, such as http://localhost:8000; without it, the Region's own endpoint
    #[arg(long = "endpoint", env = "DYNAMODB_ENDPOINT", value_name = "DYNAMODB_ENDPOINT", value_parser = parse_endpoint)]
    pub dynamodb_endpoint: Option<String>,

    #[command(flatten)]
    #[allow(missing_docs, reason = "a doc comment here would become the help of the command")]
    pub tables: TableNames,

    /// Milliseconds to wait for a connection
    #[arg(long, env = "DYNAMODB_CONNECT_TIMEOUT_MS", value_name = "DYNAMODB_CONNECT_TIMEOUT_MS", default_value = "1000")]
    #[arg(value_parser = parse_milliseconds)]
    pub dynamodb_connect_timeout_ms: Duration,

    /// Milliseconds to wait for one attempt; longer than for a connection
    #[arg(long, env = "DYNAMODB_ATTEMPT_TIMEOUT_MS", value_name = "DYNAMODB_ATTEMPT_TIMEOUT_MS", default_value = "2000")]
    #[arg(value_parser = parse_milliseconds)]
    pub dynamodb_attempt_timeout_ms: Duration,

    /// Milliseconds to wait for an operation with all its attempts; longer than for one attempt
    #[arg(long, env = "DYNAMODB_OPERATION_TIMEOUT_MS", value_name = "DYNAMODB_OPERATION_TIMEOUT_MS", default_value = "6000")]
    #[arg(value_parser = parse_milliseconds)]
    pub dynamodb_operation_timeout_ms: Duration,
}

/// Why the store did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Settings that contradict each other.
    #[error("{0}")]
    Settings(String),
    /// The backend's own reason.
    #[error(transparent)]
    Store(#[from] Error),
}

impl StoreConfig {
    /// Opens the backend that the settings choose, behind the fence if there is one.
    ///
    /// # Errors
    /// [`OpenError`], in words for the person who starts the program.
    pub async fn open(&self) -> Result<Arc<dyn Store>, OpenError> {
        Ok(match self.backend {
            Backend::Json if self.fence.fence_table.is_some() => {
                return Err(OpenError::Settings("FENCE_TABLE is for DynamoDB; set USE_DYNAMODB=true, or unset it".to_owned()));
            }
            Backend::Json => Arc::new(JsonStore::open(&TABLES, self.json()).await?),
            Backend::DynamoDb => self.dynamodb.open_behind(&self.fence).await?,
        })
    }

    /// As [`StoreConfig::open`], for a process that serves these tables of it. JSON files of an earlier version are brought up to date; for
    /// DynamoDB, where that may take long, `forum verify --repair --apply` does it. Behind a fence the process makes and reads the heartbeats
    /// of its tables.
    ///
    /// # Errors
    /// As [`StoreConfig::open`].
    pub async fn open_to_serve(&self, tables: Vec<&'static Table>) -> Result<Arc<dyn Store>, OpenError> {
        let store = match self.backend {
            Backend::Json => self.open().await?,
            Backend::DynamoDb => self.dynamodb.open_with_pulse(&self.fence, tables).await?,
        };
        if self.backend == Backend::Json {
            let threads = activity::fill(&*store).await?;
            if threads > 0 {
                tracing::info!(threads, "threads of an earlier version say now what their posts are");
            }
        }
        Ok(store)
    }

    /// Checks that a request is given more time than what it waits for.
    ///
    /// # Errors
    /// [`OpenError::Settings`] names both variables.
    pub fn check_request_timeout(&self, request: Duration) -> Result<(), OpenError> {
        let (operation, lock) = (self.dynamodb.dynamodb_operation_timeout_ms, self.lock_timeout_seconds);
        let waits = match self.backend {
            Backend::DynamoDb if operation >= request => format!("DYNAMODB_OPERATION_TIMEOUT_MS ({})", operation.as_millis()),
            Backend::Json if lock >= request => format!("LOCK_TIMEOUT_SECONDS ({})", lock.as_secs()),
            Backend::DynamoDb | Backend::Json => return Ok(()),
        };
        let allowed = request.as_secs();
        Err(OpenError::Settings(format!("{waits} must be less than REQUEST_TIMEOUT_SECONDS ({allowed})")))
    }

    /// The settings of the JSON backend.
    pub fn json(&self) -> JsonOptions {
        JsonOptions {
            single_writer: self.data_dir_single_writer,
            lock_timeout: self.lock_timeout_seconds,
            ..JsonOptions::new(&self.data_dir)
        }
    }
}

impl DynamoConfig {
    /// Opens DynamoDB. The tables need not exist yet.
    ///
    /// # Errors
    /// [`OpenError`], in words for the person who starts the program.
    pub async fn open(&self) -> Result<DynamoStore, OpenError> {
        Ok(DynamoStore::open(&TABLES, self.options()?).await?)
    }

    /// Opens DynamoDB behind the fence, if there is one.
    ///
    /// # Errors
    /// As [`DynamoConfig::open`].
    pub async fn open_behind(&self, fence: &FenceConfig) -> Result<Arc<dyn Store>, OpenError> {
        self.open_with_pulse(fence, Vec::new()).await
    }

    async fn open_with_pulse(&self, fence: &FenceConfig, tables: Vec<&'static Table>) -> Result<Arc<dyn Store>, OpenError> {
        let Some(control) = fence.open(&self.aws_region).await? else { return Ok(Arc::new(self.open().await?)) };
        let mut options = self.options()?;
        let watch = Watch::new(&self.aws_region, Arc::new(control), Arc::new(SystemClock), options.operation_timeout);
        options.grant = Some(watch.grant());
        let store = Arc::new(DynamoStore::open(&TABLES, options).await?);
        let pulse = (!tables.is_empty()).then(|| Pulse::new(store.clone(), tables, watch.grant(), Arc::new(SystemClock)));
        Ok(Arc::new(FencedStore::watching(store, watch, pulse).await))
    }

    /// The table's name on DynamoDB.
    pub fn table_name(&self, table: &Table) -> &str {
        self.tables.get(table)
    }

    fn options(&self) -> Result<DynamoOptions, OpenError> {
        let [connect, attempt, operation] =
            [self.dynamodb_connect_timeout_ms, self.dynamodb_attempt_timeout_ms, self.dynamodb_operation_timeout_ms];
        if connect >= attempt || attempt >= operation {
            return Err(OpenError::Settings(format!(
                "DYNAMODB_CONNECT_TIMEOUT_MS ({}) must be less than DYNAMODB_ATTEMPT_TIMEOUT_MS ({}), and that less than \
                 DYNAMODB_OPERATION_TIMEOUT_MS ({})",
                connect.as_millis(),
                attempt.as_millis(),
                operation.as_millis()
            )));
        }
        Ok(DynamoOptions {
            clock: Arc::new(SystemClock),
            region: self.aws_region.clone(),
            endpoint: self.dynamodb_endpoint.clone(),
            tables: self.tables.to_map(),
            connect_timeout: connect,
            attempt_timeout: attempt,
            operation_timeout: operation,
            grant: None,
        })
    }
}

fn parse_bool(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("expected true or false"),
    }
}

/// The value of `USE_DYNAMODB`.
fn parse_backend(text: &str) -> Result<Backend, &'static str> {
    parse_bool(text).map(|use_dynamodb| if use_dynamodb { Backend::DynamoDb } else { Backend::Json })
}

fn parse_region(text: &str) -> Result<String, &'static str> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !text.is_empty() && text.bytes().all(allowed) { Ok(text.to_owned()) } else { Err("a Region is written like us-east-1") }
}

fn parse_endpoint(text: &str) -> Result<String, &'static str> {
    let host = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let valid = host.is_some_and(|host| !host.is_empty() && !host.contains(char::is_whitespace));
    if valid { Ok(text.to_owned()) } else { Err("an endpoint is written like http://localhost:8000") }
}

fn parse_milliseconds(text: &str) -> Result<Duration, &'static str> {
    let parsed = text.parse().ok().filter(|milliseconds| (1..=600_000).contains(milliseconds));
    parsed.map(Duration::from_millis).ok_or("expected a number from 1 to 600000")
}

fn parse_lock_timeout(text: &str) -> Result<Duration, &'static str> {
    let parsed = text.parse().ok().filter(|seconds| (1..=600).contains(seconds));
    parsed.map(Duration::from_secs).ok_or("expected a number from 1 to 600")
}

fn parse_cache_ttl(text: &str) -> Result<Duration, &'static str> {
    let parsed = text.parse().ok().filter(|seconds| (0..=3_600).contains(seconds));
    parsed.map(Duration::from_secs).ok_or("expected a number from 0 (off) to 3600")
}

/// At least one page of the largest size.
fn parse_cache_bytes(text: &str) -> Result<u64, &'static str> {
    let parsed = text.parse().ok().filter(|bytes| (2 << 20..=64 << 30).contains(bytes));
    parsed.ok_or("expected a number from 2097152 (2 MiB) to 68719476736 (64 GiB)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        store: StoreConfig,
        #[command(flatten)]
        cache: CacheConfig,
    }

    fn refusal(arguments: &[&str]) -> String {
        Program::try_parse_from([&["program"], arguments].concat()).unwrap_err().to_string()
    }

    #[test]
    fn a_bad_value_names_variable_value_and_what_is_allowed() {
        for (flag, value, variable, allowed) in [
            ("--use-dynamodb", "yes", "USE_DYNAMODB", "true or false"),
            ("--data-dir-single-writer", "2", "DATA_DIR_SINGLE_WRITER", "true or false"),
            ("--region", "US East", "AWS_REGION", "us-east-1"),
            ("--endpoint", "localhost:8000", "DYNAMODB_ENDPOINT", "http://localhost:8000"),
            ("--dynamodb-users-table", "u$", "DYNAMODB_USERS_TABLE", "3 to 255"),
            ("--dynamodb-threads-table", "t", "DYNAMODB_THREADS_TABLE", "3 to 255"),
            ("--dynamodb-posts-table", "", "DYNAMODB_POSTS_TABLE", "3 to 255"),
            ("--dynamodb-connect-timeout-ms", "0", "DYNAMODB_CONNECT_TIMEOUT_MS", "1 to 600000"),
            ("--dynamodb-attempt-timeout-ms", "1s", "DYNAMODB_ATTEMPT_TIMEOUT_MS", "1 to 600000"),
            ("--dynamodb-operation-timeout-ms", "-1", "DYNAMODB_OPERATION_TIMEOUT_MS", "1 to 600000"),
            ("--fence-table", "f", "FENCE_TABLE", "3 to 255"),
            ("--fence-region", "US", "FENCE_REGION", "us-east-1"),
            ("--fence-endpoint", "localhost", "FENCE_ENDPOINT", "http://localhost:8000"),
            ("--lock-timeout-seconds", "0", "LOCK_TIMEOUT_SECONDS", "1 to 600"),
            ("--cache-ttl-seconds", "3601", "CACHE_TTL_SECONDS", "0 (off) to 3600"),
            ("--cache-ttl-seconds", "1.5", "CACHE_TTL_SECONDS", "0 (off) to 3600"),
            ("--cache-max-bytes", "2097151", "CACHE_MAX_BYTES", "2097152 (2 MiB)"),
            ("--cache-max-bytes", "1GB", "CACHE_MAX_BYTES", "68719476736 (64 GiB)"),
        ] {
            let refusal = refusal(&[&format!("{flag}={value}")]);
            assert!([variable, value, allowed].iter().all(|part| refusal.contains(part)), "{refusal}");
        }
    }

    #[test]
    fn use_dynamodb_chooses_the_backend() {
        let chosen = |arguments: &[&str]| Program::try_parse_from([&["program"], arguments].concat()).unwrap().store.backend;
        assert_eq!(chosen(&[]), Backend::Json);
        assert_eq!(chosen(&["--use-dynamodb"]), Backend::DynamoDb);
        for (value, backend) in
            [("true", Backend::DynamoDb), ("1", Backend::DynamoDb), ("false", Backend::Json), ("0", Backend::Json)]
        {
            assert_eq!(chosen(&[&format!("--use-dynamodb={value}")]), backend, "{value}");
        }
    }

    #[tokio::test]
    async fn nothing_is_cached_unless_a_time_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(JsonStore::open(&TABLES, JsonOptions::new(folder.path())).await.unwrap());
        let open = |arguments: &[&str]| {
            let program = Program::try_parse_from([&["program"], arguments].concat()).unwrap();
            format!("{:?}", program.cache.wrap(store.clone()))
        };
        assert!(!open(&[]).contains("CachedStore"));
        assert!(open(&["--cache-ttl-seconds=5"]).starts_with("CachedStore"));
    }

    #[tokio::test]
    async fn a_fence_needs_dynamodb() {
        let config = Program::try_parse_from(["program", "--fence-table=fence"]).unwrap().store;
        let refusal = config.open().await.unwrap_err().to_string();
        assert!(["FENCE_TABLE", "USE_DYNAMODB=true"].iter().all(|part| refusal.contains(part)), "{refusal}");
    }

    #[test]
    fn deadlines_must_grow() {
        let parsed = Program::try_parse_from(["program", "--dynamodb-attempt-timeout-ms=500"]).unwrap();
        let refusal = parsed.store.dynamodb.options().unwrap_err().to_string();
        assert!(
            refusal.contains("DYNAMODB_CONNECT_TIMEOUT_MS (1000) must be less than DYNAMODB_ATTEMPT_TIMEOUT_MS (500)"),
            "{refusal}"
        );
    }

    #[test]
    fn a_request_has_more_time_than_an_operation() {
        let config = |arguments: &[&str]| Program::try_parse_from([&["program"], arguments].concat()).unwrap().store;
        let six = Duration::from_secs(6);
        assert!(config(&[]).check_request_timeout(six).is_ok());
        let refusal = config(&["--use-dynamodb"]).check_request_timeout(six).unwrap_err().to_string();
        assert_eq!(refusal, "DYNAMODB_OPERATION_TIMEOUT_MS (6000) must be less than REQUEST_TIMEOUT_SECONDS (6)");
        assert!(config(&["--use-dynamodb"]).check_request_timeout(Duration::from_secs(7)).is_ok());
        let refusal = config(&["--lock-timeout-seconds=6"]).check_request_timeout(six).unwrap_err().to_string();
        assert_eq!(refusal, "LOCK_TIMEOUT_SECONDS (6) must be less than REQUEST_TIMEOUT_SECONDS (6)");
    }

    #[test]
    fn table_names_have_the_schemas_defaults() {
        let options = Program::try_parse_from(["program"]).unwrap().store.dynamodb.options().unwrap();
        for table in crate::forum::TABLES {
            assert!(options.tables.contains_key(table.name));
        }
    }
}
