//! What `--version` says.
//!
//! A release says its commit and the day of that commit. `make release` puts them into the environment of the build,
//! and they are read here and nowhere else. A build without them, as during development, says the number alone, so
//! that a commit rebuilds nothing.

/// The version of a program as text: `1.2.3 (0123456789ab, 2026-01-31)`, or `1.2.3` in a build that is no release.
pub fn version(number: &str) -> String {
    with_commit(number, option_env!("BUILD_COMMIT"), option_env!("BUILD_DATE"))
}

fn with_commit(number: &str, commit: Option<&str>, date: Option<&str>) -> String {
    match (commit, date) {
        (Some(commit), Some(date)) => format!("{number} ({commit}, {date})"),
        _ => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::with_commit;

    #[test]
    fn a_release_says_its_commit_and_the_day() {
        assert_eq!(with_commit("1.2.3", Some("0123456789ab"), Some("2026-01-31")), "1.2.3 (0123456789ab, 2026-01-31)");
        assert_eq!(with_commit("1.2.3", None, Some("2026-01-31")), "1.2.3");
    }
}
