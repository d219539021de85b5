//! What each command answers: the schema of one of its rows.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::{
    admin::{admin_tokens, agents, brake, clients, setup_links, status, streams, tenants, webhooks},
    described::generator,
    operation::{access, consumer::ConsumerView, feed::Shown, undo},
    ssf::KeyView,
    store::Finding,
    tenant::mapping::Rewrite,
};

/// Makes schemas, and keeps those that have a name.
pub struct Rows(SchemaGenerator);

impl Rows {
    pub fn new() -> Self {
        Self(generator())
    }

    /// The schemas that have a name.
    pub fn named(mut self) -> Map<String, Value> {
        let mut named = self.0.take_definitions(true);
        named.insert("Resource".to_owned(), resource());
        named
    }

    fn of<T: JsonSchema>(&mut self) -> Value {
        self.0.subschema_for::<T>().to_value()
    }

    /// The schema of a row of that command.
    pub fn of_command(&mut self, name: &str) -> Value {
        match name.split(' ').next().unwrap_or_default() {
            "admin-token" | "agent" | "client" | "setup-link" | "signing-key" => self.of_credentials(name),
            "consumer" | "events" | "requests" | "stream" | "webhook" => self.of_readers(name),
            "brake" | "create" | "delete" | "deleted" | "hand" | "list" | "show" | "undo" => self.of_people(name),
            "rules" => self.of_rules(name),
            _ => self.of_server(name),
        }
    }

    fn of_server(&mut self, name: &str) -> Value {
        match name {
            "base" => object("base"),
            "console" => object("url"),
            "check" => self.of::<Finding>(),
            "export" => json!({
                "description": "A line of an export: one of these.",
                "anyOf": [object("resource:object"), object("members:object"), object("event:object"), object("end:object")],
            }),
            "schema-add" | "schema-list" => {
                object("schema name:string~ tenant resource_type extension:boolean used_by:integer definition:object")
            }
            "schema-remove" => object("schema tenant deleted:boolean used_by:integer"),
            "status" => self.of::<status::Status>(),
            "tenant-connection" => object("tenant scim_url token_endpoint client_id:string~ scope fields?:object"),
            "tenant-create" => {
                either(&[self.of::<tenants::TenantView<'static>>(), self.of::<tenants::IssuedView<'static>>()])
            }
            "tenant-delete" => object("tenant_id tenant deleted:boolean resources:integer"),
            "tenant-disable" | "tenant-list" | "tenant-move" | "tenant-set" | "tenant-show" => {
                self.of::<tenants::TenantView<'static>>()
            }
            "token-create" | "token-rotate" => self.of::<tenants::IssuedView<'static>>(),
            "token-delete" => object("token_id tenant deleted:boolean"),
            "token-list" => self.of::<tenants::TokenView<'static>>(),
            other => unknown(other),
        }
    }

    fn of_credentials(&mut self, name: &str) -> Value {
        match name {
            "admin-token delete" => object("token_id name deleted:boolean"),
            "admin-token create" | "admin-token list" | "admin-token rotate" => {
                self.of::<admin_tokens::View<'static>>()
            }
            "agent delete" => object("agent deleted:boolean"),
            "agent report" => object("decision:object~"),
            "agent approve" | "agent list" | "agent reject" | "agent show" => self.of::<agents::AgentView<'static>>(),
            "client create" | "client rotate" => self.of::<clients::IssuedView<'static>>(),
            "client delete" => object("client_id name tenant deleted:boolean"),
            "client trace" => self.of::<clients::TracedView<'static>>(),
            "client disable"
            | "client list"
            | "client secret-delete"
            | "client show"
            | "client trust-add"
            | "client trust-remove" => self.of::<clients::ClientView<'static>>(),
            "setup-link create" => self.of::<setup_links::CreatedView<'static>>(),
            "setup-link delete" => object("setup_link_id name tenant deleted:boolean"),
            "setup-link list" => self.of::<setup_links::LinkView<'static>>(),
            "signing-key list" | "signing-key remove" | "signing-key rotate" => self.of::<KeyView>(),
            other => unknown(other),
        }
    }

    fn of_people(&mut self, name: &str) -> Value {
        match name {
            "brake approve" | "brake show" => self.of::<brake::View<'static>>(),
            "brake undo" | "undo" => {
                let mut rows = vec![
                    json!({"type": "object", "required": ["undone"], "properties": {"undone": self.of::<undo::Undone>()}}),
                    json!({"type": "object", "required": ["refused"], "properties": {"refused": self.of::<undo::Refused>()}}),
                ];
                rows.extend((name == "brake undo").then(|| object("brake")));
                either(&rows)
            }
            "create" | "deleted restore" | "hand disable" | "hand list-disabled" | "hand update" | "list" | "show" => {
                json!({"$ref": "#/components/schemas/Resource"})
            }
            "delete" => object("id deleted:boolean"),
            "deleted list" => {
                object("id deleted until:string~ actor actor_name:string~ request? userName? displayName? externalId?")
            }
            "deleted purge" => object("id purged:boolean"),
            "deleted purge-all" => object("id purged:boolean reason?"),
            "deleted restore-all" => object("id restored:boolean reason?"),
            "hand import" => object("line:integer userName action changes?:texts reason?"),
            "hand list-stale" => object(
                "id source:string~ source_name:string~ last_sent userName?:string~ active?:boolean displayName?:string~",
            ),
            "hand source" => {
                object("tenant from:object~ to:object~ resources:objects kept:texts lost:texts changed:boolean")
            }
            other => unknown(other),
        }
    }

    fn of_rules(&mut self, name: &str) -> Value {
        let rewritten = || object("type id mapping:texts changes:object");
        match name {
            "rules access show" => self.of::<access::Shown<'static>>(),
            "rules access disable" | "rules access list" | "rules access remove" | "rules access set" => {
                object("key value")
            }
            "rules mapping list" => self.of::<Rewrite>(),
            "rules mapping set" => either(&[self.of::<Rewrite>(), rewritten()]),
            "rules mapping show" => object("mapping:texts body:object"),
            "rules role default" | "rules role list" | "rules role remove" | "rules role set" => either(&[
                object(
                    "position:integer rule role group:string~ externalId:string~ displayName:texts state since:string~",
                ),
                object("rule role"),
                object("id userName:string~ before:texts after:texts"),
            ]),
            other => unknown(other),
        }
    }

    fn of_readers(&mut self, name: &str) -> Value {
        match name {
            "consumer delete" => object("consumer_id name tenant deleted:boolean"),
            "consumer create" | "consumer list" | "consumer release" | "consumer show" => self.of::<ConsumerView>(),
            "events" => either(&[
                self.of::<Shown<'static>>(),
                object("sequence:integer type time actor actor_type resource:object attributes:texts"),
            ]),
            "requests count" => object("from calls:integer refused:integer failed:integer"),
            "requests list" => {
                let end = object("next:string~ complete:boolean searched_to:string~ lost:integer notes:texts");
                either(&[call(""), json!({"type": "object", "required": ["end"], "properties": {"end": end}})])
            }
            "requests show" => {
                call("explanation? fix? request?:object response?:object curl? values?:boolean record?:object")
            }
            "requests values" => {
                let mut row = object("id query?:object left_out?:texts curl");
                for body in ["request", "response"] {
                    row["properties"][body] = json!({"description": "The body, whatever JSON it is."});
                }
                row
            }
            "stream delete" => object("stream_id tenant deleted:boolean"),
            "stream enable" | "stream list" | "stream pause" | "stream show" => {
                self.of::<streams::StreamView<'static>>()
            }
            "webhook dead-letters" => {
                object("tenant:string~ sequence:integer tries:integer error time sent_again:boolean")
            }
            "webhook delete" => object("webhook_id url deleted:boolean"),
            "webhook replay" => object("webhook_id tenant from:integer to:integer"),
            "webhook test" => object("webhook_id id taken:boolean"),
            "webhook create" | "webhook enable" | "webhook list" | "webhook rotate" | "webhook show"
            | "webhook update" => self.of::<webhooks::WebhookView<'static>>(),
            other => unknown(other),
        }
    }
}

fn unknown(name: &str) -> Value {
    panic!("nobody says what a row of the command {name:?} is: say it in rows.rs")
}

fn either(schemas: &[Value]) -> Value {
    json!({"anyOf": schemas})
}

/// A call of the log of requests.
fn call(more: &str) -> Value {
    object(&format!(
        "place id? time tenant? tenant_name? method path operation? status:integer took_ms:number token? \
         token_name? address? user_agent? resource? resource_name? meaning reason? scim_type? refusal? count?:integer last? {more}"
    ))
}

/// A user, a group or a resource of a type of the tenant's own.
fn resource() -> Value {
    let mut resource = object("schemas:texts id externalId? meta:object");
    resource["description"] = json!("A user, a group, or a resource of a type of the tenant's own, as SCIM has it.");
    resource["additionalProperties"] = true.into();
    resource
}

/// An object with these members: `name`, `name?` if it may be absent; behind a colon the type, if it is not a text; `~`
/// if it may be null.
fn object(members: &str) -> Value {
    let (mut required, mut properties) = (Vec::new(), Map::new());
    for member in members.split_whitespace() {
        let (name, kind) = member.split_once(':').unwrap_or((member, "string"));
        required.extend((!name.ends_with('?')).then_some(name));
        properties.insert(name.trim_end_matches('?').to_owned(), schema(kind));
    }
    json!({"type": "object", "required": required, "properties": properties})
}

fn schema(kind: &str) -> Value {
    match kind {
        "texts" => json!({"type": "array", "items": {"type": "string"}}),
        "objects" => json!({"type": "array", "items": {"type": "object", "additionalProperties": true}}),
        "object" => json!({"type": "object", "additionalProperties": true}),
        "object~" => json!({"type": ["object", "null"], "additionalProperties": true}),
        kind => match kind.strip_suffix('~') {
            Some(kind) => json!({"type": [kind, "null"]}),
            None => json!({"type": kind}),
        },
    }
}
