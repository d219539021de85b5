//! The files that a package installs beside a program, for its command line: completions of shells and manual pages.

use std::{fs, io, path::Path};

use clap::Command;
pub use clap_complete::Shell;

/// Writes the completions of a shell for this program.
pub fn completions(mut program: Command, shell: Shell, to: &mut dyn io::Write) -> io::Result<()> {
    let name = program.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut program, name, &mut text);
    to.write_all(&text)
}

/// Writes the manual pages of section 1 into a directory, which is made: one for the program, `NAME.1`, and one for
/// each command, `NAME-COMMAND.1`. Hidden commands have none.
pub fn manual(program: Command, directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    clap_mangen::generate_to(program, directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        Command::new("example")
            .about("Does something")
            .subcommand(Command::new("begin").about("Begins"))
            .subcommand(Command::new("secret").hide(true))
    }

    #[test]
    fn each_shell_learns_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut text = Vec::new();
            completions(program(), shell, &mut text).unwrap();
            assert!(String::from_utf8(text).unwrap().contains("begin"), "{shell}");
        }
    }

    #[test]
    fn each_command_has_a_manual_page() {
        let directory = std::env::temp_dir().join(format!("command-page-{}", std::process::id()));
        manual(program(), &directory).unwrap();
        let page = |name: &str| fs::read_to_string(directory.join(name));
        assert!(page("example.1").unwrap().contains("Does something"));
        assert!(page("example-begin.1").unwrap().contains("Begins"));
        assert!(page("example-secret.1").is_err());
        fs::remove_dir_all(directory).unwrap();
    }
}
