//! A browser without scripts: it keeps cookies, follows redirects and sends forms.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use http_test::Process;

/// How long to wait for a response.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many redirects are followed.
const REDIRECTS: usize = 8;

pub(crate) struct Browser {
    address: SocketAddr,
    host: String,
    cookies: BTreeMap<String, String>,
}

/// A page as it arrived.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The path that it was asked for at last.
    pub(crate) path: String,
    pub(crate) status: u16,
    head: String,
    pub(crate) html: String,
}

impl Browser {
    /// A browser that calls the server localhost.
    pub(crate) fn new(process: &Process) -> Self {
        let address = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), process.address().port());
        Self { address, host: format!("localhost:{}", address.port()), cookies: BTreeMap::new() }
    }

    /// A browser in which that person of the sample data is logged in.
    pub(crate) fn of(process: &Process, id: &str) -> Self {
        let mut browser = Self::new(process);
        let page = browser.log_in(id, "/");
        assert_eq!((page.status, page.path.as_str()), (200, "/"), "{page:?}");
        browser
    }

    /// Logs in as that person, to go on with that page.
    pub(crate) fn log_in(&mut self, id: &str, then: &str) -> Shown {
        let then: String = url::form_urlencoded::byte_serialize(then.as_bytes()).collect();
        let page = self.get(&format!("/log-in?then={then}"));
        assert!(page.path.starts_with("/dev/authorize?"), "{page:?}");
        let path = page.path.clone();
        self.submit(&path, &[("user", id)])
    }

    /// From now on the server is called that.
    pub(crate) fn call_it(&mut self, host: &str) {
        self.host = format!("{host}:{}", self.address.port());
    }

    pub(crate) fn cookies(&mut self) -> &mut BTreeMap<String, String> {
        &mut self.cookies
    }

    /// The page at that path, or the one that it leads to.
    pub(crate) fn get(&mut self, path: &str) -> Shown {
        let page = self.send("GET", path, &[], "");
        self.follow(page)
    }

    /// What a form with those fields leads to.
    pub(crate) fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let page = self.submit_once(path, fields);
        self.follow(page)
    }

    /// As [`Browser::submit`], without following redirects.
    pub(crate) fn submit_once(&mut self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let origin = format!("http://{}", self.host);
        self.send("POST", path, &[("Origin", &origin), ("Sec-Fetch-Site", "same-origin")], &encoded(fields))
    }

    /// What the form on that page leads to, with some of its fields changed.
    pub(crate) fn fill(&mut self, page: &Shown, action: &str, changed: &[(&str, &str)]) -> Shown {
        let mut fields = page.fields(action);
        for (name, value) in changed {
            fields.insert((*name).to_owned(), (*value).to_owned());
        }
        let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.submit(action, &fields)
    }

    /// A request with those headers, beside what a browser sends.
    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Shown {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept: text/html,*/*\r\n", self.host);
        if method == "POST" && !headers.iter().any(|(name, _)| *name == "Content-Type") {
            head.push_str("Content-Type: application/x-www-form-urlencoded\r\n");
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            head.push_str(&format!("Cookie: {}\r\n", cookies.join("; ")));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, html) = response.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let page = Shown { path: path.to_owned(), status, head: head.to_owned(), html: html.to_owned() };
        for cookie in page.headers("set-cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            match value.is_empty() || rest.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        page
    }

    fn follow(&mut self, mut page: Shown) -> Shown {
        for _ in 0..REDIRECTS {
            let Some(location) = page.header("location").map(str::to_owned) else { return page };
            assert_eq!(page.status, 303, "{page:?}");
            let base = url::Url::parse(&format!("http://{}{}", self.host, page.path)).unwrap();
            let url = base.join(&location).unwrap();
            assert_eq!(url.port(), Some(self.address.port()), "{page:?}");
            self.host = format!("{}:{}", url.host_str().unwrap(), self.address.port());
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            page = self.send("GET", &format!("{}{query}", url.path()), &[], "");
        }
        panic!("too many redirects: {page:?}");
    }
}

impl Shown {
    pub(crate) fn header<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.headers(name).next()
    }

    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The page, which must have that status and contain that.
    pub(crate) fn expect(self, status: u16, part: &str) -> Self {
        assert!(self.status == status && self.html.contains(part), "expected {status} with {part:?}: {self:?}");
        self
    }

    /// The fields of the form with that action.
    pub(crate) fn fields(&self, action: &str) -> BTreeMap<String, String> {
        let form =
            self.html.split_once(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("no form {action}: {self:?}")).1;
        let form = form.split_once("</form>").unwrap().0;
        let mut fields = BTreeMap::new();
        for input in form.split("<input ").skip(1).map(|input| input.split_once('>').unwrap().0) {
            if let Some(name) = attribute(input, "name") {
                fields.insert(name, attribute(input, "value").unwrap_or_default());
            }
        }
        for area in form.split("<textarea ").skip(1) {
            let (tag, rest) = area.split_once('>').unwrap();
            let text = rest.split_once("</textarea>").unwrap().0;
            fields.insert(attribute(tag, "name").unwrap(), plain(text.strip_prefix('\n').unwrap_or(text)));
        }
        fields
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = tag.split_once(&format!("{name}=\""))?.1;
    Some(plain(rest.split_once('"')?.0))
}

/// Text without HTML's escapes.
fn plain(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
