//! Numbers over time: a drawing, and the same in words for whoever has no script or does not see it.

use askama::Template;
use scim_protocol::Timestamp;

use super::{Cell, number::measured};

/// Numbers over time.
#[derive(Debug, Clone, Template)]
#[template(path = "chart.html")]
pub struct Chart {
    pub title: String,
    /// What the numbers are: `calls a minute`.
    pub unit: String,
    /// When they were: seconds since 1970, the oldest first.
    pub at: Vec<i64>,
    pub lines: Vec<Line>,
    /// Whether they can be added up: calls can, durations cannot.
    pub adds_up: bool,
}

/// One number over time.
#[derive(Debug, Clone)]
pub struct Line {
    pub name: String,
    /// One for each moment; none where nothing was measured.
    pub values: Vec<Option<f64>>,
}

impl Chart {
    /// JSON: the moments, then the numbers of each line, as uPlot takes them.
    fn data(&self) -> String {
        let list = |texts: Vec<String>| format!("[{}]", texts.join(","));
        let at = list(self.at.iter().map(i64::to_string).collect());
        let number = |value: &Option<f64>| value.map_or_else(|| "null".to_owned(), |number| number.to_string());
        let lines = self.lines.iter().map(|line| list(line.values.iter().map(number).collect()));
        list(std::iter::once(at).chain(lines).collect())
    }

    /// The first and the last moment.
    fn span(&self) -> Option<(Cell, Cell)> {
        let instant = |at: &i64| Cell::Time(Timestamp::from_millis(at.saturating_mul(1000)).to_string());
        Some((instant(self.at.first()?), instant(self.at.last()?)))
    }

    /// What is said of each line.
    fn headings(&self) -> &'static [&'static str] {
        if self.adds_up { &["Last", "Least", "Most", "Total"] } else { &["Last", "Least", "Most"] }
    }

    /// The numbers of a line below these headings; a dash where nothing was measured.
    fn numbers(&self, line: &Line) -> Vec<String> {
        let known = || line.values.iter().flatten().copied();
        let mut numbers = vec![known().next_back(), known().reduce(f64::min), known().reduce(f64::max)];
        if self.adds_up {
            numbers.push(Some(known().fold(0.0, |sum, number| sum + number)));
        }
        numbers.into_iter().map(|number| number.map_or_else(|| "–".to_owned(), measured)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_says_its_numbers_in_words() {
        let line = |name: &str, values: &[Option<f64>]| Line { name: name.to_owned(), values: values.to_vec() };
        let lines =
            vec![line("done", &[Some(3.0), Some(1200.0), None, Some(0.5)]), line("failed", &[None, None, None, None])];
        let chart = Chart {
            title: "Calls".to_owned(),
            unit: "a minute".to_owned(),
            at: vec![0, 60, 120, 180],
            lines,
            adds_up: true,
        };
        assert_eq!(chart.numbers(&chart.lines[0]), ["0.50", "0.50", "1,200", "1,204"]);
        assert_eq!(chart.numbers(&chart.lines[1]), ["–", "–", "–", "0"]);
        assert_eq!(chart.data(), "[[0,60,120,180],[3,1200,null,0.5],[null,null,null,null]]");
        let html = chart.render().unwrap();
        for said in ["1970-01-01 00:03 UTC", "<th scope=\"row\">done</th><td>0.50</td>", "<th scope=\"col\">Total</th>"]
        {
            assert!(html.contains(said), "{said}: {html}");
        }
        assert_eq!(Chart { adds_up: false, ..chart.clone() }.numbers(&chart.lines[0]).len(), 3);
    }
}
