//! The audit log: one JSON line for every call.
