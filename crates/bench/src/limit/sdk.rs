//! The least that DynamoDB can cost over HTTP: a handler that makes the one SDK call, and shows the attributes that it answers.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Region};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use db_adapter::dynamodb::{DynamoOptions, DynamoStore};
use db_adapter::forum::{TABLES, new_id, now, post as posts, thread as threads, user as users};
use http_kit::config::LogFormat;
use http_kit::resource::Routes;
use http_kit::{Server, ServerConfig, Service, telemetry};
use serde_json::{Map, Value};

use crate::variant::QUIET;

type Raw = HashMap<String, AttributeValue>;

/// A client for an endpoint that takes any credentials.
pub(crate) fn client(endpoint: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"));
    Client::from_conf(config.build())
}

/// A client of defaults.
pub(crate) fn router(endpoint: &str) -> Router {
    routes().with_state(Sdk { client: client(endpoint), consumed: None })
}

/// A client with the forum's timeouts and retries, that asks each call for the capacity that it consumed, and sends a put as the
/// forum does: with a `writeId`, and the question for the item that is in the way.
pub(crate) async fn router_as_forum(endpoint: String) -> Result<Router> {
    Ok(routes().with_state(Sdk { client: client_as_forum(endpoint).await?, consumed: Some(ReturnConsumedCapacity::Indexes) }))
}

/// The client of a forum on this endpoint.
pub(crate) async fn client_as_forum(endpoint: String) -> Result<Client> {
    Ok(open_as_forum(endpoint).await?.client().clone())
}

async fn open_as_forum(endpoint: String) -> Result<DynamoStore> {
    let options = DynamoOptions { endpoint: Some(endpoint), ..DynamoOptions::new("us-east-1") };
    Ok(DynamoStore::open(&TABLES, options).await?)
}

/// The settings of a service, by default as the forum's.
#[derive(Debug, Parser)]
struct Layers {
    #[command(flatten)]
    server: ServerConfig,
}

/// The same in the layers of a service.
pub(crate) async fn serve_in_layers(port: u16, endpoint: String) -> Result<()> {
    // Says the same as the forum that it is measured beside.
    let _logs = telemetry::init(LogFormat::Pretty, QUIET);
    let port = port.to_string();
    let settings = ["--request-timeout-seconds", "60", "--shutdown-grace-seconds", "0", "--rust-log", QUIET, "--port", &port];
    let Layers { server } = Layers::try_parse_from(["limit"].iter().chain(&settings))?;
    let store = open_as_forum(endpoint).await?;
    let sdk = Sdk { client: store.client().clone(), consumed: Some(ReturnConsumedCapacity::Indexes) };
    let service =
        Service { name: users::TABLE.name, table: &users::TABLE, routes: Routes::new().undocumented(routes().with_state(sdk)) };
    Ok(Server::bind(server)?.run(Arc::new(store), vec![service], None).await?)
}

#[derive(Debug, Clone)]
struct Sdk {
    client: Client,
    consumed: Option<ReturnConsumedCapacity>,
}

fn routes() -> Router<Sdk> {
    Router::new()
        .route("/", get(async || "ready"))
        .route("/users/{id}", get(get_user))
        .route("/threads", post(put_thread))
        .route("/in-thread/{id}", get(query_posts))
}

async fn get_user(State(Sdk { client, consumed }): State<Sdk>, Path(id): Path<String>) -> Response {
    let call = client.get_item().table_name(users::TABLE.default_name).key(users::TABLE.hash, AttributeValue::S(id));
    match call.set_return_consumed_capacity(consumed).send().await {
        Ok(found) => found.item.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |item| Json(shown(item)).into_response()),
        Err(error) => failed(&error),
    }
}

async fn put_thread(State(Sdk { client, consumed }): State<Sdk>, Json(body): Json<HashMap<String, String>>) -> Response {
    let mut item: Raw = body.into_iter().map(|(name, value)| (name, AttributeValue::S(value))).collect();
    let now = now();
    for (name, value) in
        [("threadId", new_id()), ("feed", threads::FEED.to_owned()), ("createdAt", now.clone()), ("updatedAt", now)]
    {
        item.insert(name.to_owned(), AttributeValue::S(value));
    }
    item.insert("version".to_owned(), AttributeValue::N("1".to_owned()));
    if consumed.is_some() {
        item.insert("writeId".to_owned(), AttributeValue::S(new_id()));
    }
    let call = client.put_item().table_name(threads::TABLE.default_name).set_item(Some(item.clone()));
    let in_the_way = consumed.is_some().then_some(ReturnValuesOnConditionCheckFailure::AllOld);
    let call = call.condition_expression("attribute_not_exists(threadId)");
    let call = call.set_return_values_on_condition_check_failure(in_the_way);
    match call.set_return_consumed_capacity(consumed).send().await {
        Ok(_) => (StatusCode::CREATED, Json(shown(item))).into_response(),
        Err(error) => failed(&error),
    }
}

async fn query_posts(State(Sdk { client, consumed }): State<Sdk>, Path(id): Path<String>) -> Response {
    let call = client.query().table_name(posts::TABLE.default_name).index_name("ThreadIndex").limit(101);
    let call = call.key_condition_expression("threadId = :id").expression_attribute_values(":id", AttributeValue::S(id));
    match call.set_return_consumed_capacity(consumed).send().await {
        Ok(page) => Json(page.items.unwrap_or_default().into_iter().take(100).map(shown).collect::<Vec<_>>()).into_response(),
        Err(error) => failed(&error),
    }
}

fn shown(item: Raw) -> Value {
    let value = |value| match value {
        AttributeValue::S(text) | AttributeValue::N(text) => Value::String(text),
        other => Value::String(format!("{other:?}")),
    };
    Value::Object(item.into_iter().map(|(name, raw)| (name, value(raw))).collect::<Map<_, _>>())
}

fn failed(error: &dyn std::fmt::Debug) -> Response {
    (StatusCode::BAD_GATEWAY, format!("{error:?}")).into_response()
}
