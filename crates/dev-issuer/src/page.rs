//! The pages for people. All that is written into them is ours, but for what clients send: that is in the form of a URL, which
//! has no character that HTML has a use for but the ampersand.

use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse, Response};
use form_urlencoded::Serializer;
use url::Url;

use crate::{Issuer, Person};

/// A page runs no script, loads nothing and is in no frame, where others could make people press its buttons.
const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];
const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}\
                     button{display:block;width:100%;margin:.5rem 0;padding:.75rem;font:inherit;cursor:pointer}\
                     code{overflow-wrap:anywhere}";

/// The page with a button for each person. `query` is that of the request, and comes again with the button.
pub(crate) fn choose(issuer: &Issuer, query: &str, redirect: &Url) -> Response {
    let mut again = Serializer::new(String::new());
    again.extend_pairs(form_urlencoded::parse(query.as_bytes()));
    let again = again.finish().replace('&', "&amp;");
    let button = |person: &Person| {
        format!("<button name=\"user\" value=\"{}\">{} {}</button>\n", person.id, person.name, in_brackets(person))
    };
    let buttons: String = issuer.people.iter().map(button).collect();
    let client = redirect.origin().ascii_serialization();
    page("Log in", &format!("<p>To <code>{client}</code>, as</p>\n<form method=\"post\" action=\"?{again}\">\n{buttons}</form>"))
}

/// The page about the issuer.
pub(crate) fn welcome(issuer: &Issuer, tokens: &[(&Person, String)]) -> Response {
    let url = issuer.url();
    let token = |(person, token): &(&Person, String)| {
        format!("<h2>{} {}</h2>\n<p><code>{token}</code></p>\n", person.name, in_brackets(person))
    };
    let tokens: String = tokens.iter().map(token).collect();
    page(
        "Who are you?",
        &format!(
            "<p>For OpenID Connect clients on this machine: issuer <code>{url}</code>, any client id without a secret, \
             authorization code with PKCE.</p>\n<p>For everything else, as in <code>curl -H 'Authorization: Bearer TOKEN'</code>, a \
             token for eight hours:</p>\n{tokens}"
        ),
    )
}

/// What there is to know of a person beside the name.
fn in_brackets(person: &Person) -> String {
    let all: Vec<_> = [person.handle().as_str()].iter().chain(person.roles()).map(|text| (*text).to_owned()).collect();
    format!("({})", all.join(", "))
}

fn page(title: &str, content: &str) -> Response {
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>{title} - forum, for development</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{content}\n\
         </body>\n</html>\n"
    );
    (HEADERS, Html(page)).into_response()
}
