//! A query: the parameters of a GET, or the body of a POST to `/.search`.

use serde_json::Value;

use super::{members_of, take};
use crate::{Error, filter::Filter, path::AttributePath};

/// The schema URI of the body of a POST to `/.search` (RFC 7644 §3.4.3).
pub const SEARCH_REQUEST_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// A query (RFC 7644 §3.4.2, RFC 9865 §2).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// Which resources are asked for; all of them without a filter.
    pub filter: Option<Filter>,
    /// The filter as it was written.
    pub filter_text: Option<String>,
    /// By which attribute they are sorted.
    pub sort_by: Option<AttributePath>,
    /// Whether the greatest comes first. Without `sort_by` it has no effect.
    pub descending: bool,
    /// Which part of the list is asked for.
    pub page: Page,
    /// The most resources on the page; the server's limit may be lower.
    pub count: Option<u32>,
    /// `attributes`: what alone is to be returned, in attribute notation.
    pub attributes: Vec<String>,
    /// `excludedAttributes`: what is to be left out, in attribute notation.
    pub excluded_attributes: Vec<String>,
}

/// Which page is asked for, and how.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Page {
    /// By `cursor` (RFC 9865 §2); `None` is the first page.
    Cursor(Option<String>),
    /// The first page, by the method that the server prefers.
    #[default]
    Default,
    /// By `startIndex` (RFC 7644 §3.4.2.4).
    Index {
        /// the first resource, counted from 1
        start: u64,
    },
}

impl Query {
    /// From the parameters of a URL, percent-decoded, in order. Names are taken in any case; unknown
    /// ones are ignored, for providers append flags of their own.
    ///
    /// Errors: `invalidFilter` for the filter, else `invalidValue` with the parameter's name.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, Error> {
        let mut parts = Parts::default();
        for (name, value) in pairs {
            let value = value.as_ref();
            match Parameter::parse(name.as_ref()) {
                Some(Parameter::Attributes) => parts.attributes.extend(names(value)),
                Some(Parameter::ExcludedAttributes) => parts.excluded_attributes.extend(names(value)),
                Some(Parameter::Count) => set(&mut parts.count, "count", integer(value, "count")?)?,
                Some(Parameter::StartIndex) => {
                    set(&mut parts.start_index, "startIndex", integer(value, "startIndex")?)?;
                }
                Some(Parameter::Cursor) => set(&mut parts.cursor, "cursor", value.to_owned())?,
                Some(Parameter::Filter) => set(&mut parts.filter, "filter", value.to_owned())?,
                Some(Parameter::SortBy) => set(&mut parts.sort_by, "sortBy", value.to_owned())?,
                Some(Parameter::SortOrder) => set(&mut parts.sort_order, "sortOrder", value.to_owned())?,
                None => {}
            }
        }
        parts.query()
    }

    /// From the body of a POST to `/.search` (RFC 7644 §3.4.3). Names are taken in any case, `null`
    /// counts as absent, lists of attributes may also be one text with commas.
    ///
    /// Errors: `invalidSyntax` for a value of the wrong type, else as [`Query::from_pairs`].
    pub fn from_search_request(body: Value) -> Result<Self, Error> {
        let mut body = members_of(body, SEARCH_REQUEST_SCHEMA)?;
        let mut text = |name| take(&mut body, name).map(|value| string(value, name)).transpose();
        let (filter, sort_by) = (text("filter")?, text("sortBy")?);
        let (sort_order, cursor) = (text("sortOrder")?, text("cursor")?);
        let mut number = |name| take(&mut body, name).map(|value| json_integer(&value, name)).transpose();
        let (count, start_index) = (number("count")?, number("startIndex")?);
        let mut list = |name| take(&mut body, name).map_or_else(|| Ok(Vec::new()), |value| name_list(value, name));
        let (attributes, excluded_attributes) = (list("attributes")?, list("excludedAttributes")?);
        Parts { attributes, count, cursor, excluded_attributes, filter, sort_by, sort_order, start_index }.query()
    }
}

enum Parameter {
    Attributes,
    Count,
    Cursor,
    ExcludedAttributes,
    Filter,
    SortBy,
    SortOrder,
    StartIndex,
}

impl Parameter {
    fn parse(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "attributes" => Self::Attributes,
            "count" => Self::Count,
            "cursor" => Self::Cursor,
            "excludedattributes" => Self::ExcludedAttributes,
            "filter" => Self::Filter,
            "sortby" => Self::SortBy,
            "sortorder" => Self::SortOrder,
            "startindex" => Self::StartIndex,
            _ => return None,
        })
    }
}

/// The parameters of both forms, before they are understood.
#[derive(Default)]
struct Parts {
    attributes: Vec<String>,
    count: Option<i64>,
    cursor: Option<String>,
    excluded_attributes: Vec<String>,
    filter: Option<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Option<i64>,
}

impl Parts {
    fn query(self) -> Result<Query, Error> {
        if !self.attributes.is_empty() && !self.excluded_attributes.is_empty() {
            return Err(Error::value("Give attributes or excludedAttributes, not both."));
        }
        let page = match (self.cursor, self.start_index) {
            (Some(_), Some(_)) => return Err(Error::value("Give cursor or startIndex, not both.")),
            (Some(cursor), None) => Page::Cursor(Some(cursor).filter(|cursor| !cursor.is_empty())),
            (None, Some(start)) => Page::Index { start: u64::try_from(start).unwrap_or(1).max(1) },
            (None, None) => Page::Default,
        };
        let descending = match self.sort_order.unwrap_or_default().to_ascii_lowercase().as_str() {
            "" | "ascending" => false,
            "descending" => true,
            _ => return Err(Error::value("sortOrder must be \"ascending\" or \"descending\".")),
        };
        let sort_by = self.sort_by.filter(|text| !text.is_empty());
        let sort_by = sort_by
            .map(|text| {
                AttributePath::parse(&text).map_err(|error| Error::value(format!("sortBy: {}", error.detail())))
            })
            .transpose()?;
        let filter = self.filter.as_deref().map(Filter::parse).transpose()?;
        Ok(Query {
            filter,
            filter_text: self.filter,
            sort_by,
            descending,
            page,
            count: self.count.map(|count| u32::try_from(count.max(0)).unwrap_or(u32::MAX)),
            attributes: self.attributes,
            excluded_attributes: self.excluded_attributes,
        })
    }
}

fn set<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), Error> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::value(format!("The parameter {name} is given twice; give it once."))),
    }
}

fn names(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned)
}

/// A whole number of any size; one that does not fit becomes the nearest that does.
fn integer(text: &str, name: &str) -> Result<i64, Error> {
    let digits = text.trim().trim_start_matches(['-', '+']);
    if digits.is_empty() || text.trim().len() - digits.len() > 1 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::value(format!("{name} must be a whole number.")));
    }
    let farthest = if text.trim().starts_with('-') { i64::MIN } else { i64::MAX };
    Ok(text.trim().parse().unwrap_or(farthest))
}

/// A number, or (the dialect `numbers-as-text-in-messages`) one in quotes.
fn json_integer(value: &Value, name: &str) -> Result<i64, Error> {
    if let Value::String(text) = value {
        return integer(text, name);
    }
    let whole = value.as_i64().or_else(|| value.is_u64().then_some(i64::MAX));
    whole.ok_or_else(|| Error::syntax(format!("{name} must be a whole number.")))
}

fn string(value: Value, name: &str) -> Result<String, Error> {
    if let Value::String(text) = value { Ok(text) } else { Err(Error::syntax(format!("{name} must be a string."))) }
}

fn name_list(value: Value, name: &str) -> Result<Vec<String>, Error> {
    let items = match value {
        Value::Array(items) => items,
        single => vec![single],
    };
    let mut all = Vec::new();
    for item in items {
        let Value::String(text) = item else {
            return Err(Error::syntax(format!("{name} must be a list of attribute names.")));
        };
        all.extend(names(&text));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ErrorKind;

    fn query(pairs: &[(&str, &str)]) -> Result<Query, Error> {
        Query::from_pairs(pairs.iter().copied())
    }

    #[track_caller]
    fn check(pairs: &[(&str, &str)], expect: &Query) {
        assert_eq!(&query(pairs).unwrap(), expect, "{pairs:?}");
    }

    #[track_caller]
    fn check_error(pairs: &[(&str, &str)], kind: ErrorKind, detail: &str) {
        let error = query(pairs).unwrap_err();
        assert_eq!((error.kind(), error.detail()), (kind, detail), "{pairs:?}");
    }

    fn paged(page: Page, count: Option<u32>) -> Query {
        Query { page, count, ..Query::default() }
    }

    #[test]
    fn pages() {
        check(&[], &Query::default());
        check(&[("startIndex", "1"), ("count", "10")], &paged(Page::Index { start: 1 }, Some(10)));
        check(&[("startIndex", "-5"), ("count", "-5")], &paged(Page::Index { start: 1 }, Some(0)));
        check(&[("startIndex", "0")], &paged(Page::Index { start: 1 }, None));
        check(&[("STARTINDEX", "7"), ("Count", "0")], &paged(Page::Index { start: 7 }, Some(0)));
        check(&[("count", "99999999999999999999")], &paged(Page::Default, Some(u32::MAX)));
        check(&[("cursor", "")], &paged(Page::Cursor(None), None));
        check(&[("cursor", "VZUTiy"), ("count", "10")], &paged(Page::Cursor(Some("VZUTiy".to_owned())), Some(10)));
    }

    #[test]
    fn what_is_unknown_is_ignored() {
        check(&[("aadOptscim062020", ""), ("", ""), ("filters", "x")], &Query::default());
    }

    #[test]
    fn filter_sorting_and_attributes() {
        check(
            &[
                ("filter", "title pr"),
                ("sortBy", "name.familyName"),
                ("sortOrder", "Descending"),
                ("attributes", "userName, emails.value,,name"),
            ],
            &Query {
                filter: Some(Filter::parse("title pr").unwrap()),
                filter_text: Some("title pr".to_owned()),
                sort_by: Some(AttributePath::parse("name.familyName").unwrap()),
                descending: true,
                attributes: ["userName", "emails.value", "name"].map(str::to_owned).to_vec(),
                ..Query::default()
            },
        );
        check(
            &[("excludedAttributes", "members"), ("attributes", "")],
            &Query { excluded_attributes: vec!["members".to_owned()], ..Query::default() },
        );
    }

    #[test]
    fn errors_name_the_parameter() {
        use ErrorKind::{InvalidFilter, InvalidValue};
        check_error(&[("count", "ten")], InvalidValue, "count must be a whole number.");
        check_error(&[("count", "")], InvalidValue, "count must be a whole number.");
        check_error(&[("count", "--1")], InvalidValue, "count must be a whole number.");
        check_error(&[("startIndex", "1.5")], InvalidValue, "startIndex must be a whole number.");
        check_error(&[("cursor", ""), ("startIndex", "1")], InvalidValue, "Give cursor or startIndex, not both.");
        check_error(&[("sortOrder", "up")], InvalidValue, "sortOrder must be \"ascending\" or \"descending\".");
        check_error(
            &[("sortBy", "1st")],
            InvalidValue,
            "sortBy: \"1st\" names no attribute: a name begins with a letter.",
        );
        check_error(
            &[("attributes", "a"), ("excludedAttributes", "b")],
            InvalidValue,
            "Give attributes or excludedAttributes, not both.",
        );
        check_error(
            &[("count", "1"), ("count", "2")],
            InvalidValue,
            "The parameter count is given twice; give it once.",
        );
        check_error(
            &[("filter", "")],
            InvalidFilter,
            "The filter is wrong at character 1: expected an attribute name, found the end.",
        );
    }

    #[test]
    fn search_requests() {
        // RFC 7644 §3.4.3, with the list also as one text and with names in other cases.
        let by_pairs = query(&[
            ("attributes", "displayName,userName"),
            ("filter", r#"displayName sw "smith""#),
            ("startIndex", "1"),
            ("count", "10"),
        ])
        .unwrap();
        for body in [
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
                "attributes": ["displayName", "userName"],
                "filter": "displayName sw \"smith\"",
                "startIndex": 1,
                "count": 10
            }),
            json!({
                "Attributes": "displayName,userName",
                "FILTER": "displayName sw \"smith\"",
                "startindex": 1,
                "Count": 10,
                "sortBy": null
            }),
            json!({
                "attributes": ["displayName, userName"],
                "filter": "displayName sw \"smith\"",
                "startIndex": "1",
                "count": " 10 "
            }),
        ] {
            assert_eq!(Query::from_search_request(body).unwrap(), by_pairs);
        }
        let first = Query::from_search_request(json!({"cursor": ""})).unwrap();
        assert_eq!(first.page, Page::Cursor(None));
    }

    #[track_caller]
    fn check_search_error(body: Value, detail: &str) {
        let error = Query::from_search_request(body).unwrap_err();
        assert_eq!((error.kind(), error.detail()), (ErrorKind::InvalidSyntax, detail));
    }

    #[test]
    fn search_requests_of_the_wrong_form() {
        check_search_error(json!([]), "The body must be a JSON object.");
        check_search_error(json!({"count": 1.5}), "count must be a whole number.");
        check_search_error(json!({"count": true}), "count must be a whole number.");
        check_search_error(json!({"filter": 1}), "filter must be a string.");
        check_search_error(json!({"attributes": [1]}), "attributes must be a list of attribute names.");
        check_search_error(
            json!({"schemas": ["urn:x"]}),
            "\"schemas\" must be [\"urn:ietf:params:scim:api:messages:2.0:SearchRequest\"].",
        );
    }
}
