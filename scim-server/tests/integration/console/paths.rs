//! The paths of all pages. The benchmark measures each of them, too.

/// The pages that there are without somebody's id.
pub const PAGES: &[&str] = &[
    "/console",
    "/console?range=7d",
    "/console/server",
    "/console/judge",
    "/console/sync",
    "/console/t/test",
    "/console/t/test?provider=entra",
    "/console/t/test?provider=okta",
    "/console/t/test/users",
    "/console/t/test/users?columns=title,meta.created",
    "/console/t/test/groups",
    "/console/t/test/deleted",
    "/console/t/test/history",
    "/console/t/test/requests",
    "/console/t/test/requests?status=4xx&token=nobody",
    "/console/t/test/tokens",
    "/console/t/test/deliveries",
    "/console/t/test/rules",
    "/console/t/test/safety",
    "/console/t/test/settings",
];
