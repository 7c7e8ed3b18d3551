//! The least that a durable write can cost: what arrives while a sync runs shares the next one.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

/// Bodies that share a sync at most.
const GROUP: usize = 64;

type Written = oneshot::Sender<()>;

pub(crate) fn router(path: &Path) -> Result<Router> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = file.with_context(|| format!("cannot write {}", path.display()))?;
    let (queue, queued) = mpsc::unbounded_channel();
    std::thread::spawn(move || write(file, queued));
    Ok(Router::new().route("/", get(async || "ready")).route("/items", post(append)).with_state(queue))
}

fn write(mut file: File, mut queued: mpsc::UnboundedReceiver<(Bytes, Written)>) {
    let (mut bytes, mut waiting) = (Vec::new(), Vec::new());
    while let Some((body, written)) = queued.blocking_recv() {
        let mut next = Some((body, written));
        while let Some((body, written)) = next {
            bytes.extend_from_slice(&body);
            bytes.push(b'\n');
            waiting.push(written);
            next = if waiting.len() < GROUP { queued.try_recv().ok() } else { None };
        }
        let done = file.write_all(&bytes).and_then(|()| file.sync_data());
        bytes.clear();
        // Where it failed, dropping the senders tells the handlers.
        for written in waiting.drain(..).filter(|_| done.is_ok()) {
            let _ = written.send(());
        }
    }
}

async fn append(State(queue): State<mpsc::UnboundedSender<(Bytes, Written)>>, body: Bytes) -> Response {
    let (written, done) = oneshot::channel();
    if queue.send((body.clone(), written)).is_err() || done.await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    (StatusCode::CREATED, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
