#!/bin/sh
# Cargo, for cargo-auditable, which has every crate of the workspace compiled through itself, and names itself by its whole path.
# Cargo makes that path a part of the name of each of these crates, so that a program would differ with the folder in which it is
# built. By its name alone it is the same everywhere.
RUSTC_WORKSPACE_WRAPPER=cargo-auditable exec cargo "$@"
