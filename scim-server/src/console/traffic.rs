//! How many calls came, and how many of them were refused or failed: as charts, for a day, a week or a month.

use scim_protocol::Timestamp;
use serde_json::Value;

use super::{
    ask::Ask,
    command,
    row::{Row, thousands},
};
use crate::{
    admin::{AdminRequest, RequestsRequest},
    web::{Bar, Bars, Cell, Chart, Line, Piece, Section},
};

/// The time that a chart shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    Day,
    Week,
    Month,
}

/// How many calls came in one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Step {
    /// Seconds since 1970, at its beginning.
    at: i64,
    calls: u64,
    refused: u64,
    failed: u64,
}

/// How many calls came in each step of a time, the oldest first.
#[derive(Debug, Default)]
pub struct Traffic(Vec<Step>);

impl Range {
    const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// The one that a page was asked for.
    pub fn of(ask: &Ask<'_>) -> Self {
        Self::ALL.into_iter().find(|range| range.word() == ask.query.text("range")).unwrap_or(Self::Day)
    }

    /// Its word in a URL, and for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// How many of the steps that are counted it has.
    const fn steps(self) -> usize {
        match self {
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30,
        }
    }

    /// How many steps are one bar where there is little room.
    const fn joined(self) -> usize {
        match self {
            Self::Day | Self::Month => 1,
            Self::Week => 6,
        }
    }

    /// Ways to the others, from a page at that path.
    pub fn ways(self, path: &str) -> Piece {
        let others = Self::ALL.into_iter().filter(|range| *range != self);
        let way = |range: Self| (format!("{path}?range={}", range.word()), format!("The last {}", range.word()));
        Piece::Links(others.map(way).collect())
    }
}

/// How many calls came to a tenant, or to all; nothing where no log is kept.
pub async fn of(ask: &Ask<'_>, tenant: Option<&str>, range: Range) -> Option<Traffic> {
    let request = RequestsRequest::Count { days: range == Range::Month };
    let request = AdminRequest::Requests { tenant: tenant.map(str::to_owned), request };
    let rows = ask.rows(request).await.ok()?;
    let of = rows.len().saturating_sub(range.steps());
    Some(Traffic(rows.iter().skip(of).map(step).collect()))
}

fn step(row: &Value) -> Step {
    let at = Timestamp::parse(row.text("/from")).map_or(0, |at| at.as_millis() / 1000);
    Step { at, calls: row.number("/calls"), refused: row.number("/refused"), failed: row.number("/failed") }
}

impl Traffic {
    /// All of them.
    pub fn calls(&self) -> u64 {
        self.0.iter().map(|step| step.calls).sum()
    }

    /// Those that were refused or failed.
    pub fn refused(&self) -> u64 {
        self.0.iter().map(|step| step.refused + step.failed).sum()
    }

    /// A small chart, for a row of a table.
    pub fn bars(&self, range: Range) -> Cell {
        let (calls, refused) = (self.calls(), self.refused());
        if calls == 0 {
            return Cell::Empty;
        }
        let bar = |steps: &[Step]| Bar {
            all: steps.iter().map(|step| step.calls).sum(),
            bad: steps.iter().map(|step| step.refused + step.failed).sum(),
        };
        let label = format!("{} calls, {} refused or failed", thousands(calls), thousands(refused));
        Cell::Bars(Bars { label, bars: self.0.chunks(range.joined()).map(bar).collect() })
    }

    /// A section with the chart; `tenant` is whose it is, and `path` that of the page.
    pub fn section(&self, range: Range, tenant: Option<&str>, path: &str) -> Section {
        let mut words = vec!["requests", "count"];
        words.extend(tenant.into_iter().flat_map(|tenant| ["--tenant", tenant]));
        words.extend((range == Range::Month).then_some("--days"));
        let section = Section::new(format!("Calls to this server of the last {}", range.word()));
        let section = if self.calls() == 0 {
            section.with(Piece::Text("No call in this time.".to_owned()))
        } else {
            section.with(self.chart(range))
        };
        section.with(range.ways(path)).command(command::line(&words))
    }

    fn chart(&self, range: Range) -> Chart {
        #[expect(clippy::cast_precision_loss, reason = "calls of a day")]
        let line = |name: &str, value: fn(&Step) -> u64| Line {
            name: name.to_owned(),
            values: self.0.iter().map(|step| Some(value(step) as f64)).collect(),
        };
        Chart {
            title: "Calls".to_owned(),
            unit: if range == Range::Month { "a day" } else { "an hour" }.to_owned(),
            at: self.0.iter().map(|step| step.at).collect(),
            lines: vec![
                line("done", |step| step.calls.saturating_sub(step.refused + step.failed)),
                line("refused (4xx)", |step| step.refused),
                line("failed (5xx)", |step| step.failed),
            ],
            adds_up: true,
        }
    }
}
