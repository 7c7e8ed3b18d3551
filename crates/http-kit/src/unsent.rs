//! Responses that clients have not read yet: what they take of this process's memory is bounded.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::metrics;
use crate::problem::Problem;
use crate::turn::{Sending, Turn};

/// Smaller bodies are not counted: one of each connection takes no more than the connection itself.
const LARGE: u64 = 16 * 1024;

/// The memory that large responses share.
#[derive(Debug, Clone)]
pub(crate) struct Unsent {
    memory: Arc<Semaphore>,
    all: usize,
}

/// A body, and its part of the memory until it is sent.
struct Counted {
    bytes: Bytes,
    /// Where others wait meanwhile.
    _turn: Option<Sending>,
    part: Option<OwnedSemaphorePermit>,
    unsent: Unsent,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        drop(self.part.take());
        self.unsent.report();
    }
}

impl Unsent {
    /// `memory` is how many bytes large responses may take at once.
    pub(crate) fn new(memory: usize) -> Self {
        let all = memory.min(Semaphore::MAX_PERMITS);
        Self { memory: Arc::new(Semaphore::new(all)), all }
    }

    /// The response, which takes its part of the memory until the connection has written it or is closed; 503 where there is none
    /// left.
    pub(crate) async fn count(&self, response: Response) -> Response {
        let length = response.body().size_hint().lower();
        if length < LARGE {
            return response;
        }
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let Ok(part) = Arc::clone(&self.memory).try_acquire_many_owned(length) else {
            return Problem::unavailable("too many large responses at once", 1).into_response();
        };
        self.report();
        let (mut parts, body) = response.into_parts();
        let turn = parts.extensions.remove::<Turn>().map(Turn::sending);
        // In memory, so that this neither waits nor fails.
        let bytes = Box::pin(to_bytes(body, usize::MAX)).await.unwrap_or_default();
        let counted = Counted { bytes, _turn: turn, part: Some(part), unsent: self.clone() };
        Response::from_parts(parts, Body::from(Bytes::from_owner(counted)))
    }

    fn report(&self) {
        metrics::unsent(self.all - self.memory.available_permits().min(self.all));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_is_given_back_when_a_body_is_gone() {
        let large = || Response::new(Body::from(vec![0; LARGE as usize]));
        let unsent = Unsent::new(LARGE as usize * 2);
        let first = unsent.count(large()).await.into_body();
        let second = unsent.count(large()).await;
        assert_eq!(unsent.count(large()).await.status(), 503);
        assert_eq!(unsent.count(Response::new(Body::from("small"))).await.status(), 200);
        let sending = to_bytes(first, usize::MAX).await.unwrap();
        assert_eq!(unsent.count(large()).await.status(), 503, "its bytes are still to be written");
        drop(sending);
        assert_eq!(unsent.count(large()).await.status(), 200);
        drop(second);
        assert_eq!(unsent.memory.available_permits(), unsent.all);
    }
}
