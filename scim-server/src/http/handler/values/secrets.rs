//! Which names are those of secrets, and where a text has one: as the name of a member or parameter, as a part of a path,
//! or as an attribute of a filter. Names are compared whole, so that a short one hides nothing that only has it in it.

use scim_protocol::{
    filter::Filter,
    patch::Path,
    schema::{Attribute, Mutability, Returned, SchemaRegistry},
};

/// What the names of secrets have in them, in the form that [`plain`] gives, beside what the schemas say.
const WORDS: [&str; 9] =
    ["apikey", "credential", "passphrase", "passwd", "password", "privatekey", "pwd", "secret", "token"];
/// Names that parts of any attribute may have (RFC 7643 §2.4). They say nothing without the attribute.
const COMMON: [&str; 5] = ["$ref", "display", "primary", "type", "value"];
/// What a URN begins with, which may stand before an attribute (RFC 7644 §3.10).
const URN: &str = "urn:";

/// The names of what is never kept.
pub(super) struct Secrets {
    names: Vec<String>,
    /// The schemas that have secrets.
    schemas: Vec<String>,
}

impl Secrets {
    /// Those that are usual, and those that the schemas of a tenant show to nobody.
    pub(super) fn of(registry: &SchemaRegistry) -> Self {
        let (mut names, mut schemas) = (Vec::new(), Vec::new());
        for schema in registry.schemas() {
            let before = names.len();
            schema.attributes.iter().for_each(|it| add(it, &mut names));
            if names.len() > before {
                schemas.push(schema.id.clone());
            }
        }
        Self { names, schemas }
    }

    /// Whether this is the URN of a schema that has some: what stands there in place of its attributes may be one of them.
    pub(super) fn are_of(&self, urn: &str) -> bool {
        self.schemas.iter().any(|id| id.eq_ignore_ascii_case(urn))
    }

    /// Whether a text names one where a name, a path or a filter belongs. What is none of these may name one by any word.
    pub(super) fn are_named_by(&self, text: &str) -> bool {
        let has = |name: &str| {
            let name = plain(name);
            self.names.contains(&name) || WORDS.iter().any(|word| name.contains(word))
        };
        match names(text) {
            Some(names) => names.iter().any(|name| has(name)),
            None => words(text).any(has),
        }
    }

    /// Whether a text names one where a value belongs: it is itself a name, a path or a filter, or gives one something, as
    /// `pin=1` does.
    pub(super) fn are_meant_by(&self, text: &str) -> bool {
        let has = |name: &str| {
            let name = plain(name);
            self.names.contains(&name) || WORDS.iter().any(|word| name.ends_with(word))
        };
        match names(text) {
            Some(names) => names.iter().any(|name| has(name)),
            None => given(text).any(has),
        }
    }
}

/// Whether a text is the name of an attribute, with the names of parts and a URN or without, and nothing else.
pub(super) fn is_attribute(text: &str) -> bool {
    parts(text).is_some()
}

/// The names of attributes in a path or filter; `None` for what is neither.
fn names(text: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let is_understood = if let Ok(path) = Path::parse(text) {
        found.extend(path.sub_attribute);
        add_parts(path.attribute.as_str(), &mut found)
            && path.filter.is_none_or(|filter| add_compared(&filter, &mut found))
    } else {
        Filter::parse(text).is_ok_and(|filter| add_compared(&filter, &mut found))
    };
    is_understood.then_some(found)
}

/// Adds the names in a filter, unless one of them is none.
fn add_compared(filter: &Filter, found: &mut Vec<String>) -> bool {
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().all(|one| add_compared(one, found)),
        Filter::Not(inner) => add_compared(inner, found),
        Filter::Compare { path, .. } | Filter::Present(path) => add_parts(path.as_str(), found),
        Filter::ValuePath { path, filter } => add_parts(path.as_str(), found) && add_compared(filter, found),
    }
}

fn add_parts(path: &str, found: &mut Vec<String>) -> bool {
    parts(path).map(|parts| found.extend(parts.map(str::to_owned))).is_some()
}

/// The names that attribute notation is made of, behind its URN: `name`, `givenName`. `None` where there is more in it.
fn parts(path: &str) -> Option<impl Iterator<Item = &str>> {
    let has_urn = path.get(..URN.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(URN));
    let path = if has_urn { path.rsplit(':').next().unwrap_or_default() } else { path };
    (!path.is_empty() && path.chars().all(|c| is_of_names(c) || c == '.')).then(|| path.split('.'))
}

/// All that may be a name in a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_of_names(c)).filter(|word| !word.is_empty())
}

/// The words of a text that something is given to: in `a: 1`, `a=1`, `"a":1` and `<a>1`.
fn given(text: &str) -> impl Iterator<Item = &str> {
    let marks = ['=', ':', '>'];
    let before = text.split_inclusive(marks).filter_map(move |piece| piece.strip_suffix(marks));
    before.filter_map(|piece| words(piece).last())
}

fn is_of_names(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '$' | '-' | '_')
}

/// Adds the names of an attribute and its parts that no answer shows.
fn add(attribute: &Attribute, names: &mut Vec<String>) {
    let is_hidden = |it: &Attribute| it.returned == Returned::Never || it.mutability == Mutability::WriteOnly;
    if is_hidden(attribute) {
        names.push(plain(&attribute.name));
    }
    for part in attribute.sub_attributes.iter().filter(|part| is_hidden(attribute) || is_hidden(part)) {
        let is_common = COMMON.iter().any(|name| name.eq_ignore_ascii_case(&part.name));
        names.push(plain(if is_common { &attribute.name } else { &part.name }));
    }
}

/// A name without what people write differently: `private_key`, `privateKey`.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}
