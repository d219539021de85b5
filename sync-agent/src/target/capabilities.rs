//! What the target can do: what it says of itself (RFC 7643 §5), and what is known of targets that
//! can less than they say.

use serde_json::Value;

use crate::target::settings::TargetProfile;

/// What the server can do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a word of the ServiceProviderConfig")]
pub struct Capabilities {
    /// PATCH; without it resources are replaced.
    pub patch: bool,
    /// Filters; without them a resource is found by listing.
    pub filter: bool,
    /// Operations in a bulk request; `None` without bulk. The agent does not use it, see
    /// [`super::write`].
    pub bulk: Option<usize>,
    /// Resources on a page.
    pub page: usize,
    /// Pages by cursor (RFC 9865), which miss nothing while others write.
    pub cursor: bool,
    /// Whether a group shows its members.
    pub shows_members: bool,
}

/// Pages of more are slow to make at some targets, and keep much in memory at once.
const LARGEST_PAGE: usize = 1000;

impl Capabilities {
    /// From the ServiceProviderConfig and the profile of the settings.
    pub fn read(config: &Value, profile: TargetProfile) -> Self {
        let supported = |feature: &str| config[feature]["supported"].as_bool() == Some(true);
        let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok());
        let pagination = &config["pagination"];
        let page = number(&pagination["maxPageSize"]).or_else(|| number(&config["filter"]["maxResults"]));
        let limit = match profile {
            TargetProfile::Standard => LARGEST_PAGE,
            TargetProfile::IdentityCenter => 100,
        };
        Self {
            patch: supported("patch"),
            filter: supported("filter"),
            bulk: number(&config["bulk"]["maxOperations"]).filter(|_| supported("bulk")),
            page: page.filter(|size| *size > 0).unwrap_or(100).min(limit),
            cursor: pagination["cursor"].as_bool() == Some(true),
            shows_members: profile == TargetProfile::Standard,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_said_is_not_there() {
        let nothing = Capabilities::read(&json!({}), TargetProfile::Standard);
        let expect =
            Capabilities { patch: false, filter: false, bulk: None, page: 100, cursor: false, shows_members: true };
        assert_eq!(nothing, expect);
    }

    #[test]
    fn a_profile_keeps_its_limits_whatever_is_said() {
        let said = json!({
            "patch": {"supported": true},
            "filter": {"supported": true, "maxResults": 5000},
            "bulk": {"supported": true, "maxOperations": 50},
            "pagination": {"cursor": true, "maxPageSize": 5000},
        });
        let pages = |profile| Capabilities::read(&said, profile).page;
        assert_eq!((pages(TargetProfile::Standard), pages(TargetProfile::IdentityCenter)), (1000, 100));
        assert!(!Capabilities::read(&said, TargetProfile::IdentityCenter).shows_members);
    }
}
