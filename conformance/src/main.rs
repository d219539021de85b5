//! The program `scim-conformance`. Everything is in the library; see [`conformance::main`].

use std::process::ExitCode;

fn main() -> ExitCode {
    conformance::main()
}
