//! Whoever has opened a link: one tenant, and what the link allows.

use std::sync::{Arc, OnceLock};

use hyper::StatusCode;
use scim_protocol::Error;

use super::{Setup, brand::View, reach::Reach, session};
use crate::{
    admin::{AdminContext, Administrator, Role},
    http::pages::Asked,
    setup_link::SetupLink,
    tenant::Tenant,
    web::{Cell, Facts, Link, Page, Parameters, Piece, Tone, WebResponse, response},
};

/// Whoever has opened a link.
pub(super) struct Visitor {
    pub link: SetupLink,
    pub tenant: Arc<Tenant>,
    /// Commands in the name of the link: about this tenant alone.
    pub context: AdminContext,
    pub view: View,
    /// What a POST says.
    pub form: Parameters,
    pub reach: Arc<Reach>,
    /// What the server's URLs begin with, where that is known by the server itself.
    pub base: Option<String>,
    /// The link, once the form has had its [turn](Self::takes_turn).
    pub turn: OnceLock<SetupLink>,
    session: String,
}

impl Visitor {
    pub(super) fn new(setup: &Setup, asked: &Asked<'_>, link: SetupLink, tenant: Arc<Tenant>, session: &str) -> Self {
        let by = Administrator::setup_link(&link.name, tenant.id);
        let context = AdminContext { base: asked.base.clone(), ..setup.context.given_by(by) };
        Self {
            context,
            view: setup.view(&asked.base, Some(&tenant)),
            form: Parameters::parse(&String::from_utf8_lossy(&asked.form)),
            base: setup.reach.base(asked),
            reach: Arc::clone(&setup.reach),
            turn: OnceLock::new(),
            session: session.to_owned(),
            link,
            tenant,
        }
    }

    /// What events and the audit log call them.
    pub(super) fn actor(&self) -> Arc<str> {
        self.context.by.actor()
    }

    /// The tenant, as commands name it.
    pub(super) fn which(&self) -> String {
        self.tenant.id.to_string()
    }

    /// For the commands that need the role of an administrator. Only one of those could make a link that allows them.
    pub(super) fn as_administrator(&self) -> AdminContext {
        self.context.given_by(self.context.by.with_role(Role::Administrator))
    }

    /// The word of the forms of this session.
    pub(super) fn word(&self) -> String {
        session::word(&self.session)
    }

    /// 403 unless the form is one of this session.
    pub(super) fn require_own_form(&self) -> Result<(), Error> {
        session::require_word(&self.session, self.form.text("csrf"))
    }

    /// A page with the navigation of what the link allows.
    pub(super) fn page(&self, title: &str, at: &str) -> Page {
        let mut links = vec![("", "Set up")];
        if self.link.allows.log {
            links.push(("/calls", "Calls"));
        }
        if self.link.allows.mapping {
            links.push(("/mapping", "Mapping"));
        }
        let link = |(path, text): (&str, &str)| {
            let link = Link::new(format!("{}{path}", self.view.base()), text);
            Link { current: path == at, ..link }
        };
        let links = if links.len() > 1 { links.into_iter().map(link).collect() } else { Vec::new() };
        Page { subtitle: self.tenant.name.clone(), links, ..Page::new(&self.view.side(), title) }
    }

    /// A page that says that something was not done, and the way back.
    pub(super) fn not_done(&self, status: StatusCode, why: String) -> WebResponse {
        let back = Facts::default().with("Go on", Cell::link(self.view.base(), "Back to the setup"));
        response::page(status, &self.page("That was not done", "").with(Piece::Notice(Tone::Bad, why)).with(back))
    }

    /// The same when only the operator can know why.
    pub(super) fn failed(&self) -> WebResponse {
        let why = format!("It could not be done. Try again; if it happens again, ask {}.", self.view.whom_to_ask());
        self.not_done(StatusCode::INTERNAL_SERVER_ERROR, why)
    }
}
