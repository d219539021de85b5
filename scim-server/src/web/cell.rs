//! What stands in one place of a table or a list of facts.

use askama::Template;

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    Plain,
    Good,
    Warn,
    Bad,
}

impl Tone {
    /// The class of the style sheet.
    pub fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// What stands in one place.
#[derive(Debug, Clone, Template)]
#[template(path = "cell.html")]
pub enum Cell {
    /// Nothing: a dash.
    Empty,
    Text(String),
    /// Below the text of a place, and smaller.
    Note(String),
    /// A name of the program: an id, a path.
    Code(String),
    /// What people take to another place, with a button that copies it.
    Copy(String),
    /// An instant (RFC 3339). The browser shows it in the reader's zone.
    Time(String),
    Link {
        to: String,
        text: String,
    },
    Badge(Tone, String),
    Button(Button),
    /// Several, side by side.
    Several(Vec<Cell>),
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn link(to: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Link { to: to.into(), text: text.into() }
    }

    /// A time, or a word where there is none.
    pub fn time(at: Option<&str>, none: &str) -> Self {
        at.map_or_else(|| Self::Text(none.to_owned()), |at| Self::Time(at.to_owned()))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text.to_owned()) }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }
}

/// A form of one button: what it sends is known already.
#[derive(Debug, Clone, Template)]
#[template(path = "button.html")]
pub struct Button {
    /// The path that it is sent to, by POST.
    pub action: String,
    /// The session's token against forged requests.
    pub csrf: String,
    pub fields: Vec<(String, String)>,
    pub label: String,
    pub tone: Tone,
}
