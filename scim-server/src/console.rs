//! The console: the server's pages for administrators, on their own listener.
//!
//! Whoever signs in, by a token or by a link of `scim-server console`, has a [`session`]. Each page gets what it shows
//! by commands ([`crate::admin::AdminRequest`]), and changes things by commands: there is no second way to do
//! anything, and a role refuses in a browser what it refuses at the command line. [`ask`] is what a screen is given,
//! [`route`] finds the screen; what it says is drawn by [`crate::web`].

mod ask;
mod call;
mod certificate;
mod columns;
mod connect;
mod deleted;
mod deliveries;
mod first;
mod history;
mod judge;
mod kind;
mod mapping;
mod oidc;
mod overview;
mod path;
mod people;
mod person;
mod put_back;
mod requests;
mod ring;
mod route;
mod row;
mod rules;
mod safety;
mod schemas;
mod server;
mod session;
mod settings;
mod settings_form;
mod shown;
mod sign_in;
mod sync;
mod tokens;
mod traffic;
mod values;
mod whom;

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Limited};
use hyper::{Method, Request, StatusCode, body::Incoming};
use tokio::sync::watch;

pub use self::oidc::Oidc;
use self::{
    ask::Ask,
    ring::Ring,
    session::{Session, Sessions},
};
use crate::{
    admin::{
        AdminContext,
        console::SignInLinks,
        listen::{Admin, Pages},
    },
    clock::Clock,
    command_line as command,
    http::{limit::AddressLimit, request},
    judge::Judge,
    metrics::Metrics,
    web::{Page, Parameters, Piece, Side, Tone, WebResponse, assets, origin, response},
};

/// Below which path all of it is.
pub const BASE: &str = "/console";
/// The largest form: a tenant's settings, and what comes with them.
const LARGEST: usize = 1 << 20;
/// How long a form may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);
/// Failed attempts to sign in, each minute from one address.
const ATTEMPTS: u32 = 10;

/// The console of a running server.
pub struct Console {
    sessions: Sessions,
    links: Arc<SignInLinks>,
    /// Where administrators sign in, if there is a provider.
    oidc: Option<Oidc>,
    /// Whether browsers show cookies by TLS only.
    by_tls: bool,
    /// Failed attempts to sign in.
    attempts: AddressLimit,
    side: Side,
    metrics: Arc<Metrics>,
    judge: Arc<Judge>,
    /// What was counted lately.
    ring: Ring,
    /// The settings that the server was started with: key, value, and where it comes from.
    settings: Vec<(String, String, String)>,
}

impl Console {
    /// A console that nobody has signed in to. `settings` are shown: key, value without secrets, and where it comes from.
    pub fn new(
        links: Arc<SignInLinks>,
        oidc: Option<Oidc>,
        metrics: Arc<Metrics>,
        judge: Arc<Judge>,
        settings: Vec<(String, String, String)>,
    ) -> Self {
        let name = "scim-server".to_owned();
        Self {
            sessions: Sessions::default(),
            by_tls: links.url().starts_with("https:"),
            links,
            oidc,
            attempts: AddressLimit::new(
                NonZeroU32::new(ATTEMPTS).unwrap_or(NonZeroU32::MIN),
                Duration::from_secs(60) / ATTEMPTS,
            ),
            side: Side { base: BASE.to_owned(), name, home: BASE.to_owned(), ..Side::default() },
            metrics,
            judge,
            ring: Ring::default(),
            settings,
        }
    }

    /// Counts what the charts show, until the server stops.
    pub async fn count(&self, clock: Arc<dyn Clock>, stopped: watch::Receiver<bool>) {
        self.ring.fill(Arc::clone(&self.metrics), clock, stopped).await;
    }

    /// Deletes what runs of the judge have left, and ends one that is under way when the server stops.
    pub fn judge(&self, context: AdminContext, stopped: watch::Receiver<bool>) -> impl Future<Output = ()> + use<> {
        let judge = Arc::clone(&self.judge);
        async move { judge.tidy(context, stopped).await }
    }

    /// Where a provider leads back to, below what people reach the console by.
    pub fn redirect_uri(links: &SignInLinks) -> String {
        format!("{}{}", links.url(), sign_in::BACK.strip_prefix(BASE).unwrap_or_default())
    }

    /// The same with a cookie.
    fn with_cookie(&self, response: WebResponse, cookie: &str) -> WebResponse {
        let secure = if self.by_tls { "; Secure" } else { "" };
        response::with_cookie(response, &format!("{cookie}{secure}"))
    }

    /// A page that says why there is none.
    fn refusal(&self, status: StatusCode, title: &str, why: &str) -> WebResponse {
        let page = Page::new(&self.side, title).with(Piece::Notice(Tone::Bad, why.to_owned()));
        response::page(status, &page)
    }

    /// What a browser sent in the body of a form.
    async fn form(&self, request: Request<Incoming>) -> Result<Parameters, WebResponse> {
        let (parts, body) = request.into_parts();
        // A tunnel gives the console another address than its own, which the browser then names as the host, too.
        let here = request::host(&parts).map(|host| format!("http://{host}")).unwrap_or_default();
        if !origin::is_own(&parts.headers, &[self.links.url(), &here]) {
            let why = "This form came from another site. Open the console, and do it there. If a proxy is in front of the console, set console_url to the address in your browser.";
            return Err(self.refusal(StatusCode::FORBIDDEN, "Another site", why));
        }
        let body = Limited::new(body, LARGEST).collect();
        let Ok(Ok(body)) = tokio::time::timeout(ARRIVAL, body).await else {
            let why = "The form is too large, or did not arrive in time.";
            return Err(self.refusal(StatusCode::PAYLOAD_TOO_LARGE, "Not read", why));
        };
        Ok(Parameters::parse(&String::from_utf8_lossy(&body.to_bytes())))
    }

    /// Where a browser goes on whose session, that of its new cookie, has just begun: to the address that it wanted to see,
    /// if that leads to a page of the console.
    fn onward<'t>(&self, admin: &Admin, cookie: &str, address: IpAddr, to: &'t str) -> &'t str {
        let Some(session) = self.sessions.find(cookie, admin.context.clock.now()) else { return BASE };
        let (query, form) = (Parameters::default(), Parameters::default());
        let ask = Ask { console: self, admin, session, query, form, address, refused: None };
        if route::leads(&ask, to) { to } else { BASE }
    }

    /// The pages of those who are signed in.
    async fn signed_in(
        &self,
        admin: &Admin,
        session: Session,
        request: Request<Incoming>,
        address: IpAddr,
    ) -> WebResponse {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let query = Parameters::parse(request.uri().query().unwrap_or_default());
        let form = if method == Method::POST {
            match self.form(request).await {
                Ok(form) => form,
                Err(refused) => return refused,
            }
        } else {
            Parameters::default()
        };
        if method == Method::POST && !session.is_token(form.text("csrf")) {
            let why = "This form is of another session. Go back, load the page again, and send it once more.";
            return self.refusal(StatusCode::FORBIDDEN, "An old form", why);
        }
        let ask = Ask { console: self, admin, session, query, form, address, refused: None };
        route::answer(ask, &method, path.strip_prefix(BASE).unwrap_or_default()).await
    }
}

#[async_trait]
impl Pages for Console {
    async fn answer(&self, admin: &Admin, request: Request<Incoming>, address: IpAddr) -> WebResponse {
        let path = request.uri().path();
        if let Some(rest) = path.strip_prefix("/console/assets/") {
            return match assets::find(rest) {
                Some(asset) => response::asset(asset),
                None => self.refusal(StatusCode::NOT_FOUND, "No such file", "Load the page again."),
            };
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD | Method::POST) {
            return self.refusal(
                StatusCode::METHOD_NOT_ALLOWED,
                "Not this way",
                "Pages are read with GET, and forms sent with POST.",
            );
        }
        let query = request.uri().query().unwrap_or_default().to_owned();
        match (request.method(), path) {
            (_, "/") => return response::redirect(BASE),
            (&Method::POST, sign_in::PATH) => return sign_in::by_token(self, admin, request, address).await,
            (_, sign_in::PATH) => return sign_in::page(self, &query),
            (&Method::GET, sign_in::AWAY) => {
                return sign_in::away(self, admin, &query, &sign_in::cookies(&request), address).await;
            }
            (&Method::GET, sign_in::BACK) => {
                return sign_in::by_provider(self, admin, &query, &sign_in::cookies(&request), address).await;
            }
            (&Method::POST, sign_in::ENTRY) => return sign_in::by_link(self, admin, request, address).await,
            (_, sign_in::ENTRY) => return sign_in::landing(self, admin, &query, address),
            _ => {}
        }
        let cookies = sign_in::cookies(&request);
        match sign_in::session(self, admin, &cookies).await {
            Ok(Some(session)) => self.signed_in(admin, session, request, address).await,
            // A redirect would give the part of the page that asks by itself another page, without what it waits for.
            Ok(None) if request.headers().contains_key("hx-request") => response::reload(),
            Ok(None) => sign_in::first(self, &request, &cookies),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "whether a token is good still cannot be read"
                );
                let why = format!(
                    "The store is not available, so nothing was done. Try again soon; you are still signed in.{}",
                    kept(&request)
                );
                self.refusal(StatusCode::SERVICE_UNAVAILABLE, "The store is away", &why)
            }
        }
    }
}

/// What to do about a form that cannot be shown again.
fn kept(request: &Request<Incoming>) -> &'static str {
    if request.method() == Method::POST { GO_BACK } else { "" }
}

/// Where the page of a refused form cannot be shown either.
const GO_BACK: &str = " Go back in your browser: it has what you typed.";
