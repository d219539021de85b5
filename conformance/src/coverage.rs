//! Every requirement of the RFCs that a server can keep or break, and which cases examine it.
//!
//! One line for each MUST and SHOULD (and what stands for one: SHALL, REQUIRED, RECOMMENDED), in our
//! own words and in the order of the RFC. A line names its cases, or says why the requirement cannot
//! be seen from outside. The reference page is made of these lines, and a test holds that they and
//! the table of cases fit: every case is in a line, every id in a line is a case.
//!
//! A new case goes into the list of the line that it examines. An id that ends in `*` stands for all
//! ids that begin so, which is for families of cases about one sentence, such as the operators of
//! filters. A line with an empty list is a requirement that nothing examines yet.

mod errata;
mod rfc6750;
mod rfc7643;
mod rfc7644;
mod rfc9865;

use std::fmt::Write;

use crate::{cases, verdict::Level};

/// A requirement of an RFC.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// `§3.5.2.1`
    pub section: &'static str,
    /// How strongly the RFC asks.
    pub level: Level,
    /// What it asks, in our words.
    pub words: &'static str,
    pub seen: Seen,
}

/// How a requirement is examined.
#[derive(Debug, Clone, Copy)]
pub enum Seen {
    By(&'static [&'static str]),
    /// Not at all, for this reason.
    Not(&'static str),
}

/// The lines of one RFC.
#[derive(Debug, Clone, Copy)]
pub struct Document {
    /// `RFC 7644`
    pub name: &'static str,
    pub title: &'static str,
    /// In its order; a long one in several parts.
    pub parts: &'static [&'static [Line]],
}

impl Document {
    pub fn lines(&self) -> impl Iterator<Item = &'static Line> + use<> {
        self.parts.iter().copied().flatten()
    }
}

pub const DOCUMENTS: [Document; 4] = [rfc7643::DOCUMENT, rfc7644::DOCUMENT, rfc6750::DOCUMENT, rfc9865::DOCUMENT];

const fn must(section: &'static str, words: &'static str, cases: &'static [&'static str]) -> Line {
    Line { section, level: Level::Must, words, seen: Seen::By(cases) }
}

const fn should(section: &'static str, words: &'static str, cases: &'static [&'static str]) -> Line {
    Line { section, level: Level::Should, words, seen: Seen::By(cases) }
}

const fn may(section: &'static str, words: &'static str, cases: &'static [&'static str]) -> Line {
    Line { section, level: Level::May, words, seen: Seen::By(cases) }
}

/// A MUST that no client can see kept or broken.
const fn hidden(section: &'static str, words: &'static str, why: &'static str) -> Line {
    Line { section, level: Level::Must, words, seen: Seen::Not(why) }
}

/// A SHOULD that no client can see kept or broken.
const fn hidden_should(section: &'static str, words: &'static str, why: &'static str) -> Line {
    Line { section, level: Level::Should, words, seen: Seen::Not(why) }
}

impl Line {
    /// The ids of its cases, with `*` resolved.
    pub fn cases(&self) -> Vec<&'static str> {
        let Seen::By(patterns) = self.seen else { return Vec::new() };
        let fits =
            |pattern: &str, id: &str| pattern.strip_suffix('*').map_or(pattern == id, |start| id.starts_with(start));
        let ids = cases::all().map(|(_, case)| case.id);
        ids.filter(|id| patterns.iter().any(|pattern| fits(pattern, id))).collect()
    }

    /// Whether nothing examines it yet, though something could.
    pub fn is_open(&self) -> bool {
        matches!(self.seen, Seen::By([]))
    }
}

/// The reference page, as Markdown.
pub fn page() -> String {
    let mut out = String::from(
        "# What is examined\n\n\
         <!-- Made by a test from conformance/src/coverage; run it with UPDATE_DOCS=1. -->\n\n\
         Each requirement of the RFCs that a server can keep or break, in our own words, with the\n\
         [cases](conformance-cases.md) that examine it. SHALL and REQUIRED are counted as MUST. What cannot\n\
         be seen from outside is listed with the reason, so that nobody takes silence for a pass. Demands on\n\
         clients, on authors of extensions and on registries are left out.\n",
    );
    let lines = || DOCUMENTS.iter().flat_map(Document::lines);
    let (all, open) = (lines().count(), lines().filter(|line| line.is_open()).count());
    let hidden = lines().filter(|line| matches!(line.seen, Seen::Not(_))).count();
    let _ = write!(
        out,
        "\n{all} requirements: {} examined by {} cases, {hidden} that cannot be seen, {open} not examined yet.\n",
        all - hidden - open,
        cases::all().count()
    );
    for document in DOCUMENTS {
        let _ = write!(
            out,
            "\n## {}: {}\n\n| section | level | requirement | cases |\n| --- | --- | --- | --- |\n",
            document.name, document.title
        );
        for line in document.lines() {
            let seen = match line.seen {
                Seen::Not(why) => format!("*cannot be seen:* {why}"),
                Seen::By([]) => "*not examined yet*".to_owned(),
                Seen::By(_) => line.cases().iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", "),
            };
            let words = line.words.replace('|', "\\|");
            let _ = writeln!(out, "| {} | {} | {words} | {seen} |", line.section, line.level);
        }
    }
    out.push_str(
        "\n## Errata\n\nThe verified errata of RFC 7643 and RFC 7644, and what examines the corrected sentences.\n\n\
         | number | section | what is corrected | cases |\n| --: | --- | --- | --- |\n",
    );
    for one in errata::ERRATA {
        let ids: Vec<_> = one.cases.iter().map(|id| format!("`{id}`")).collect();
        let link = format!("[{0}](https://www.rfc-editor.org/errata/eid{0})", one.number);
        let _ = writeln!(out, "| {link} | {} | {} | {} |", one.section, one.words, ids.join(", "));
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Lines that nothing examines yet. A case for one of them lowers the number.
    const OPEN: usize = 0;

    #[test]
    fn every_case_is_in_a_line_and_every_line_names_cases() {
        let lines: Vec<&Line> = DOCUMENTS.iter().flat_map(Document::lines).collect();
        let known: HashSet<&str> = cases::all().map(|(_, case)| case.id).collect();
        let covered: HashSet<&str> = lines.iter().flat_map(|line| line.cases()).collect();
        let mut problems: Vec<String> = Vec::new();
        for line in &lines {
            let Seen::By(patterns) = line.seen else { continue };
            for pattern in patterns {
                let start = pattern.strip_suffix('*');
                let fits = |id: &&str| start.map_or(*id == *pattern, |start| id.starts_with(start));
                if !known.iter().any(fits) {
                    problems.push(format!("{} names {pattern}, which is no case", line.section));
                }
            }
        }
        for id in errata::ERRATA.iter().flat_map(|one| one.cases).filter(|id| !known.contains(*id)) {
            problems.push(format!("an erratum names {id}, which is no case"));
        }
        let mut homeless: Vec<_> = known.difference(&covered).collect();
        homeless.sort_unstable();
        problems.extend(homeless.iter().map(|id| format!("{id} is in no line")));
        assert!(problems.is_empty(), "{problems:#?}");
        let open: Vec<_> = lines.iter().filter(|line| line.is_open()).map(|line| (line.section, line.words)).collect();
        assert_eq!(open.len(), OPEN, "lines without a case: {open:#?}");
    }

    #[test]
    fn lines_are_whole_sentences_in_order() {
        for document in DOCUMENTS {
            for line in document.lines() {
                assert!(line.section.starts_with('§'), "{}", line.section);
                assert!(line.words.ends_with('.'), "{}: {}", line.section, line.words);
            }
            let number = |line: &Line| {
                let digits = line.section.trim_start_matches('§').split('.').map(|one| one.parse::<u32>().unwrap());
                digits.collect::<Vec<_>>()
            };
            let order: Vec<_> = document.lines().map(number).collect();
            assert!(order.is_sorted(), "{} is not in the order of the RFC", document.name);
        }
    }
}
