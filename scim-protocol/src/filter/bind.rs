//! Looks up the names of a filter and gives each value its attribute's type.

use serde_json::Value;

use super::{BoundFilter, CompareOperator, Filter, Operand};
use crate::{
    Error, ErrorKind, Timestamp,
    path::{AttributePath, BoundPath, no_sub_attribute},
    schema::{Attribute, ResourceType, Returned, Strictness, Type},
    value::{fold, fold_part},
};

/// How to handle an attribute that the resource type does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unknown {
    /// The filter is refused: the client meant something else.
    Refused,
    /// It counts as unassigned, for a search over several types.
    Unassigned,
}

pub(super) fn bind(filter: &Filter, rt: &ResourceType, unknown: Unknown) -> Result<BoundFilter, Error> {
    bind_in(filter, Scope::Resource(rt, unknown))
}

/// Binds a filter that stands in brackets behind an attribute.
pub(crate) fn bind_element(filter: &Filter, of: &BoundPath, strictness: Strictness) -> Result<BoundFilter, Error> {
    require_elements(of)?;
    bind_in(filter, Scope::Element(of, strictness))
}

fn require_elements(of: &BoundPath) -> Result<(), Error> {
    let selectable = of.attribute.as_ref().filter(|attribute| attribute.is_complex() || attribute.multi_valued);
    if of.sub_attribute.is_some() || selectable.is_none() {
        return Err(Error::new(
            ErrorKind::InvalidFilter,
            format!("{of} has no elements to choose from; brackets can follow a complex or multi-valued attribute."),
        ));
    }
    Ok(())
}

/// Where the names of a filter are looked up.
#[derive(Clone, Copy)]
enum Scope<'a> {
    Element(&'a BoundPath, Strictness),
    Resource(&'a ResourceType, Unknown),
}

impl Scope<'_> {
    fn strictness(self) -> Strictness {
        match self {
            Self::Element(_, strictness) => strictness,
            Self::Resource(rt, _) => rt.strictness,
        }
    }

    /// `None`: the attribute is unknown, and counts as unassigned.
    fn find(self, path: &AttributePath) -> Result<Option<BoundPath>, Error> {
        let found = match self {
            Self::Element(of, _) => in_element(path, of).map(Some),
            Self::Resource(rt, Unknown::Unassigned) => Ok(path.find(rt)),
            Self::Resource(rt, Unknown::Refused) => path.bind(rt).map(Some),
        };
        let found = found.map_err(|error| at(path, &error))?;
        if let Some(found) = &found {
            let mut parts = found.attribute.iter().chain(&found.sub_attribute);
            if let Some(never) = parts.find(|part| part.returned == Returned::Never) {
                let name = &never.name;
                let why = format!("{name} is never returned, so it may not be filtered either.");
                return Err(at(path, &invalid(why)));
            }
        }
        Ok(found)
    }
}

/// A sub-attribute; of elements that have none, `value` is the element itself.
fn in_element(path: &AttributePath, of: &BoundPath) -> Result<BoundPath, Error> {
    let name = path.as_str();
    let attribute = of.attribute.as_ref();
    if let Some(sub_attribute) = attribute.and_then(|attribute| attribute.sub_attribute(name)) {
        return Ok(BoundPath { sub_attribute: Some(sub_attribute.clone()), ..of.clone() });
    }
    if attribute.is_some_and(|attribute| !attribute.is_complex()) && name.eq_ignore_ascii_case("value") {
        return Ok(of.clone());
    }
    Err(no_sub_attribute(name, of))
}

fn bind_in(filter: &Filter, scope: Scope<'_>) -> Result<BoundFilter, Error> {
    let bind_all = |all: &[Filter]| all.iter().map(|filter| bind_in(filter, scope)).collect::<Result<_, _>>();
    Ok(match filter {
        Filter::And(all) => BoundFilter::And(bind_all(all)?),
        Filter::Or(all) => BoundFilter::Or(bind_all(all)?),
        Filter::Not(inner) => BoundFilter::Not(Box::new(bind_in(inner, scope)?)),
        Filter::Present(path) => scope.find(path)?.map_or(NEVER, BoundFilter::Present),
        Filter::ValuePath { path, filter } => match scope.find(path)? {
            Some(of) => {
                require_elements(&of).map_err(|error| at(path, &error))?;
                let inner = bind_in(filter, Scope::Element(&of, scope.strictness()))?;
                BoundFilter::ValuePath { filter: Box::new(inner), path: of }
            }
            None => NEVER,
        },
        Filter::Compare { path, operator, value } => match scope.find(path)? {
            Some(found) => compare(found, *operator, value, scope.strictness()).map_err(|error| at(path, &error))?,
            None if (*operator == CompareOperator::Ne) != value.is_null() => ALWAYS,
            None => NEVER,
        },
    })
}

const ALWAYS: BoundFilter = BoundFilter::And(Vec::new());
const NEVER: BoundFilter = BoundFilter::Or(Vec::new());

fn compare(
    mut path: BoundPath,
    operator: CompareOperator,
    value: &Value,
    strictness: Strictness,
) -> Result<BoundFilter, Error> {
    if value.is_null() {
        return match operator {
            CompareOperator::Eq | CompareOperator::Ne => {
                Ok(BoundFilter::Compare { path, operator, operand: Operand::Null })
            }
            _ => Err(invalid(format!("{path} cannot be compared with null by {}; use eq or ne.", operator.name()))),
        };
    }
    if let (Some(attribute), None) = (&path.attribute, &path.sub_attribute)
        && attribute.is_complex()
    {
        path.sub_attribute = attribute.sub_attribute("value").cloned();
    }
    let Some(leaf) = path.leaf().filter(|leaf| !leaf.is_complex()) else {
        return Err(invalid(format!(
            "{path} is complex, so {} has nothing to compare; name a sub-attribute, or use pr.",
            operator.name()
        )));
    };
    let operand = operand(leaf, operator, value, strictness).ok_or_else(|| incomparable(leaf, value, &path))?;
    check_operator(leaf, operator, &path)?;
    Ok(BoundFilter::Compare { path, operator, operand })
}

/// RFC 7644 table 3: what has no order cannot be `gt`, and only text contains text.
fn check_operator(leaf: &Attribute, operator: CompareOperator, path: &BoundPath) -> Result<(), Error> {
    use CompareOperator::{Co, Eq, Ew, Ge, Gt, Le, Lt, Ne, Sw};
    let allowed = match operator {
        Eq | Ne => true,
        Co | Sw | Ew => leaf.kind.is_text(),
        Gt | Ge | Lt | Le => !matches!(leaf.kind, Type::Binary | Type::Boolean),
    };
    if allowed {
        return Ok(());
    }
    let kind = kind_name(leaf.kind);
    Err(invalid(format!("{path} is {kind}, which {} cannot compare; use eq or ne.", operator.name())))
}

/// What is compared, in the attribute's type; `None` when the value has another.
fn operand(leaf: &Attribute, operator: CompareOperator, value: &Value, strictness: Strictness) -> Option<Operand> {
    match (leaf.kind, value) {
        (Type::Boolean, Value::Bool(boolean)) => Some(Operand::Boolean(*boolean)),
        (Type::DateTime, Value::String(text)) => Timestamp::parse(text).map(Operand::DateTime),
        (Type::Decimal | Type::Integer, Value::Number(number)) => Some(Operand::Number(number.clone())),
        (kind, Value::String(text)) if kind.is_text() => Some(text_operand(leaf, operator, text)),
        _ if strictness == Strictness::Strict => None,
        // The dialect `values-in-quotes-in-filters`: Entra writes `primary eq "True"`.
        (Type::Boolean, Value::String(text)) => text.to_ascii_lowercase().parse().ok().map(Operand::Boolean),
        (Type::Decimal | Type::Integer, Value::String(text)) => text.parse().ok().map(Operand::Number),
        // An employee number that was written without quotes.
        (kind, Value::Number(number)) if kind.is_text() => Some(text_operand(leaf, operator, &number.to_string())),
        _ => None,
    }
}

fn incomparable(leaf: &Attribute, value: &Value, path: &BoundPath) -> Error {
    // In quotes, as all that a client sent; text has its own.
    let quote = if value.is_string() { "" } else { "\"" };
    let kind = kind_name(leaf.kind);
    invalid(format!("{path} is {kind}, so it cannot be compared with {quote}{value}{quote}."))
}

/// White space at the ends of a name does not count; at the open end of a part of one it does.
fn text_operand(leaf: &Attribute, operator: CompareOperator, text: &str) -> Operand {
    let case_exact = leaf.case_exact;
    let value = match operator {
        _ if case_exact => text.to_owned(),
        CompareOperator::Co => fold_part(text),
        CompareOperator::Sw => fold_part(text).trim_start_matches(' ').to_owned(),
        CompareOperator::Ew => fold_part(text).trim_end_matches(' ').to_owned(),
        _ => fold(text),
    };
    Operand::Text { value, case_exact }
}

fn kind_name(kind: Type) -> &'static str {
    match kind {
        Type::Binary => "binary (base64 text)",
        Type::Boolean => "a boolean (true or false)",
        Type::Complex => "complex",
        Type::DateTime => "a dateTime (such as \"2011-05-13T04:42:34Z\")",
        Type::Decimal => "a decimal number",
        Type::Integer => "an integer",
        Type::Reference => "a reference (text)",
        Type::String => "a string",
    }
}

/// What is wrong with a comparison, with the place of its attribute.
fn at(path: &AttributePath, error: &Error) -> Error {
    invalid(format!("The filter is wrong at character {}: {}", path.character(), error.detail()))
}

fn invalid(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidFilter, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::SchemaRegistry;

    #[track_caller]
    fn check_error(filter: &str, detail: &str) {
        let registry = SchemaRegistry::core();
        let filter = Filter::parse(filter).unwrap();
        let error = filter.bind(registry.resource_type("User").unwrap()).unwrap_err();
        let (place, found) = error.detail().split_once(": ").unwrap();
        assert_eq!((error.kind(), found), (ErrorKind::InvalidFilter, detail), "{filter}");
        assert!(place.starts_with("The filter is wrong at character "), "{filter}: {place}");
    }

    #[test]
    fn errors_say_what_to_change() {
        check_error(r#"usrName eq "x""#, "There is no attribute \"usrName\" in User; did you mean \"userName\"?");
        check_error(
            r#"shoeSize eq "x""#,
            "There is no attribute \"shoeSize\" in User; see /Schemas for the attributes that there are.",
        );
        check_error(
            r#"emails[tpye eq "work"]"#,
            "There is no sub-attribute \"tpye\" in emails; did you mean \"type\"?",
        );
        check_error(
            r#"emails[userName eq "work"]"#,
            "There is no sub-attribute \"userName\" in emails; it has value, display, type, primary.",
        );
        check_error(r#"password eq "x""#, "password is never returned, so it may not be filtered either.");
        check_error("password pr", "password is never returned, so it may not be filtered either.");
        check_error("active gt true", "active is a boolean (true or false), which gt cannot compare; use eq or ne.");
        check_error(
            r#"x509Certificates lt "MIID""#,
            "x509Certificates.value is binary (base64 text), which lt cannot compare; use eq or ne.",
        );
        check_error(
            r#"meta.created sw "2011-05-13T04:42:34Z""#,
            "meta.created is a dateTime (such as \"2011-05-13T04:42:34Z\"), which sw cannot compare; use eq or ne.",
        );
        check_error(
            r#"meta.created gt "yesterday""#,
            "meta.created is a dateTime (such as \"2011-05-13T04:42:34Z\"), so it cannot be compared with \"yesterday\".",
        );
        check_error(
            r#"active eq "yes""#,
            "active is a boolean (true or false), so it cannot be compared with \"yes\".",
        );
        check_error("userName eq true", "userName is a string, so it cannot be compared with \"true\".");
        check_error(
            "active eq 701984",
            "active is a boolean (true or false), so it cannot be compared with \"701984\".",
        );
        check_error("userName gt null", "userName cannot be compared with null by gt; use eq or ne.");
        check_error(
            r#"addresses eq "x""#,
            "addresses is complex, so eq has nothing to compare; name a sub-attribute, or use pr.",
        );
        check_error(
            r#"userName[value eq "x"]"#,
            "userName has no elements to choose from; brackets can follow a complex or multi-valued attribute.",
        );
    }

    #[test]
    fn errors_say_where() {
        let registry = SchemaRegistry::core();
        let rt = registry.resource_type("User").unwrap();
        for (filter, character) in [
            (r#"usrName eq "x""#, 1),
            (r#"userName eq "ö" and usrName pr"#, 21),
            ("not (active gt true)", 6),
            (r#"emails[type eq "work" and tpye pr]"#, 27),
            (r#"title pr or userName[value eq "x"]"#, 13),
        ] {
            let error = Filter::parse(filter).unwrap().bind(rt).unwrap_err();
            let place = format!("The filter is wrong at character {character}: ");
            assert!(error.detail().starts_with(&place), "{filter}: {}", error.detail());
        }
    }

    #[track_caller]
    fn check_operand(filter: &str, path: &str, expect: &Operand) {
        let registry = SchemaRegistry::core();
        let bound = Filter::parse(filter).unwrap().bind(registry.resource_type("User").unwrap()).unwrap();
        let BoundFilter::Compare { path: found, operand, .. } = bound else { panic!("{filter}: {bound:?}") };
        assert_eq!((found.to_string().as_str(), &operand), (path, expect), "{filter}");
    }

    #[test]
    fn values_have_the_type_of_their_attribute() {
        let text = |value: &str, case_exact| Operand::Text { value: value.to_owned(), case_exact };
        check_operand(r#"USERNAME eq "Bjensen""#, "userName", &text("bjensen", false));
        check_operand(r#"externalId eq "Bjensen""#, "externalId", &text("Bjensen", true));
        check_operand(r#"userName eq "Straße""#, "userName", &text("strasse", false));
        check_operand("externalId eq jyoung", "externalId", &text("jyoung", true));
        check_operand(
            "employeeNumber eq 701984",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
            &text("701984", false),
        );
        check_operand(
            r#"manager eq "A1""#,
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            &text("A1", true),
        );
        check_operand(r#"emails co "X""#, "emails.value", &text("x", false));
        check_operand("userName eq \" \u{200b}BJensen \"", "userName", &text("bjensen", false));
        check_operand(r#"userName sw " BJ ""#, "userName", &text("bj ", false));
        check_operand(r#"userName ew " BJ ""#, "userName", &text(" bj", false));
        check_operand(r#"userName co " BJ ""#, "userName", &text(" bj ", false));
        check_operand(r#"externalId eq " A ""#, "externalId", &text(" A ", true));
        check_operand(r#"active eq "True""#, "active", &Operand::Boolean(true));
        check_operand("active ne FALSE", "active", &Operand::Boolean(false));
        check_operand("emails eq null", "emails", &Operand::Null);
        check_operand(
            "meta.created gt 1970-01-01T00:00:01Z",
            "meta.created",
            &Operand::DateTime(Timestamp::from_millis(1000)),
        );
    }

    /// A search over all types does not fail because one of them lacks the attribute.
    #[test]
    fn unknown_attributes_may_count_as_unassigned() {
        #[track_caller]
        fn check(filter: &str, expect: bool) {
            let registry = SchemaRegistry::core();
            let bound = Filter::parse(filter).unwrap().bind_lenient(registry.resource_type("Group").unwrap()).unwrap();
            assert_eq!(bound.matches(&serde_json::Map::new()), expect, "{filter}");
        }
        check(r#"userName eq "x""#, false);
        check(r#"userName ne "x""#, true);
        check("userName eq null", true);
        check("userName ne null", false);
        check("userName pr", false);
        check(r#"not (userName eq "x")"#, true);
        check(r#"emails[type eq "work"]"#, false);
        check(r#"displayName eq "x" or userName pr"#, false);
    }
}
