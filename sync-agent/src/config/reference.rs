//! The reference page of the configuration, made of the file's own types: the comment of each field
//! of [`super::raw`] is its description, with what it is when it is left out.

use std::fmt::Write as _;

/// The files whose types make the configuration, each beginning with `Raw`.
const SOURCES: &[&str] = &[include_str!("raw.rs"), include_str!("safety.rs")];

/// A type that is written in the file: a struct with its keys, or an enum with its words.
#[derive(Debug)]
struct Described<'a> {
    name: &'a str,
    doc: String,
    parts: Vec<Part<'a>>,
}

#[derive(Debug)]
struct Part<'a> {
    name: &'a str,
    kind: &'a str,
    doc: String,
    optional: bool,
}

/// Reads the types out of the source. It knows as much of Rust as these files use.
fn types() -> Vec<Described<'static>> {
    let mut found: Vec<Described<'_>> = Vec::new();
    let (mut doc, mut optional, mut within, mut renamed) = (Vec::new(), false, false, None);
    // A default of the whole struct makes each of its keys optional.
    let mut all_optional = false;
    for line in SOURCES.iter().flat_map(|source| source.lines()) {
        let text = line.trim();
        if let Some(words) = text.strip_prefix("/// ") {
            doc.push(words);
        } else if text.starts_with("#[serde(") {
            optional |= text.contains("default");
            renamed = text.split_once("rename = \"").and_then(|(_, rest)| rest.split_once('"')).map(|(name, _)| name);
        } else if text.starts_with("pub struct Raw") || text.starts_with("pub enum Raw") {
            let name = text.split_whitespace().nth(2).unwrap_or_default();
            found.push(Described { name, doc: doc.join(" "), parts: Vec::new() });
            (doc, within, renamed) = (Vec::new(), true, None);
            all_optional = std::mem::take(&mut optional);
        } else if within && line == "}" {
            (within, optional) = (false, false);
        } else if within && !text.is_empty() && !text.starts_with(['#', '/']) {
            let field = text.trim_start_matches("pub ").trim_end_matches(',');
            let (name, kind) = field.split_once(": ").unwrap_or((field, ""));
            let part = Part {
                name: renamed.take().unwrap_or(name),
                kind,
                doc: std::mem::take(&mut doc).join(" "),
                optional: all_optional || optional || kind.starts_with("Option<"),
            };
            if let Some(last) = found.last_mut() {
                last.parts.push(part);
            }
            optional = false;
        } else if !within && !text.starts_with('#') {
            (doc, optional) = (Vec::new(), false);
        }
    }
    found
}

/// The page as Markdown.
pub fn page() -> String {
    let types = types();
    let mut text = String::from(
        "# The configuration of sync-agent\n\n\
         <!-- Made of the types that read the file; a test compares it. -->\n\n\
         One TOML file. A key that is not here is refused, with its line and the nearest key that is. Paths\n\
         are relative to the folder of the file. Passwords and tokens are never in it: it names the file or\n\
         the environment variable that holds them.\n",
    );
    for described in types.iter().filter(|described| described.name != "RawExpression") {
        // Writing to a `String` cannot fail.
        let title = described.doc.trim_end_matches('.').replace('`', "");
        let words = described.parts.iter().all(|part| part.kind.is_empty());
        let _ = write!(text, "\n## {title}\n\n");
        text.push_str(if words {
            "| value | what it means |\n| --- | --- |\n"
        } else {
            "| key | form | needed | what it is |\n| --- | --- | --- | --- |\n"
        });
        for part in &described.parts {
            let needed = if part.optional { "" } else { "yes" };
            let _ = if words {
                writeln!(text, "| `{}` | {} |", word(part.name), part.doc)
            } else {
                writeln!(text, "| `{}` | {} | {needed} | {} |", part.name, form(part.kind, &types), part.doc)
            };
        }
    }
    text
}

/// A variant as it is written in the file: `IdentityCenter` is `identity-center`.
fn word(name: &str) -> String {
    let name = name.split('(').next().unwrap_or_default();
    let mut out = String::new();
    for (n, c) in name.chars().enumerate() {
        if c.is_uppercase() && n > 0 {
            out.push('-');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// What a type is to somebody who writes the file.
fn form(kind: &str, types: &[Described<'_>]) -> String {
    let within = |outer: &str| kind.strip_prefix(outer).and_then(|kind| kind.strip_suffix('>'));
    let inner = within("Option<").or_else(|| within("OneOrMore<")).unwrap_or(kind);
    match inner.rsplit("::").next().unwrap_or(inner) {
        "Referrals" => "`report`, `follow` or `refuse`".to_owned(),
        "SocketAddr" => "address:port".to_owned(),
        "String" => "text".to_owned(),
        "PathBuf" => "path".to_owned(),
        "bool" => "true or false".to_owned(),
        "Vec<String>" | "Option<Vec<String>>" => "list of texts".to_owned(),
        kind if kind.starts_with("BTreeMap<String, RawExpression") => "table of expressions".to_owned(),
        kind if kind.starts_with("NonZero") => "number from 1".to_owned(),
        kind if ["u32", "u64", "usize"].contains(&kind) => "number".to_owned(),
        "f64" => "number from 0 to 100".to_owned(),
        kind => match types.iter().find(|described| described.name == kind) {
            Some(described) => {
                let title = described.doc.trim_end_matches('.');
                format!("see {}", title.split([':', ',']).next().unwrap_or_default())
            }
            None => kind.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_up_to_date() {
        crate::reference::check("sync-configuration.md", &page());
    }

    #[test]
    fn every_field_is_described() {
        for described in types() {
            for part in &described.parts {
                assert!(!part.doc.is_empty(), "{} {} has no comment", described.name, part.name);
            }
        }
    }
}
