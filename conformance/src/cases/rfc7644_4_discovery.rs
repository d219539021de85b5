//! Discovery: what a server declares.

use serde_json::Value;

use crate::{
    case::{
        Area, Case,
        Need::{self, Type},
        run,
    },
    context::Context,
    ensure,
    uri::{self, Target, segment},
    verdict::{Outcome, Stop, brief, equals, text},
};

pub const AREA: Area = Area { tag: "discovery", title: "Discovery (RFC 7644 §4)", cases: CASES };

const SECTION: &str = "RFC 7644 §4";
const CONFIG: &str = "RFC 7643 §5";
const TYPES: &str = "RFC 7643 §6";
const USERS: &[Need] = &[Type("User")];

const CASES: &[Case] = &[
    Case::must(
        "discovery-config",
        SECTION,
        "GET /ServiceProviderConfig returns a document that says what the server supports.",
        run!(config),
    ),
    Case::must(
        "discovery-config-schemas",
        SECTION,
        "The configuration names the schema ServiceProviderConfig.",
        run!(config_schemas),
    ),
    Case::must(
        "discovery-config-features",
        CONFIG,
        "The configuration says of each feature whether it is supported, with a boolean.",
        run!(features),
    ),
    Case::must(
        "discovery-config-bulk",
        CONFIG,
        "The configuration has the limits of bulk requests as integers.",
        run!(integers, "bulk", &["maxOperations", "maxPayloadSize"]),
    ),
    Case::must(
        "discovery-config-filter",
        CONFIG,
        "The configuration has the most results of a query as an integer.",
        run!(integers, "filter", &["maxResults"]),
    ),
    Case::must(
        "discovery-config-authentication",
        CONFIG,
        "The configuration lists authentication schemes, each with a type, a name and a description.",
        run!(authentication),
    ),
    Case::should(
        "discovery-config-anonymous",
        CONFIG,
        "The authentication schemes can be read without authentication.",
        run!(anonymous),
    ),
    Case::must(
        "discovery-types-list",
        SECTION,
        "GET /ResourceTypes is answered with a ListResponse.",
        run!(list, "/ResourceTypes"),
    ),
    Case::must(
        "discovery-types-attributes",
        TYPES,
        "Each resource type has a name, an endpoint and a schema.",
        run!(types_attributes),
    ),
    Case::must(
        "discovery-types-urn",
        TYPES,
        "Each resource type names the schema ResourceType.",
        run!(urn, "/ResourceTypes", "urn:ietf:params:scim:schemas:core:2.0:ResourceType"),
    ),
    Case::must(
        "discovery-types-schema",
        TYPES,
        "The schema of each resource type is the id of one of /Schemas.",
        run!(types_schema),
    ),
    Case::must(
        "discovery-types-extensions",
        TYPES,
        "Each extension of a resource type is the id of one of /Schemas, and says whether it is required.",
        run!(types_extensions),
    ),
    Case::must(
        "discovery-types-endpoint",
        TYPES,
        "Resources of each type are found at its endpoint.",
        run!(types_endpoint),
    ),
    Case::must(
        "discovery-types-single",
        SECTION,
        "A single resource type is returned as a single resource is.",
        run!(single_type),
    )
    .needs(USERS),
    Case::must(
        "discovery-schemas-list",
        SECTION,
        "GET /Schemas is answered with a ListResponse.",
        run!(list, "/Schemas"),
    ),
    Case::must(
        "discovery-schemas-single",
        SECTION,
        "A single schema is returned when its URI is appended to /Schemas.",
        run!(single_schema),
    ),
    Case::must(
        "discovery-schemas-used",
        "RFC 7643 §7",
        "For every schema URI in a resource there is one of /Schemas.",
        run!(schemas_used),
    )
    .needs(USERS),
    Case::must(
        "discovery-schemas-messages",
        "RFC 7644 §3.1",
        "The schemas of protocol messages are not among /Schemas.",
        run!(messages),
    ),
    Case::should(
        "discovery-types-unknown",
        "RFC 7644 §3.12",
        "A resource type that is not there is answered 404.",
        run!(unknown, "/ResourceTypes/NoSuchThing"),
    ),
    Case::should(
        "discovery-schemas-unknown",
        "RFC 7644 §3.12",
        "A schema that is not there is answered 404.",
        run!(unknown, "/Schemas/urn:example:no:such:schema"),
    ),
    Case::should(
        "discovery-types-filter",
        SECTION,
        "A filter at /ResourceTypes is refused with 403.",
        run!(filter, "/ResourceTypes"),
    ),
    Case::should(
        "discovery-schemas-filter",
        SECTION,
        "A filter at /Schemas is refused with 403.",
        run!(filter, "/Schemas"),
    ),
    Case::must(
        "discovery-types-pages",
        SECTION,
        "Pagination parameters at /ResourceTypes are ignored.",
        run!(ignores, "/ResourceTypes", "startIndex", "2"),
    ),
    Case::must(
        "discovery-schemas-pages",
        SECTION,
        "Pagination parameters at /Schemas are ignored.",
        run!(ignores, "/Schemas", "count", "1"),
    ),
    Case::must(
        "discovery-schemas-sort",
        SECTION,
        "Sorting parameters at /Schemas are ignored.",
        run!(ignores, "/Schemas", "sortBy", "name"),
    ),
];

/// The configuration as it is now, for cases about what is in it.
async fn read(scim: &Context) -> Result<Value, Stop> {
    let answer = scim.get("/ServiceProviderConfig").await?;
    let config = answer.status(200).and_then(|answer| answer.object());
    let unusable = "/ServiceProviderConfig gives no document, which discovery-config is about.";
    config.cloned().map_err(|_| Stop::Skip(unusable.to_owned()))
}

async fn config(scim: &Context) -> Outcome {
    scim.get("/ServiceProviderConfig").await?.status(200)?.object()?;
    Ok(())
}

async fn config_schemas(scim: &Context) -> Outcome {
    let urn = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
    let schemas = &read(scim).await?["schemas"];
    let named = schemas.as_array().is_some_and(|schemas| schemas.iter().any(|one| one == urn));
    ensure!(named, "Expected {urn} among schemas; they are {schemas}.");
    Ok(())
}

async fn features(scim: &Context) -> Outcome {
    let config = read(scim).await?;
    for feature in ["patch", "bulk", "filter", "changePassword", "sort", "etag"] {
        let supported = &config[feature]["supported"];
        ensure!(supported.is_boolean(), "Expected {feature}.supported to be true or false; it is {supported}.");
    }
    Ok(())
}

async fn integers(scim: &Context, feature: &str, names: &[&str]) -> Outcome {
    let config = read(scim).await?;
    for name in names {
        let value = &config[feature][name];
        ensure!(value.is_u64(), "Expected {feature}.{name} to be an integer; it is {value}.");
    }
    Ok(())
}

async fn authentication(scim: &Context) -> Outcome {
    let config = read(scim).await?;
    let schemes = config["authenticationSchemes"].as_array();
    let Some(schemes) = schemes else {
        return Err(Stop::Unmet("Expected authenticationSchemes to be an array; it is not.".to_owned()));
    };
    for (i, _) in schemes.iter().enumerate() {
        for name in ["type", "name", "description"] {
            text(&config, &format!("/authenticationSchemes/{i}/{name}"))?;
        }
    }
    Ok(())
}

async fn anonymous(scim: &Context) -> Outcome {
    let answer = scim.get("/ServiceProviderConfig").anonymous().await?;
    let schemes = &answer.status(200)?.object()?["authenticationSchemes"];
    ensure!(schemes.is_array(), "Expected authenticationSchemes without a token; it is {}.", brief(schemes));
    Ok(())
}

/// Demands a list with as many resources as it says.
async fn list(scim: &Context, path: &str) -> Outcome {
    let answer = scim.get(path).await?;
    let resources = answer.resources()?;
    ensure!(!resources.is_empty(), "Expected {path} to hold something; it is empty.");
    let list = answer.object()?;
    let urn = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
    let named = list["schemas"].as_array().is_some_and(|schemas| schemas.iter().any(|one| one == urn));
    ensure!(named, "Expected {urn} among schemas of {path}; they are {}.", list["schemas"]);
    equals(list, "/totalResults", resources.len())
}

/// The resources of a discovery endpoint as they are now.
async fn all(scim: &Context, path: &str) -> Result<Vec<Value>, Stop> {
    let unusable = || {
        let about = if path == "/Schemas" { "discovery-schemas-list" } else { "discovery-types-list" };
        Stop::Skip(format!("{path} gives no list, which {about} is about."))
    };
    let all = scim.get(path).await?.resources().map_err(|_| unusable())?;
    if all.is_empty() { Err(unusable()) } else { Ok(all) }
}

async fn types_attributes(scim: &Context) -> Outcome {
    for one in all(scim, "/ResourceTypes").await? {
        for name in ["/name", "/endpoint", "/schema"] {
            text(&one, name)?;
        }
    }
    Ok(())
}

/// Demands that each resource of a discovery endpoint names its own schema.
async fn urn(scim: &Context, path: &str, urn: &str) -> Outcome {
    for one in all(scim, path).await? {
        let named = one["schemas"].as_array().is_some_and(|schemas| schemas.iter().any(|one| one == urn));
        ensure!(named, "Expected {urn} among schemas of {}; they are {}.", one["name"], one["schemas"]);
    }
    Ok(())
}

/// Demands that a URI is the id of a schema.
fn is_schema(schemas: &[Value], uri: &Value, whose: &Value) -> Outcome {
    let known = schemas.iter().any(|schema| schema["id"] == *uri);
    ensure!(known, "Expected {uri} of {whose} to be among /Schemas; it is not.");
    Ok(())
}

async fn types_schema(scim: &Context) -> Outcome {
    let schemas = all(scim, "/Schemas").await?;
    for one in all(scim, "/ResourceTypes").await? {
        is_schema(&schemas, &one["schema"], &one["name"])?;
    }
    Ok(())
}

async fn types_extensions(scim: &Context) -> Outcome {
    let schemas = all(scim, "/Schemas").await?;
    for one in all(scim, "/ResourceTypes").await? {
        for extension in one["schemaExtensions"].as_array().into_iter().flatten() {
            is_schema(&schemas, &extension["schema"], &one["name"])?;
            let required = &extension["required"];
            ensure!(
                required.is_boolean(),
                "Expected required of {} to be a boolean; it is {required}.",
                extension["schema"]
            );
        }
    }
    Ok(())
}

async fn types_endpoint(scim: &Context) -> Outcome {
    for one in scim.discovery().resource_types() {
        let name = one["name"].as_str().unwrap_or_default();
        let written = one["endpoint"].as_str().unwrap_or_default();
        if let Target::Outside(url) = uri::locate(scim.base(), written)
            && written.contains("://")
        {
            return Err(Stop::Unmet(format!("Expected the endpoint of {name} below {}; it is {url}.", scim.base())));
        }
        let answer = scim.get(scim.endpoint(name)).query("count", 1).await?;
        let too_many = answer.status == 400 && answer.json()["scimType"] == "tooMany";
        // A server that fails at this has the endpoint.
        ensure!(
            too_many || [200, 403].contains(&answer.status) || answer.status >= 500,
            "Expected {name} at {}; got {}.",
            scim.endpoint(name),
            answer.status
        );
    }
    Ok(())
}

async fn single_type(scim: &Context) -> Outcome {
    let types = all(scim, "/ResourceTypes").await?;
    let user = types.iter().find(|one| one["name"] == "User");
    let id = user.and_then(|user| user["id"].as_str()).unwrap_or("User");
    let answer = scim.get(format!("/ResourceTypes/{id}")).await?;
    equals(answer.status(200)?.object()?, "/name", "User")
}

async fn single_schema(scim: &Context) -> Outcome {
    for schema in all(scim, "/Schemas").await? {
        let id = text(&schema, "/id")?;
        let answer = scim.get(format!("/Schemas/{}", schema_segment(id))).await?;
        equals(answer.status(200)?.object()?, "/id", id)?;
    }
    Ok(())
}

/// The id of a schema as a segment: a colon may stand in one (RFC 3986 §3.3), and servers expect it so.
fn schema_segment(id: &str) -> String {
    segment(id).replace("%3A", ":")
}

async fn schemas_used(scim: &Context) -> Outcome {
    let schemas = all(scim, "/Schemas").await?;
    let user = scim.read(&scim.user().create().await?).await?;
    for uri in user["schemas"].as_array().into_iter().flatten() {
        is_schema(&schemas, uri, &Value::from("User"))?;
    }
    Ok(())
}

async fn messages(scim: &Context) -> Outcome {
    for schema in all(scim, "/Schemas").await? {
        let id = text(&schema, "/id")?;
        let is_message = id.starts_with("urn:ietf:params:scim:api:");
        ensure!(!is_message, "Expected no schema of messages among /Schemas; {id} is there.");
    }
    Ok(())
}

async fn unknown(scim: &Context, path: &str) -> Outcome {
    scim.get(path).await?.status(404)?;
    Ok(())
}

async fn filter(scim: &Context, path: &str) -> Outcome {
    scim.get(path).filter("name eq \"User\"").await?.status(403)?;
    Ok(())
}

/// Demands the whole list in spite of a parameter.
async fn ignores(scim: &Context, path: &str, parameter: &str, value: &str) -> Outcome {
    let whole = all(scim, path).await?;
    let part = scim.get(path).query(parameter, value).await?.resources()?;
    ensure!(
        part.len() == whole.len() && whole.iter().all(|one| part.contains(one)),
        "Expected {path}?{parameter}={value} to hold the same {} as without; it holds {}.",
        whole.len(),
        part.len()
    );
    Ok(())
}
