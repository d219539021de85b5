//! Every operation of the public listener: what it takes, and what it gives.

mod beside;
mod scim;

/// To which part of the API an operation belongs. Its errors look as they do there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Scim,
    OAuth,
    Access,
    Events,
    SecurityEvents,
    Server,
}

impl Part {
    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scim => "scim",
            Self::OAuth => "oauth",
            Self::Access => "access",
            Self::Events => "events",
            Self::SecurityEvents => "security-events",
            Self::Server => "server",
        }
    }
}

/// One path with one method.
#[derive(Debug, Clone, Copy)]
pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    /// Its name for programs.
    pub id: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    pub part: Part,
    /// The scope that a token has to have; `None` where no token is needed.
    pub scope: Option<&'static str>,
    /// Parameters that may be left out, by their names among the components.
    pub asks: &'static [&'static str],
    /// The schema of the body that it takes.
    pub takes: Option<&'static str>,
    /// What it answers when it is done: a status, and the schema of the body, or nothing.
    pub gives: &'static [(u16, &'static str)],
}

const fn operation(
    part: Part,
    method: &'static str,
    path: &'static str,
    id: &'static str,
    summary: &'static str,
) -> Operation {
    let scope = match part {
        Part::Scim if matches!(method.as_bytes(), b"GET") => Some("read"),
        Part::Scim => Some("write"),
        Part::Access => Some("read"),
        Part::Events | Part::SecurityEvents => Some("events"),
        Part::OAuth | Part::Server => None,
    };
    Operation { method, path, id, summary, part, scope, asks: &[], takes: None, gives: &[] }
}

impl Operation {
    const fn scoped(self, scope: Option<&'static str>) -> Self {
        Self { scope, ..self }
    }

    const fn asks(self, asks: &'static [&'static str]) -> Self {
        Self { asks, ..self }
    }

    const fn takes(self, schema: &'static str) -> Self {
        Self { takes: Some(schema), ..self }
    }

    const fn gives(self, gives: &'static [(u16, &'static str)]) -> Self {
        Self { gives, ..self }
    }
}

const fn of_scim(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Part::Scim, method, path, id, summary)
}

const fn oauth(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Part::OAuth, method, path, id, summary)
}

const fn events(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Part::Events, method, path, id, summary)
}

const fn signals(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    operation(Part::SecurityEvents, method, path, id, summary)
}

/// All of them.
pub const OPERATIONS: &[&[Operation]] = &[
    scim::USERS,
    scim::GROUPS,
    scim::OF_ALL_TYPES,
    beside::OAUTH,
    beside::EVENTS,
    beside::SECURITY_EVENTS,
    beside::OTHERS,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::route::route;

    /// What spans call a path is what its description calls it.
    #[test]
    fn each_path_is_its_own_template() {
        for operation in OPERATIONS.iter().copied().flatten() {
            let target = route(operation.path).unwrap().target.unwrap();
            let known = |name: &str| ["/Users", "/Groups"].contains(&name).then(|| name.to_owned());
            assert_eq!(target.template(known).as_deref(), Some(operation.path));
        }
    }
}
