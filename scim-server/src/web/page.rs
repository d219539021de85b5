//! A whole page: the layout, and what stands in it.

use askama::Template;

use super::{Piece, assets, legible};

/// To whom pages belong: the console, or the setup page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Side {
    /// Below which path it is: `/console`, `/setup/…`. The assets are below it, too.
    pub base: String,
    /// What stands at the top of each page.
    pub name: String,
    /// Where the name leads; nowhere when empty.
    pub home: String,
    /// The path of a picture before the name, on this server; none when empty.
    pub logo: String,
    /// The path of a style sheet behind that of all, on this server; none when empty.
    pub style: String,
}

/// A link of the navigation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub to: String,
    pub text: String,
    /// Whether it leads to where one is.
    pub current: bool,
}

impl Link {
    pub fn new(to: impl Into<String>, text: impl Into<String>) -> Self {
        Self { to: to.into(), text: text.into(), current: false }
    }
}

/// A page.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "page.html")]
pub struct Page {
    pub side: Side,
    pub title: String,
    /// What is said beside the title.
    pub subtitle: String,
    /// The navigation at the top.
    pub links: Vec<Link>,
    /// The parts of what the page is about; the navigation at the side.
    pub tabs: Vec<Link>,
    /// Who is signed in, with the token against forged requests; nobody when absent.
    pub who: Option<Who>,
    pub pieces: Vec<Piece>,
    /// Where the browser goes by itself, at once; nowhere when empty.
    pub onward: String,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    pub name: String,
    pub role: String,
    pub csrf: String,
}

impl Page {
    pub fn new(side: &Side, title: impl Into<String>) -> Self {
        Self { side: side.clone(), title: title.into(), ..Self::default() }
    }

    #[must_use]
    pub fn with(mut self, piece: impl Into<Piece>) -> Self {
        self.pieces.push(piece.into());
        self
    }

    /// The page as browsers get it.
    ///
    /// # Errors
    /// When a template fails, which is a fault of the server.
    pub fn html(&self) -> askama::Result<String> {
        Ok(legible::visible(&self.render()?))
    }

    fn asset(&self, name: &str) -> String {
        assets::path(&self.side.base, name)
    }

    /// Whether a form of it was sent in vain, and says why.
    pub fn has_refused(&self) -> bool {
        Piece::has_refused(&self.pieces)
    }

    fn has_chart(&self) -> bool {
        Piece::has_chart(&self.pieces)
    }
}
