//! The schemas against the RFC's own listing.

use serde_json::Value;

use super::*;
use crate::schema::{Mutability, Returned, Uniqueness};

/// The word that stands for an enum's value in JSON.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

/// An attribute in one line: path, type, then only what differs from the defaults of RFC 7643 §2.2.
fn lines(prefix: &str, attribute: &Attribute) -> Vec<String> {
    let path = format!("{prefix}{}", attribute.name);
    let mut line = format!("{path} {}", word(&attribute.kind));
    let mut add = |wanted: bool, text: String| {
        if wanted {
            line.push(' ');
            line.push_str(&text);
        }
    };
    add(attribute.multi_valued, "multiValued".to_owned());
    add(attribute.required, "required".to_owned());
    add(attribute.case_exact, "caseExact".to_owned());
    add(attribute.mutability != Mutability::ReadWrite, word(&attribute.mutability));
    add(attribute.returned != Returned::Default, format!("returned={}", word(&attribute.returned)));
    add(attribute.uniqueness != Uniqueness::None, format!("uniqueness={}", word(&attribute.uniqueness)));
    add(!attribute.canonical_values.is_empty(), attribute.canonical_values.join("|"));
    add(!attribute.reference_types.is_empty(), format!("->{}", attribute.reference_types.join("|")));
    let subs = attribute.sub_attributes.iter().flat_map(|sub| lines(&format!("{path}."), sub));
    std::iter::once(line).chain(subs).collect()
}

#[track_caller]
fn check(urn: &str, expect: &[&str]) {
    let schema = schemas().iter().find(|schema| schema.id == urn).unwrap();
    let found: Vec<String> = schema.attributes.iter().flat_map(|attribute| lines("", attribute)).collect();
    assert_eq!(found, expect);
}

// RFC 7643 §8.7.1 and §8.7.2 with errata 5368, 5606, 6004, 6011, 8415, 8435, 8471 and 8472, with
// `pagination` of RFC 9865 §4 and `securityEvents` of RFC 9967 §4, and with what §2.3 says of references and binaries (caseExact), §4.1.2
// of `addresses` (primary) and §5 of ServiceProviderConfig (etag, authenticationSchemes.type).

#[test]
#[allow(clippy::too_many_lines, reason = "the listing of the RFC, row by row")]
fn user() {
    check(
        super::USER,
        &[
            "userName string required uniqueness=server",
            "name complex",
            "name.formatted string",
            "name.familyName string",
            "name.givenName string",
            "name.middleName string",
            "name.honorificPrefix string",
            "name.honorificSuffix string",
            "displayName string",
            "nickName string",
            "profileUrl reference caseExact ->external",
            "title string",
            "userType string",
            "preferredLanguage string",
            "locale string",
            "timezone string",
            "active boolean",
            "password string writeOnly returned=never",
            "emails complex multiValued",
            "emails.value string",
            "emails.display string",
            "emails.type string work|home|other",
            "emails.primary boolean",
            "phoneNumbers complex multiValued",
            "phoneNumbers.value string",
            "phoneNumbers.display string",
            "phoneNumbers.type string work|home|mobile|fax|pager|other",
            "phoneNumbers.primary boolean",
            "ims complex multiValued",
            "ims.value string",
            "ims.display string",
            "ims.type string aim|gtalk|icq|xmpp|msn|skype|qq|yahoo",
            "ims.primary boolean",
            "photos complex multiValued",
            "photos.value reference caseExact ->external",
            "photos.display string",
            "photos.type string photo|thumbnail",
            "photos.primary boolean",
            "addresses complex multiValued",
            "addresses.formatted string",
            "addresses.streetAddress string",
            "addresses.locality string",
            "addresses.region string",
            "addresses.postalCode string",
            "addresses.country string",
            "addresses.type string work|home|other",
            "addresses.primary boolean",
            "groups complex multiValued readOnly",
            "groups.value string readOnly",
            "groups.$ref reference caseExact readOnly ->Group",
            "groups.display string readOnly",
            "groups.type string readOnly direct|indirect",
            "entitlements complex multiValued",
            "entitlements.value string",
            "entitlements.display string",
            "entitlements.type string",
            "entitlements.primary boolean",
            "roles complex multiValued",
            "roles.value string",
            "roles.display string",
            "roles.type string",
            "roles.primary boolean",
            "x509Certificates complex multiValued",
            "x509Certificates.value binary caseExact",
            "x509Certificates.display string",
            "x509Certificates.type string",
            "x509Certificates.primary boolean",
        ],
    );
}

#[test]
fn enterprise_user() {
    check(
        super::ENTERPRISE_USER,
        &[
            "employeeNumber string",
            "costCenter string",
            "organization string",
            "division string",
            "department string",
            "manager complex",
            "manager.value string caseExact",
            "manager.$ref reference caseExact ->User",
            "manager.displayName string readOnly",
        ],
    );
}

#[test]
fn group() {
    check(
        super::GROUP,
        &[
            "displayName string required",
            "members complex multiValued",
            "members.value string immutable",
            "members.$ref reference caseExact immutable ->User|Group",
            "members.display string readOnly",
            "members.type string immutable User|Group",
        ],
    );
}

#[test]
fn service_provider_config() {
    check(
        super::SERVICE_PROVIDER_CONFIG,
        &[
            "documentationUri reference caseExact readOnly ->external",
            "patch complex required readOnly",
            "patch.supported boolean required readOnly",
            "bulk complex required readOnly",
            "bulk.supported boolean required readOnly",
            "bulk.maxOperations integer required readOnly",
            "bulk.maxPayloadSize integer required readOnly",
            "filter complex required readOnly",
            "filter.supported boolean required readOnly",
            "filter.maxResults integer required readOnly",
            "changePassword complex required readOnly",
            "changePassword.supported boolean required readOnly",
            "sort complex required readOnly",
            "sort.supported boolean required readOnly",
            "etag complex required readOnly",
            "etag.supported boolean required readOnly",
            "authenticationSchemes complex multiValued required readOnly",
            "authenticationSchemes.type string required readOnly oauth|oauth2|oauthbearertoken|httpbasic|httpdigest",
            "authenticationSchemes.name string required readOnly",
            "authenticationSchemes.description string required readOnly",
            "authenticationSchemes.specUri reference caseExact readOnly ->external",
            "authenticationSchemes.documentationUri reference caseExact readOnly ->external",
            "authenticationSchemes.primary boolean readOnly",
            "pagination complex readOnly",
            "pagination.cursor boolean required readOnly",
            "pagination.index boolean required readOnly",
            "pagination.defaultPaginationMethod string readOnly cursor|index",
            "pagination.defaultPageSize integer readOnly",
            "pagination.maxPageSize integer readOnly",
            "pagination.cursorTimeout integer readOnly",
            "securityEvents complex readOnly",
            "securityEvents.asyncRequest string readOnly none|long|request",
            "securityEvents.eventUris string multiValued caseExact readOnly",
        ],
    );
}

#[test]
fn resource_type() {
    check(
        super::RESOURCE_TYPE,
        &[
            "id string readOnly",
            "name string required readOnly",
            "description string readOnly",
            "endpoint reference required caseExact readOnly ->uri",
            "schema reference required caseExact readOnly ->uri",
            "schemaExtensions complex multiValued readOnly",
            "schemaExtensions.schema reference required caseExact readOnly ->uri",
            "schemaExtensions.required boolean required readOnly",
        ],
    );
}

#[test]
fn schema() {
    check(
        super::SCHEMA,
        &[
            "id string required readOnly",
            "name string required readOnly",
            "description string readOnly",
            "attributes complex multiValued required readOnly",
            "attributes.name string required caseExact readOnly",
            "attributes.type string required readOnly string|boolean|decimal|integer|dateTime|binary|reference|complex",
            "attributes.multiValued boolean required readOnly",
            "attributes.description string caseExact readOnly",
            "attributes.required boolean readOnly",
            "attributes.canonicalValues string multiValued caseExact readOnly",
            "attributes.caseExact boolean readOnly",
            "attributes.mutability string caseExact readOnly readOnly|readWrite|immutable|writeOnly",
            "attributes.returned string caseExact readOnly always|never|default|request",
            "attributes.uniqueness string caseExact readOnly none|server|global",
            "attributes.referenceTypes string multiValued caseExact readOnly",
            "attributes.subAttributes complex multiValued readOnly",
            "attributes.subAttributes.name string required caseExact readOnly",
            "attributes.subAttributes.type string required readOnly string|boolean|decimal|integer|dateTime|binary|reference",
            "attributes.subAttributes.multiValued boolean required readOnly",
            "attributes.subAttributes.description string caseExact readOnly",
            "attributes.subAttributes.required boolean readOnly",
            "attributes.subAttributes.canonicalValues string multiValued caseExact readOnly",
            "attributes.subAttributes.caseExact boolean readOnly",
            "attributes.subAttributes.mutability string caseExact readOnly readOnly|readWrite|immutable|writeOnly",
            "attributes.subAttributes.returned string caseExact readOnly always|never|default|request",
            "attributes.subAttributes.uniqueness string caseExact readOnly none|server|global",
            "attributes.subAttributes.referenceTypes string multiValued caseExact readOnly",
        ],
    );
}

/// A default of the parser must never stand in for a characteristic that the file forgot.
#[test]
fn every_attribute_states_every_characteristic() {
    let files = [
        include_str!("../../../schemas/user.json"),
        include_str!("../../../schemas/enterprise-user.json"),
        include_str!("../../../schemas/group.json"),
        include_str!("../../../schemas/service-provider-config.json"),
        include_str!("../../../schemas/resource-type.json"),
        include_str!("../../../schemas/schema.json"),
    ];
    for file in files {
        let schema: Value = serde_json::from_str(file).unwrap();
        schema["attributes"].as_array().unwrap().iter().for_each(check_complete);
    }
    let common: Vec<Value> = serde_json::from_str(include_str!("../../../schemas/common.json")).unwrap();
    common.iter().for_each(check_complete);
}

#[track_caller]
fn check_complete(attribute: &Value) {
    let mut expect = vec!["name", "type", "multiValued", "description", "required", "mutability", "returned"];
    expect.extend(match attribute["type"].as_str().unwrap() {
        "complex" => &["subAttributes"][..],
        "reference" => &["caseExact", "uniqueness", "referenceTypes"],
        "string" | "binary" => &["caseExact", "uniqueness"],
        _ => &["uniqueness"],
    });
    for characteristic in expect {
        assert!(!attribute[characteristic].is_null(), "{} has no {characteristic}", attribute["name"]);
    }
    attribute["subAttributes"].as_array().into_iter().flatten().for_each(check_complete);
}

#[test]
fn what_is_read_is_written_again() {
    for (schema, file) in schemas().iter().zip([
        include_str!("../../../schemas/user.json"),
        include_str!("../../../schemas/enterprise-user.json"),
        include_str!("../../../schemas/group.json"),
    ]) {
        assert_eq!(serde_json::to_value(schema).unwrap(), serde_json::from_str::<Value>(file).unwrap());
    }
}
