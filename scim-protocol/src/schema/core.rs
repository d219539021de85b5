//! The schemas of RFC 7643 §8.7, read from `schemas/*.json`.
