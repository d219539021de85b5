//! The judge: `scim-conformance`, run against a tenant that is made for it, and what it has found.

use super::{
    ask::{Ask, Done, Shown, refused},
    row::thousands,
};
use crate::{
    admin::{Fault, Role},
    judge::{Done as Judged, PROFILES, Run, Verdict},
    web::{Cell, Facts, Field, Kind, Piece, Section, Table, Tone, WebResponse, response},
};

/// Where the page is.
pub const PATH: &str = "/console/judge";
/// How often the page looks whether a run has ended, in seconds.
const LOOKS: u32 = 2;

fn allowed(ask: &Ask<'_>, role: Role) -> Result<(), Fault> {
    if ask.may_see_the_judge() && ask.may(role) {
        return Ok(());
    }
    Err(Fault::new(403, format!("The judge needs the role {role}, and a token that is not for one tenant.")))
}

/// Shows what runs, or how to begin, and what was found last.
pub fn show(ask: &Ask<'_>) -> Shown {
    allowed(ask, Role::Operator)?;
    let judge = &ask.console.judge;
    let (running, last) = (judge.running(), judge.last());
    let mut pieces: Vec<Piece> = Vec::new();
    match &running {
        Some(run) => pieces.push(under_way(ask, run).into()),
        None if judge.program().is_none() => pieces.push(absent().into()),
        None => pieces.push(beginning(ask).into()),
    }
    if let (None, Some(done)) = (&running, &last) {
        pieces.extend(found(done).into_iter().map(Piece::from));
    }
    let every = running.is_some().then(|| (LOOKS, PATH.to_owned()));
    Ok(ask.page("Judge").with(Piece::Live { id: "judge", every, pieces }))
}

/// The command that does the same with a tenant of one's own.
fn line(profile: &str) -> String {
    format!("scim-conformance run --url URL --token-file FILE --profile {profile} --report html --out report.html")
}

fn absent() -> Section {
    let note = "scim-conformance is a program of its own, and it is not beside the server's.";
    Section::new("Not installed")
        .note(note)
        .with(Piece::Steps(vec![
            "Install the package scim-conformance on this machine, or put the program beside scim-server.".to_owned(),
            "If it is somewhere else, name it: console_judge = \"/path/to/scim-conformance\".".to_owned(),
            "Restart the server. Anywhere else, it judges this server by this command.".to_owned(),
        ]))
        .with(Piece::Command(line("rfc")))
}

fn beginning(ask: &Ask<'_>) -> Section {
    let note = "It makes a tenant of its own, sends some thousand requests to it, and deletes it at the end, after twenty minutes at the latest. Other tenants are not touched.";
    let section = Section::new("Judge this server").note(note);
    if !ask.may(Role::Administrator) {
        return section.with(Piece::Text("Administrators begin a run.".to_owned())).command(line("rfc"));
    }
    let choices = PROFILES.iter().map(|profile| ((*profile).to_owned(), (*profile).to_owned())).collect();
    let profile = Field::of(Kind::Choice(choices), "profile", "By what")
        .value("rfc")
        .hint("rfc is what the RFCs require; the others are the requests of a provider.");
    section.with(ask.form(format!("{PATH}/start"), "Begin", vec![profile])).command(line("rfc"))
}

fn under_way(ask: &Ask<'_>, run: &Run) -> Section {
    let facts = Facts::default()
        .with("By what", run.profile.as_str())
        .with("Since", Cell::Time(run.since.to_string()))
        .with("Begun by", run.by.as_str());
    let note = "This page shows its end by itself; without JavaScript, load it again.";
    let section = Section::new("A run is under way").note(note).with(facts);
    if !ask.may(Role::Administrator) {
        return section;
    }
    let stop = ask.button(format!("{PATH}/stop"), "Stop it", Tone::Bad, &[]);
    section.with(Facts::default().with("Enough", Cell::Button(stop)))
}

fn found(done: &Judged) -> Vec<Section> {
    let facts = Facts::default()
        .with("By what", done.run.profile.as_str())
        .with("Ended", Cell::Time(done.ended.to_string()))
        .with("Begun by", done.run.by.as_str());
    let section = Section::new("The last run").with(facts);
    match &done.found {
        Ok(verdict) => {
            let link = (format!("{PATH}/report"), "The whole report, with every request and answer".to_owned());
            let section = section.with(figures(verdict)).with(Piece::Links(vec![link]));
            let notes = verdict.notes.iter().map(|note| Piece::Text(note.clone()));
            let mut section = section;
            section.pieces.extend(notes);
            vec![section, causes(verdict)]
        }
        Err(why) => vec![section.with(Piece::Notice(Tone::Bad, format!("There is no report: {why}")))],
    }
}

fn figures(verdict: &Verdict) -> Piece {
    let totals = verdict.totals;
    let figure = |name: &str, number: u64, tone: Tone| {
        (name.to_owned(), Cell::text(thousands(number)), if number == 0 { Tone::Plain } else { tone })
    };
    let declared = verdict.declared();
    let mut figures = vec![
        figure("Failed", totals.fail.saturating_sub(declared), Tone::Bad),
        figure("Could not be tested", totals.error, Tone::Bad),
        figure("Warnings", totals.warn, Tone::Warn),
        figure("Do not apply", totals.skip, Tone::Plain),
        figure("Passed", totals.pass, Tone::Good),
    ];
    if declared > 0 {
        figures.insert(1, figure("Declared deviations", declared, Tone::Plain));
    }
    Piece::Figures(figures)
}

fn causes(verdict: &Verdict) -> Section {
    let mut table = Table::new(&["Verdict", "What is behind it", "Cases"], "Nothing is wrong.");
    for cause in &verdict.causes {
        let tone = if cause.verdict == "warn" { Tone::Warn } else { Tone::Bad };
        // Nothing is to be changed about what is done on purpose.
        let declared = cause.declared().map(str::to_owned);
        let verdict = match declared {
            Some(_) => Cell::Badge(Tone::Plain, "declared deviation".to_owned()),
            None => Cell::Badge(tone, cause.verdict.clone()),
        };
        let behind = declared.or_else(|| cause.change.clone()).map(Cell::Note);
        let what = std::iter::once(Cell::Said(cause.what.clone())).chain(behind).collect();
        table.push(vec![verdict, Cell::Several(what), Cell::text(thousands(cause.cases.len() as u64))]);
    }
    Section::new("What was found").with(table)
}

/// The report as the program wrote it. It has a script and styles of its own, so it gets an origin of its own.
pub fn report(ask: &Ask<'_>) -> Option<WebResponse> {
    allowed(ask, Role::Operator).ok()?;
    let done = ask.console.judge.last()?;
    let verdict = done.found.as_ref().ok()?;
    Some(response::sandboxed(verdict.page.clone()))
}

/// Begins or stops a run.
pub fn change(ask: &Ask<'_>, what: &str) -> Result<Done, Fault> {
    allowed(ask, Role::Administrator)?;
    let by = ask.session.administrator.actor();
    match what {
        "start" => {
            let profile = ask.form.text("profile");
            ask.console.judge.start(ask.context(), profile)?;
            tracing::info!(address = %ask.address, by = &*by, profile, "a run of scim-conformance began");
            Ok(Done::Told(PATH.to_owned(), "The run has begun.".to_owned()))
        }
        "stop" => {
            ask.console.judge.stop();
            tracing::info!(address = %ask.address, by = &*by, "the run of scim-conformance is stopped");
            Ok(Done::Told(PATH.to_owned(), "The run ends in a moment.".to_owned()))
        }
        _ => Err(refused("This form is not known. Load the page again.")),
    }
}

#[cfg(test)]
mod tests {
    use askama::Template as _;

    use super::*;

    #[test]
    fn what_the_server_does_on_purpose_is_shown_as_that() {
        let report = r#"{"totals": {"fail": 2, "error": 0, "warn": 0, "skip": 0, "pass": 1}, "causes": [
            {"verdict": "fail", "what": "It answered 200.", "change": "Mend it.", "cases": ["modify-replace-no-match-eq"]},
            {"verdict": "fail", "what": "It answered 500.", "change": "Mend it.", "cases": ["other"]}]}"#;
        let verdict = Verdict::read(report.as_bytes()).unwrap();
        let shown = figures(&verdict).render().unwrap();
        for (name, number) in [("Failed", 1), ("Declared deviations", 1), ("Passed", 1)] {
            assert!(shown.contains(&format!("<dt>{name}</dt><dd>{number}</dd>")), "{name}: {shown}");
        }
        let shown = causes(&verdict).render().unwrap();
        let count = |text: &str| shown.matches(text).count();
        assert_eq!(
            [count("badge plain\">declared deviation"), count("badge bad\">fail"), count("Mend it.")],
            [1, 1, 1]
        );
    }
}
