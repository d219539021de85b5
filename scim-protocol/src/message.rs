//! Protocol messages: queries (RFC 7644 §3.4.2–3, RFC 9865 §2), bulk (§3.7).
