//! Faults in media types.

use serde_json::json;

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    let (get, post) = (|| on("GET /Users/*"), || on("POST /Users"));
    vec![
        ("media-accept-scim", get().header("content-type", "application/json")),
        ("media-accept-json", get().having("accept: application/json").refuses(406)),
        ("media-default", get().lacking("accept: ").header("content-type", "text/html")),
        ("media-send-scim", post().refuses(415)),
        ("media-send-charset", post().having("charset").refuses(415)),
        ("media-send-json", post().having("content-type: application/json").refuses(415)),
        ("media-utf8", get().says("/displayName", json!("ZoÃ« MÃ¼ller"))),
        ("media-json", on("GET /Users").text("<html><title>All users</title></html>")),
    ]
}
