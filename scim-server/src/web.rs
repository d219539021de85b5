//! What pages for browsers share: the files that they load, their layout, and the pieces that they are made of.
//!
//! A page is data. A screen says what it shows as a [`Page`] of [`Piece`]s; the templates decide how that looks, and
//! escape every text. So no screen can write HTML, and all look alike. Pages load files of this server only, and have
//! no script or style of their own (`Content-Security-Policy: default-src 'self'`).

pub mod assets;
pub mod cell;
pub mod chart;
pub mod ending;
pub mod flags;
pub mod form;
pub mod legible;
pub mod number;
pub mod origin;
pub mod page;
pub mod piece;
pub mod prose;
pub mod response;

pub use self::{
    cell::{Bar, Bars, Button, Cell, Tone},
    chart::{Chart, Line},
    form::{Field, Form, Kind, Parameters},
    legible::clipped,
    number::thousands,
    page::{Link, Page, Side},
    piece::{Facts, Piece, Section, Table},
    response::WebResponse,
};
