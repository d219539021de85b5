//! The span of a request to the target (the semantic conventions of OpenTelemetry for HTTP clients).

use traces::{Kind, Span};

/// A request on its way. One that ends without an answer is told as failed.
pub(super) struct Traced {
    span: Span,
    is_answered: bool,
}

impl Traced {
    /// The span of a request, if the cycle that it is of is recorded.
    pub(super) fn begin(method: &str, path: &str) -> Option<Self> {
        let mut span = traces::child("target.request", Kind::Client)?;
        let (method, template) = (known(method), template(path));
        span.rename(format!("{method} {template}"));
        span.note("http.request.method", method);
        span.note("url.template", template);
        Some(Self { span, is_answered: false })
    }

    /// The header that makes the target's spans children of this one.
    pub(super) fn traceparent(&self) -> String {
        self.span.traceparent()
    }

    /// The answer has come whole.
    pub(super) fn answered(mut self, status: u16) {
        self.is_answered = true;
        self.span.note("http.response.status_code", i64::from(status));
        if status >= 400 {
            self.span.fail(status.to_string());
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        if !self.is_answered {
            self.span.fail("no_answer");
        }
    }
}

fn known(method: &str) -> &'static str {
    match method {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "_OTHER",
    }
}

/// A path without ids and without its query, in which people are named: `/Users/{id}`.
fn template(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let first = segments.next().unwrap_or_default();
    segments.fold(format!("/{first}"), |template, _| template + "/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_names_nobody() {
        for (path, expect) in [
            ("/Users", "/Users"),
            ("/Users?filter=userName%20eq%20%22jdoe%22", "/Users"),
            ("/Groups/0198c9b4?excludedAttributes=members", "/Groups/{id}"),
            ("/ServiceProviderConfig", "/ServiceProviderConfig"),
        ] {
            assert_eq!(template(path), expect);
        }
    }
}
