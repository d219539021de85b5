//! One page that needs nothing else: style, script and findings are in it.
//!
//! The findings are data that the script renders with text nodes, since answers of servers are in
//! them and no server should be able to write into the page of the person who examines it.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Serialize;

use super::Report;
use crate::{advice, section};

const PAGE: &str = include_str!("page.html");

/// What the script is given.
#[derive(Serialize)]
struct Data<'a> {
    report: &'a Report,
    outcome: String,
    sections: BTreeMap<&'a str, Section>,
}

/// What is known of a section.
#[derive(Serialize)]
struct Section {
    link: Option<String>,
    change: Option<&'static str>,
}

pub(super) fn render(report: &Report) -> anyhow::Result<String> {
    let sections = report.findings.iter().map(|finding| {
        let section = finding.section.as_str();
        (section, Section { link: section::link(section), change: advice::of(section).map(|advice| advice.change) })
    });
    let data = Data { report, outcome: report.outcome(), sections: sections.collect() };
    let data = serde_json::to_string(&data).context("The report is no JSON.")?;
    // Inside a script element only `<` can end it.
    Ok(PAGE.replace("\"REPORT\"", &data.replace('<', "\\u003c")))
}
