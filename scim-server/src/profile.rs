//! What a tenant's profile adds to the RFCs.
