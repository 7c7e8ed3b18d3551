use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::header::RETRY_AFTER;
use axum::response::IntoResponse;
use rstest::rstest;

use super::*;
use crate::auth::ServiceAccount;
use crate::auth::tests::{admin, moderator, person};

/// Limits whose clock stands still until it is moved.
struct Stopped {
    limits: Arc<RateLimits>,
    milliseconds: Arc<AtomicU64>,
}

impl Stopped {
    fn with_room(keys: usize) -> Self {
        let milliseconds = Arc::new(AtomicU64::new(0));
        let read = Arc::clone(&milliseconds);
        let clock = Clock::new(move || Duration::from_millis(read.load(Ordering::Relaxed)));
        Self { limits: RateLimits::with_room(&clock, keys), milliseconds }
    }

    fn new() -> Self {
        Self::with_room(MAX_KEYS_OF_EACH)
    }

    fn advance(&self, milliseconds: u64) {
        self.milliseconds.fetch_add(milliseconds, Ordering::Relaxed);
    }

    /// A request from the address 198.51.100.`host`; by nobody where there is no caller. What the response tells, and when to retry.
    fn send(&self, host: u8, method: &str, path: &str, caller: Option<&Caller>) -> (String, Option<u64>) {
        let mut request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let (meter, admitted) = self.limits.admit(IpAddr::from([198, 51, 100, host]), &mut request);
        let admitted = admitted.and_then(|()| caller.map_or(Ok(()), |caller| meter.count(caller)));
        told(&meter, admitted)
    }

    fn reads(&self, caller: &Caller) -> (String, Option<u64>) {
        self.send(1, "GET", "/api/threads", Some(caller))
    }

    fn writes(&self, caller: &Caller) -> (String, Option<u64>) {
        self.send(1, "POST", "/api/threads", Some(caller))
    }
}

fn told(meter: &Meter, admitted: Result<(), Problem>) -> (String, Option<u64>) {
    let mut response = admitted.map_or_else(IntoResponse::into_response, IntoResponse::into_response);
    meter.tell(&mut response);
    let text = |name: HeaderName| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let told = format!("{} {}", text(RATE_LIMIT_POLICY).unwrap(), text(RATE_LIMIT).unwrap());
    (told, text(RETRY_AFTER).map(|seconds| seconds.parse().unwrap()))
}

/// How many are admitted at once.
fn admitted(mut send: impl FnMut() -> Option<u64>) -> usize {
    std::iter::from_fn(|| send().is_none().then_some(())).take(10_000).count()
}

#[test]
fn headers_tell_the_policy_and_what_is_left_down_to_nothing() {
    let stopped = Stopped::new();
    let ann = person("ann");
    let policy = "\"writes\";q=10;w=60 \"writes\"";
    for left in [4, 3, 2, 1, 0] {
        assert_eq!(stopped.writes(&ann), (format!("{policy};r={left};t=6"), None));
    }
    assert_eq!(stopped.writes(&ann), (format!("{policy};r=0;t=6"), Some(6)));
    // A wait is never told shorter than it is.
    stopped.advance(1_001);
    assert_eq!(stopped.writes(&ann), (format!("{policy};r=0;t=5"), Some(5)));
    assert_eq!(stopped.reads(&ann).0, "\"reads\";q=300;w=60 \"reads\";r=299;t=1");
    assert_eq!(stopped.send(2, "GET", "/api/threads", None).0, "\"address-reads\";q=3000;w=60 \"address-reads\";r=2999;t=1");
}

#[rstest]
#[case("GET", "/api/threads", 300)]
#[case("HEAD", "/api/threads", 300)]
#[case("POST", "/api/threads", 5)]
#[case("DELETE", "/api/reports", 5)]
#[case("POST", "/api/reports", 10)]
fn each_kind_of_request_has_its_limit(#[case] method: &str, #[case] path: &str, #[case] expected: usize) {
    let stopped = Stopped::new();
    let all = |caller: Caller| admitted(|| stopped.send(1, method, path, Some(&caller)).1);
    assert_eq!(all(person("ann")), expected);
    assert_eq!(all(person("bob")), expected, "two users behind one address");
    let robot = Caller::Service(ServiceAccount { client: "ann".to_owned(), write: true, import: false });
    for (host, trusted) in [(2, moderator("mod")), (3, admin("boss")), (4, robot)] {
        assert_eq!(admitted(|| stopped.send(host, method, path, Some(&trusted)).1), 10 * expected, "{trusted:?}");
    }
    for nobody in [Caller::Anonymous, Caller::Anyone] {
        let stopped = Stopped::new();
        assert_eq!(admitted(|| stopped.send(1, method, path, Some(&nobody)).1), 10 * expected, "an address");
    }
}

#[rstest]
#[case("GET", "/api/threads")]
#[case("POST", "/api/threads")]
#[case("POST", "/api/reports")]
fn after_the_told_wait_a_request_passes_and_not_a_second_before(#[case] method: &str, #[case] path: &str) {
    let stopped = Stopped::new();
    let ann = person("ann");
    let send = || stopped.send(1, method, path, Some(&ann)).1;
    admitted(send);
    for milliseconds in [0, 1, 198] {
        stopped.advance(milliseconds);
        let wait = send().unwrap();
        assert!(wait >= 1);
        stopped.advance((wait - 1) * 1000);
        if wait > 1 {
            assert_eq!(send(), Some(1));
        }
        stopped.advance(1000);
        assert_eq!(send(), None);
        admitted(send);
    }
}

#[test]
fn a_limit_fills_steadily() {
    let stopped = Stopped::new();
    let ann = person("ann");
    let send = || stopped.writes(&ann).1;
    assert_eq!(admitted(send), 5);
    stopped.advance(5_999);
    assert_eq!(admitted(send), 0);
    stopped.advance(1);
    assert_eq!(admitted(send), 1);
    stopped.advance(60_000);
    assert_eq!(admitted(send), 5, "never more at once");
    let in_an_hour: usize = (0..3600)
        .map(|_| {
            stopped.advance(1000);
            admitted(send)
        })
        .sum();
    assert_eq!(in_an_hour, 600);
}

#[test]
fn new_profiles_are_limited_by_user_and_by_address() {
    let stopped = Stopped::new();
    let profile = |host, caller: &Caller| {
        let mut request = Request::builder().method("PUT").uri("/api/users/me").body(Body::empty()).unwrap();
        let (meter, _) = stopped.limits.admit(IpAddr::from([198, 51, 100, host]), &mut request);
        told(&meter, meter.count_new_profile(caller.account().unwrap()))
    };
    let left = [2, 1, 0].map(|left| format!("\"new-profiles\";q=3;w=3600 \"new-profiles\";r={left};t=1200"));
    let ann = person("ann");
    assert_eq!(left.clone().map(|_| profile(1, &ann)), left.map(|left| (left, None)));
    assert_eq!(profile(1, &ann).1, Some(1200));
    let of_others = (0..100).take_while(|at| profile(2, &person(&at.to_string())).1.is_none()).count();
    assert_eq!(of_others, 30);
    assert_eq!(profile(2, &person("new")).0, "\"address-new-profiles\";q=30;w=3600 \"address-new-profiles\";r=0;t=120");
}

#[test]
fn clients_for_whom_there_is_no_room_share_one_limit() {
    let stopped = Stopped::new();
    let user = |at: usize| stopped.limits.take(Whose::User, Kind::Writes, at as u64).1.is_ok();
    let address = |at: usize| stopped.limits.take(Whose::Address, Kind::Writes, at as u64).1.is_ok();
    // 100,000 keys: each has its own limit.
    for at in 0..MAX_KEYS_OF_EACH {
        assert!(user(at) && address(at));
    }
    let keys = || [&stopped.limits.users, &stopped.limits.trusted, &stopped.limits.addresses].map(Policies::keys);
    assert_eq!(keys(), [50_000, 0, 50_000]);
    // All that follow have one of five writes, whoever they are.
    let others = (100_001..100_100).take_while(|at| user(*at)).count();
    assert_eq!(others, 5);
    assert_eq!((100_001..100_100).take_while(|at| address(*at)).count(), 50);
    assert!(user(7), "who came earlier keeps the limit");
    assert_eq!(keys(), [50_000, 0, 50_000]);

    // Once earlier ones have everything again, there is room.
    stopped.advance(12_001);
    stopped.limits.forget();
    assert_eq!(keys(), [1, 0, 0]);
    assert!((200_000..200_100).all(user));
}

#[test]
fn who_has_not_everything_again_is_not_forgotten() {
    let stopped = Stopped::new();
    let ann = person("ann");
    let send = || stopped.writes(&ann).1;
    assert_eq!(admitted(send), 5);
    stopped.advance(29_999);
    stopped.limits.forget();
    assert_eq!(admitted(send), 4);
}
