//! What is different on each server and in each case, put into the data of a case: `{n}` becomes a word that no other
//! case uses, and the texts `nickName` and `title` become the attributes that stand in for them where the server does
//! not have them.

use serde_json::{Map, Value};

use super::Context;
use crate::discovery::TEXTS;

/// What stands for a word that only this case uses, as in `{n}work@example.com`.
const OWN: &str = "{n}";

impl Context {
    /// The word of this case.
    pub fn own_word(&self) -> &str {
        self.own_word.get_or_init(|| format!("{}-", self.fresh_name()))
    }

    /// The name of the attribute that is meant by `nickName` or `title`.
    pub fn text_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.discovery().text(name).unwrap_or(name)
    }

    /// The JSON pointer to the attribute that is meant by `nickName` or `title`.
    pub fn at(&self, name: &str) -> String {
        format!("/{}", self.text_name(name))
    }

    /// The data of a case as it is on this server.
    pub fn fill(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill_text(&text)),
            Value::Array(elements) => elements.into_iter().map(|one| self.fill(one)).collect(),
            Value::Object(members) => {
                let filled = members.into_iter().map(|(name, value)| (self.rename(&name), self.fill(value)));
                Value::Object(filled.collect::<Map<_, _>>())
            }
            other => other,
        }
    }

    /// The same for a path, a filter, or a list of names.
    pub fn fill_text(&self, text: &str) -> String {
        let mut filled = self.rename(text);
        if filled.contains(OWN) {
            filled = filled.replace(OWN, self.own_word());
        }
        filled
    }

    fn rename(&self, text: &str) -> String {
        let mut renamed = text.to_owned();
        // A generated case means the names that it has from the schema.
        for name in TEXTS.into_iter().filter(|_| self.subject.is_none()) {
            let other = self.text_name(name);
            if other != name {
                renamed = replace_word(&renamed, name, other);
                renamed = replace_word(&renamed, &name.to_uppercase(), &other.to_uppercase());
            }
        }
        renamed
    }
}

/// Replaces a name where it stands as a name, and not as a part of another one.
fn replace_word(text: &str, name: &str, other: &str) -> String {
    let is_part = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '-');
    let (mut out, mut rest) = (String::new(), text);
    while let Some(start) = rest.find(name) {
        let (before, found) = rest.split_at(start);
        let after = found.strip_prefix(name).unwrap_or_default();
        out.push_str(before);
        let whole = !is_part(out.chars().next_back()) && !is_part(after.chars().next());
        out.push_str(if whole { other } else { name });
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced_as_names() {
        assert_eq!(
            replace_word("title pr and subtitle eq \"title\"", "title", "rank"),
            "rank pr and subtitle eq \"rank\""
        );
        assert_eq!(replace_word("urn:x:User:nickName,name", "nickName", "motto"), "urn:x:User:motto,name");
        assert_eq!(replace_word("nothing", "title", "rank"), "nothing");
    }
}
