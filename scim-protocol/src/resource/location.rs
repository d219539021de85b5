//! The place of a value in a document, for error details: `emails[1].primary`.
//!
//! A chain of borrowed steps on the stack, so that the place costs nothing unless there is an error.

use std::fmt;

/// A place in a document. Prints in attribute notation, with an index where there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Location<'a> {
    parent: Option<&'a Location<'a>>,
    step: Step<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Extension(&'a str),
    Index(usize),
    Name(&'a str),
}

impl<'a> Location<'a> {
    /// At an attribute of the core schema.
    pub(crate) fn core(name: &'a str) -> Self {
        Self { parent: None, step: Step::Name(name) }
    }

    /// At the object of an extension.
    pub(crate) fn extension(urn: &'a str) -> Self {
        Self { parent: None, step: Step::Extension(urn) }
    }

    /// An attribute of an extension, or a sub-attribute.
    pub(crate) fn name(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), step: Step::Name(name) }
    }

    /// An element of a list, counted from 0.
    pub(crate) fn index(&'a self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Extension(urn) => f.write_str(urn),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Name(name) => match self.parent.map(|parent| parent.step) {
                None => f.write_str(name),
                Some(Step::Extension(_)) => write!(f, ":{name}"),
                Some(_) => write!(f, ".{name}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_attribute_notation() {
        let emails = Location::core("emails");
        let second = emails.index(1);
        assert_eq!(second.name("primary").to_string(), "emails[1].primary");
        let extension = Location::extension("urn:x:2.0:User");
        let manager = extension.name("manager");
        assert_eq!(manager.name("value").to_string(), "urn:x:2.0:User:manager.value");
    }
}
