//! Where in a resource a value goes.
//!
//! Synced as SCIM paths are, with the tags of a multi-valued element in brackets: `userName`,
//! `name.givenName`, `emails[work,primary].value`, `urn:ietf:…:enterprise:2.0:User:department`. The
//! enterprise extension (RFC 7643 §4.3) may be called `enterprise`: `enterprise.department`. With the
//! tag `*` every value of the source becomes an element: `phoneNumbers[*,work].value`.

use std::fmt;

use serde_json::{Map, Value, json};

/// A place in a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    schema: Option<String>,
    attribute: String,
    element: Option<Element>,
    sub_attribute: Option<String>,
}

/// The enterprise extension (RFC 7643 §4.3).
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Which element of a multi-valued attribute.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Element {
    kind: Option<String>,
    primary: bool,
    every: bool,
}

impl Slot {
    /// Parses the path.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (schema, rest) = match text.rsplit_once(':') {
            Some((schema, rest)) if text.starts_with("urn:") => (Some(schema.to_owned()), rest),
            _ => match text.strip_prefix("enterprise.") {
                Some(rest) => (Some(ENTERPRISE.to_owned()), rest),
                None => (None, text),
            },
        };
        // A version such as 2.0 stands before the last colon; what follows has no dot but one.
        let (head, sub_attribute) = match rest.split_once('.') {
            Some((head, sub)) => (head, Some(sub.to_owned())),
            None => (rest, None),
        };
        let (attribute, element) = match head.strip_suffix(']').and_then(|head| head.split_once('[')) {
            Some((attribute, tags)) => (attribute, Some(element(tags))),
            None => (head, None),
        };
        let good =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "$-_".contains(c));
        if !good(attribute) || sub_attribute.as_deref().is_some_and(|name| !good(name)) {
            return Err(format!(
                "{text:?} is no place in a resource; write it as userName, name.givenName or emails[work,primary].value"
            ));
        }
        if element.is_some() && sub_attribute.is_none() {
            return Err(format!("{text:?} names an element and nothing in it; write {text}.value"));
        }
        Ok(Self { schema, attribute: attribute.to_owned(), element, sub_attribute })
    }

    /// Whether its value is the resource of another object: then the expression names that one, by
    /// DN or id.
    pub fn is_reference(&self) -> bool {
        let whole = matches!(self.sub_attribute.as_deref(), None | Some("value"));
        self.schema.as_deref() == Some(ENTERPRISE) && self.attribute == "manager" && whole
    }

    /// Whether it takes every value, and not only the first.
    pub fn takes_all(&self) -> bool {
        self.element.as_ref().is_some_and(|element| element.every)
    }

    /// The path of the whole attribute, as a modification names it (RFC 7644 §3.5.2).
    pub fn path(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}:{}", self.attribute),
            None => self.attribute.clone(),
        }
    }

    /// The attribute of the document that holds it: an extension is one, by its schema.
    pub fn top(&self) -> &str {
        self.schema.as_deref().unwrap_or(&self.attribute)
    }

    /// Names the attribute as one without a value.
    pub fn clear(&self, document: &mut Map<String, Value>) {
        let whole = Self { element: None, sub_attribute: None, ..self.clone() };
        whole.put(document, None);
    }

    /// Takes out what would change it at the target, since nobody can say what it is.
    pub fn leave_alone(&self, document: &mut Map<String, Value>) {
        // A list is compared as a whole, and would be one without this element.
        if self.element.is_some() {
            document.remove(self.top());
        }
    }

    /// Puts every value into the document.
    pub fn put_all(&self, document: &mut Map<String, Value>, values: Vec<String>) {
        if values.is_empty() {
            self.put(document, None);
        }
        for value in values {
            self.put(document, Some(value));
        }
    }

    /// Puts a value into the document. Without a value the attribute is named and `null`.
    pub fn put(&self, document: &mut Map<String, Value>, value: Option<String>) {
        let value = value.map_or(Value::Null, |value| self.typed(value));
        let document = match &self.schema {
            Some(schema) => match object(document, schema) {
                Some(inner) => inner,
                None => return,
            },
            None => document,
        };
        match (&self.element, &self.sub_attribute) {
            (None, None) => {
                document.insert(self.attribute.clone(), value);
            }
            (None, Some(sub)) => {
                if let Some(inner) = object(document, &self.attribute) {
                    inner.insert(sub.clone(), value);
                }
            }
            (Some(element), Some(sub)) => {
                let values = document.entry(self.attribute.clone()).or_insert(Value::Null);
                if !value.is_null() {
                    element.put(values, sub, value);
                }
            }
            (Some(_), None) => {}
        }
    }

    /// A value in the type of its attribute: of those that are mapped only `active` is no text. A
    /// word that is neither true nor false is no value.
    fn typed(&self, value: String) -> Value {
        if self.attribute != "active" || self.schema.is_some() {
            return Value::String(value);
        }
        match value.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => json!(true),
            "false" | "no" | "0" => json!(false),
            _ => Value::Null,
        }
    }
}

impl fmt::Display for Slot {
    /// As the configuration writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.schema.as_deref() {
            Some(ENTERPRISE) => f.write_str("enterprise.")?,
            Some(schema) => write!(f, "{schema}:")?,
            None => {}
        }
        f.write_str(&self.attribute)?;
        if let Some(Element { kind, primary, every }) = &self.element {
            let tags = [every.then_some("*"), kind.as_deref(), primary.then_some("primary")];
            write!(f, "[{}]", tags.into_iter().flatten().collect::<Vec<_>>().join(","))?;
        }
        self.sub_attribute.iter().try_for_each(|sub| write!(f, ".{sub}"))
    }
}

impl Element {
    fn put(&self, values: &mut Value, sub: &str, value: Value) {
        if !values.is_array() {
            *values = json!([]);
        }
        let Value::Array(values) = values else { return };
        let mine = values.iter_mut().find(|element| {
            !self.every && {
                element.get("type").and_then(Value::as_str) == self.kind.as_deref()
                    && (element.get("primary") == Some(&Value::Bool(true))) == self.primary
            }
        });
        if let Some(Value::Object(element)) = mine {
            element.insert(sub.to_owned(), value);
            return;
        }
        let mut element = Map::from_iter([(sub.to_owned(), value)]);
        if let Some(kind) = &self.kind {
            element.insert("type".to_owned(), json!(kind));
        }
        // Only one of several elements is primary (RFC 7643 §2.4).
        if self.primary && !values.iter().any(|other| other.get("primary") == Some(&json!(true))) {
            element.insert("primary".to_owned(), json!(true));
        }
        values.push(Value::Object(element));
    }
}

fn element(tags: &str) -> Element {
    tags.split(',').map(str::trim).fold(Element::default(), |element, tag| match tag {
        "*" => Element { every: true, ..element },
        "primary" => Element { primary: true, ..element },
        kind => Element { kind: Some(kind.to_owned()), ..element },
    })
}

fn object<'a>(document: &'a mut Map<String, Value>, name: &str) -> Option<&'a mut Map<String, Value>> {
    document.entry(name.to_owned()).or_insert_with(|| json!({})).as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(slots: &[(&str, Option<&str>)], expect: &Value) {
        let mut document = Map::new();
        for (slot, value) in slots {
            Slot::parse(slot).unwrap().put(&mut document, value.map(str::to_owned));
        }
        assert_eq!(Value::Object(document), *expect);
    }

    #[test]
    fn values_find_their_place() {
        check(&[("userName", Some("a"))], &json!({"userName": "a"}));
        check(
            &[("name.givenName", Some("A")), ("name.familyName", None)],
            &json!({"name": {"givenName": "A", "familyName": null}}),
        );
        check(&[("emails[primary].value", None)], &json!({"emails": null}));
        check(
            &[("emails[work,primary].value", Some("a@x")), ("emails[home].value", Some("b@x"))],
            &json!({"emails": [{"value": "a@x", "type": "work", "primary": true}, {"value": "b@x", "type": "home"}]}),
        );
        check(
            &[("emails[*,primary].value", Some("a@x")), ("emails[*,primary].value", Some("b@x"))],
            &json!({"emails": [{"value": "a@x", "primary": true}, {"value": "b@x"}]}),
        );
        check(&[("active", Some("TRUE"))], &json!({"active": true}));
        check(&[("enterprise.division", Some("x"))], &json!({ENTERPRISE: {"division": "x"}}));
        check(&[("urn:a:b:2.0:User:department", Some("x"))], &json!({"urn:a:b:2.0:User": {"department": "x"}}));
    }

    #[test]
    fn a_place_is_told_as_it_was_written() {
        for text in ["userName", "name.givenName", "emails[*,work,primary].value", "enterprise.manager", "urn:a:b:c.d"]
        {
            assert_eq!(Slot::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_manager_is_a_reference() {
        let is_reference = |text| Slot::parse(text).unwrap().is_reference();
        assert!(is_reference("enterprise.manager") && is_reference("enterprise.manager.value"));
        assert!(!is_reference("enterprise.manager.displayName") && !is_reference("manager"));
        assert_eq!(Slot::parse("enterprise.manager").unwrap().path(), format!("{ENTERPRISE}:manager"));
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["", "a b", "name.", "emails[work]", ".x", "a.b.c"] {
            assert!(Slot::parse(text).is_err(), "{text}");
        }
    }
}
