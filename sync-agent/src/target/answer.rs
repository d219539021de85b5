//! The body of an answer, read value by value.
//!
//! A list of groups has a million members, and a tree of objects with four names each would take ten
//! times what came over the wire. So of a member only its `value` is kept, as it comes by, and of anything
//! else no more values than a page can have: an answer of sixty-four megabytes that is nothing but
//! numbers and commas is refused, and not unfolded.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// So many values an answer may have, besides members: a thousand of each of a thousand resources.
const MOST: usize = 1_000_000;

/// Reads a body. `members` becomes an array of the texts of their `value`.
pub fn parse(bytes: &[u8]) -> serde_json::Result<Value> {
    let mut left = MOST;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Any(&mut left).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Any value, as long as some are left.
struct Any<'a>(&'a mut usize);

impl Any<'_> {
    fn spend<E: serde::de::Error>(&mut self, value: Value) -> Result<Value, E> {
        *self.0 = self.0.checked_sub(1).ok_or_else(|| E::custom(format_args!("it has more than {MOST} values")))?;
        Ok(value)
    }
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(mut self) -> Result<Value, E> {
        self.spend(Value::Null)
    }

    fn visit_bool<E: serde::de::Error>(mut self, value: bool) -> Result<Value, E> {
        self.spend(value.into())
    }

    fn visit_i64<E: serde::de::Error>(mut self, value: i64) -> Result<Value, E> {
        self.spend(value.into())
    }

    fn visit_u64<E: serde::de::Error>(mut self, value: u64) -> Result<Value, E> {
        self.spend(value.into())
    }

    fn visit_f64<E: serde::de::Error>(mut self, value: f64) -> Result<Value, E> {
        self.spend(value.into())
    }

    fn visit_str<E: serde::de::Error>(mut self, value: &str) -> Result<Value, E> {
        self.spend(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut values: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(value) = values.next_element_seed(Any(self.0))? {
            all.push(value);
        }
        self.spend(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut parts: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = parts.next_key::<String>()? {
            let value = if name.eq_ignore_ascii_case("members") {
                parts.next_value_seed(Members)?
            } else {
                parts.next_value_seed(Any(self.0))?
            };
            all.insert(name, value);
        }
        self.spend(Value::Object(all))
    }
}

/// The members of a group.
struct Members;

struct OneMember;

/// What is no object, or no list, says nothing of members.
macro_rules! nobody {
    () => {
        fn visit_unit<E>(self) -> Result<Value, E> {
            Ok(Value::Null)
        }

        fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
            Ok(Value::Null)
        }

        fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
            Ok(Value::Null)
        }

        fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
            Ok(Value::Null)
        }

        fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
            Ok(Value::Null)
        }

        fn visit_str<E>(self, _: &str) -> Result<Value, E> {
            Ok(Value::Null)
        }
    };
}

impl<'de> DeserializeSeed<'de> for Members {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("members")
    }

    nobody!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = members.next_element_seed(OneMember)? {
            if value.is_string() {
                values.push(value);
            }
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Value, A::Error> {
        while parts.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Null)
    }
}

impl<'de> DeserializeSeed<'de> for OneMember {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for OneMember {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member")
    }

    nobody!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        while values.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Null)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Value, A::Error> {
        let mut found = Value::Null;
        while let Some(name) = parts.next_key::<String>()? {
            if name.eq_ignore_ascii_case("value") {
                let mut one = 2;
                found =
                    parts.next_value_seed(Any(&mut one)).map_err(|_| A::Error::custom("a member's value is a text"))?;
            } else {
                parts.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_members_only_their_value_is_kept() {
        let body = json!({
            "totalResults": 1,
            "Resources": [{
                "id": "g", "displayName": "G", "active": true, "number": -1.5, "none": null,
                "Members": [{"value": "1", "$ref": "x", "type": "User", "deep": [[{}]]}, {"Value": "2"}, {"display": "no"}, 3, [4], {"value": 5}],
            }],
        });
        let parsed = parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(parsed["Resources"][0]["Members"], json!(["1", "2"]));
        assert_eq!(parsed["Resources"][0]["number"], json!(-1.5));
        for members in ["null", "1", "\"x\"", "{\"value\": \"1\"}", "true", "-1", "0.5"] {
            assert_eq!(parse(format!("{{\"members\": {members}}}").as_bytes()).unwrap()["members"], Value::Null);
        }
    }

    #[test]
    fn what_would_unfold_is_refused() {
        let many = format!("[{}0]", "0,".repeat(MOST));
        assert!(parse(many.as_bytes()).unwrap_err().to_string().contains("more than 1000000 values"));
        assert!(parse(format!("{{\"members\": [{}0]}}", "0,".repeat(MOST)).as_bytes()).is_ok(), "none is kept");
        let member = "{\"value\":\"1\",\"$ref\":\"x\"},".repeat(MOST / 2);
        let parsed = parse(format!("{{\"members\": [{member}{{}}]}}").as_bytes()).unwrap();
        assert_eq!(parsed["members"].as_array().map(Vec::len), Some(MOST / 2));
        assert!(parse("[".repeat(60_000).as_bytes()).is_err());
        assert!(parse(format!("{{\"members\": {}", "[".repeat(60_000)).as_bytes()).is_err());
        assert!(parse(b"{} {}").is_err());
    }
}
