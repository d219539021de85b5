//! The definition of a case.
//!
//! A case is one sentence of an RFC, in our own words, and a function that tests whether a server conforms to it.
//! Everything else (running, listing, explaining, reporting, the reference page) follows from the table in
//! [`mod@crate::cases`].

use std::{fmt, future::Future, pin::Pin};

use crate::{
    context::Context,
    discovery::{Discovery, TEXTS},
    subject::Subject,
    verdict::{Level, Outcome},
};

/// What a server must declare so that a case applies. A feature that is not declared is skipped; one that is declared
/// and does not work is a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// An attribute that clients may write, by resource type and path: `emails.type`, or with the
    /// URN of an extension, `urn:…:User:department`.
    Attribute(&'static str, &'static str),
    /// `bulk.supported`
    Bulk,
    /// `changePassword.supported`
    ChangePassword,
    /// `pagination.cursor` (RFC 9865 §4)
    Cursor,
    /// `etag.supported`
    Etag,
    /// `filter.supported`
    Filter,
    /// Pages by `startIndex`, which only `pagination.index` (RFC 9865 §4) can say are not there.
    IndexPages,
    /// `patch.supported`
    Patch,
    /// `sort.supported`
    Sort,
    /// A resource type, by name.
    Type(&'static str),
}

impl Need {
    /// Nothing when the server declares it, else the reason why the case does not apply.
    pub fn missing(self, discovery: &Discovery) -> Option<String> {
        let supported = |feature: &str| {
            let declared = discovery.supports(feature);
            (!declared).then(|| format!("The server does not declare {feature} in /ServiceProviderConfig."))
        };
        match self {
            Self::Attribute("User", name) if TEXTS.contains(&name) => discovery
                .text(name)
                .is_none()
                .then(|| format!("The server's schemas have no User attribute {name} to write, and no other text.")),
            Self::Attribute(resource_type, path) => {
                let attribute = discovery.attribute(resource_type, path);
                let writable = attribute.is_some_and(|attribute| attribute["mutability"] != "readOnly");
                (!writable).then(|| format!("The server's schemas have no {resource_type} attribute {path} to write."))
            }
            Self::Bulk => supported("bulk"),
            Self::ChangePassword => supported("changePassword"),
            Self::Cursor => (discovery.config()["pagination"]["cursor"] != true)
                .then(|| "The server does not declare pagination.cursor in /ServiceProviderConfig.".to_owned()),
            Self::Etag => supported("etag"),
            Self::Filter => supported("filter"),
            Self::IndexPages => (discovery.config()["pagination"]["index"] == false)
                .then(|| "The server declares in /ServiceProviderConfig that pagination.index is false.".to_owned()),
            Self::Patch => supported("patch"),
            Self::Sort => supported("sort"),
            Self::Type(name) => {
                discovery.endpoint(name).is_none().then(|| format!("The server has no resource type {name}."))
            }
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute(resource_type, path) => write!(f, "{resource_type} attribute {path}"),
            Self::Bulk => f.write_str("bulk"),
            Self::ChangePassword => f.write_str("changePassword"),
            Self::Cursor => f.write_str("pagination.cursor"),
            Self::Etag => f.write_str("etag"),
            Self::Filter => f.write_str("filter"),
            Self::IndexPages => f.write_str("pagination.index"),
            Self::Patch => f.write_str("patch"),
            Self::Sort => f.write_str("sort"),
            Self::Type(name) => write!(f, "resource type {name}"),
        }
    }
}

/// The running of a case.
pub type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// One requirement and its test.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// Short and permanent: the area's tag and the requirement: `modify-add-appends`.
    pub id: &'static str,
    /// Where it is written: `RFC 7644 §3.5.2.1`.
    pub section: &'static str,
    pub level: Level,
    /// The requirement in our own words, one sentence.
    pub requirement: &'static str,
    /// What the server must declare.
    pub needs: &'static [Need],
    /// What else it can be selected by, beside its area.
    pub tags: &'static [&'static str],
    /// Whether it is about the server's keeping a value at all: elsewhere a value that is lost is another case's fault.
    pub about_keeping: bool,
    /// For a case that is run once for each of these: its findings have the id, `:` and the subject.
    pub over: Option<fn(&Discovery) -> Vec<Subject>>,
    pub run: for<'a> fn(&'a Context) -> Running<'a>,
}

impl Case {
    /// A requirement that a server must meet.
    pub const fn must(
        id: &'static str,
        section: &'static str,
        requirement: &'static str,
        run: for<'a> fn(&'a Context) -> Running<'a>,
    ) -> Self {
        Self {
            id,
            section,
            level: Level::Must,
            requirement,
            needs: &[],
            tags: &[],
            about_keeping: false,
            over: None,
            run,
        }
    }

    pub const fn should(
        id: &'static str,
        section: &'static str,
        requirement: &'static str,
        run: for<'a> fn(&'a Context) -> Running<'a>,
    ) -> Self {
        Self { level: Level::Should, ..Self::must(id, section, requirement, run) }
    }

    /// Something that a server may do; noted when it does.
    pub const fn may(
        id: &'static str,
        section: &'static str,
        requirement: &'static str,
        run: for<'a> fn(&'a Context) -> Running<'a>,
    ) -> Self {
        Self { level: Level::May, ..Self::must(id, section, requirement, run) }
    }

    /// Applies only to servers that declare these.
    #[must_use]
    pub const fn needs(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }

    /// Is about the server's keeping what it was given.
    #[must_use]
    pub const fn about_keeping(self) -> Self {
        Self { about_keeping: true, ..self }
    }

    /// Is run once for each subject that the server's schemas have.
    #[must_use]
    pub const fn over(self, over: fn(&Discovery) -> Vec<Subject>) -> Self {
        Self { over: Some(over), ..self }
    }

    /// Further words to select it by.
    #[must_use]
    pub const fn tags(self, tags: &'static [&'static str]) -> Self {
        Self { tags, ..self }
    }
}

/// The function of a case, from an async function that takes the [`Context`] and, where several
/// cases share it, what tells them apart: `run!(read)`, `run!(finds, "userName eq \"{a}\"")`.
macro_rules! run {
    ($function:path $(, $argument:expr)* $(,)?) => {
        |scim| Box::pin($function(scim $(, $argument)*))
    };
}
pub(crate) use run;

/// The cases of one file: a section of an RFC.
#[derive(Debug, Clone, Copy)]
pub struct Area {
    /// What its cases are selected by; each of their ids begins with it.
    pub tag: &'static str,
    /// The heading in reports and on the reference page.
    pub title: &'static str,
    /// In the RFC's order.
    pub cases: &'static [Case],
}
