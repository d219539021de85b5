//! The text of an expression, read from left to right; an error shows where it stopped.

use std::fmt;

use super::{Part, ValueForm, ValueSource};

/// Never read, whatever the mapping says: what they hold is a password or made from one.
const FORBIDDEN: [&str; 13] = [
    "userpassword",
    "unicodepwd",
    "dbcspwd",
    "lmpwdhistory",
    "ntpwdhistory",
    "pwdhistory",
    "supplementalcredentials",
    "sambantpassword",
    "sambalmpassword",
    "msds-managedpassword",
    "ms-mcs-admpwd",
    "mslaps-password",
    "krbprincipalkey",
];

/// What is wrong with an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionError {
    /// The expression.
    pub text: String,
    /// The character at which reading stopped, from 0.
    pub at: usize,
    /// What is wrong there.
    pub reason: String,
}

impl std::error::Error for ExpressionError {}

impl fmt::Display for ExpressionError {
    /// In three lines, the last of which points at the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n    {}\n    {:>width$}", self.reason, self.text, '^', width = self.at + 1)
    }
}

/// One alternative.
pub(super) fn parts(text: &str) -> Result<Vec<Part>, ExpressionError> {
    let mut parts = Vec::new();
    let mut rest = text;
    let place = |rest: &str| text.len() - rest.len();
    while let Some((before, after)) = rest.split_once("${") {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let opened = place(after) - 2;
        let (inner, behind) =
            after.split_once('}').ok_or_else(|| error(text, opened, "this ${ is not closed by a }"))?;
        parts.push(Part::Source(source(text, place(after), inner)?));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

/// What stands between the braces, which begins at byte `start`.
fn source(text: &str, start: usize, inner: &str) -> Result<ValueSource, ExpressionError> {
    // Where a part of `inner` stands in the text.
    let place = |part: &str| start + (part.as_ptr() as usize).saturating_sub(inner.as_ptr() as usize);
    let (what, form) = match inner.split_once('|') {
        Some((what, word)) => (what, form(word.trim()).map_err(|reason| error(text, place(word.trim()), reason))?),
        None => (inner, ValueForm::Text),
    };
    let what = what.trim();
    let end = what.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.;".contains(c)).unwrap_or(what.len());
    let (name, selector) = what.split_at(end);
    if name.is_empty() {
        return Err(error(text, place(what), "here the name of an attribute is missing"));
    }
    let of_type = match selector.trim() {
        "" => None,
        selector => Some(of_type(selector).ok_or_else(|| {
            error(
                text,
                place(selector),
                "after a name may stand [?type == \"SMTP\"].value, or a form behind a bar, and nothing else",
            )
        })?),
    };
    let attribute = name.to_ascii_lowercase();
    // Options such as ;binary name the same attribute.
    let base = attribute.split(';').next().unwrap_or_default();
    if FORBIDDEN.contains(&base) {
        return Err(error(text, place(name), "this attribute holds a password; passwords are never read"));
    }
    Ok(ValueSource { attribute, of_type, form })
}

/// `[?type == "SMTP"].value`
fn of_type(selector: &str) -> Option<String> {
    let inner = selector.strip_prefix("[?")?.strip_suffix("value")?.trim_end().strip_suffix('.')?;
    let (name, value) = inner.trim_end().strip_suffix(']')?.split_once("==")?;
    let value = value.trim();
    let quoted = |quote| value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote));
    let value = quoted('"').or_else(|| quoted('\''))?;
    let good = name.trim() == "type" && !value.is_empty() && !value.contains(['"', '\'', ':']);
    good.then(|| value.to_owned())
}

fn form(word: &str) -> Result<ValueForm, String> {
    let known = ValueForm::WORDS.iter().find(|(name, _)| *name == word);
    known.map(|(_, form)| *form).ok_or_else(|| {
        let words: Vec<&str> = ValueForm::WORDS.iter().map(|(name, _)| *name).collect();
        format!("there is no form {word:?}; there are {}", words.join(", "))
    })
}

fn error(text: &str, byte: usize, reason: impl Into<String>) -> ExpressionError {
    let at = text.get(..byte).map_or(0, |before| before.chars().count());
    ExpressionError { text: text.to_owned(), at, reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, at: usize, reason: &str) {
        let error = parts(text).unwrap_err();
        assert_eq!(error.at, at, "{error}");
        assert!(error.reason.contains(reason), "{error}");
    }

    #[test]
    fn an_error_shows_its_place() {
        check("ä${sn", 1, "not closed");
        check("${a}${}", 6, "missing");
        check("${a b}", 4, "nothing else");
        check("x ${userPassword}", 4, "password");
        check("${userPassword;binary}", 2, "password");
        check("${sn|rot13}", 5, "no form \"rot13\"");
        check("${proxyAddresses[?kind == \"SMTP\"].value}", 16, "nothing else");
        assert_eq!(parts("x${").unwrap_err().to_string(), "this ${ is not closed by a }\n    x${\n     ^");
    }
}
