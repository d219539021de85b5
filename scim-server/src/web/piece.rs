//! What a page is made of, below one another.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use askama::Template;
use command_page::terminal;
use serde_json::Value;

use super::{Cell, Chart, Field, Form, Tone, form::Kind, legible};

/// A piece of a page.
#[derive(Debug, Clone, Template)]
#[template(path = "piece.html")]
pub enum Piece {
    Section(Section),
    Table(Table),
    Facts(Facts),
    Form(Form),
    Text(String),
    /// What is to be seen before anything else.
    Notice(Tone, String),
    /// What is shown this once: what it is, and its text.
    Secret(String, String),
    /// What is read as it is: JSON, a command.
    Code(String),
    /// The command line that does the same.
    Command(String),
    /// Paths with their names.
    Links(Vec<(String, String)>),
    /// Numbered steps.
    Steps(Vec<String>),
    Chart(Chart),
    /// Places side by side: label, value, tone.
    Figures(Vec<(String, Cell, Tone)>),
    /// A field whose results are on the same page, in the piece of that id: found as one types.
    Search {
        to: String,
        name: &'static str,
        value: String,
        label: String,
        results: &'static str,
        /// What the page is asked for beside it.
        kept: Vec<(&'static str, String)>,
    },
    /// Fields that narrow what a page shows: it is asked for again with them, by GET.
    Filters {
        /// The path of the page.
        to: String,
        fields: Vec<Field>,
        /// What the button says.
        submit: String,
    },
    /// A piece that a page can replace by itself: `id`, and how often it asks for itself at which path (seconds).
    Live {
        id: &'static str,
        every: Option<(u32, String)>,
        pieces: Vec<Piece>,
    },
    /// What is seen when it is opened: label and pieces. It is open where a form in it was sent in vain.
    Folded(String, Vec<Piece>),
}

impl Piece {
    /// A JSON document as people read it. It is the same document: signs that nobody sees are escaped in its texts.
    pub fn json(document: &Value) -> Self {
        Self::Code(terminal::json(&serde_json::to_string_pretty(document).unwrap_or_default()))
    }

    /// Gives the tables in it that have no title yet this one.
    fn entitle(&mut self, title: &str) {
        match self {
            Self::Table(table) if table.title.is_empty() => title.clone_into(&mut table.title),
            Self::Live { pieces, .. } => pieces.iter_mut().for_each(|piece| piece.entitle(title)),
            Self::Folded(label, pieces) => pieces.iter_mut().for_each(|piece| piece.entitle(label)),
            _ => {}
        }
    }

    /// Several as HTML, one behind the other.
    fn drawn(pieces: &[Self]) -> askama::Result<String> {
        pieces.iter().map(Self::render).collect()
    }

    /// What tells one HTML from another: by it a page that follows knows whether anything is new.
    fn digest(html: &str) -> String {
        let mut hasher = DefaultHasher::new();
        html.hash(&mut hasher);
        format!("{:016x}", hasher.finish())
    }

    /// Whether a chart is among them, so that their page needs the library that draws it.
    pub(super) fn has_chart(pieces: &[Self]) -> bool {
        pieces.iter().any(|piece| match piece {
            Self::Chart(_) => true,
            Self::Section(Section { pieces, .. }) | Self::Live { pieces, .. } | Self::Folded(_, pieces) => {
                Self::has_chart(pieces)
            }
            _ => false,
        })
    }

    /// Whether a form is among them that was sent in vain.
    pub(super) fn has_refused(pieces: &[Self]) -> bool {
        pieces.iter().any(|piece| match piece {
            Self::Form(form) => !form.refused.is_empty(),
            Self::Section(Section { pieces, .. }) | Self::Live { pieces, .. } | Self::Folded(_, pieces) => {
                Self::has_refused(pieces)
            }
            _ => false,
        })
    }
}

/// A part of a page with a heading.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "section.html")]
pub struct Section {
    pub title: String,
    /// What one should know of it, in a sentence.
    pub note: String,
    pub pieces: Vec<Piece>,
}

impl Section {
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    #[must_use]
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    #[must_use]
    pub fn with(mut self, piece: impl Into<Piece>) -> Self {
        let mut piece = piece.into();
        piece.entitle(&self.title);
        self.pieces.push(piece);
        self
    }

    /// With the command line that shows or does the same.
    #[must_use]
    pub fn command(self, command: impl Into<String>) -> Self {
        self.with(Piece::Command(command.into()))
    }
}

/// Rows below headings.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "table.html")]
pub struct Table {
    /// What tells it from others of the page where it is not seen; that of its section where it has none.
    pub title: String,
    /// One that is empty stands above buttons.
    pub headings: Vec<String>,
    pub rows: Vec<Row>,
    /// What is said when there are no rows: what to do next.
    pub empty: String,
    /// The next page: path and label.
    pub more: Option<(String, String)>,
}

/// A row of a table.
#[derive(Debug, Clone, Default)]
pub struct Row(pub Vec<Cell>);

impl Table {
    pub fn new(headings: &[&str], empty: impl Into<String>) -> Self {
        let headings = headings.iter().map(|heading| (*heading).to_owned()).collect();
        Self { headings, empty: empty.into(), ..Self::default() }
    }

    pub fn push(&mut self, cells: Vec<Cell>) {
        self.rows.push(Row(cells.into_iter().map(Cell::clipped).collect()));
    }

    /// The cells of a row with their headings: on a narrow screen each says what it is.
    fn named<'r>(&'r self, row: &'r Row) -> impl Iterator<Item = (&'r str, &'r Cell)> {
        let headings = self.headings.iter().map(String::as_str).chain(std::iter::repeat(""));
        headings.zip(&row.0)
    }

    /// What it is called where it is not seen.
    fn label(&self) -> String {
        let headings: Vec<_> = self.headings.iter().filter(|heading| !heading.is_empty()).map(String::as_str).collect();
        let title = if self.title.is_empty() { String::new() } else { legible::clipped(&self.title) + ": " };
        title + &headings.join(", ")
    }
}

/// Names and values.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "facts.html")]
pub struct Facts(pub Vec<(String, Cell)>);

impl Facts {
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<Cell>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }
}

macro_rules! pieces {
    ($($kind:ident)*) => { $(impl From<$kind> for Piece {
        fn from(piece: $kind) -> Self { Self::$kind(piece) }
    })* };
}

pieces! { Section Table Facts Form Chart }
