//! Compresses the files that are a part of the program and are seldom asked for: a third of a megabyte becomes a tenth of one.

use std::{env, fs, io, path::PathBuf};

const FILES: [&str; 8] = [
    "../docs/reference/admin-api.json",
    "../docs/reference/openapi.json",
    "assets/htmx.min.js",
    "assets/icon.svg",
    "assets/site.css",
    "assets/site.js",
    "assets/uPlot.iife.min.js",
    "assets/uPlot.min.css",
];

/// As small as it gets within a moment.
const LEVEL: i32 = 19;

#[expect(clippy::disallowed_methods, reason = "Cargo tells a build script its folder this way, and it is no setting")]
fn main() -> io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
        let name = file.rsplit('/').next().unwrap_or(file);
        fs::write(out.join(format!("{name}.zst")), zstd::bulk::compress(&fs::read(file)?, LEVEL)?)?;
    }
    Ok(())
}
