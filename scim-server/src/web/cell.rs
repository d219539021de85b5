//! What stands in one place of a table or a list of facts.

use askama::Template;

use super::legible;

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
    /// A value. A table has its beginning.
    Text(String),
    /// A sentence of the server, whole: what stands between backticks is code.
    Said(String),
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
    Bars(Bars),
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

    /// The same for a table, where a long value would take the room of others.
    #[must_use]
    pub(super) fn clipped(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(legible::clipped(&text)),
            Self::Code(text) => Self::Code(legible::clipped(&text)),
            Self::Badge(tone, text) => Self::Badge(tone, legible::clipped(&text)),
            Self::Several(cells) => Self::Several(cells.into_iter().map(Self::clipped).collect()),
            other => other,
        }
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

/// Numbers over time, small: what stands in a row of a table.
#[derive(Debug, Clone, Template)]
#[template(path = "bars.html")]
pub struct Bars {
    /// What they say together, for whoever does not see them.
    pub label: String,
    pub bars: Vec<Bar>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    pub all: u64,
    /// Of these, in another colour.
    pub bad: u64,
}

impl Bars {
    /// The height of a chart, in its own units.
    const HEIGHT: u64 = 20;

    /// For each bar that there is: where it stands, how high it is, and whether it is of the other colour.
    fn drawn(&self) -> Vec<(usize, u64, bool)> {
        let most = self.bars.iter().map(|bar| bar.all).max().unwrap_or(1).max(1);
        // What is there is seen, however little it is.
        let height = |number: u64| (u128::from(number) * u128::from(Self::HEIGHT)).div_ceil(u128::from(most));
        let height = |number: u64| u64::try_from(height(number)).unwrap_or(Self::HEIGHT);
        let of = |(at, bar): (usize, &Bar)| [(at * 4, height(bar.all), false), (at * 4, height(bar.bad), true)];
        self.bars.iter().enumerate().flat_map(of).filter(|(_, height, _)| *height > 0).collect()
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
