//! Responses that may not be DynamoDB's: how much of one is read, and how much of it the log shows.

use std::fmt::{self, Display};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::body::SdkBody;
use http_body_util::{LengthLimitError, Limited};

use super::causes::causes;

/// Maximum bytes of a response that are read: DynamoDB's have up to 16 MB of items.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const MAX_BYTES: usize = 20 << 20;
/// Printable characters of a foreign response that the log shows.
const SHOWN: usize = 200;
/// And of a message that comes with a code: AWS names the role and the table in it.
const MESSAGE: usize = 500;
/// Maximum characters of a code.
const MAX_CODE: usize = 64;

/// The response has more than [`MAX_BYTES`].
#[derive(Debug)]
pub(super) struct TooLong;

impl Display for TooLong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "more than {} MiB, which no response of DynamoDB has", MAX_BYTES >> 20)
    }
}

impl std::error::Error for TooLong {}

/// Sees to it that no more than [`MAX_BYTES`] are read.
///
/// # Errors
/// [`TooLong`], where its header says so; then nothing of it is read.
pub(super) fn limit(response: &mut HttpResponse) -> Result<(), BoxError> {
    match response.headers().get("content-length").and_then(|length| length.parse::<u64>().ok()) {
        Some(length) if length > MAX_BYTES as u64 => return Err(TooLong.into()),
        // The connection ends it there.
        Some(_) => {}
        None => {
            let body = std::mem::replace(response.body_mut(), SdkBody::taken());
            *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, MAX_BYTES));
        }
    }
    Ok(())
}

/// Was no more read because it was too much?
pub(super) fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<TooLong>() || cause.is::<LengthLimitError>())
}

/// The code of DynamoDB's error, if there is one. It becomes a label of a metric, so it may be neither long nor anything.
pub(super) fn code<E>(error: &SdkError<E>) -> Option<&str>
where
    SdkError<E>: ProvideErrorMetadata,
{
    let is_code = |code: &str| code.len() <= MAX_CODE && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    error.code().filter(|code| !code.is_empty()).map(|code| if is_code(code) { code } else { "Unreadable" })
}

/// What DynamoDB says beside its code.
pub(super) fn message<E>(error: &SdkError<E>) -> String
where
    SdkError<E>: ProvideErrorMetadata,
{
    printable(error.message().unwrap_or("it gives no reason"), MESSAGE)
}

/// What the log shows of a response.
#[derive(Debug)]
pub(super) struct ResponseSummary {
    pub(super) status: u16,
    pub(super) content_type: String,
    /// Bytes of the body; of one that was not read, what its header says.
    pub(super) length: Option<u64>,
    /// Its beginning.
    pub(super) beginning: String,
}

impl ResponseSummary {
    pub(super) fn new(response: &HttpResponse) -> Self {
        let body = response.body().bytes();
        let announced = || response.headers().get("content-length")?.parse().ok();
        Self {
            status: response.status().as_u16(),
            content_type: printable(response.headers().get("content-type").unwrap_or_default(), MAX_CODE),
            length: body.map(|body| body.len() as u64).or_else(announced),
            beginning: body.map(|body| printable(&String::from_utf8_lossy(cut(body)), SHOWN)).unwrap_or_default(),
        }
    }
}

/// Enough bytes for all characters that are shown, of a body that may be large.
fn cut(body: &[u8]) -> &[u8] {
    body.get(..SHOWN * 16).unwrap_or(body)
}

/// The first printable characters; white space is one blank.
pub(super) fn printable(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let mut blank = false;
    for character in text.chars().filter(|character| character.is_whitespace() || is_printable(*character)) {
        match character.is_whitespace() {
            true if blank => continue,
            true => shown.push(' '),
            false => shown.push(character),
        }
        blank = character.is_whitespace();
        if shown.chars().count() == most {
            break;
        }
    }
    shown
}

/// Letters and digits of any script, and the signs of ASCII: nothing that steers a terminal or turns the direction of text.
fn is_printable(character: char) -> bool {
    character.is_ascii_graphic() || character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_printable_is_shown() {
        assert_eq!(printable("a\r\n\t b\u{202e}\u{1b}[1m\u{7}\u{85}ä\u{2028}", 100), "a b[1m ä ");
        assert_eq!(printable(&"ä".repeat(1000), 200).chars().count(), 200);
    }
}
