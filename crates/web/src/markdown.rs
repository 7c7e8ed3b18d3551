//! Markdown, as HTML that can do no harm.
//!
//! HTML in the text is shown as the text that it is, and images are links, as a page loads nothing from elsewhere. What comes out is
//! cleaned once more, so that no fault of the first step reaches a reader.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock};

use ammonia::{Builder, UrlRelative};
use maud::{Markup, PreEscaped};
use moka::sync::Cache;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(HashSet::from([
            "p",
            "br",
            "hr",
            "em",
            "strong",
            "del",
            "code",
            "pre",
            "blockquote",
            "ul",
            "ol",
            "li",
            "a",
            "h3",
            "h4",
            "h5",
            "h6",
            "table",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
        ]))
        .tag_attributes(HashMap::from([("a", HashSet::from(["href", "title"])), ("ol", HashSet::from(["start"]))]))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("nofollow ugc noopener noreferrer"));
    builder
});

/// Bytes that are kept of texts and their HTML. To make it takes several times longer than everything else of a page.
const KEPT: u64 = 16 * 1024 * 1024;

static MADE: LazyLock<Cache<String, Arc<str>>> = LazyLock::new(|| {
    let bytes = |text: &String, html: &Arc<str>| u32::try_from(text.len() + html.len()).unwrap_or(u32::MAX);
    Cache::builder().max_capacity(KEPT).weigher(bytes).build()
});

/// The HTML of a text that is read more often than it is written.
pub(crate) fn markdown(text: &str) -> Markup {
    let html = match MADE.get(text) {
        Some(html) => html,
        None => {
            let html: Arc<str> = draft(text).0.into();
            MADE.insert(text.to_owned(), Arc::clone(&html));
            html
        }
    };
    PreEscaped(html.as_ref().to_owned())
}

/// The text as HTML. Headings begin at `h3`: those above are the page's own.
pub(crate) fn draft(text: &str) -> Markup {
    let mut last_level = 2;
    let mut open = Vec::new();
    let events = Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(html) | Event::InlineHtml(html) => Event::Text(html),
        // What a person writes on a line of its own stays there.
        Event::SoftBreak => Event::HardBreak,
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => Event::Start(Tag::Link { link_type, dest_url, title, id }),
        Event::End(TagEnd::Image) => Event::End(TagEnd::Link),
        Event::Start(Tag::Heading { level, .. }) => {
            // No level is left out, which readers by ear would look for.
            last_level = (level as usize + 2).min(last_level + 1).min(6);
            let level = HeadingLevel::try_from(last_level).unwrap_or(HeadingLevel::H6);
            open.push(level);
            Event::Start(Tag::Heading { level, id: None, classes: Vec::new(), attrs: Vec::new() })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(open.pop().unwrap_or(level))),
        other => other,
    });
    let mut made = String::with_capacity(text.len() + text.len() / 4);
    html::push_html(&mut made, events);
    PreEscaped(CLEANER.clean(&made).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use url::Url;

    #[rstest]
    #[case("*a* **b** `c` ~~d~~", "<p><em>a</em> <strong>b</strong> <code>c</code> <del>d</del></p>")]
    #[case("a\nb", "<p>a<br>\nb</p>")]
    #[case("# One\n### Three", "<h3>One</h3>\n<h4>Three</h4>")]
    #[case(
        "[a](https://a.example \"t\")",
        r#"<p><a href="https://a.example" title="t" rel="nofollow ugc noopener noreferrer">a</a></p>"#
    )]
    #[case(
        "![picture](https://a.example/x.png)",
        r#"<p><a href="https://a.example/x.png" rel="nofollow ugc noopener noreferrer">picture</a></p>"#
    )]
    #[case("3. x", "<ol start=\"3\">\n<li>x</li>\n</ol>")]
    #[case("a < b & c", "<p>a &lt; b &amp; c</p>")]
    #[case("<b>bold</b>", "<p>&lt;b&gt;bold&lt;/b&gt;</p>")]
    fn markdown_is_html(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(markdown(text).0.trim(), expected);
    }

    #[rstest]
    #[case("<script>alert(1)</script>")]
    #[case("<img src=x onerror=alert(1)>")]
    #[case("[a](javascript:alert(1))")]
    #[case("[a](JaVaScRiPt:alert(1))")]
    #[case("[a](java&#10;script:alert(1))")]
    #[case("[a](data:text/html,<script>alert(1)</script>)")]
    #[case("[a](vbscript:x)")]
    #[case("![a](javascript:alert(1))")]
    #[case("<javascript:alert(1)>")]
    #[case("[a](https://a.example \"x\\\" onmouseover=\\\"alert(1)\")")]
    #[case("[a]: javascript:alert(1)\n\n[a]")]
    #[case("<a href=\"x\" onclick=alert(1)>a</a>")]
    #[case("<svg/onload=alert(1)>")]
    #[case("```<script>\nx\n```")]
    #[case("<style>*{display:none}</style>")]
    #[case("<iframe srcdoc=\"<script>alert(1)</script>\">")]
    #[case("<!-- --><script>alert(1)</script>")]
    fn no_text_becomes_a_script(#[case] text: &str) {
        let made: String = markdown(text).0;
        let tags: Vec<_> = made.split('<').skip(1).map(|tag| tag.split('>').next().unwrap()).collect();
        for tag in tags {
            let name = tag.trim_start_matches('/').split([' ', '>']).next().unwrap();
            assert!(["p", "a", "br", "pre", "code"].contains(&name), "{made}");
            if let Some((_, href)) = tag.split_once("href=\"") {
                let url = Url::parse("http://forum/").unwrap().join(href.split('"').next().unwrap()).unwrap();
                assert!(["http", "https"].contains(&url.scheme()), "{made}");
            }
            let attributes =
                tag.split("\" ").map(|attribute| attribute.split('=').next().unwrap().trim_start_matches(['a', ' ']));
            assert!(attributes.into_iter().all(|attribute| !attribute.starts_with("on")), "{made}");
        }
    }
}
