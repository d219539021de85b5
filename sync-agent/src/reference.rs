//! The pages of the reference are made of the code that they describe, and compared by tests.

/// Compares a page with its file, or writes the file when `UPDATE_DOCS` is set.
#[cfg(test)]
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "a switch of the tests, not of the program")]
pub(crate) fn check(file: &str, text: &str) {
    let path = format!("{}/../docs/reference/{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/reference/{file} is out of date; run the tests with UPDATE_DOCS=1");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use crate::{cli::Arguments, config::raw::RawConfig};

    /// What an example that shows one section leaves out.
    const REST: &str = r#"
[source]
urls = ["ldaps://ldap.example.com"]
flavour = "openldap"
bind = { account = "cn=sync,dc=example,dc=com", password_file = "password" }

[target]
url = "https://scim.example.com/scim/v2"
token_file = "token"

[scope]
groups = ["*"]
"#;

    /// The blocks of one language in the guide's pages about the agent, with their page.
    fn blocks(language: &str) -> Vec<(String, String)> {
        let folder = format!("{}/../docs/guide", env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("sync-") {
                let text = std::fs::read_to_string(&path).unwrap();
                let parts = text.split("```").skip(1).step_by(2);
                let of_language = parts.filter_map(|part| part.strip_prefix(&format!("{language}\n")));
                found.extend(of_language.map(|block| (name.clone(), block.to_owned())));
            }
        }
        found
    }

    #[test]
    fn examples_of_configuration_are_read() {
        let rest: toml::Table = toml::from_str(REST).unwrap();
        let blocks = blocks("toml");
        assert!(blocks.len() > 5, "only {} examples were found", blocks.len());
        for (page, block) in blocks {
            let mut table: toml::Table = toml::from_str(&block).unwrap_or_else(|error| panic!("{page}: {error}"));
            for (section, value) in &rest {
                table.entry(section).or_insert_with(|| value.clone());
            }
            if let Err(error) = table.try_into::<RawConfig>() {
                panic!("{page}: {error}\n{block}");
            }
        }
    }

    #[test]
    fn commands_are_accepted() {
        let mut seen = 0;
        for (page, block) in blocks("sh") {
            for line in block.lines().filter(|line| line.starts_with("sync-agent ")) {
                // No argument of the examples has a space, but for reasons in quotes.
                let mut quoted = false;
                let words = line.split(|c| {
                    quoted ^= c == '"';
                    c == ' ' && !quoted
                });
                if let Err(error) = Arguments::command().try_get_matches_from(words) {
                    panic!("{page}: {line}\n{error}");
                }
                seen += 1;
            }
        }
        assert!(seen > 10, "only {seen} commands were found");
    }
}
