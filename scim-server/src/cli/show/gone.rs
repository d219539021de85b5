//! What is said of something that is gone.

use serde_json::Value;

use super::cell;

/// A sentence for people, by what the row names.
pub(super) fn deleted(row: &Value) -> String {
    let text = |name: &str| row.get(name).map(|value| cell(Some(value))).unwrap_or_default();
    if row.get("agent").is_some() {
        return format!("Agent {} is forgotten.\n", text("agent"));
    }
    if row.get("schema").is_some() {
        return format!("Schema {} of tenant {} is removed.\n", text("schema"), text("tenant"));
    }
    if row.get("client_id").is_some() {
        return format!("Client {} of tenant {} is removed.\n", text("name"), text("tenant"));
    }
    if row.get("setup_link_id").is_some() {
        return format!("Setup link {} of tenant {} is removed.\n", text("name"), text("tenant"));
    }
    if row.get("webhook_id").is_some() {
        return format!("Webhook {} is removed.\n", text("url"));
    }
    if row.get("stream_id").is_some() {
        return format!("Stream {} of tenant {} is removed.\n", text("stream_id"), text("tenant"));
    }
    if row.get("consumer_id").is_some() {
        return format!("Consumer {} of tenant {} is removed.\n", text("name"), text("tenant"));
    }
    match (row.get("token_id"), row.get("resources")) {
        (Some(_), _) if row.get("tenant").is_none() => {
            format!("Administrator's token {} ({}) is deleted.\n", text("name"), text("token_id"))
        }
        (Some(_), _) => format!("Token {} of tenant {} is revoked.\n", text("token_id"), text("tenant")),
        (_, Some(_)) => format!("Tenant {} is deleted, with {} resources.\n", text("tenant"), text("resources")),
        _ if row.get("purged").is_some() => format!("{} is gone for good.\n", text("id")),
        _ => format!("{} is deleted.\n", text("id")),
    }
}
