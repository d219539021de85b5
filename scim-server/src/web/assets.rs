//! The files that pages load: scripts, styles, the icon. They are in the program, and change with it only.
//!
//! A path has a part of the file's hash, so that browsers may keep a file for ever.

use std::sync::LazyLock;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::packed::{Packed, packed};

/// A file.
#[derive(Debug)]
pub struct Asset {
    /// Its name: `site.css`.
    pub name: &'static str,
    pub media_type: &'static str,
    file: Packed,
}

impl Asset {
    /// What it holds.
    pub fn bytes(&self) -> Bytes {
        self.file.bytes()
    }
}

const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// Every file. htmx and uPlot are as their authors publish them at npm; their licences are beside them.
static ASSETS: [Asset; 6] = [
    Asset { name: "htmx.js", media_type: SCRIPT, file: packed!("htmx.min.js") },
    Asset { name: "uplot.js", media_type: SCRIPT, file: packed!("uPlot.iife.min.js") },
    Asset { name: "uplot.css", media_type: STYLE, file: packed!("uPlot.min.css") },
    Asset { name: "site.js", media_type: SCRIPT, file: packed!("site.js") },
    Asset { name: "site.css", media_type: STYLE, file: packed!("site.css") },
    Asset { name: "icon.svg", media_type: "image/svg+xml", file: packed!("icon.svg") },
];

/// Beginnings of the hashes, in the order of [`ASSETS`].
static HASHES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let hash = |asset: &Asset| hex::encode(Sha256::digest(asset.bytes())).chars().take(16).collect();
    ASSETS.iter().map(hash).collect()
});

/// The path of a file below a side's base: `/console/assets/0123456789abcdef/site.css`. Empty if there is none.
pub fn path(base: &str, name: &str) -> String {
    let known = ASSETS.iter().zip(HASHES.iter()).find(|(asset, _)| asset.name == name);
    known.map(|(_, hash)| format!("{base}/assets/{hash}/{name}")).unwrap_or_default()
}

/// The file that a path names behind `…/assets/`: `HASH/NAME`. `None` too for the hash of another version.
pub fn find(rest: &str) -> Option<&'static Asset> {
    let (hash, name) = rest.split_once('/')?;
    let mut known = ASSETS.iter().zip(HASHES.iter());
    known.find(|(asset, known)| asset.name == name && *known == hash).map(|(asset, _)| asset)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was fetched from npm is what is served.
    #[test]
    fn the_files_of_others_are_as_they_were_published() {
        for (name, hash) in [
            ("htmx.js", "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"),
            ("uplot.js", "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f"),
            ("uplot.css", "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04"),
        ] {
            let asset = ASSETS.iter().find(|asset| asset.name == name).unwrap();
            assert_eq!(hex::encode(Sha256::digest(asset.bytes())), hash, "{name}");
        }
    }

    #[test]
    fn a_path_leads_to_its_file() {
        for asset in &ASSETS {
            let path = path("/console", asset.name);
            let rest = path.strip_prefix("/console/assets/").unwrap();
            assert_eq!(find(rest).unwrap().name, asset.name);
            assert!(find(&rest.replace('.', "_")).is_none());
        }
        assert!(find("0000000000000000/site.css").is_none() && find("site.css").is_none());
        assert_eq!(path("/console", "other.css"), "");
    }
}
