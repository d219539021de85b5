//! What `requests …` does.

use crate::{
    admin::{AdminRequest, RequestsQuery, RequestsRequest},
    cli::{
        Failure,
        command::{Common, ListRequestsArguments, RequestsCommand},
        follow::{self, Followed},
        session::{self, Session},
        show::Show,
    },
};

impl RequestsCommand {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (common, tenant, request, show) = match self {
            Self::List(arguments) => {
                let (common, tenant, query) = arguments.read();
                if query.follow {
                    return follow::run(common, Calls { tenant, query }).await;
                }
                (common, tenant, RequestsRequest::List(query), Show::Requests)
            }
            Self::Count { tenant, days, common } => {
                (common, tenant, RequestsRequest::Count { days }, Show::RequestCounts)
            }
            Self::Show { id, tenant, names, common } => {
                (common, tenant, RequestsRequest::Show { id, names }, Show::Request)
            }
            Self::Values { id, tenant, common } => (common, tenant, RequestsRequest::Values { id }, Show::Document),
        };
        let session = Session::beside_log(&common.settings.0).await?;
        session::run(session, AdminRequest::Requests { tenant, request }, show, common.json).await
    }
}

impl ListRequestsArguments {
    fn read(self) -> (Common, Option<String>, RequestsQuery) {
        let query = RequestsQuery {
            since: self.since,
            until: self.until,
            status: self.status,
            operation: self.operation,
            text: self.text,
            token: self.token,
            resource: self.resource,
            request: self.request,
            limit: self.limit,
            before: self.before,
            follow: self.follow,
            names: self.names,
            ..RequestsQuery::default()
        };
        (self.common, self.tenant, query)
    }
}

/// The calls of `requests list --follow`.
struct Calls {
    tenant: Option<String>,
    query: RequestsQuery,
}

impl Followed for Calls {
    const SHOW: Show = Show::RequestsFollowed;
    const PLACE: &'static str = "/place";

    async fn session(&self, common: &Common) -> Result<Option<Session>, Failure> {
        Session::at_server(&common.settings.0).await
    }

    fn request(&self, place: Option<&str>) -> AdminRequest {
        let after = place.map(str::to_owned).or_else(|| self.query.after.clone());
        let query = RequestsQuery { after, ..self.query.clone() };
        AdminRequest::Requests { tenant: self.tenant.clone(), request: RequestsRequest::List(query) }
    }
}
