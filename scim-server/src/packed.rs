//! Files that are a part of the program, compressed: `build.rs` packs them, and they are unpacked when they are first asked for.

use std::sync::OnceLock;

use bytes::Bytes;

/// A file.
#[derive(Debug)]
pub struct Packed {
    packed: &'static [u8],
    whole: OnceLock<Bytes>,
}

/// The file of that name, which `build.rs` lists.
macro_rules! packed {
    ($name:literal) => {
        $crate::packed::Packed::new(include_bytes!(concat!(env!("OUT_DIR"), "/", $name, ".zst")))
    };
}
pub(crate) use packed;

impl Packed {
    /// One that was compressed by zstd.
    pub const fn new(packed: &'static [u8]) -> Self {
        Self { packed, whole: OnceLock::new() }
    }

    /// What it holds. A build that packs it wrongly would give nothing: tests hold each file against what was packed.
    pub fn bytes(&self) -> Bytes {
        self.whole.get_or_init(|| zstd::decode_all(self.packed).unwrap_or_default().into()).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_is_what_was_packed() {
        for (file, packed) in [
            ("../docs/reference/admin-api.json", packed!("admin-api.json")),
            ("../docs/reference/openapi.json", packed!("openapi.json")),
            ("assets/htmx.min.js", packed!("htmx.min.js")),
            ("assets/icon.svg", packed!("icon.svg")),
            ("assets/site.css", packed!("site.css")),
            ("assets/site.js", packed!("site.js")),
            ("assets/uPlot.iife.min.js", packed!("uPlot.iife.min.js")),
            ("assets/uPlot.min.css", packed!("uPlot.min.css")),
        ] {
            let there = std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
            assert!(!there.is_empty() && packed.bytes() == there, "{file}");
        }
        assert_eq!(Packed::new(b"no zstd").bytes(), "");
    }
}
