//! A request through the public URL, as a provider would send it.

use hyper::header::{CONTENT_TYPE, DATE};
use scim_protocol::Timestamp;

use super::Check;
use crate::probe;

/// A path below the base URL of a tenant that there is not: every server of this kind answers it alike.
const PATH: &str = "/00000000-0000-4000-8000-000000000000/scim/v2/Users";

/// Sends it. Gives what came of it, and the time that the answer tells.
pub(super) async fn probe(base: &str) -> (Check, Option<Timestamp>) {
    let failing = |why: String| (Check::failing("probe", format!("a request to {base} fails: {why}")), None);
    let answer = match probe::send(&format!("{base}{PATH}"), &[], None).await {
        Ok(answer) => answer,
        Err(why) => return failing(why),
    };
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(answer.header(&DATE)).ok();
    let date = date.map(|date| Timestamp::from_millis(date.as_millisecond()));
    if answer.status == 429 && answer.is_scim() {
        let why = "the server slows down the address of this machine, from which too many requests without a valid token came; those with one go on";
        return (Check::warning("probe", format!("a request to {base} arrives, but {why}")), date);
    }
    if answer.status != 401 || !answer.is_scim() {
        let why = format!(
            "the status is {} and the media type {:?}, as of another program: the URL or the proxy leads elsewhere",
            answer.status,
            answer.header(&CONTENT_TYPE)
        );
        return failing(why);
    }
    (Check::ok("probe", format!("a request to {base} reaches a server of this kind")), date)
}
