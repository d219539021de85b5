//! PATCH (RFC 7644 §3.5.2).

pub mod apply;

use serde_json::Value;

use crate::{Error, path::Path};

/// The schema URI of a PATCH body.
pub const PATCH_OP_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// The most operations in one request.
pub const MAX_OPERATIONS: usize = 1000;

/// One operation, as a standard request states it. What providers write instead is rewritten
/// before, in [`crate::dialect`].
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// §3.5.2.1
    Add {
        /// where; the resource itself when absent
        path: Option<Path>,
        /// what
        value: Value,
    },
    /// §3.5.2.2
    Remove {
        /// where
        path: Path,
        /// not in the RFC: remove only these elements of a multi-valued attribute. Entra,
        /// JumpCloud and others send it.
        value: Option<Value>,
    },
    /// §3.5.2.3
    Replace {
        /// where; the resource itself when absent
        path: Option<Path>,
        /// with what
        value: Value,
    },
}

/// Parses a standard PATCH body (after [`crate::dialect::standardise_patch`]): `Operations`, each
/// with `op` `add`, `remove` or `replace`. Errors: `invalidSyntax` for the shape, `invalidPath`,
/// `noTarget` for a `remove` without a path, `PayloadTooLarge` for more than [`MAX_OPERATIONS`].
pub fn parse(_body: Value) -> Result<Vec<Operation>, Error> {
    todo!()
}
