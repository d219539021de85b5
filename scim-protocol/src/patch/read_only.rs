//! Attributes that no operation may change, because the server sets them, and the error for them and for immutable
//! ones.

use std::sync::Arc;

use crate::{
    Error, ErrorKind,
    path::BoundPath,
    schema::{Attribute, Mutability},
};

pub(super) fn is_read_only(path: &BoundPath) -> bool {
    let named = [&path.attribute, &path.sub_attribute];
    let is_set_by_server = |attribute: &&Arc<Attribute>| attribute.mutability == Mutability::ReadOnly;
    !path.is_core("schemas") && named.into_iter().flatten().any(|attribute| is_set_by_server(&attribute))
}

pub(super) fn refuse_read_only(path: &BoundPath) -> Result<(), Error> {
    if is_read_only(path) {
        return Err(mutability(format!("{path} is readOnly: the server sets it. Leave the operation out.")));
    }
    Ok(())
}

pub(super) fn mutability(detail: String) -> Error {
    Error::new(ErrorKind::Mutability, detail)
}
