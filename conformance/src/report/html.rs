//! One page that needs nothing else: style, script and findings are in it.
//!
//! The findings are data that the script renders with text nodes, since answers of servers are in
//! them and no server should be able to write into the page of the person who examines it.

use anyhow::Context;

use super::Report;

const PAGE: &str = include_str!("page.html");

pub(super) fn render(report: &Report) -> anyhow::Result<String> {
    let data = serde_json::to_string(report).context("The report is no JSON.")?;
    // Inside a script element only `<` can end it.
    Ok(PAGE.replace("\"REPORT\"", &data.replace('<', "\\u003c")))
}
