//! One run: connect to the server, test it, delete everything again.

mod clean;
mod connect;
mod measure;
mod select;

use std::sync::Arc;

pub use clean::{clean, remove_all};
pub use connect::{Manner, connect, connect_as};
use futures_util::{StreamExt, stream};
pub use measure::measure;
pub use select::{Selection, Unknown};

use crate::{
    case::{Area, Case},
    cases,
    context::{Context, Server},
    exchange::{Exchange, Received},
    finding::Finding,
    subject::Subject,
    verdict::{Outcome, Stop, Verdict, judge},
};

/// Examines the server with these cases, `concurrency` at a time, and gives the findings in the
/// cases' order; a case that is generated from the server's schemas has one for each of its subjects. `done` is told
/// of each as it comes. Dropping the future stops the run; what was made is in the server's ledger.
pub async fn examine(
    server: &Arc<Server>,
    cases: &[(&'static Area, &'static Case)],
    concurrency: usize,
    done: impl Fn(&Finding),
) -> Vec<Finding> {
    let work = cases
        .iter()
        .flat_map(|(area, case)| subjects(server, case).into_iter().map(move |subject| (*area, *case, subject)));
    let findings = stream::iter(work).map(|(area, case, subject)| async {
        let finding = judge_case(server, area, case, subject).await;
        done(&finding);
        finding
    });
    findings.buffered(concurrency.max(1)).collect().await
}

/// What the runs of a case are about. A case that does not apply has one run, which says so.
fn subjects(server: &Server, case: &Case) -> Vec<Option<Subject>> {
    let applies = || case.needs.iter().all(|need| need.missing(server.discovery()).is_none());
    let all = case.over.filter(|_| applies()).map(|over| over(server.discovery())).unwrap_or_default();
    if all.is_empty() { vec![None] } else { all.into_iter().map(Some).collect() }
}

async fn judge_case(server: &Arc<Server>, area: &Area, case: &Case, subject: Option<Subject>) -> Finding {
    let (mut outcome, mut evidence) = attempt(server, case, subject.as_ref()).await;
    let mut flaky = None;
    // A server may have a bad moment: what is wrong is wrong a second time.
    if let (Err(Stop::Unmet(why)), true) = (&outcome, evidence.iter().any(broke_down)) {
        let (again, more) = attempt(server, case, subject.as_ref()).await;
        if again.is_ok() {
            flaky = Some(format!("Flaky: it was kept when it was tried again; the first time: {why}"));
        }
        outcome = again;
        evidence.extend(more);
    }
    let (verdict, reason) = judge(case.level, outcome);
    let verdict = if flaky.is_some() { Verdict::Warn } else { verdict };
    Finding {
        id: subject.map_or_else(|| case.id.to_owned(), |subject| format!("{}:{subject}", case.id)),
        area: area.title.to_owned(),
        section: case.section.to_owned(),
        level: case.level,
        requirement: case.requirement.to_owned(),
        verdict,
        reason: flaky.or(reason),
        evidence,
    }
}

async fn attempt(server: &Arc<Server>, case: &Case, subject: Option<&Subject>) -> (Outcome, Vec<Exchange>) {
    let scim = Context::about(Arc::clone(server), subject.cloned());
    let missing = case.needs.iter().find_map(|need| need.missing(server.discovery()));
    let mut outcome = match missing {
        Some(why) => Err(Stop::Skip(why)),
        None => (case.run)(&scim).await,
    };
    let evidence = scim.take_exchanges();
    if let Err(Stop::Unmet(_)) = outcome
        && !case.about_keeping
        && let Some(stop) = cases::lost(&scim, case).await
    {
        outcome = Err(stop);
    }
    scim.remove().await;
    // Nothing of others is said, as far as the case has seen them.
    let outcome = outcome.map_err(|stop| match stop {
        Stop::Error(why) => Stop::Error(scim.discreet(&why)),
        Stop::Skip(why) => Stop::Skip(scim.discreet(&why)),
        Stop::Unmet(why) => Stop::Unmet(scim.discreet(&why)),
    });
    (outcome, evidence)
}

/// Whether the server says that it failed itself.
fn broke_down(exchange: &Exchange) -> bool {
    matches!(exchange.answer, Received::Answer { status: 500, .. })
}
