//! A rewrite as people make one: the fields of its form, and what is said of a change before it is made. The console shows
//! the same.

use serde_json::{Value, json};

use crate::web::{Field, Kind, Parameters, thousands};

/// Users, and groups, that a preview looks at: a page does not wait for more.
pub const LOOKED_AT: usize = 1000;

/// The kinds of rewrites, as commands and people name them.
const KINDS: [(&str, &str); 5] = [
    ("copy", "copy the attribute to another"),
    ("rename", "rename the attribute"),
    ("default", "give it a value where it has none"),
    ("lower-case", "write it in lower case"),
    ("keep-primary", "keep one of several values"),
];

/// What a form says of a rewrite, which is of one of these resource types. Each field has the name that the command
/// `mapping set` knows it by.
pub fn fields(resource_types: &[&str]) -> Vec<Field> {
    let choice = |words: Vec<(&str, &str)>| {
        Kind::Choice(words.into_iter().map(|(word, label)| (word.to_owned(), label.to_owned())).collect())
    };
    let types = resource_types.iter().map(|name| (*name, *name)).collect();
    vec![
        Field::text("name", "Name").hint("What you call it, such as department.").required(),
        Field::of(choice(KINDS.to_vec()), "rewrite", "What is done").required(),
        Field::of(choice(types), "resource_type", "Of each"),
        Field::text("attribute", "Attribute")
            .hint("Such as userName, name.givenName, emails.value, or its name at the provider.")
            .required(),
        Field::text("to", "To").hint("The other attribute, or the new name. Only to copy and to rename."),
        Field::text("value", "Value").hint("Only to give a value."),
    ]
}

/// The rewrite that a form with these fields says. Those that its kind does not use are empty.
pub fn typed(fields: &[Field], form: &Parameters) -> Value {
    let mut rewrite = json!({});
    for field in fields {
        if let Some(text) = form.get(field.name) {
            rewrite[field.name] = text.into();
        }
    }
    rewrite
}

/// Of whom a preview is.
fn looked_at() -> String {
    format!("the first {} users and groups", thousands(LOOKED_AT as u64))
}

/// What a preview says where it has found nothing; `is_any` is whether there is a rewrite then.
pub fn preview_empty(is_any: bool) -> String {
    let of = if is_any { format!("Of {}, nothing", looked_at()) } else { "Nothing".to_owned() };
    format!("{of} that is stored would change.")
}

/// What a preview says, by the notes of the command, of how many it is, and what becomes of the `others`.
pub fn preview_note(notes: &[&str], is_any: bool, others: &str) -> String {
    if is_any {
        format!("{}. That is of {}: {others}.", notes.join(". "), looked_at())
    } else {
        "No rewrite is left: what comes is kept as it is, and what is stored stays as it is.".to_owned()
    }
}
