//! Parses JSON and counts its values.
//!
//! Two bytes of a body (`0,`) become a value of thirty bytes in memory, or of a hundred in an object. So the number
//! of values in a body, and of operations in a bulk request, is limited while they are parsed. A name that an object has
//! twice is refused there, too (RFC 8259 §4): of two values nobody knows which is meant.

use std::{
    cell::Cell,
    collections::HashSet,
    fmt,
    hash::{BuildHasher as _, Hasher as _},
};

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What a text may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Most {
    /// Values of any kind, those in lists and objects and these themselves.
    pub values: usize,
    /// Elements of the list `Operations` of the message; `None` where the message is none of that kind.
    pub operations: Option<usize>,
    /// Which names of one object are the same.
    pub names: Names,
}

/// How names of one object are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// As they are written.
    Exactly,
    /// As names of attributes: without case (RFC 7643 §2.1).
    WithoutCase,
}

/// Why a text was not read.
#[derive(Debug)]
pub enum Unread {
    /// The text is not JSON; the cause says where.
    Json(serde_json::Error),
    /// It has more values than it may have.
    Values(usize),
    /// It has more operations than it may have.
    Operations(usize),
    /// One of its objects has this name twice.
    Repeated(String),
}

impl std::error::Error for Unread {}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => error.fmt(f),
            Self::Values(most) => write!(f, "more than {most} values"),
            Self::Operations(most) => write!(f, "more than {most} operations"),
            Self::Repeated(name) => write!(f, "the name {name:?} stands in one object twice"),
        }
    }
}

/// Parses a JSON text, and stops where a limit is exceeded or an object has a name twice.
pub fn read_json(text: &[u8], most: Most) -> Result<Value, Unread> {
    let (left, too_many_operations, repeated) = (Cell::new(most.values), Cell::new(false), Cell::new(None));
    let count = Count { most, left, too_many_operations, repeated };
    let mut parser = serde_json::Deserializer::from_slice(text);
    let whole = Node { count: &count, place: Place::Message };
    let read = whole.deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    read.map_err(|error| match (most.operations, count.repeated.take()) {
        (_, Some(name)) => Unread::Repeated(name),
        (Some(operations), _) if count.too_many_operations.get() => Unread::Operations(operations),
        _ if count.left.get() == 0 && error.is_data() => Unread::Values(most.values),
        _ => Unread::Json(error),
    })
}

struct Count {
    most: Most,
    left: Cell<usize>,
    too_many_operations: Cell<bool>,
    repeated: Cell<Option<String>>,
}

/// Which part of the message a value stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Message,
    Operations,
    Within,
}

/// A value that is to be read.
#[derive(Clone, Copy)]
struct Node<'c> {
    count: &'c Count,
    place: Place,
}

impl Node<'_> {
    fn below(self, place: Place) -> Self {
        Self { place, ..self }
    }
}

// The recursion is bounded: the parser refuses what nests deeper than 127 levels.
impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.count.left.get().checked_sub(1) {
            Some(left) => self.count.left.set(left),
            None => return Err(D::Error::custom("too many values")),
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let most = self.count.most.operations.filter(|_| self.place == Place::Operations);
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(self.below(Place::Within))? {
            if most.is_some_and(|most| list.len() >= most) {
                self.count.too_many_operations.set(true);
                return Err(A::Error::custom("too many operations"));
            }
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        // Without a capacity the first member takes room for three of them, and half a kilobyte: lists of
        // objects of one member, as those of a group's members, are what large bodies consist of.
        let (mut object, mut hashes) = (Map::with_capacity(1), HashSet::new());
        while let Some(name) = members.next_key::<String>()? {
            let is_there = match self.count.most.names {
                Names::Exactly => object.contains_key(&name),
                Names::WithoutCase => has(&object, &mut hashes, &name),
            };
            if is_there {
                self.count.repeated.set(Some(name));
                return Err(A::Error::custom("a name twice"));
            }
            let operations = self.place == Place::Message && name.eq_ignore_ascii_case("Operations");
            let place = if operations { Place::Operations } else { Place::Within };
            object.insert(name, members.next_value_seed(self.below(place))?);
        }
        Ok(Value::Object(object))
    }
}

/// With how many names of an object the next one is compared singly: below that it is faster.
const FEW: usize = 16;

/// Whether an object has a name, in any case. `hashes` are those of the names of one that has many.
fn has(object: &Map<String, Value>, hashes: &mut HashSet<u64>, name: &str) -> bool {
    let is_there = || object.keys().any(|known| known.eq_ignore_ascii_case(name));
    if object.len() < FEW {
        return is_there();
    }
    let state = hashes.hasher().clone();
    let hash = |name: &str| {
        let mut hasher = state.build_hasher();
        name.bytes().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
        hasher.finish()
    };
    if hashes.is_empty() {
        hashes.extend(object.keys().map(|known| hash(known)));
    }
    !hashes.insert(hash(name)) && is_there()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Most = Most { values: 1000, operations: None, names: Names::WithoutCase };

    #[track_caller]
    fn check(text: &str, most: Most, expect: &str) {
        let found = match read_json(text.as_bytes(), most) {
            Ok(value) => value.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn what_is_read_is_what_serde_json_reads() {
        for text in [
            r#"{"a":[1,-2,3.5,1e3,18446744073709551615,true,false,null,"xä\n"],"b":{},"a2":[]}"#,
            "7",
            "[]",
            "\"text\"",
        ] {
            let expect: Value = serde_json::from_str(text).unwrap();
            assert_eq!(read_json(text.as_bytes(), ANY).unwrap(), expect, "{text}");
        }
        for text in ["", "{", "[1,]", "{\"a\":1} x", "1e999", "{\"a\":}", &"[".repeat(200)] {
            let expect = serde_json::from_str::<Value>(text).unwrap_err().to_string();
            check(text, ANY, &expect);
        }
    }

    #[test]
    fn values_are_counted_wherever_they_are() {
        let most = |values| Most { values, ..ANY };
        check("[0,0,0]", most(4), "[0,0,0]");
        check("[0,0,0]", most(3), "more than 3 values");
        check(r#"{"a":{"b":[{}]}}"#, most(4), r#"{"a":{"b":[{}]}}"#);
        check(r#"{"a":{"b":[{}]}}"#, most(3), "more than 3 values");
        check("[0,0,x", most(100), "expected value at line 1 column 6");
    }

    #[test]
    fn operations_are_counted_in_the_message_alone() {
        let most = |operations| Most { operations: Some(operations), ..ANY };
        check(r#"{"operations":[0,0]}"#, most(2), r#"{"operations":[0,0]}"#);
        check(r#"{"Operations":[0,0,0]}"#, most(2), "more than 2 operations");
        check(r#"{"data":{"Operations":[0,0,0]}}"#, most(2), r#"{"data":{"Operations":[0,0,0]}}"#);
        check(r#"{"Operations":[[0,0,0]]}"#, most(2), r#"{"Operations":[[0,0,0]]}"#);
    }

    #[test]
    fn a_name_stands_once_in_an_object() {
        let exactly = Most { names: Names::Exactly, ..ANY };
        let twice = |name: &str| format!("the name {name:?} stands in one object twice");
        for (text, exact, any_case) in [
            (r#"{"a":1,"b":{"a":2}}"#, None, None),
            (r#"[{"a":1},{"a":2}]"#, None, None),
            (r#"{"a":1,"b":2,"a":3}"#, Some("a"), Some("a")),
            (r#"{"b":[{"c":1,"\u0063":2}]}"#, Some("c"), Some("c")),
            (r#"{"a":1,"A":2}"#, None, Some("A")),
        ] {
            check(text, exactly, &exact.map_or_else(|| text.to_owned(), twice));
            check(text, ANY, &any_case.map_or_else(|| text.to_owned(), twice));
        }
        // Of one with many names, too.
        let many = |more: &str| {
            let names: Vec<_> = (0..100).map(|number| format!("\"n{number}\":0")).collect();
            format!("{{{},\"{more}\":1}}", names.join(","))
        };
        for name in ["N3", "N99", "n50"] {
            check(&many(name), ANY, &twice(name));
        }
        check(&many("n100"), ANY, &many("n100"));
    }

    #[test]
    fn nothing_behind_the_bound_is_read() {
        // What follows is not even JSON, and nobody notices.
        check(r#"{"Operations":[0,0,0,!"#, Most { operations: Some(2), ..ANY }, "more than 2 operations");
        check("[0,0,0,!", Most { values: 3, ..ANY }, "more than 3 values");
    }
}
