//! What is aimed at: the limit that a figure is held against, and whether it is met.

use super::{
    report::{Figure, Row},
    stage::Engine,
};

/// What the names of rows about pages of the console begin with.
pub const CONSOLE: &str = "console ";

/// A limit.
enum Aim {
    /// At least this part of the bare server's rate.
    OfBare(f64),
    /// At least so many requests a second.
    Rate(f64),
    /// At least this part of the rate of another operation on as many users.
    Of(f64, &'static str),
    /// At most so many milliseconds at the median above a durable write.
    AboveFlush(f64),
    /// At most so many milliseconds, of 99 in 100.
    Within(f64),
}

/// What a row is held against: in words, with whether it is met. `rows` are those before it, `flush` is what a
/// durable write takes, in seconds.
pub fn of_row(engine: &Engine, row: &Row, rows: &[Row], flush: f64) -> Option<String> {
    let (words, met) = match aim(engine, row)? {
        Aim::OfBare(part) => (format!("≥ {part:.2} of bare"), row.ratio()? >= part),
        Aim::Rate(rate) => (format!("≥ {rate:.0}/s"), row.rate >= rate),
        Aim::Of(part, name) => {
            let other = rows.iter().find(|other| other.operation == name && other.size == row.size)?;
            (format!("≥ {part:.2} of \"{name}\" ({:.2})", row.rate / other.rate), row.rate >= part * other.rate)
        }
        Aim::Within(millis) => (format!("p99 ≤ {millis:.0} ms"), row.slowest_percent <= millis / 1e3),
        Aim::AboveFlush(millis) => (format!("≤ {millis:.1} ms above the flush"), row.median <= flush + millis / 1e3),
    };
    Some(verdict(&words, met))
}

fn aim(engine: &Engine, row: &Row) -> Option<Aim> {
    let flat = match row.operation.as_str() {
        "list of 100, last page by cursor" | "list of 100, last page by startIndex" => {
            Aim::Of(0.8, "list of 100, first page")
        }
        "list of 100 by userName, last page by startIndex" => Aim::Of(0.8, "list of 100 by userName, first page"),
        "GET by id, OAuth token" => Aim::Of(0.95, "GET by id"),
        "PATCH user, 3 webhooks and the feed" => Aim::Of(0.9, "PATCH user, nobody reads events"),
        "token by a secret" => Aim::Rate(2_000.0),
        "token by an ES256 assertion" => Aim::Rate(1_000.0),
        page if page.starts_with(CONSOLE) => Aim::Within(200.0),
        // At most 1.3 times as long.
        "walk by startIndex, pages of 1,000" => Aim::Of(1.0 / 1.3, "walk by cursor, pages of 1,000"),
        operation if *engine == Engine::Sled => match operation {
            "GET by id" => Aim::OfBare(if row.size > 1_000 { 0.6 } else { 0.75 }),
            "userName eq" => Aim::OfBare(if row.size > 1_000 { 0.5 } else { 0.6 }),
            "list of 100, first page" | "POST user" | "PATCH user" => Aim::Rate(15_000.0),
            "add a member, one connection" => Aim::AboveFlush(0.3),
            _ => return None,
        },
        // What the database itself does of the same statements.
        "GET by id" => Aim::Of(0.8, "pgbench: GET by id"),
        "userName eq" => Aim::Of(0.8, "pgbench: userName eq"),
        "POST user" => Aim::Of(0.6, "pgbench: POST user"),
        _ => return None,
    };
    Some(flat)
}

/// The same for a figure, of a run with so many users in its largest tenant.
pub fn of_figure(engine: &Engine, figure: &Figure, users: usize) -> Option<String> {
    let least = match figure.name.as_str() {
        "events read from the feed" => Some(20_000.0),
        "events sent to one webhook" => Some(2_000.0),
        _ => None,
    };
    if let Some(least) = least {
        return Some(verdict(&format!("≥ {least:.0}{}", figure.unit), figure.value >= least));
    }
    let most = match (figure.name.as_str(), engine) {
        ("events, from commit to receipt, p50", _) => 20.0,
        (name, _) if name.starts_with("memory, more with a backlog of") => 16.0,
        ("longest wait under mixed load", _) => 100.0,
        ("a change of a member, more with 50 rules, p50", _) => 0.2,
        // For each 100,000 of them.
        ("roles of all users after a change of rules", _) => 30.0 * (users as f64 / 1e5).max(1.0),
        ("undo of 10,000 deactivations", _) => 10.0,
        ("memory with these users", Engine::Sled) if users <= 20_000 => 100.0,
        ("memory with these users" | "memory after writes" | "memory after mixed load", Engine::Sled) => 2048.0,
        ("start to first answer, after kill -9", Engine::Sled) => 5.0,
        _ => return None,
    };
    Some(verdict(&format!("≤ {most} {}", figure.unit), figure.value <= most))
}

fn verdict(words: &str, met: bool) -> String {
    format!("{words}: {}", if met { "met" } else { "missed" })
}
