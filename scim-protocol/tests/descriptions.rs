//! The core schemas describe themselves in the RFC's words, which administrators recognise and tools
//! compare: RFC 7643 §8.7 without its line breaks, which `rfc7643_descriptions.json` repeats.

#![allow(clippy::unwrap_used, reason = "a test says that something is wrong by panicking")]

use std::{collections::BTreeMap, sync::Arc};

use scim_protocol::schema::{Attribute, SchemaRegistry};

type Descriptions = BTreeMap<String, String>;

fn collect(attributes: &[Arc<Attribute>], before: &str, into: &mut Descriptions) {
    for attribute in attributes {
        let path = format!("{before}{}", attribute.name);
        collect(&attribute.sub_attributes, &format!("{path}."), into);
        into.insert(path, attribute.description.clone());
    }
}

/// What the RFC leaves open is said behind its words, because clients have to know it.
const ADDED: &[(&str, &str)] = &[("active", " A user without it is active.")];

#[test]
fn each_description_that_the_rfc_gives_is_the_rfcs() {
    let rfc: BTreeMap<String, Descriptions> = serde_json::from_str(include_str!("rfc7643_descriptions.json")).unwrap();
    let registry = SchemaRegistry::core();
    let mut compared = 0;
    for schema in registry.schemas() {
        let mut ours = Descriptions::from([(String::new(), schema.description.clone())]);
        collect(&schema.attributes, "", &mut ours);
        for (path, description) in &rfc[&schema.id] {
            // The RFC's example of Schema writes the sub-attributes of sub-attributes only once.
            if let Some(found) = ours.get(path) {
                let added = ADDED.iter().find(|(known, _)| known == path).map_or("", |(_, added)| added);
                assert_eq!(*found, format!("{description}{added}"), "{}: {path}", schema.id);
                compared += 1;
            }
        }
    }
    assert!(compared >= 140, "{compared}");
}
