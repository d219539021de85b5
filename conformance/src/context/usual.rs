//! What a server may give and demand by itself: values for what a client leaves out, and attributes that a resource
//! must not lack.

use serde_json::{Value, json};

use super::Context;
use crate::{
    discovery::{ENTERPRISE, named},
    verdict::Stop,
};

impl Context {
    /// Whether a user has the value that users have who are made without one: a server may assign a default (RFC 7644
    /// §3.3 and §3.5.1), and may make it of the userName.
    pub async fn is_usual(&self, name: &str, user: &Value) -> Result<bool, Stop> {
        let other = self.read(&self.user().create().await?).await?;
        let nameless = |user: &Value| {
            let own = user["userName"].as_str().unwrap_or_default();
            user[name].to_string().replace(own, "{userName}")
        };
        Ok(!other[name].is_null() && nameless(user) == nameless(&other))
    }

    /// Ends the case where a resource like this one lacks what the server's schema requires: then it is not to be had.
    /// Null and `[]` stand for what is lacking.
    pub fn may_lack(&self, resource_type: &str, expect: &Value) -> Result<(), Stop> {
        let members = expect.as_object().into_iter().flatten();
        for (name, value) in members.filter(|(name, _)| *name != ENTERPRISE) {
            let Some(attribute) = self.discovery().attribute(resource_type, self.text_name(name)) else { continue };
            if let Some(lacking) = lacking(attribute, value) {
                return Err(Stop::Skip(format!("The server's schema requires {lacking} of a {resource_type}.")));
            }
        }
        Ok(())
    }
}

/// The required attribute, or part of it, that a value is without.
fn lacking(attribute: &Value, value: &Value) -> Option<String> {
    let name = attribute["name"].as_str()?;
    let is_empty = value.is_null() || *value == json!([]);
    if is_empty {
        return (attribute["required"] == true).then(|| name.to_owned());
    }
    let elements = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    let mut parts = elements.iter().filter_map(Value::as_object).flatten().filter(|(_, part)| part.is_null());
    parts.find_map(|(part, _)| {
        let sub = named(&attribute["subAttributes"], part)?;
        (sub["required"] == true).then(|| format!("{name}.{part}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_is_not_lacking() {
        let attribute = json!({"name": "name", "required": true, "subAttributes": [
            {"name": "familyName", "required": true}, {"name": "givenName"}]});
        assert_eq!(lacking(&attribute, &json!(null)).as_deref(), Some("name"));
        assert_eq!(lacking(&attribute, &json!({"familyName": null})).as_deref(), Some("name.familyName"));
        assert_eq!(lacking(&attribute, &json!([{"familyName": "x", "givenName": null}])), None);
    }
}
