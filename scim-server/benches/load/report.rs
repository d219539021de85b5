//! What was measured, as a table for people or as JSON for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::client::Run;

/// One operation on data of one size, beside the yardstick.
pub struct Row {
    pub operation: String,
    /// Users in the tenant, or members of the group.
    pub size: usize,
    /// Requests a second: the median of the rounds.
    pub rate: f64,
    /// The same of the bare server.
    pub bare: f64,
    /// Seconds, over all rounds.
    pub median: f64,
    pub slowest_percent: f64,
    pub slowest_thousandth: f64,
    /// Seconds of processor time for each request, of the server and of the bare server.
    pub processor: f64,
    pub bare_processor: f64,
    /// What is aimed at, and whether it is met.
    pub aim: Option<String>,
}

impl Row {
    pub fn new(operation: &str, size: usize, server: &[Run], bare: &[Run]) -> Self {
        let mut latencies: Vec<u64> = server.iter().flat_map(|run| run.latencies.iter().copied()).collect();
        latencies.sort_unstable();
        let at = |part: f64| {
            let place = (latencies.len() as f64 * part) as usize;
            latencies.get(place.min(latencies.len().saturating_sub(1))).map_or(0.0, |nanos| *nanos as f64 / 1e9)
        };
        let (median, slowest_percent) = (at(0.5), at(0.99));
        Self {
            operation: operation.to_owned(),
            size,
            rate: rate(server),
            bare: rate(bare),
            median,
            slowest_percent,
            slowest_thousandth: at(0.999),
            processor: processor(server),
            bare_processor: processor(bare),
            aim: None,
        }
    }

    /// Of another program, which tells its rate.
    pub fn of_rate(operation: &str, size: usize, rate: f64) -> Self {
        Self { rate, ..Self::new(operation, size, &[], &[]) }
    }

    pub fn ratio(&self) -> Option<f64> {
        (self.bare > 0.0).then(|| self.rate / self.bare)
    }

    /// The row as a line of the table.
    pub fn line(&self) -> String {
        let size = thousands(self.size as f64);
        let (rate, bare) = (thousands(self.rate), thousands(self.bare));
        // `pgbench` tells nothing but its rate.
        let shown = |seconds: f64, unit: f64, digits: usize| match seconds {
            0.0 => String::new(),
            _ => format!("{:.digits$}", seconds * unit),
        };
        let (median, slowest) = (shown(self.median, 1e3, 2), shown(self.slowest_percent, 1e3, 2));
        let ratio = self.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let (used, bare_used) = (shown(self.processor, 1e6, 0), self.bare_processor * 1e6);
        let slower = shown(self.slowest_thousandth, 1e3, 2);
        let (bare, bare_used) = if self.bare > 0.0 { (bare, format!("{bare_used:.0}")) } else { Default::default() };
        let aim = self.aim.as_deref().unwrap_or_default();
        let line = format!(
            "{:<50}{size:>10}{rate:>10}{median:>9}{slowest:>9}{slower:>9}{used:>8}{bare:>11}{bare_used:>9}{ratio:>7}  {aim}",
            self.operation
        );
        line.trim_end().to_owned()
    }
}

/// The line above the rows.
pub fn heading() -> String {
    let [operation, size, rate, median, slowest, slower] =
        ["operation", "size", "req/s", "p50 ms", "p99 ms", "p99.9 ms"];
    let [used, bare, bare_used, ratio] = ["cpu µs", "bare/s", "cpu µs", "ratio"];
    format!(
        "{operation:<50}{size:>10}{rate:>10}{median:>9}{slowest:>9}{slower:>9}{used:>8}{bare:>11}{bare_used:>9}{ratio:>7}  aim"
    )
}

/// The median rate of several rounds.
fn rate(runs: &[Run]) -> f64 {
    let mut rates: Vec<f64> = runs.iter().map(Run::rate).collect();
    rates.sort_by(f64::total_cmp);
    let middle = rates.len() / 2;
    match rates.len() {
        0 => 0.0,
        n if n % 2 == 0 => f64::midpoint(rates[middle - 1], rates[middle]),
        _ => rates[middle],
    }
}

fn processor(runs: &[Run]) -> f64 {
    let requests: usize = runs.iter().map(|run| run.latencies.len()).sum();
    (runs.iter().map(|run| run.processor).sum::<f64>() / requests.max(1) as f64).abs()
}

pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure that is no rate: memory, a time.
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    /// What is aimed at, and whether it is met.
    pub aim: Option<String>,
}

impl Figure {
    pub fn line(&self) -> String {
        let Self { name, value, unit, aim } = self;
        let aim = aim.as_ref().map_or_else(String::new, |aim| format!("  (aim {aim})"));
        format!("{name}: {value:.2} {unit}{aim}")
    }
}

/// What was measured on one engine.
pub struct Table {
    pub engine: String,
    pub rows: Vec<Row>,
    pub figures: Vec<Figure>,
}

/// The engines beside each other: the rate and the median of each operation, as a table in Markdown.
pub fn side_by_side(tables: &[Table]) -> String {
    let mut text = String::from("| operation | size |");
    let mut rule = String::from("| --- | --: |");
    for table in tables {
        let _ = write!(text, " {0} req/s | {0} p50 ms |", table.engine);
        rule.push_str(" --: | --: |");
    }
    let _ = write!(text, "\n{rule}");
    for row in tables.first().map_or(&[][..], |table| &table.rows) {
        let _ = write!(text, "\n| {} | {} |", row.operation, thousands(row.size as f64));
        for table in tables {
            let same = |other: &&Row| other.operation == row.operation && other.size == row.size;
            let _ = match table.rows.iter().find(same) {
                Some(row) => write!(text, " {} | {:.2} |", thousands(row.rate), row.median * 1e3),
                None => write!(text, "  |  |"),
            };
        }
    }
    text
}

/// Everything, for programs.
pub fn json(machine: &str, tables: &[Table]) -> Value {
    let engines = tables
        .iter()
        .map(|table| json!({"engine": table.engine, "rows": rows(&table.rows), "figures": figures(&table.figures)}));
    json!({"machine": machine, "engines": engines.collect::<Value>()})
}

fn rows(rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| {
        json!({
            "operation": row.operation,
            "size": row.size,
            "requestsPerSecond": row.rate,
            "barePerSecond": row.bare,
            "ratio": row.ratio(),
            "processorSeconds": row.processor,
            "bareProcessorSeconds": row.bare_processor,
            "p50Seconds": row.median,
            "p99Seconds": row.slowest_percent,
            "p999Seconds": row.slowest_thousandth,
            "aim": row.aim,
        })
    });
    rows.collect()
}

fn figures(figures: &[Figure]) -> Value {
    figures
        .iter()
        .map(|figure| json!({"name": figure.name, "value": figure.value, "unit": figure.unit, "aim": figure.aim}))
        .collect()
}
