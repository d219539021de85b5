//! The discovery resources: ServiceProviderConfig, ResourceType, Schema (RFC 7643 §5–7, RFC 7644 §4).
