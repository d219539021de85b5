//! Who operates the application, as pages for customers show it: a name, a colour and a logo.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::naming;

/// Who operates the application. What is absent is what is set for the server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Operator {
    /// What stands at the top of each page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<OperatorName>,
    /// The colour of links and buttons: `#1d58b0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub colour: Option<Colour>,
    /// A picture before the name, in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo: Option<Picture>,
}

impl Operator {
    /// What is set here, and where nothing is, what is set there.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            name: self.name.clone().or_else(|| other.name.clone()),
            colour: self.colour.or(other.colour),
            logo: self.logo.clone().or_else(|| other.logo.clone()),
        }
    }
}

/// A name of 1 to 128 characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct OperatorName(String);

impl OperatorName {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for OperatorName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        naming::check_text("the operator's name", text).map(|()| Self(text.to_owned()))
    }
}

impl From<OperatorName> for String {
    fn from(name: OperatorName) -> Self {
        name.0
    }
}

/// A colour of the sRGB space: red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Colour([u8; 3]);

/// The least contrast of text with what it stands on (WCAG 2.2, 1.4.3 at level AA).
const CONTRAST: f64 = 4.5;
/// What it stands on in light pages.
const LIGHT: Colour = Colour([0xee, 0xee, 0xea]);
/// What it stands on in dark pages.
const DARK: Colour = Colour([0x26, 0x2a, 0x31]);
const WHITE: Colour = Colour([0xff; 3]);
const BLACK: Colour = Colour([0x10, 0x14, 0x1a]);

impl Colour {
    /// The nearest that can be read in light pages.
    #[must_use]
    pub fn on_light(self) -> Self {
        self.towards(0, LIGHT)
    }

    /// The nearest that can be read in dark pages.
    #[must_use]
    pub fn on_dark(self) -> Self {
        self.towards(255, DARK)
    }

    /// The colour of text upon it: white or nearly black, whichever is easier to read.
    #[must_use]
    pub fn text(self) -> Self {
        if self.contrast(WHITE) >= self.contrast(BLACK) { WHITE } else { BLACK }
    }

    /// Mixes it with black (0) or white (255) until it can be read there.
    fn towards(self, end: u8, ground: Self) -> Self {
        let mixed = |step: u16| {
            let mix = |part: u8| {
                let sum = u16::from(part) * (32 - step) + u16::from(end) * step;
                u8::try_from(sum / 32).unwrap_or(end)
            };
            Self(self.0.map(mix))
        };
        (0..=32).map(mixed).find(|mixed| mixed.contrast(ground) >= CONTRAST).unwrap_or(self)
    }

    /// The contrast of two colours, from 1 to 21 (WCAG 2.2).
    fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", hex::encode(self.0))
    }
}

impl TryFrom<String> for Colour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a colour; write it as #1d58b0");
        let mut parts = [0; 3];
        hex::decode_to_slice(text.strip_prefix('#').ok_or_else(wrong)?, &mut parts).map_err(|_| wrong())?;
        Ok(Self(parts))
    }
}

impl From<Colour> for String {
    fn from(colour: Colour) -> Self {
        colour.to_string()
    }
}

/// A picture: PNG, JPEG or WebP, which hold no scripts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Picture {
    bytes: Bytes,
    format: Format,
}

/// What a picture is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Jpeg,
    Png,
    WebP,
}

impl Picture {
    /// The largest: 32 KiB. That of a tenant is in memory while the server runs.
    pub const MOST: usize = 32 * 1024;

    /// A picture of these bytes; what is wrong with it else.
    pub fn new(bytes: Vec<u8>) -> Result<Self, String> {
        if bytes.len() > Self::MOST {
            return Err(format!("the logo has {} bytes; at most {} KiB are taken", bytes.len(), Self::MOST / 1024));
        }
        let format = match bytes.as_slice() {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Format::Png,
            [0xff, 0xd8, 0xff, ..] => Format::Jpeg,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Format::WebP,
            _ => return Err("the logo is no PNG, JPEG or WebP; others are not taken".to_owned()),
        };
        Ok(Self { bytes: bytes.into(), format })
    }

    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub fn media_type(&self) -> &'static str {
        match self.format {
            Format::Jpeg => "image/jpeg",
            Format::Png => "image/png",
            Format::WebP => "image/webp",
        }
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}, {} bytes)", self.media_type(), self.bytes.len())
    }
}

impl TryFrom<String> for Picture {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = BASE64.decode(text.trim()).map_err(|_| "the logo is not base64".to_owned())?;
        Self::new(bytes)
    }
}

impl From<Picture> for String {
    fn from(picture: Picture) -> Self {
        BASE64.encode(&picture.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(text: &str) -> Result<Colour, String> {
        Colour::try_from(text.to_owned())
    }

    #[test]
    fn colours_are_six_digits() {
        assert_eq!(colour("#1D58b0").unwrap().to_string(), "#1d58b0");
        for wrong in ["", "#", "red", "#fff", "#1d58b0;", "1d58b0", "#1d58b00", "#gggggg", "#é1d58"] {
            assert!(colour(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn any_colour_becomes_one_that_can_be_read() {
        for text in ["#000000", "#ffffff", "#ffff00", "#0000ff", "#7f7f7f", "#ff0000", "#1d58b0", "#00ff00"] {
            let colour = colour(text).unwrap();
            for (shown, ground) in [(colour.on_light(), LIGHT), (colour.on_dark(), DARK)] {
                assert!(shown.contrast(ground) >= CONTRAST, "{text}: {shown} on {ground}");
                assert!(shown.text().contrast(shown) >= CONTRAST, "{text}: text on {shown}");
            }
        }
        let blue = colour("#1d58b0").unwrap();
        assert_eq!(blue.on_light(), blue, "what can be read stays as it is");
    }

    #[test]
    fn pictures_are_known_by_their_first_bytes() {
        let png = b"\x89PNG\r\n\x1a\nrest".to_vec();
        let picture = Picture::new(png.clone()).unwrap();
        assert_eq!(picture.media_type(), "image/png");
        assert_eq!(Picture::try_from(String::from(picture.clone())).unwrap(), picture);
        for wrong in [&b"<svg onload=alert(1)>"[..], b"", b"GIF89a", b"<html>"] {
            assert!(Picture::new(wrong.to_vec()).is_err());
        }
        assert!(Picture::new([png, vec![0; Picture::MOST]].concat()).unwrap_err().contains("32 KiB"));
        assert!(Picture::try_from("not base64!".to_owned()).is_err());
    }

    #[test]
    fn what_a_tenant_leaves_out_is_the_servers() {
        let read = |text: &str| serde_json::from_str::<Operator>(text);
        let (own, server) =
            (read(r#"{"name": "Own"}"#).unwrap(), read(r##"{"name": "S", "colour": "#000000"}"##).unwrap());
        let both = own.or(&server);
        assert_eq!((both.name.unwrap().as_str(), both.colour), ("Own", server.colour));
        for wrong in [r#"{"name": ""}"#, r#"{"nmae": "x"}"#, r#"{"name": "a\nb"}"#, r#"{"colour": "red"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
