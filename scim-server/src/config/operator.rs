//! Who operates the application, as it is set for the server.

use super::{ConfigError, Layers};
use crate::tenant::{Colour, Operator, OperatorName, Picture};

/// What the settings say.
pub(super) fn from_layers(layers: &Layers) -> Result<Operator, ConfigError> {
    Ok(Operator {
        name: layers.optional("operator_name", |text| OperatorName::try_from(text.to_owned()))?,
        colour: layers.optional("operator_colour", |text| Colour::try_from(text.to_owned()))?,
        logo: layers.optional("operator_logo", picture)?,
    })
}

/// The picture in a file.
fn picture(file: &str) -> Result<Picture, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("cannot read the logo {file:?}: {error}"))?;
    Picture::new(bytes)
}
