//! Responses with what a browser must be told: where content may come from, and what it must not do with it.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY,
        SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};

use super::{Page, assets::Asset};

/// What a page may load and do: nothing but files of this server.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";
/// For a page that is sent to forms: with `no-referrer` browsers send `Origin: null` with them.
const REFERRER: &str = "same-origin";
/// For a page that another program has written: it has its own origin, and asks nobody for anything.
const SANDBOX: &str = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HTML: &str = "text/html; charset=utf-8";
/// A path of an asset has its hash: it never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const NEVER: &str = "no-store";

/// A response to a browser.
pub type WebResponse = Response<Full<Bytes>>;

/// A page.
pub fn page(status: StatusCode, page: &Page) -> WebResponse {
    match page.html() {
        Ok(html) => made(status, HTML, NEVER, html.into()),
        Err(error) => {
            tracing::error!(%error, title = page.title, "a page cannot be written");
            made(
                StatusCode::INTERNAL_SERVER_ERROR,
                "text/plain",
                NEVER,
                Bytes::from_static(b"The page cannot be written.\n"),
            )
        }
    }
}

/// A page that another program has written, with its scripts and styles inside. It can reach neither this server nor
/// any other, and has no cookie.
pub fn sandboxed(html: Bytes) -> WebResponse {
    let mut response = made(StatusCode::OK, HTML, NEVER, html);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(SANDBOX));
    response
}

/// Another page, by GET. `to` must be a path of this server.
pub fn redirect(to: &str) -> WebResponse {
    let mut response = made(StatusCode::SEE_OTHER, HTML, NEVER, Bytes::new());
    // Never another host: `//host` and `\` would lead to one.
    let is_path = to.starts_with('/') && !to.starts_with("//") && !to.contains('\\');
    let to = HeaderValue::from_str(if is_path { to } else { "/" }).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, to);
    response
}

/// Another site, by GET: where administrators sign in. `to` must come from what this server is set to, never from a
/// request.
pub fn away(to: &str) -> WebResponse {
    let mut response = made(StatusCode::SEE_OTHER, HTML, NEVER, Bytes::new());
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, to);
    response
}

/// Has the browser load its page anew, which then leads on: for what a page asks for by itself (htmx, `HX-Refresh`).
pub fn reload() -> WebResponse {
    let mut response = made(StatusCode::OK, HTML, NEVER, Bytes::new());
    response.headers_mut().insert(HeaderName::from_static("hx-refresh"), HeaderValue::from_static("true"));
    response
}

/// A file that pages load.
pub fn asset(asset: &Asset) -> WebResponse {
    made(StatusCode::OK, asset.media_type, FOR_EVER, asset.bytes())
}

/// The same with a cookie.
#[must_use]
pub fn with_cookie(mut response: WebResponse, cookie: &str) -> WebResponse {
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

fn made(status: StatusCode, kind: &'static str, caching: &'static str, body: Bytes) -> WebResponse {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let policies = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, caching),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, REFERRER),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in policies {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::{Cell, Facts, Field, Form, Kind, Piece, Section, Side, Table, Tone};

    #[test]
    fn a_redirect_stays_on_this_server() {
        for (to, expect) in [
            ("/console/t/a", "/console/t/a"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/a\r\nSet-Cookie: x=y", "/"),
        ] {
            assert_eq!(redirect(to).headers()[LOCATION], expect, "{to}");
        }
    }

    #[test]
    fn every_text_of_a_page_is_escaped() {
        let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
        let side = Side { base: "/console".to_owned(), name: hostile.to_owned(), ..Side::default() };
        let cells = [
            Cell::text(hostile),
            Cell::Code(hostile.to_owned()),
            Cell::Copy(hostile.to_owned()),
            Cell::Time(hostile.to_owned()),
            Cell::link("/x", hostile),
            Cell::Note(hostile.to_owned()),
        ];
        let facts = Facts(cells.into_iter().map(|cell| (hostile.to_owned(), cell)).collect());
        let shown = Page::new(&side, hostile).with(facts).with(Piece::Code(hostile.to_owned()));
        let html = shown.html().unwrap();
        assert!(!html.contains("<script>alert") && !html.contains("<img src=x") && !html.contains("\"'>"), "{html}");
        assert!(html.contains("&#60;script&#62;alert(1)"), "{html}");
    }

    /// What is shown is seen; what is sent back or copied is what it was.
    #[test]
    fn signs_that_nobody_sees_are_written_out_where_people_read() {
        let (name, seen) = ("user\u{202e}nimda\u{200b}", "user\\u{202e}nimda\\u{200b}");
        let form = Form {
            action: "/x".to_owned(),
            csrf: String::new(),
            fields: vec![
                Field::text("text", name).value(name),
                Field::of(Kind::Area, "area", name).value(name),
                Field::hidden("hidden", name),
                Field::of(Kind::Choice(vec![(name.to_owned(), name.to_owned())]), "choice", name),
                Field::of(Kind::Boxes(vec![(name.to_owned(), name.to_owned(), true)]), "boxes", name),
            ],
            submit: name.to_owned(),
            ..Form::default()
        };
        let mut table = Table::new(&[name], "");
        table.push(vec![Cell::text(name), Cell::link("/x", name), Cell::Said(format!("It is {name}."))]);
        let page = Page::new(&Side::default(), name)
            .with(form)
            .with(table)
            .with(Facts::default().with(name, Cell::Copy(name.to_owned())))
            .with(Piece::Notice(Tone::Warn, name.to_owned()))
            .with(Piece::json(&serde_json::json!({ "name": name })));
        let html = page.html().unwrap();
        assert!(!html.contains(['\u{202e}', '\u{200b}']), "{html}");
        assert!(html.matches(seen).count() >= 14, "{html}");
        for exact in [
            "value=\"user&#8238;nimda&#8203;\"",
            ">\nuser&#8238;nimda&#8203;</textarea>",
            "data-copy=\"user&#8238;nimda&#8203;\"",
        ] {
            assert!(html.contains(exact), "{exact}: {html}");
        }
        assert_eq!(html.matches("value=\"user&#8238;nimda&#8203;\"").count(), 4, "{html}");
        assert!(html.contains("{\n  &#34;name&#34;: &#34;user\\u202enimda\\u200b&#34;\n}"), "JSON stays JSON: {html}");
    }

    /// A name as long as a provider likes does not take the room of others.
    #[test]
    fn a_long_value_is_whole_in_one_place() {
        let long = "L".repeat(10_000);
        let count = |page: Page| page.html().unwrap().matches('L').count();
        let new = || Page::new(&Side::default(), "x");
        let mut table = Table::new(&["Name"], "");
        table.push(vec![Cell::text(long.as_str()), Cell::Several(vec![Cell::link("/x", long.as_str())])]);
        let choice = Field::of(Kind::Choice(vec![(String::new(), long.clone())]), "choice", "Choice");
        let filters = Piece::Filters { to: "/x".to_owned(), fields: vec![choice], submit: "Show".to_owned() };
        for (piece, most) in [
            (Piece::from(table), 400),
            (Piece::Links(vec![("/x".to_owned(), long.clone())]), 200),
            (Piece::Folded(long.clone(), vec![]), 200),
            (Section::new(long.as_str()).into(), 200),
            (filters, 200),
            (Piece::Notice(Tone::Warn, format!("Not taken by {long}.")), 200),
            (Section::new("x").note(format!("Not taken by {long}.")).into(), 200),
            (
                Facts::default()
                    .with("x", Cell::Several(vec![Cell::Note(long.clone()), Cell::Said(long.clone())]))
                    .into(),
                400,
            ),
        ] {
            let shown = count(new().with(piece));
            assert!(shown > most / 2 && shown <= most, "{shown}");
        }
        assert!(count(Page::new(&Side::default(), long.as_str())) <= 400, "the title and the heading");
        let whole = new().with(Facts::default().with("Name", long.as_str()));
        let html = whole.html().unwrap();
        assert!(html.contains(&format!("<span class=\"whole\" tabindex=\"0\">{long}</span>")), "{html}");
    }
}
