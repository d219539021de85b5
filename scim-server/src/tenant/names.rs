//! The names that the settings of a tenant give: of rewrites, of who writes, of attributes.

use scim_protocol::Error;
use serde_json::Value;

use super::Settings;
use crate::naming;

impl Settings {
    /// Says which of the names in them is none, or too long, unless it is in `before`: one that was given before there was a
    /// limit stays.
    pub fn check_names(&self, before: &Self) -> Result<(), Error> {
        let known = before.names();
        let mut new = self.names().into_iter().filter(|name| !known.contains(name));
        new.try_for_each(|(what, name)| naming::check_text(what, name)).map_err(Error::value)
    }

    /// The names in them that are checked when they are given, and what each is.
    fn names(&self) -> Vec<(&'static str, &str)> {
        let rewrites = self.mapping.iter().map(|rewrite| ("a rewrite's name", rewrite.name.as_str()));
        let writers = self.mapping.iter().map(|rewrite| &rewrite.writer);
        let writers = writers.chain(self.source.iter().map(|source| &source.writer)).flatten();
        let writers = writers.map(|writer| ("a writer's name", writer.as_str()));
        let attributes =
            self.schemas.iter().flat_map(attributes).filter_map(|attribute| attribute.get("name")?.as_str());
        rewrites.chain(writers).chain(attributes.map(|name| ("an attribute's name", name))).collect()
    }
}

/// The attributes that the definition of a schema has, and those within them.
fn attributes(definition: &Value) -> impl Iterator<Item = &Value> {
    let all = list(definition, "/schema/attributes");
    all.iter().flat_map(|attribute| std::iter::once(attribute).chain(list(attribute, "/subAttributes")))
}

fn list<'v>(of: &'v Value, at: &str) -> &'v [Value] {
    of.pointer(at).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use scim_protocol::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::{
        store::TenantId,
        tenant::{Tenant, TenantRecord},
    };

    /// A name that is new has an end; one that was given before there was one is read, and stays.
    #[test]
    fn a_new_name_is_short_and_an_older_one_stays() {
        let long = "x".repeat(3000);
        let settings = |rewrite: &str, writer: &str, attribute: &str, sub: &str| {
            let rewrite =
                json!({"name": rewrite, "rewrite": "lower-case", "attribute": "emails.value", "writer": writer});
            let within = json!([{"name": sub, "type": "string"}]);
            let attributes = json!([{"name": attribute, "type": "complex", "subAttributes": within}]);
            let schema = json!({"id": "urn:example:Badge", "name": "Badge", "attributes": attributes});
            let schemas = json!([{"schema": schema, "extends": "User"}]);
            let source = json!({"kind": "scim", "writer": writer});
            let given = json!({"mapping": [rewrite], "source": source, "schemas": schemas});
            Settings::read(given.as_object().unwrap().clone()).unwrap()
        };
        let (short, nothing) = (settings("mail", "okta", "badge", "number"), Settings::default());
        assert!(short.check_names(&nothing).is_ok());
        for (wrong, what) in [
            (settings(&long, "okta", "badge", "number"), "a rewrite's name"),
            (settings("mail", &long, "badge", "number"), "a writer's name"),
            (settings("mail", "okta", &long, "number"), "an attribute's name"),
            (settings("mail", "okta", "badge", &long), "an attribute's name"),
        ] {
            for before in [&nothing, &short] {
                let refused = wrong.check_names(before).unwrap_err();
                assert!(
                    refused.detail().contains(what) && refused.detail().contains("1 to 128"),
                    "{}",
                    refused.detail()
                );
            }
            assert!(wrong.check_names(&wrong).is_ok() && short.check_names(&wrong).is_ok());
            let record = TenantRecord::new(TenantId::random([1; 16]), "t", wrong, Timestamp::default());
            assert!(Tenant::build(&record).is_ok(), "a tenant that has it is served");
        }
    }
}
