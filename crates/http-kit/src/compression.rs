//! Coding of response bodies, as clients accept it (RFC 9110, section 12.5.3).
//!
//! Our responses are in memory whole, so each is coded at once, at the fastest level: a client waits for our processor longer than
//! for the bytes that a better level saves. An [`Asset`] is coded once, at a better level, and kept.

use std::io::{self, Write};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, mpsc};
use std::thread;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{Semaphore, oneshot};

use crate::assets::Asset;
use crate::problem::Problem;

/// Smaller bodies are sent as they are: a coding would make them longer.
const SMALLEST: u64 = 32;
/// Larger bodies are coded beside the workers, which have other requests to serve.
const LARGE: usize = 16 * 1024;

/// How a body is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Zstd,
}

/// A coding's names in `Accept-Encoding` and `Content-Encoding`, the first one ours.
const NAMES: [(Coding, &[&str]); 2] = [(Coding::Zstd, &["zstd"]), (Coding::Gzip, &["gzip", "x-gzip"])];

impl Coding {
    /// What the client prefers; `None` is the body as it is, which no client can refuse: it gets the response that it asked for
    /// rather than a 406. `*` stands for gzip alone, as those who send it seldom know zstd.
    pub(crate) fn preferred(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        let weights: Vec<(&str, u16)> = lines.flat_map(|line| line.split(',')).filter_map(weighted).collect();
        let weight = |names: &[&str]| {
            let mut named = weights.iter().filter(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)));
            named.next().map(|(_, weight)| *weight)
        };
        let weight_of = |(coding, names): (Self, &[&str])| {
            let any = if coding == Self::Gzip { weight(&["*"]) } else { None };
            (coding, weight(names).or(any).unwrap_or(0))
        };
        let identity = weight(&["identity"]).unwrap_or(0);
        // Of two that are liked alike, the first of the names.
        let (coding, weight) = NAMES.map(weight_of).into_iter().rev().max_by_key(|(_, weight)| *weight)?;
        (weight > 0 && weight >= identity).then_some(coding)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn encode(self, bytes: &[u8], level: Level) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let level = if level == Level::Fast { Compression::fast() } else { Compression::default() };
                let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), level);
                encoder.write_all(bytes)?;
                encoder.finish()
            }
            Self::Zstd => zstd::bulk::compress(bytes, if level == Level::Fast { 1 } else { 9 }),
        }
    }
}

/// How well to code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// For one response.
    Fast,
    /// To be kept.
    Good,
}

/// The coding and its weight in thousandths (`gzip;q=0.5`); nothing where it is malformed.
fn weighted(element: &str) -> Option<(&str, u16)> {
    let (name, parameters) = element.split_once(';').unwrap_or((element, "q=1"));
    let (parameter, weight) = parameters.split_once('=')?;
    let weight: f32 = weight.trim().parse().ok().filter(|weight| (0.0..=1.0).contains(weight))?;
    parameter.trim().eq_ignore_ascii_case("q").then_some((name.trim(), (weight * 1000.0) as u16))
}

/// Work on a large body.
type Job = Box<dyn FnOnce() + Send>;

/// Threads that code large bodies, as many as there are cores. The workers go first: they have other requests to serve.
static THREADS: LazyLock<Option<mpsc::Sender<Job>>> = LazyLock::new(|| {
    let (queue, jobs) = mpsc::channel::<Job>();
    let jobs = Arc::new(Mutex::new(jobs));
    let started = (0..cores()).map(|_| {
        let jobs = Arc::clone(&jobs);
        let next = move || jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        thread::Builder::new().name("coding".to_owned()).spawn(move || {
            give_way();
            while let Ok(job) = next() {
                job();
            }
        })
    });
    started.collect::<io::Result<Vec<_>>>().ok().map(|_| queue)
});

/// Lowers the priority of this thread.
fn give_way() {
    // On Linux the nice value is a thread's own; where it is the process's, nothing is to be lowered.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 10);
}

/// How many cores this process may use.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Codes responses: of the large ones as many at once as there are cores, and beyond that none.
#[derive(Debug, Clone)]
pub(crate) struct Compressor {
    large: Arc<Semaphore>,
}

impl Compressor {
    pub(crate) fn new() -> Self {
        Self { large: Arc::new(Semaphore::new(cores())) }
    }

    /// The response as the client gets it. A 304 comes with the body that the 200 would have, so that its headers are those of the
    /// 200 (RFC 9110, section 15.4.5); it leaves without.
    pub(crate) async fn code(&self, response: Response, coding: Option<Coding>) -> Response {
        let can_be_coded = can_be_coded(&response);
        let (mut parts, mut body) = response.into_parts();
        if can_be_coded {
            parts.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        if parts.status == StatusCode::NOT_MODIFIED {
            parts.headers.remove(header::CONTENT_TYPE);
            body = Body::empty();
        }
        let asset: Option<Arc<Asset>> = parts.extensions.remove();
        let coded = match coding.filter(|_| can_be_coded) {
            Some(coding) if parts.status == StatusCode::NOT_MODIFIED => Some(coding),
            Some(coding) => {
                // On the heap, so that the responses that are not coded do not carry what it takes.
                let (sent, is_coded) = Box::pin(self.body(body, asset, coding)).await;
                body = sent;
                is_coded.then_some(coding)
            }
            None => None,
        };
        if let Some(coding) = coded {
            if parts.status != StatusCode::NOT_MODIFIED {
                parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
                parts.headers.remove(header::CONTENT_LENGTH);
            }
            if let Some(tag) = parts.headers.get(header::ETAG).and_then(|tag| coded_tag(tag, coding)) {
                parts.headers.insert(header::ETAG, tag);
            }
        }
        Response::from_parts(parts, body)
    }

    /// The body coded, or as it is where that cannot be; and which of both.
    async fn body(&self, body: Body, asset: Option<Arc<Asset>>, coding: Coding) -> (Body, bool) {
        // In memory, so that this neither waits nor fails.
        let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let coded = match asset {
            Some(asset) => self.stored(&asset, coding, bytes.clone()).await,
            None => self.encode(coding, bytes.clone(), Level::Fast).await,
        };
        let is_coded = coded.is_some();
        (Body::from(coded.unwrap_or(bytes)), is_coded)
    }

    /// The file coded; by the first who asks, while others wait.
    async fn stored(&self, asset: &Asset, coding: Coding, bytes: Bytes) -> Option<Bytes> {
        let encode = async || self.encode(coding, bytes, Level::Good).await.ok_or(());
        asset.coded(coding).get_or_try_init(encode).await.ok().cloned()
    }

    async fn encode(&self, coding: Coding, bytes: Bytes, level: Level) -> Option<Bytes> {
        if bytes.len() < LARGE {
            return coding.encode(&bytes, level).ok().map(Bytes::from);
        }
        let turn = Arc::clone(&self.large).try_acquire_owned().ok()?;
        let (done, coded) = oneshot::channel();
        let job = move || {
            let coded = coding.encode(&bytes, level);
            drop(turn);
            // Whoever asked may have gone.
            let _ = done.send(coded);
        };
        THREADS.as_ref()?.send(Box::new(job)).ok()?;
        coded.await.ok()?.ok().map(Bytes::from)
    }
}

/// Is it text, long enough, and not coded yet? A problem is written later, where the request's id is known.
fn can_be_coded(response: &Response) -> bool {
    let headers = response.headers();
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let text = media_type.starts_with("text/") || ["json", "javascript", "xml"].iter().any(|kind| media_type.contains(kind));
    text && response.body().size_hint().exact().is_some_and(|length| length >= SMALLEST)
        && !headers.contains_key(header::CONTENT_ENCODING)
        && response.extensions().get::<Problem>().is_none()
}

/// The tag of the coded body: a strong tag names bytes, so that each coding has its own. Conditions accept all of them.
fn coded_tag(tag: &HeaderValue, coding: Coding) -> Option<HeaderValue> {
    let text = tag.to_str().ok()?.strip_suffix('"')?;
    HeaderValue::try_from([text, "-", coding.name(), "\""].concat()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::etag::Conditions;
    use rstest::rstest;

    fn preferred(lines: &[&str]) -> Option<Coding> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT_ENCODING, line.parse().unwrap());
        }
        Coding::preferred(&headers)
    }

    #[rstest]
    #[case(&[], None)]
    #[case(&[""], None)]
    #[case(&["identity"], None)]
    #[case(&["identity;q=0"], None)]
    #[case(&["*;q=0"], None)]
    #[case(&["identity;q=0, *;q=0"], None)]
    #[case(&["br, deflate"], None)]
    #[case(&["gzip;q=0"], None)]
    #[case(&["*, gzip;q=0"], None)]
    #[case(&["gzip;q=x"], None)]
    #[case(&["gzip;q=7"], None)]
    #[case(&["gzip;level=1"], None)]
    #[case(&["identity, gzip;q=0.5"], None)]
    #[case(&["*"], Some(Coding::Gzip))]
    #[case(&["br, *;q=0.1"], Some(Coding::Gzip))]
    #[case(&["gzip, deflate, br"], Some(Coding::Gzip))]
    #[case(&["GZip ; Q=0.5"], Some(Coding::Gzip))]
    #[case(&["x-gzip"], Some(Coding::Gzip))]
    #[case(&["zstd;q=0.8, gzip"], Some(Coding::Gzip))]
    #[case(&["zstd;q=0, *"], Some(Coding::Gzip))]
    #[case(&["identity;q=0, gzip;q=0.001"], Some(Coding::Gzip))]
    #[case(&["gzip, identity"], Some(Coding::Gzip))]
    #[case(&["gzip, deflate, br, zstd"], Some(Coding::Zstd))]
    #[case(&["gzip", "zstd"], Some(Coding::Zstd))]
    #[case(&["zstd;q=0.5, gzip;q=0.5"], Some(Coding::Zstd))]
    fn a_coding_is_chosen_as_the_client_weighs(#[case] lines: &[&str], #[case] coding: Option<Coding>) {
        assert_eq!(preferred(lines), coding);
    }

    fn response(media_type: &'static str, body: &str) -> Response {
        let mut response = Response::new(Body::from(body.to_owned()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    }

    #[test]
    fn what_gains_nothing_is_not_coded() {
        let long = "x".repeat(1000);
        for (media_type, coded) in [
            ("application/json", true),
            ("text/html; charset=utf-8", true),
            ("image/svg+xml", true),
            ("image/png", false),
            ("", false),
        ] {
            assert_eq!(can_be_coded(&response(media_type, &long)), coded, "{media_type}");
        }
        assert!(!can_be_coded(&response("application/json", "[]")));
    }

    #[tokio::test]
    async fn large_bodies_beyond_the_cores_are_sent_as_they_are() {
        let compressor = Compressor { large: Arc::new(Semaphore::new(1)) };
        let large = "x".repeat(LARGE);
        let coding = Some(Coding::Gzip);
        let coded = compressor.code(response("text/plain", &large), coding).await;
        assert_eq!(coded.headers()[header::CONTENT_ENCODING], "gzip");
        let _taken = compressor.large.try_acquire().unwrap();
        for (body, coded) in [(large.as_str(), false), ("x".repeat(LARGE - 1).as_str(), true)] {
            let response = compressor.code(response("text/plain", body), coding).await;
            assert_eq!(response.headers().contains_key(header::CONTENT_ENCODING), coded);
            assert_eq!(response.headers()[header::VARY], "accept-encoding");
        }
    }

    #[tokio::test]
    async fn an_asset_is_coded_once() {
        let compressor = Compressor { large: Arc::new(Semaphore::new(1)) };
        let asset = Arc::new(Asset::new("text/javascript", "x".repeat(LARGE)));
        let first = {
            let response = asset.response(&Conditions::default()).unwrap();
            to_bytes(compressor.code(response, Some(Coding::Gzip)).await.into_body(), usize::MAX).await.unwrap()
        };
        // Whoever comes later needs no processor.
        let _taken = compressor.large.try_acquire().unwrap();
        let response = compressor.code(asset.response(&Conditions::default()).unwrap(), Some(Coding::Gzip)).await;
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip");
        assert_eq!(to_bytes(response.into_body(), usize::MAX).await.unwrap().as_ptr(), first.as_ptr());
    }
}
