//! The settings of a tenant that are changed most, as a form: each is also in the JSON beside it.

use serde_json::{Map, Value, json};

use super::{
    ask::{Ask, refused},
    command,
    path::of_tenant,
    row::Row,
    shown::{WAS, mark},
};
use crate::{
    admin::Fault,
    units,
    web::{Field, Kind, Section},
};

/// How a setting is written in a field.
#[derive(Clone, Copy)]
enum Form {
    /// One of the profiles.
    Profile,
    Number,
    /// A text such as `30d`.
    Text,
    /// Chosen or not.
    Switch,
}

/// Each with its name, what people call it, and what is to be known.
const SETTINGS: [(&str, Form, &str, &str); 8] = [
    ("profile", Form::Profile, "Profile", "Which rules the tenant follows."),
    ("rate_limit", Form::Number, "Requests a second", "0 is no limit; the profile's when empty."),
    ("max_tokens", Form::Number, "Live tokens at most", "10 when empty."),
    ("restore_window", Form::Text, "Deleted ones can be restored for", "Such as 30d; 0 keeps nothing."),
    ("silence_after", Form::Text, "Silent after", "Without a call for so long: 24h, or learnt; never when empty."),
    ("strict", Form::Switch, "Refuse what contradicts the RFCs, instead of reading it leniently", ""),
    ("discovery_needs_token", Form::Switch, "Discovery endpoints want a token, too", ""),
    ("duplicate_group_names", Form::Switch, "Two groups may have the same name", ""),
];

/// The names of the profiles, as settings have them.
const PROFILES: [&str; 4] = ["rfc", "identity-center", "ipsie-al1", "ipsie-al2"];

/// What the form shows of the settings.
pub fn shown(settings: &Value) -> Value {
    SETTINGS.iter().map(|(name, ..)| (*name, settings.get(name).cloned().unwrap_or_default())).collect()
}

/// The form. One that was refused has what was typed: where something else is in force, that is said.
pub fn section(ask: &Ask<'_>, tenant: &str, settings: &Value) -> Section {
    let action = of_tenant(tenant, "settings/form");
    let is_refused = ask.refusal(&action).is_some();
    let fields = SETTINGS.map(|(name, form, label, hint)| {
        let at = format!("/{name}");
        let known = match settings.pointer(&at) {
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(true)) => "on".to_owned(),
            _ => settings.text(&at).to_owned(),
        };
        let in_force = match (form, known.as_str()) {
            _ if !is_refused || ask.form.text(name) == known => String::new(),
            (Form::Switch, "") => " In force: off.".to_owned(),
            (_, "") => " In force: the default.".to_owned(),
            (_, known) => format!(" In force: {known}."),
        };
        let kind = match form {
            Form::Profile => Kind::Choice(PROFILES.map(|name| (name.to_owned(), name.to_owned())).to_vec()),
            Form::Number | Form::Text => Kind::Text,
            Form::Switch => Kind::Switch,
        };
        let hint = format!("{hint}{in_force}");
        Field::of(kind, name, label).value(known).hint(hint.trim())
    });
    let mut fields = fields.to_vec();
    fields.push(Field::hidden(WAS, mark(&shown(settings))));
    let form = ask.form(action, "Save these", fields);
    let line = command::line(&["tenant", "set", tenant, "--settings", "FILE"]);
    Section::new("Profile and limits").with(form).command(line)
}

/// What such a form changes: each setting of it, back to its default where the field is empty.
pub fn wanted(ask: &Ask<'_>) -> Result<Map<String, Value>, Fault> {
    let mut settings = Map::new();
    for (name, form, label, _) in SETTINGS {
        let text = ask.form.get(name);
        let value = match (form, text) {
            (Form::Switch, text) => json!(text.is_some()),
            (Form::Number, Some(text)) => {
                let number: u64 = units::number(text)
                    .map_err(|why| refused(format!("{label}: {text:?} cannot be used; {why}. Nothing was changed.")))?;
                json!(number)
            }
            (_, Some(text)) => json!(text),
            (Form::Profile, None) => continue,
            (_, None) => Value::Null,
        };
        settings.insert(name.to_owned(), value);
    }
    Ok(settings)
}
