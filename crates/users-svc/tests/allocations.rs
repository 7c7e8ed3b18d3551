//! How often memory is allocated for a request. Such a count is the same on every machine, where a time is not.

#![expect(clippy::expect_used, reason = "in tests")]

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use db_adapter::Item;
use db_adapter::forum::user;
use http_test::TestApp;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// Requests that are counted together, and as many before them, after which what is kept between requests is there.
const REQUESTS: u64 = 100;

/// Allocations of one request, through every layer.
fn allocations(runtime: &Runtime, router: &Router, path: &str) -> u64 {
    let send = || {
        let request = Request::get(path).header("host", "test").body(Body::empty()).expect("a request");
        let response = router.clone().oneshot(request);
        let send = || assert!(runtime.block_on(response).expect("infallible").status().is_success(), "{path}");
        allocation_counter::measure(send).count_total
    };
    (0..REQUESTS).for_each(|_| _ = send());
    (0..REQUESTS).map(|_| send()).sum::<u64>() / REQUESTS
}

#[test]
fn a_read_allocates_no_more_than_its_budget() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let app = runtime.block_on(TestApp::new(vec![users_svc::service()]));
    let user = |number| {
        let time = "2024-01-01T00:00:00.000Z";
        let head = format!(r#""userId":"u{number}","name":"User {number}","email":"u{number}@example.org","bio":"Sails.""#);
        Item::parse(&format!(r#"{{{head},"createdAt":"{time}","updatedAt":"{time}","version":1,"writeId":"0123"}}"#))
    };
    let items = Box::pin(futures::stream::iter((0..100).map(user)));
    runtime.block_on(app.store.load(&user::TABLE, items)).expect("users");
    let router = app.router();
    for (path, budget) in [("/health", 26), ("/api/users/u7", 30), ("/api/users?limit=100", 97)] {
        let found = allocations(&runtime, &router, path);
        assert!(found <= budget, "{path}: {found} allocations, more than {budget}");
    }
}
