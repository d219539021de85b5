//! Schemas, attributes and their characteristics, as data (RFC 7643 §2, §6 and §7).
//!
//! Everything that acts on a document (validation, filters, PATCH, projection) asks these values
//! what an attribute is. No attribute of User or Group is named in code elsewhere.

pub mod core;
mod definition;
pub mod notation;
pub mod registry;

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

pub use registry::{Extension, ResourceType, SchemaRegistry};

/// The data type of an attribute (RFC 7643 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Type {
    /// Base64 text (RFC 7643 §2.3.6).
    Binary,
    /// `true` or `false` (§2.3.2).
    Boolean,
    /// An object of sub-attributes (§2.3.8).
    Complex,
    /// An instant as `xsd:dateTime` text (§2.3.5).
    DateTime,
    /// A number with a fraction (§2.3.3).
    Decimal,
    /// A whole number (§2.3.4).
    Integer,
    /// A URI, or the id of another resource (§2.3.7).
    Reference,
    /// Text (§2.3.1).
    #[default]
    String,
}

impl Type {
    /// Whether values are JSON strings that are compared as text: `string`, `reference`, `binary`.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Binary | Self::Reference | Self::String)
    }
}

/// When a client may set an attribute (RFC 7643 §7, `mutability`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    /// Set once; later values must equal the first.
    Immutable,
    /// Set by the server; what clients send is ignored.
    ReadOnly,
    /// May be set and read.
    #[default]
    ReadWrite,
    /// May be set and is never returned.
    WriteOnly,
}

/// When an attribute is part of an answer (RFC 7643 §7, `returned`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    /// In each answer, whatever is asked for.
    Always,
    /// Unless excluded, or others are asked for.
    #[default]
    Default,
    /// In no answer, and not in filters either: a password.
    Never,
    /// Only where asked for by name.
    Request,
}

/// Where no two resources may hold the same value (RFC 7643 §7, `uniqueness`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    /// In all tenants. No attribute here asks for it; kept because schemas may say it.
    Global,
    /// Two resources may hold the same value.
    #[default]
    None,
    /// In one tenant, among resources of one type.
    Server,
}

/// How far requests may differ from the letter of the RFCs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strictness {
    /// What providers are known to send is understood ([`crate::dialect`]), and attributes that no
    /// schema defines are dropped.
    #[default]
    Lenient,
    /// What contradicts the RFCs is refused, and so are attributes that no schema defines. For whoever
    /// develops a client, and wants to hear at once what is wrong.
    Strict,
}

/// One attribute and its characteristics (RFC 7643 §7). Reads and writes the RFC's JSON form.
///
/// What the JSON leaves out has the default of RFC 7643 §2.2. A key that is no characteristic is
/// refused, so that a misspelt one does not silently become its default.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Attribute {
    /// Its name in canonical spelling; compared without case.
    pub name: String,
    /// Its data type; `type` on the wire.
    #[serde(rename = "type", default)]
    pub kind: Type,
    /// For a complex attribute, what it is made of, in schema order.
    #[serde(default)]
    pub sub_attributes: Vec<Arc<Attribute>>,
    /// Whether the value is a list.
    #[serde(default)]
    pub multi_valued: bool,
    /// What the attribute or schema is for, for whoever reads `/Schemas`.
    #[serde(default)]
    pub description: String,
    /// Whether a resource must have it.
    #[serde(default)]
    pub required: bool,
    /// Suggested values; others are legal (RFC 7643 §7).
    #[serde(default)]
    pub canonical_values: Vec<String>,
    /// Whether case counts when strings are compared.
    #[serde(default)]
    pub case_exact: bool,
    /// When it may be set.
    #[serde(default)]
    pub mutability: Mutability,
    /// Which answers carry it.
    #[serde(default)]
    pub returned: Returned,
    /// Where its value must be unique.
    #[serde(default)]
    pub uniqueness: Uniqueness,
    /// For a reference, what it may point to.
    #[serde(default)]
    pub reference_types: Vec<String>,
    /// Of a boolean, what it means that a resource has no value: filters compare with this, and a
    /// value that is its opposite does not go away by being left out or removed, only by another.
    /// No characteristic of the RFC, and so not part of its JSON: the description says it to clients.
    #[serde(skip)]
    pub absent_means: Option<bool>,
}

impl Attribute {
    /// The sub-attribute of that name, in any case.
    pub fn sub_attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.sub_attributes.iter().find(|sub| sub.name.eq_ignore_ascii_case(name))
    }

    /// Whether this value is the opposite of what the attribute's absence means.
    pub fn is_opposite_of_absent(&self, value: &serde_json::Value) -> bool {
        self.absent_means.is_some_and(|meant| *value == serde_json::Value::Bool(!meant))
    }

    /// Whether this is a complex attribute.
    pub fn is_complex(&self) -> bool {
        self.kind == Type::Complex
    }
}

/// Each characteristic that the type has, also where it is the default: clients read this. A complex
/// attribute has no uniqueness, and only text has a case (RFC 7643 §2.3 and erratum 6004).
impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("type", &self.kind)?;
        if self.is_complex() {
            map.serialize_entry("subAttributes", &self.sub_attributes)?;
        }
        map.serialize_entry("multiValued", &self.multi_valued)?;
        map.serialize_entry("description", &self.description)?;
        map.serialize_entry("required", &self.required)?;
        if !self.canonical_values.is_empty() {
            map.serialize_entry("canonicalValues", &self.canonical_values)?;
        }
        if self.kind.is_text() {
            map.serialize_entry("caseExact", &self.case_exact)?;
        }
        map.serialize_entry("mutability", &self.mutability)?;
        map.serialize_entry("returned", &self.returned)?;
        if !self.is_complex() {
            map.serialize_entry("uniqueness", &self.uniqueness)?;
        }
        if !self.reference_types.is_empty() {
            map.serialize_entry("referenceTypes", &self.reference_types)?;
        }
        map.end()
    }
}

/// A schema: a URN and the attributes that it defines (RFC 7643 §7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    /// The URN, in canonical spelling; compared without case.
    pub id: String,
    /// What people call it: `User`, `Enterprise User`.
    pub name: String,
    /// What the attribute or schema is for, for whoever reads `/Schemas`.
    #[serde(default)]
    pub description: String,
    /// Its attributes, in schema order.
    pub attributes: Vec<Arc<Attribute>>,
}

impl Schema {
    /// The attribute of that name, in any case.
    pub fn attribute(&self, name: &str) -> Option<&Arc<Attribute>> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}
