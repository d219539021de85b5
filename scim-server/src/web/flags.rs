//! What commands say of their options, for people at a page: they know the fields of its form, and no flags.

use super::{Field, Kind, Parameters};

/// Commands about a tenant's tokens that its page “Tokens and clients” has a button for.
const BUTTONS: [(&str, &str); 2] =
    [("scim-server token create", "Make a token"), ("scim-server token rotate", "Rotate")];

/// A sentence of a command in the words of a form: each flag by the name of its field, such as “Up to event” for `--until`. Of
/// one that the form has no field for it says where it is. So is a member of JSON in quotes (`"to"`), or before a colon at
/// the beginning, that a field is for. What stands between backticks is a command, and what else stands in quotes is
/// somebody's: both stay as they are, but for commands that there is a button for.
pub fn in_words(text: &str, fields: &[Field]) -> String {
    let text = by_buttons(text);
    let member = text.split_once(": ").and_then(|(name, rest)| Some((format!("{}: ", of_member(name, fields)?), rest)));
    let (begin, text) = member.unwrap_or((String::new(), &text));
    let (mut is_code, mut is_quoted) = (false, false);
    let words = text.split_inclusive(' ').map(|word| {
        let written = if is_code || is_quoted { None } else { translated(word, fields) };
        is_code ^= word.matches('`').count() % 2 == 1;
        is_quoted ^= word.replace("\\\"", "").matches('"').count() % 2 == 1;
        written.unwrap_or_else(|| word.to_owned())
    });
    begin + &words.collect::<String>()
}

/// The same of a form that this was typed in: a reason that quotes what was typed in one field, and does not name it, begins
/// with its name.
pub fn of_typed(text: &str, fields: &[Field], typed: &Parameters) -> String {
    let words = in_words(text, fields);
    let is_quoted = |field: &&Field| {
        let quoted = typed.get(field.name).map(|value| format!("{value:?}"));
        !field.label.is_empty() && quoted.is_some_and(|quoted| text.contains(&quoted))
    };
    let mut quoted = fields.iter().filter(is_quoted);
    match (quoted.next(), quoted.next()) {
        (Some(field), None) if !words.contains(label(field)) => format!("“{}”: {words}", label(field)),
        _ => words,
    }
}

/// Which field that has to be filled in is empty.
pub fn empty(fields: &[Field], typed: &Parameters) -> Option<String> {
    let field = fields.iter().find(|field| field.required && typed.get(field.name).is_none())?;
    Some(format!("“{}” is empty: fill it in", label(field)))
}

/// A sentence with buttons in the place of commands, as far as there are such.
fn by_buttons(text: &str) -> String {
    BUTTONS.iter().fold(text.to_owned(), |text, (command, button)| {
        let found =
            text.split_once(&format!("`{command}")).and_then(|(before, rest)| Some((before, rest.split_once('`')?)));
        match found {
            Some((before, (_, behind))) => format!("{before}“{button}” on the page “Tokens and clients”{behind}"),
            None => text,
        }
    })
}

/// What a field is called. What stands behind a colon says how it is filled in, or what comes of it.
fn label(field: &Field) -> &str {
    field.label.split(':').next().unwrap_or_default()
}

/// The field that is seen and has exactly that name, as people call it.
fn of_member(name: &str, fields: &[Field]) -> Option<String> {
    let field = fields.iter().find(|field| !field.label.is_empty() && field.name == name)?;
    Some(format!("“{}”", label(field)))
}

/// A word that begins with a flag, or is a member of JSON; nothing of another.
fn translated(word: &str, fields: &[Field]) -> Option<String> {
    let (before, flag) = word.strip_prefix('(').map_or(("", word), |rest| ("(", rest));
    if let Some((name, behind)) = flag.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        return Some(format!("{before}{}{behind}", of_member(name, fields)?));
    }
    let flag = flag.strip_prefix("--").filter(|flag| flag.starts_with(|sign: char| sign.is_ascii_lowercase()))?;
    let (name, behind) =
        flag.split_at(flag.find(|sign: char| !sign.is_ascii_lowercase() && sign != '-').unwrap_or(flag.len()));
    let is_it = |field: &&Field| !field.label.is_empty() && field.name.replace('_', "-") == name;
    let said = match fields.iter().find(is_it) {
        Some(field) if field.kind == Kind::Switch => format!("the switch “{}”", label(field)),
        Some(field) => format!("“{}”", label(field)),
        None => format!("`--{name}` at the command line"),
    };
    Some(format!("{before}{said}{behind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_is_called_by_the_name_of_its_field() {
        let fields = [
            Field::text("since", "After event"),
            Field::text("until", "Up to event: its number"),
            Field::text("external_id", "External id"),
            Field::of(Kind::Switch, "force", "Also while it is used: its values stay"),
            Field::hidden("name", "x"),
        ];
        for (text, expect) in [
            ("--until 3 is before --since 7: name more", "“Up to event” 3 is before “After event” 7: name more"),
            ("give it (--external-id), or --since.", "give it (“External id”), or “After event”."),
            ("use --force to go on", "use the switch “Also while it is used” to go on"),
            ("give it --name, or --group", "give it `--name` at the command line, or `--group` at the command line"),
            ("`undo --since 7` does, --since does", "`undo --since 7` does, “After event” does"),
            ("\"a \\\" --since b\" is no --since", "\"a \\\" --since b\" is no “After event”"),
            ("a -- b --- c x--since", "a -- b --- c x--since"),
            (
                "\"since\" needs \"until\", (\"force\") no \"name\"",
                "“After event” needs “Up to event”, (“Also while it is used”) no \"name\"",
            ),
            ("\"the since\" is no \"since\".", "\"the since\" is no “After event”."),
            ("since: it is 3: \"a since\"", "“After event”: it is 3: \"a since\""),
            ("name: it is 3", "name: it is 3"),
            (
                "take --since, or `scim-server token rotate a --tenant b`; `scim-server admin-token create`",
                "take “After event”, or “Rotate” on the page “Tokens and clients”; `scim-server admin-token create`",
            ),
            ("", ""),
        ] {
            assert_eq!(in_words(text, &fields), expect);
        }
    }

    #[test]
    fn a_reason_that_quotes_what_was_typed_in_one_field_names_it() {
        let fields = [Field::text("since", "After event: its number"), Field::text("lifetime", "It lives")];
        for (typed, text, expect) in [
            ("since=7&lifetime=xyz", "\"xyz\" is no time", "“It lives”: \"xyz\" is no time"),
            ("since=7&lifetime=xyz", "--lifetime \"xyz\" is no time", "“It lives” \"xyz\" is no time"),
            ("since=7&lifetime=xyz", "lifetime: no \"xyz\"", "“It lives”: no \"xyz\""),
            // It may be that of either.
            ("since=xyz&lifetime=xyz", "\"xyz\" is no time", "\"xyz\" is no time"),
            ("since=7&lifetime=", "\"xyz\" is no \"\"", "\"xyz\" is no \"\""),
            ("other=xyz", "\"xyz\" is no time", "\"xyz\" is no time"),
        ] {
            assert_eq!(of_typed(text, &fields, &Parameters::parse(typed)), expect, "{typed}");
        }
    }

    #[test]
    fn a_field_that_has_to_be_filled_in_is_named_when_it_is_empty() {
        let fields = [Field::text("to", "To"), Field::text("attribute", "Attribute: its path").required()];
        for (typed, expect) in [
            ("to=x&attribute=+", Some("“Attribute” is empty: fill it in".to_owned())),
            ("", Some("“Attribute” is empty: fill it in".to_owned())),
            ("attribute=title", None),
        ] {
            assert_eq!(empty(&fields, &Parameters::parse(typed)), expect, "{typed}");
        }
    }
}
