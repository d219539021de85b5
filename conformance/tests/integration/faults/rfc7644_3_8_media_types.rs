//! Faults in media types.

use super::Faults;
use crate::broken::fault::on;

pub fn faults() -> Faults {
    let (get, post) = (|| on("GET /Users/*"), || on("POST /Users"));
    vec![
        ("media-accept-scim", get().header("content-type", "application/json"), "Content-Type application/scim+json"),
        ("media-accept-json", get().having("accept: application/json").refuses(406), "Expected status 200 to GET"),
        (
            "media-default",
            get().lacking("accept: ").header("content-type", "text/html"),
            "Content-Type application/scim+json",
        ),
        ("media-send-scim", post().refuses(415), "to succeed; got 415"),
        ("media-send-charset", post().having("charset").refuses(400), "to succeed; got 400"),
        ("media-send-json", post().having("content-type: application/json").refuses(415), "to succeed; got 415"),
        ("media-utf8", on("POST /Users").reads("Zoë", "ZoÃ«"), "displayName to be \"Zoë Müller-Lüdenscheidt 東京\""),
        ("media-json", on("GET /Users").text("<html><title>All users</title></html>"), "a JSON object from GET"),
    ]
}
