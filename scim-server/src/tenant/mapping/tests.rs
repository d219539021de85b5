//! Rewrites on bodies, and which are refused.

use serde_json::json;

use super::*;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn rewrite(rule: &Value) -> Rewrite {
    let mut rule = rule.clone();
    rule["name"] = "it".into();
    serde_json::from_value(rule).unwrap()
}

#[track_caller]
fn check_one(rule: &Value, before: &Value, expect: &Value) {
    let rules = [rewrite(rule)];
    check(&rules, &SchemaRegistry::core()).unwrap();
    let Value::Object(mut document) = before.clone() else { panic!("an object") };
    let registry = SchemaRegistry::core();
    let [user, group] = ["User", "Group"].map(|name| registry.resource_type(name).unwrap());
    let applied = apply(&rules, user, &mut document);
    assert_eq!(&Value::Object(document.clone()), expect);
    assert_eq!(applied.is_empty(), before == expect);
    assert!(apply(&rules, user, &mut document).is_empty(), "once is enough");
    assert!(apply(&rules, group, &mut document).is_empty());
}

#[test]
fn bodies_are_rewritten() {
    let copy = json!({"rewrite": "copy", "attribute": "userName", "to": "displayName"});
    check_one(&copy, &json!({"USERNAME": "a"}), &json!({"USERNAME": "a", "displayName": "a"}));
    check_one(&copy, &json!({"displayName": "b"}), &json!({"displayName": "b"}));
    let department = format!("{ENTERPRISE}:department");
    let copy = json!({"rewrite": "copy", "attribute": "title", "to": department});
    check_one(&copy, &json!({"title": "t"}), &json!({"title": "t", ENTERPRISE: {"department": "t"}}));
    let lower = json!({"rewrite": "lower-case", "attribute": "emails.value"});
    check_one(
        &lower,
        &json!({"emails": [{"value": "A@x"}, {"type": "home"}]}),
        &json!({"emails": [{"value": "a@x"}, {"type": "home"}]}),
    );
    let lower = json!({"rewrite": "lower-case", "attribute": "name.familyName"});
    check_one(&lower, &json!({"name": {"familyName": "Ä"}}), &json!({"name": {"familyName": "ä"}}));
    let default = json!({"rewrite": "default", "attribute": "userType", "value": "employee"});
    check_one(&default, &json!({}), &json!({"userType": "employee"}));
    check_one(&default, &json!({"userType": "guest"}), &json!({"userType": "guest"}));
    let rename = json!({"rewrite": "rename", "attribute": "dept", "to": department});
    check_one(&rename, &json!({"dept": "x"}), &json!({ENTERPRISE: {"department": "x"}}));
    // Nothing is written over; what no schema has goes.
    let both = json!({"dept": "x", ENTERPRISE: {"department": "y"}});
    check_one(&rename, &both, &json!({ENTERPRISE: {"department": "y"}}));
    let rename = json!({"rewrite": "rename", "attribute": "title", "to": "nickName"});
    check_one(&rename, &json!({"title": "t"}), &json!({"nickName": "t"}));
    check_one(&rename, &json!({"title": "t", "nickName": "n"}), &json!({"title": "t", "nickName": "n"}));
    let primary = json!({"rewrite": "keep-primary", "attribute": "emails"});
    check_one(
        &primary,
        &json!({"emails": [{"value": "a"}, {"value": "b", "primary": true}]}),
        &json!({"emails": [{"value": "b", "primary": true}]}),
    );
    check_one(&primary, &json!({"emails": [{"value": "a"}]}), &json!({"emails": [{"value": "a"}]}));
}

#[test]
fn a_rename_reaches_the_paths_of_a_patch() {
    let rules = [rewrite(&json!({"rewrite": "rename", "attribute": "dept", "to": "title"}))];
    let schemas = json!(["urn:ietf:params:scim:api:messages:2.0:PatchOp"]);
    let mut body = json!({"schemas": schemas, "Operations": [{"op": "add", "path": "DEPT", "value": "x"}, {"op": "add", "path": "dept2", "value": "x"},
        {"op": "replace", "value": {"dept": "y"}}]});
    let user = SchemaRegistry::core();
    let user = user.resource_type("User").unwrap();
    assert_eq!(apply_to_patch(&rules, user, &mut body), [rules[0].name.as_str()]);
    assert!(apply_to_patch(&rules, user, &mut body.clone()).is_empty());
    assert_eq!(
        body,
        json!({"schemas": schemas, "Operations": [{"op": "add", "path": "title", "value": "x"}, {"op": "add", "path": "dept2", "value": "x"},
        {"op": "replace", "value": {"title": "y"}}]})
    );
}

#[test]
fn what_is_renamed_is_not_renamed_again() {
    let rename = |name: &str, attribute: &str, to: &str| Rewrite {
        name: name.to_owned(),
        ..rewrite(&json!({"rewrite": "rename", "attribute": attribute, "to": to}))
    };
    for rules in [
        vec![rename("a", "title", "nickName"), rename("b", "nickName", "title")],
        vec![rename("b", "nickName", "displayName"), rename("a", "title", "nickName")],
        vec![rename("a", "title", "title")],
    ] {
        let error = check(&rules, &SchemaRegistry::core()).unwrap_err();
        assert!(error.detail().contains("renames its \"to\" again"), "{}", error.detail());
    }
    assert!(check(&[rename("a", "x", "title"), rename("b", "y", "title")], &SchemaRegistry::core()).is_ok());
}

#[test]
fn what_cannot_be_done_is_refused() {
    for (rule, why) in [
        (json!({"rewrite": "copy", "attribute": "userName"}), "\"to\""),
        (json!({"rewrite": "default", "attribute": "title"}), "\"value\""),
        (json!({"rewrite": "copy", "attribute": "userName", "to": "emails.value"}), "several values"),
        (json!({"rewrite": "copy", "attribute": "shoe", "to": "title"}), "no attribute"),
        (json!({"rewrite": "copy", "attribute": "department", "to": "title"}), "write \"department\" as \"urn"),
        (json!({"rewrite": "lower-case", "attribute": "active"}), "not a text"),
        (json!({"rewrite": "keep-primary", "attribute": "title"}), "not a list"),
        (json!({"rewrite": "keep-primary", "attribute": "members", "resource_type": "Group"}), "not a list that has"),
        (json!({"rewrite": "copy", "attribute": "password", "to": "title"}), "never returned"),
        (json!({"rewrite": "copy", "attribute": "title", "to": "password"}), "never returned"),
        (json!({"rewrite": "rename", "attribute": "PASSWORD", "to": "title"}), "never returned"),
        (json!({"rewrite": "rename", "attribute": "pass", "to": "password"}), "never returned"),
        (json!({"rewrite": "lower-case", "attribute": "password"}), "never returned"),
        (json!({"rewrite": "default", "attribute": "password", "value": "x"}), "never returned"),
        (json!({"rewrite": "rename", "attribute": "userName", "to": "title"}), "required"),
        (json!({"rewrite": "rename", "attribute": "mail", "to": "emails.value"}), "stands in a list"),
        (json!({"rewrite": "rename", "attribute": "title", "to": "emails"}), "different types"),
        (json!({"rewrite": "rename", "attribute": "title", "to": "active"}), "different types"),
        (json!({"rewrite": "default", "attribute": "title", "value": ""}), "empty"),
        (json!({"rewrite": "copy", "attribute": "title", "to": "id"}), "the server's own"),
        (json!({"rewrite": "default", "attribute": "meta.version", "value": "x"}), "the server's own"),
        (json!({"rewrite": "rename", "attribute": "schemas", "to": "title"}), "the server's own"),
        (json!({"rewrite": "lower-case", "attribute": "title", "resource_type": "Car"}), "no resource type"),
    ] {
        let error = check(&[rewrite(&rule)], &SchemaRegistry::core()).unwrap_err();
        assert!(error.detail().contains(why), "{rule}: {}", error.detail());
    }
}
