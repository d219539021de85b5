//! Through a list to its end, and no further.
//!
//! A list ends when the target says so; a target that never does, or gives the same page again and again,
//! would keep a cycle for ever. And an id is that of one resource: where a target gives it to two people,
//! what is written for one of them would arrive at the other.

use std::{
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher as _},
};

use scim_protocol::value::fold;

use crate::{identity::Kind, plan::TargetResource};

/// So many pages in a row may bring nothing new. A page may be empty: a target looks at so many
/// candidates and no more for each (RFC 9865 §2).
const FRUITLESS: usize = 1_000;

/// So many resources a list may have.
const MOST: usize = 50_000_000;

/// The pages of one list.
#[derive(Debug, Default)]
pub struct Walk {
    /// The resource of each id, both as digests: a list may have a million.
    seen: HashMap<u64, u64>,
    cursors: HashSet<u64>,
    fruitless: usize,
}

impl Walk {
    /// Takes a page, and the cursor of the next. An error says why there must not be a next one.
    pub fn page(&mut self, kind: Kind, page: &[TargetResource], next: Option<&str>) -> Result<(), String> {
        let before = self.seen.len();
        for held in page {
            let who = digest(&identity(kind, held));
            if *self.seen.entry(digest(&held.resource)).or_insert(who) != who {
                return Err(format!(
                    "the id {:?} is given to several resources, {:?} among them",
                    held.resource.0,
                    identity(kind, held)
                ));
            }
        }
        let fresh = self.seen.len() > before;
        self.fruitless = if fresh { 0 } else { self.fruitless + 1 };
        let repeated = next.is_some_and(|cursor| !self.cursors.insert(digest(&cursor)));
        if repeated && !fresh {
            return Err("the list does not go on: nextCursor came again, and nobody new with it".to_owned());
        }
        if self.fruitless > FRUITLESS || self.seen.len() > MOST {
            return Err(format!("the list does not end: {} pages in a row brought nobody new", self.fruitless));
        }
        Ok(())
    }
}

/// Whose a resource is: a rename while a list is read makes nobody else of it.
pub fn identity(kind: Kind, held: &TargetResource) -> String {
    let name = || held.document.text(kind.naming_attribute()).map(|name| fold(&name));
    held.document.text("externalId").or_else(name).unwrap_or_default()
}

fn digest<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{document::Document, plan::ResourceId};

    fn held(id: &str, document: Value) -> TargetResource {
        let Value::Object(document) = document else { panic!("an object") };
        TargetResource { resource: ResourceId(id.into()), document: Document::new(&document), members: Vec::new() }
    }

    fn one(id: usize) -> TargetResource {
        held(&id.to_string(), json!({"userName": format!("u{id}")}))
    }

    /// How many of these pages, each with the cursor of the next, are taken before an error.
    #[track_caller]
    fn check(pages: impl IntoIterator<Item = (Vec<TargetResource>, String)>, expect: Result<usize, usize>) {
        let (mut walk, mut taken) = (Walk::default(), 0);
        for (page, cursor) in pages {
            if walk.page(Kind::User, &page, Some(&cursor)).is_err() {
                return assert_eq!(Err(taken), expect);
            }
            taken += 1;
        }
        assert_eq!(Ok(taken), expect);
    }

    #[test]
    fn a_list_ends() {
        let page = |id, cursor: &str| (vec![one(id)], cursor.to_owned());
        check([page(1, "a"), page(2, "b"), page(3, "c")], Ok(3));
        check([page(1, "a"), page(2, "a"), page(3, "a")], Ok(3));
        check([page(1, "a"), page(1, "a")], Err(1));
        check([page(1, "a"), page(2, "b"), page(1, "a")], Err(2));
        check([(Vec::new(), "a".to_owned()), (Vec::new(), "a".to_owned())], Err(1));
        check((0..).map(|n| (Vec::new(), n.to_string())), Err(FRUITLESS));
        check((0..).map(|n| (vec![one(1)], n.to_string())), Err(FRUITLESS + 1));
    }

    #[test]
    fn an_id_is_that_of_one() {
        let mut walk = Walk::default();
        let page = |id, document| [held(id, document)];
        walk.page(Kind::User, &page("1", json!({"userName": "a", "externalId": "x"})), None).unwrap();
        walk.page(Kind::User, &page("1", json!({"userName": "b", "externalId": "x"})), None).unwrap();
        walk.page(Kind::User, &page("2", json!({"userName": "C"})), None).unwrap();
        walk.page(Kind::User, &page("2", json!({"userName": "c"})), None).unwrap();
        let error = walk.page(Kind::User, &page("2", json!({"userName": "d"})), None).unwrap_err();
        assert!(error.contains("several"), "{error}");
    }
}
