//! The pages with which the administrator of a customer connects an identity provider to a tenant.
//!
//! Whoever opens a [setup link](crate::setup_link) gets a session that is bound to it, and with it to one tenant. What
//! is done here is done by the commands that the command line knows, in the name of the link: nothing is changed in
//! another way. A page never says anything of another tenant, and one that is refused never says why.

mod action;
mod brand;
mod calls;
mod command;
mod connect;
mod credentials;
mod home;
mod lasting;
mod mapping;
mod probe;
mod reach;
pub mod rewrite;
mod rotate;
mod session;
mod visitor;

use std::sync::Arc;

use async_trait::async_trait;
use hyper::{Method, StatusCode};
use scim_protocol::{Error, ErrorKind};

pub use self::connect::guide;
use self::{brand::View, reach::Reach, visitor::Visitor};
use crate::{
    admin::{AdminContext, Administrator, SETUP_PATH},
    event::Deed,
    http::pages::{Asked, Pages, Served},
    setup_link::SetupLink,
    tenant::{Operator, Tenant},
    token::secret::SETUP_PREFIX,
    web::{Cell, Facts, Form, Page, Piece, Tone, WebResponse, assets, response},
};

/// Writes the pages.
pub struct Setup {
    /// What commands work on.
    context: AdminContext,
    /// Who operates the application, where a tenant does not say otherwise.
    operator: Operator,
    reach: Arc<Reach>,
}

/// Who was let in, once that is known.
type Who = Option<(Arc<str>, Arc<Tenant>)>;

// What the calls of these pages are named in the audit log.
const PAGE: &str = "GetSetupPage";
const LANDING: &str = "GetSetupLink";
const OPENING: &str = "OpenSetupLink";
const MAKING: &str = "SetupToken";
const ROTATION: &str = "SetupRotation";
const MAPPING: &str = "SetupMapping";
const TEST: &str = "SetupTest";

/// What every link says that opens nothing: whether it is wrong, has ended, was opened or was deleted.
const DEAD: &str = "This link opens nothing here. It is not complete, or has ended, or was opened in another browser: a link opens once. Ask whoever sent it for a new one.";

/// What the same says in a browser that has opened a link that lives.
const OPENED: &str = "This link opens nothing: a link opens once, and this browser has opened one already. Go on with that, or ask whoever sent this one for a new one.";

impl Setup {
    /// `own` is what this server's URLs begin with when `public_url` is not set, where its certificate does not count.
    pub fn new(context: AdminContext, operator: Operator, own: Option<String>) -> Self {
        Self { context, operator, reach: Arc::new(Reach::new(own)) }
    }

    /// Whom a link that opens is for, unless that tenant is gone or disabled.
    fn tenant(&self, link: &SetupLink) -> Option<Arc<Tenant>> {
        self.context.access.tenant_of(link.tenant).filter(|tenant| !tenant.disabled)
    }

    /// The page of a link that no browser has opened yet. Programs look at links in messages before people do, so
    /// that looking spends nothing: a button does.
    async fn landing(&self, asked: &Asked<'_>, code: &str) -> Result<WebResponse, Error> {
        let link = self.context.setup_links().by_code(code, asked.at).await?;
        let tenant = link.as_ref().and_then(|link| self.tenant(link)).ok_or_else(dead)?;
        let view = self.view(&asked.base, Some(&tenant));
        let about = format!(
            "{} invites you to connect your identity provider, so that users and groups come and go by themselves.",
            view.operator_name()
        );
        let once = "The link opens in one browser, and once. Begin in the browser in which you administer your identity provider.";
        let begin = Form {
            action: format!("{}/{code}", view.base()),
            csrf: String::new(),
            fields: Vec::new(),
            submit: "Begin".to_owned(),
            ..Form::default()
        };
        let page = Page::new(&view.side(), "Connect your identity provider");
        let page = page.with(Piece::Text(about)).with(Piece::Text(once.to_owned())).with(begin);
        Ok(response::page(StatusCode::OK, &page))
    }

    /// Spends the code of a link: this browser is the one that goes on.
    async fn open(&self, asked: &Asked<'_>, code: &str, who: &mut Who) -> Result<WebResponse, Error> {
        session::require_own_page(asked)?;
        let links = self.context.setup_links();
        let link = links.by_code(code, asked.at).await?.ok_or_else(dead)?;
        let tenant = self.tenant(&link).ok_or_else(dead)?;
        let by = self.context.given_by(Administrator::setup_link(&link.name, tenant.id));
        let links = links.by(by.author().telling(Deed::SetupLinkOpened).in_log(tenant.home));
        let (link, text) = links.open(&link).await?.ok_or_else(dead)?;
        let visitor = Visitor::new(self, asked, link, Arc::clone(&tenant), &text);
        *who = Some((visitor.actor(), tenant));
        let cookie = session::cookie(asked, &text, visitor.link.expires);
        Ok(response::with_cookie(response::redirect(&visitor.view.base()), &cookie))
    }

    /// Says to whoever has a session that a link which opens nothing is not in their way.
    async fn or_go_on(&self, asked: &Asked<'_>, opened: Result<WebResponse, Error>) -> Result<WebResponse, Error> {
        match opened {
            Err(error) if error.detail() == DEAD && self.enter(asked).await.is_ok() => {
                Err(Error::new(ErrorKind::NotFound, OPENED))
            }
            opened => opened,
        }
    }

    /// What needs a session.
    async fn inside(&self, asked: &Asked<'_>, path: &[&str], who: &mut Who) -> Result<WebResponse, Error> {
        let visitor = self.enter(asked).await?;
        *who = Some((visitor.actor(), Arc::clone(&visitor.tenant)));
        let is_post = asked.method == Method::POST;
        if is_post {
            session::require_own_page(asked)?;
            visitor.require_own_form()?;
        }
        match (is_post, path) {
            (false, []) => visitor.home().await,
            (false, ["to", provider]) => visitor.connect(provider, asked.query).await,
            (false, ["calls"]) if visitor.link.allows.log => visitor.calls(asked.query).await,
            (false, ["mapping"]) if visitor.link.allows.mapping => visitor.mapping().await,
            (true, ["mapping", "preview"]) if visitor.link.allows.mapping => visitor.mapping_preview().await,
            (true, ["mapping", "set"]) if visitor.link.allows.mapping => visitor.mapping_set().await,
            (true, ["make"]) => visitor.make().await,
            (true, ["test"]) => visitor.tested().await,
            (true, ["rotate"]) if visitor.link.allows.tokens => visitor.in_turn(visitor.rotate()).await,
            // Where forms are sent nothing is to be seen: whoever opens that is led to the page that has them.
            (false, ["make" | "test" | "rotate"]) => Ok(response::redirect(&visitor.view.base())),
            (false, ["mapping", "preview" | "set"]) if visitor.link.allows.mapping => {
                Ok(response::redirect(&format!("{}/mapping", visitor.view.base())))
            }
            _ => Err(Error::new(ErrorKind::NotFound, "There is no such page. Go back to where you came from.")),
        }
    }

    /// Who shows the session of a live link.
    async fn enter(&self, asked: &Asked<'_>) -> Result<Visitor, Error> {
        for text in session::shown(asked) {
            if let Some(link) = self.context.setup_links().by_session(&text, asked.at).await?
                && let Some(tenant) = self.tenant(&link)
            {
                return Ok(Visitor::new(self, asked, link, tenant, &text));
            }
        }
        Err(dead())
    }
}

#[async_trait]
impl Pages for Setup {
    async fn serve(&self, asked: Asked<'_>) -> Served {
        let path: Vec<&str> = asked.path.split('/').filter(|part| !part.is_empty()).collect();
        let is_post = asked.method == Method::POST;
        let mut visitor = None;
        let (call, response) = match path.as_slice() {
            ["assets", hash, name] => {
                let asset = assets::find(&format!("{hash}/{name}")).map(response::asset);
                (PAGE, asset.ok_or_else(nothing))
            }
            ["brand", owner, file] => (PAGE, self.brand(owner, file).ok_or_else(nothing)),
            [code] if code.starts_with(SETUP_PREFIX) && is_post => {
                let opened = self.open(&asked, code, &mut visitor).await;
                (OPENING, self.or_go_on(&asked, opened).await)
            }
            [code] if code.starts_with(SETUP_PREFIX) => {
                let shown = self.landing(&asked, code).await;
                (LANDING, self.or_go_on(&asked, shown).await)
            }
            inside => {
                let call = match inside {
                    ["make"] if is_post => MAKING,
                    ["mapping", "set"] if is_post => MAPPING,
                    ["rotate"] if is_post => ROTATION,
                    ["test"] if is_post => TEST,
                    _ => PAGE,
                };
                (call, self.inside(&asked, inside, &mut visitor).await)
            }
        };
        Served { response, call, visitor }
    }

    fn refusal(&self, error: &Error, root: &str) -> WebResponse {
        let view = View::new(root, None, &self.operator);
        let status = StatusCode::from_u16(error.kind().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let page = Page::new(&view.side(), "This page does not open");
        let page = page.with(Piece::Notice(Tone::Warn, error.detail().to_owned()));
        // Who has no session is led nowhere by it.
        if error.detail() == DEAD || matches!(error.kind(), ErrorKind::TooManyRequests(_)) {
            return response::page(status, &page);
        }
        let on = Cell::link(view.base(), "Go on with the setup");
        let page = page.with(Facts::default().with("Opened your link in this browser before?", on));
        response::page(status, &page)
    }
}

impl Setup {
    fn view(&self, base: &str, tenant: Option<&Tenant>) -> View {
        View::new(brand::root(base), tenant, &self.operator)
    }
}

fn dead() -> Error {
    Error::new(ErrorKind::NotFound, DEAD)
}

fn nothing() -> Error {
    Error::new(ErrorKind::NotFound, "There is no such file.")
}

/// Where the pages begin, on this server.
fn begin(root: &str) -> String {
    format!("{root}{SETUP_PATH}")
}
