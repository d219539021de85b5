//! The program `sync-agent`. Everything is in the library; see [`sync_agent::main`].

use std::process::ExitCode;

fn main() -> ExitCode {
    sync_agent::main()
}
