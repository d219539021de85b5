//! The program `scim-conformance`. Everything is in the library; see [`conformance::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    conformance::cli::main()
}
