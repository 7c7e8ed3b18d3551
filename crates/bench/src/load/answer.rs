//! How far an answer reaches in what a connection has received.

use anyhow::{Result, bail};

/// Headers of an answer at most.
const MAX_HEADERS: usize = 32;

/// Where the parts of an answer are in the received bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) status: u16,
    /// Where the body starts.
    pub(crate) body: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

/// The extent of the answer at the start of these bytes; `None` while it is not whole.
pub(crate) fn extent(received: &[u8]) -> Result<Option<Extent>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(body) = answer.parse(received)? else { return Ok(None) };
    let status = answer.code.unwrap_or_default();
    let header = |name: &str| answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    let end = if let Some(length) = header("content-length") {
        let length: usize = std::str::from_utf8(length.value)?.trim().parse()?;
        Some(body + length).filter(|end| *end <= received.len())
    } else if header("transfer-encoding").is_some_and(|header| header.value.eq_ignore_ascii_case(b"chunked")) {
        chunked(received.get(body..).unwrap_or_default())?.map(|length| body + length)
    } else if status == 204 {
        Some(body)
    } else {
        bail!("an answer tells no length: {}", String::from_utf8_lossy(received));
    };
    Ok(end.map(|end| Extent { status, body, end }))
}

/// Bytes of a chunked body, with its framing; `None` while it is not whole.
fn chunked(body: &[u8]) -> Result<Option<usize>> {
    let mut at = 0;
    loop {
        match httparse::parse_chunk_size(body.get(at..).unwrap_or_default()) {
            Err(_) => bail!("an answer's chunks cannot be read"),
            Ok(httparse::Status::Partial) => return Ok(None),
            Ok(httparse::Status::Complete((head, size))) => {
                at += head + usize::try_from(size)? + 2;
                if at > body.len() {
                    return Ok(None);
                }
                if size == 0 {
                    return Ok(Some(at));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whole it is found, with what follows left alone; a part of it is never taken for the whole.
    fn check(answer: &str, status: u16, body: &str) {
        let with_next = format!("{answer}HTTP/1.1 ");
        let found = extent(with_next.as_bytes()).unwrap().unwrap();
        assert_eq!((found.status, found.end), (status, answer.len()));
        assert_eq!(&with_next[found.body..found.end], body);
        for length in 0..answer.len() {
            assert_eq!(extent(&answer.as_bytes()[..length]).unwrap(), None, "{length} bytes of {answer:?}");
        }
    }

    #[test]
    fn answers_end_where_they_say() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc", 200, "abc");
        check("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", 201, "");
        check("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
        let chunks = "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        check(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"), 200, chunks);
    }

    #[test]
    fn an_answer_without_a_length_is_refused() {
        assert!(extent(b"HTTP/1.1 200 OK\r\n\r\nabc").is_err());
    }
}
