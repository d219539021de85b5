//! The program `scim-server`. Everything is in the library; see [`scim_server::main`].

use std::process::ExitCode;

/// What one thread allocates for a request another often frees: the store's writer, or the next
/// thread on which the request goes on. This allocator is made for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    scim_server::main()
}
