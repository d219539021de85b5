//! The program `scim-server`. Everything is in the library; see [`scim_server::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    scim_server::cli::main()
}
