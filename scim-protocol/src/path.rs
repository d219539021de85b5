//! Attribute notation (RFC 7644 §3.10).
//!
//! A name is first text ([`AttributePath`]) and then, resolved against a resource type, a [`BoundPath`]. Binding, not parsing, splits a URN from an attribute name: only the schema knows
//! where `urn:…:2.0:User:name.givenName` ends being a URN.

use std::{fmt, sync::Arc};

use crate::{
    Error, ErrorKind,
    schema::{Attribute, Extension, ResourceType, Schema, Strictness, notation},
};

/// An attribute as a client wrote it: `name.givenName`, `urn:…:User:userName`, the URN of an extension. Its
/// characters are checked, but it is not resolved.
#[derive(Debug, Clone)]
pub struct AttributePath {
    text: String,
    /// Its position in a filter, in characters from 1. Equality ignores it.
    character: usize,
}

impl PartialEq for AttributePath {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for AttributePath {}

impl AttributePath {
    /// Checks the characters of attribute notation. `ErrorKind::InvalidPath` otherwise.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match notation::fault(text) {
            None => Ok(Self { text: text.to_owned(), character: 1 }),
            Some(fault) => Err(Error::new(ErrorKind::InvalidPath, fault)),
        }
    }

    /// The same, at that character of a longer text.
    pub(crate) fn at(self, character: usize) -> Self {
        Self { character, ..self }
    }

    /// Its position in a filter or a path, in characters from 1.
    pub(crate) fn character(&self) -> usize {
        self.character
    }

    /// The text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Finds the attribute in the schemas of a resource type.
    ///
    /// In this order: a whole extension by its URN; a name behind a URN (and `:`, or `.` as old
    /// Entra jobs write); a core or common attribute; an attribute that exactly one extension has,
    /// since providers write `manager` and `department` without the URN; read strictly, such a name is
    /// unknown (§3.10).
    ///
    /// For those to whom an unknown name is no error: it costs a fraction of what [`Self::bind`]
    /// spends on the words for one.
    pub fn find(&self, rt: &ResourceType) -> Option<BoundPath> {
        let text = self.as_str();
        if let Some(extension) = rt.extension(text) {
            let extension = Some(Arc::from(extension.schema.id.as_str()));
            return Some(BoundPath { extension, attribute: None, sub_attribute: None });
        }
        match behind_urn(text, rt) {
            Some((None, name)) => in_core(name, rt),
            Some((Some(extension), name)) => in_extension(name, &extension.schema),
            None if rt.strictness == Strictness::Strict => in_core(text, rt),
            None => in_core(text, rt).or_else(|| in_one_extension(text, rt)),
        }
    }

    /// As [`Self::find`], with `ErrorKind::InvalidPath` when there is no such attribute. The error
    /// compares the name with all that there are, to say which was meant: for a caller that reports
    /// it, and so stops at the first.
    pub fn bind(&self, rt: &ResourceType) -> Result<BoundPath, Error> {
        self.find(rt).ok_or_else(|| self.unknown(rt))
    }

    fn unknown(&self, rt: &ResourceType) -> Error {
        let name = behind_urn(self.as_str(), rt).map_or(self.as_str(), |(_, name)| name);
        let known = known_names(rt);
        let near = nearest(name, known.iter().map(|(_, name)| name.as_str()));
        let hint = match known.iter().find(|(_, name)| Some(name.as_str()) == near) {
            Some((urn, name)) => format!("did you mean \"{urn}{name}\"?"),
            None => "see /Schemas for the attributes that there are.".to_owned(),
        };
        Error::new(ErrorKind::InvalidPath, format!("There is no attribute \"{self}\" in {}; {hint}", rt.name))
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The extension (`None`: the core schema) whose URN begins the text, and what follows it.
fn behind_urn<'t, 'r>(text: &'t str, rt: &'r ResourceType) -> Option<(Option<&'r Extension>, &'t str)> {
    let core = (None, &rt.schema);
    let extensions = rt.extensions.iter().map(|extension| (Some(extension), &extension.schema));
    // The longest URN wins, for one may be the beginning of another.
    std::iter::once(core)
        .chain(extensions)
        .filter_map(|(extension, schema)| {
            let (urn, rest) = text.split_at_checked(schema.id.len())?;
            let name = rest.strip_prefix([':', '.'])?;
            urn.eq_ignore_ascii_case(&schema.id).then_some((extension, name, urn.len()))
        })
        .max_by_key(|&(_, _, length)| length)
        .map(|(extension, name, _)| (extension, name))
}

fn in_core(name: &str, rt: &ResourceType) -> Option<BoundPath> {
    bind_name(name, None, |attribute| rt.attribute(attribute))
}

fn in_extension(name: &str, schema: &Schema) -> Option<BoundPath> {
    bind_name(name, Some(&schema.id), |attribute| schema.attribute(attribute))
}

fn in_one_extension(name: &str, rt: &ResourceType) -> Option<BoundPath> {
    let mut found = rt.extensions.iter().filter_map(|extension| in_extension(name, &extension.schema));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn bind_name<'a>(
    name: &str,
    extension: Option<&str>,
    find: impl Fn(&str) -> Option<&'a Arc<Attribute>>,
) -> Option<BoundPath> {
    let (name, sub_name) = name.split_once('.').map_or((name, None), |(name, sub)| (name, Some(sub)));
    let attribute = find(name)?;
    let sub_attribute = match sub_name {
        Some(sub_name) => Some(Arc::clone(attribute.sub_attribute(sub_name)?)),
        None => None,
    };
    Some(BoundPath { extension: extension.map(Arc::from), attribute: Some(Arc::clone(attribute)), sub_attribute })
}

/// Every attribute and sub-attribute: the URN that its notation needs, and its name.
fn known_names(rt: &ResourceType) -> Vec<(String, String)> {
    let core = rt.schema.attributes.iter().chain(ResourceType::common_attributes());
    let core = core.map(|attribute| (String::new(), attribute));
    let extensions = rt.extensions.iter().flat_map(|Extension { schema, .. }| {
        schema.attributes.iter().map(move |attribute| (format!("{}:", schema.id), attribute))
    });
    core.chain(extensions)
        .flat_map(|(urn, attribute)| {
            let subs = attribute.sub_attributes.iter().map(|sub| format!("{}.{}", attribute.name, sub.name));
            let names: Vec<String> = std::iter::once(attribute.name.clone()).chain(subs).collect();
            names.into_iter().map(move |name| (urn.clone(), name))
        })
        .collect()
}

/// The known name that was probably meant, if one is similar enough to be a typing error. Only the beginning of a
/// long name is compared, so that its length costs nothing.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    #[cfg(test)]
    tests::SEARCHES.with(|searches| searches.set(searches.get() + 1));
    let name: String = name.chars().take(64).flat_map(char::to_lowercase).collect();
    let allowed = (name.len() / 3).min(3);
    known
        .map(|known| (strsim::damerau_levenshtein(&name, &known.to_lowercase()), known))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, known)| known)
}

/// An attribute that exists: its place in a document, and its definition.
#[derive(Debug, Clone, PartialEq)]
pub struct BoundPath {
    /// For an attribute of an extension, the extension's canonical URN (the key in the document).
    pub extension: Option<Arc<str>>,
    /// The attribute; `None` for a whole extension.
    pub attribute: Option<Arc<Attribute>>,
    /// The sub-attribute, where one is named.
    pub sub_attribute: Option<Arc<Attribute>>,
}

impl BoundPath {
    /// The innermost definition: the sub-attribute's, else the attribute's.
    pub fn leaf(&self) -> Option<&Arc<Attribute>> {
        self.sub_attribute.as_ref().or(self.attribute.as_ref())
    }

    /// Whether it is this core or common attribute (not of an extension), by canonical name.
    pub fn is_core(&self, name: &str) -> bool {
        self.extension.is_none() && self.attribute.as_ref().is_some_and(|a| a.name == name)
    }
}

/// The canonical notation: an extension's attribute is written with its URN.
impl fmt::Display for BoundPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.extension.is_some() && self.attribute.is_some() { ":" } else { "" };
        f.write_str(self.extension.as_deref().unwrap_or_default())?;
        f.write_str(separator)?;
        f.write_str(self.attribute.as_ref().map_or("", |attribute| &attribute.name))?;
        self.sub_attribute.as_ref().map_or(Ok(()), |sub| write!(f, ".{}", sub.name))
    }
}

pub(crate) fn no_sub_attribute(name: &str, path: &BoundPath) -> Error {
    let known = path.attribute.iter().flat_map(|attribute| &attribute.sub_attributes);
    let hint = match nearest(name, known.clone().map(|sub| sub.name.as_str())) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => match known.map(|sub| sub.name.as_str()).collect::<Vec<_>>() {
            none if none.is_empty() => "it has none.".to_owned(),
            all => format!("it has {}.", all.join(", ")),
        },
    };
    Error::new(ErrorKind::InvalidPath, format!("There is no sub-attribute \"{name}\" in {path}; {hint}"))
}

#[cfg(test)]
pub(crate) mod tests;
