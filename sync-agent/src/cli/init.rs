//! `init`: a first configuration, made from answers and from a look at both sides.
//!
//! What a flag does not say is asked for on a terminal. The file is written only when the directory could be
//! read with it, so that what stands in it is known to work; `check` then says what else is to be done.

use std::{
    fmt::Write as _,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use command_page::terminal::printable;

use super::check;
use crate::{
    cli::{output::print, runtime},
    config::Config,
    cycle::survey::{Survey, survey},
    dn::Dn,
    identity::Kind,
    number,
    source::root,
};

/// So many groups are named in the file, the largest first.
const NAMED: usize = 20;

/// What can be said in place of being asked.
#[derive(Debug, Args)]
pub(crate) struct Answers {
    /// The directory: ldaps://dc1.corp.example.com, or ldap:// with --start-tls.
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// The DN of the agent's account in the directory; in Active Directory also a UPN.
    #[arg(long, value_name = "DN")]
    account: Option<String>,
    /// The file whose first line is the account's password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The authority that signed the directory's certificate, PEM; the system's authorities without it.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Protect ldap:// by StartTLS.
    #[arg(long)]
    start_tls: bool,
    /// The subtree to read users and groups from; by default all of the directory.
    #[arg(long, value_name = "DN")]
    base: Vec<String>,
    /// The SCIM server, with the path before /Users.
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// The file whose first line is the bearer token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The authority that signed the SCIM server's certificate, PEM.
    #[arg(long, value_name = "FILE")]
    target_ca_file: Option<PathBuf>,
    /// A group whose members are synchronised; more than once for several. All groups without it.
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// Replace a configuration that is there.
    #[arg(long)]
    force: bool,
}

/// Everything that the file is made of.
struct Settings {
    url: String,
    account: String,
    password_file: PathBuf,
    ca_file: Option<PathBuf>,
    start_tls: bool,
    flavour: String,
    bases: Vec<Dn>,
    canary: Option<Dn>,
    target: String,
    token_file: PathBuf,
    target_ca_file: Option<PathBuf>,
}

/// Asks, looks, writes the configuration, and checks it.
pub fn init(config: &Path, answers: &Answers) -> anyhow::Result<ExitCode> {
    ensure!(
        answers.force || !config.exists(),
        "{} is there already; --force replaces it, --config names another file",
        config.display()
    );
    let settings = settings(answers)?;
    let everybody = text(&settings, &["*".to_owned()], None);
    let survey = {
        let read = Config::parse(config, &everybody)?;
        runtime()?.block_on(survey(&read)).context("the directory cannot be read with these answers")?
    };
    let groups = groups(&survey);
    let chosen = choose(answers, &groups)?;
    let text = text(&settings, &chosen, Some(&groups));
    write(config, &text)?;
    print(&format!("{} is written.\n", config.display()))?;
    check::check(config, false)
}

fn settings(answers: &Answers) -> anyhow::Result<Settings> {
    let url = answer(answers.source.as_ref(), "--source", "The directory, such as ldaps://dc1.corp.example.com")?;
    let account = answer(answers.account.as_ref(), "--account", "The DN of the agent's account there")?;
    let password_file = file(answers.password_file.as_ref(), "--password-file", "The file that holds its password")?;
    let target = answer(answers.target.as_ref(), "--target", "The SCIM server, with the path before /Users")?;
    let token_file = file(answers.token_file.as_ref(), "--token-file", "The file that holds the bearer token")?;
    let absolute = |path: &PathBuf| std::path::absolute(path).with_context(|| path.display().to_string());
    let first = Dn::parse("dc=unknown")?;
    let settings = Settings {
        url,
        account,
        password_file,
        ca_file: answers.ca_file.as_ref().map(absolute).transpose()?,
        start_tls: answers.start_tls,
        flavour: String::new(),
        // Any base does to ask the server what it holds.
        bases: vec![first.clone()],
        canary: Some(first),
        target,
        token_file,
        target_ca_file: answers.target_ca_file.as_ref().map(absolute).transpose()?,
    };
    let read = Config::parse(Path::new("init"), &text(&settings, &["*".to_owned()], None))?;
    let root = runtime()?.block_on(root(&read.source))?;
    let bases = if answers.base.is_empty() {
        root.contents()
    } else {
        answers.base.iter().map(|base| Dn::parse(base)).collect::<Result<_, _>>()?
    };
    ensure!(
        !bases.is_empty(),
        "the directory does not say what it holds; name the base of users and groups with --base"
    );
    // An account that is no DN cannot be read by its name.
    let canary = if Dn::parse(&settings.account).is_err() { bases.first().cloned() } else { None };
    Ok(Settings { flavour: root.flavour().to_string(), bases, canary, ..settings })
}

/// Groups with members, the largest first.
fn groups(survey: &Survey) -> Vec<(String, usize)> {
    let mut groups: Vec<(String, usize)> = survey
        .population
        .of(Kind::Group)
        .filter_map(|group| {
            let attributes = group.entry.attributes();
            let name = attributes.text("samaccountname").or_else(|| attributes.text("cn"))?;
            Some((name.to_owned(), group.members.len()))
        })
        .collect();
    groups.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    groups
}

/// The groups whose members are synchronised.
fn choose(answers: &Answers, groups: &[(String, usize)]) -> anyhow::Result<Vec<String>> {
    if !answers.group.is_empty() {
        for name in &answers.group {
            ensure!(
                groups.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)),
                "the directory shows no group {name:?} beneath the bases"
            );
        }
        return Ok(answers.group.clone());
    }
    if groups.is_empty() || !std::io::stdin().is_terminal() {
        return Ok(vec!["*".to_owned()]);
    }
    println!("Groups that the account can read:");
    for (name, members) in groups.iter().take(NAMED) {
        println!("  {} ({})", printable(name), number::of(*members, "member"));
    }
    let chosen = ask("Whose members are synchronised? Names with commas between, or * for all groups")?;
    Ok(chosen.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect())
}

fn answer(flag: Option<&String>, name: &str, question: &str) -> anyhow::Result<String> {
    match flag {
        Some(answer) => Ok(answer.clone()),
        None if std::io::stdin().is_terminal() => ask(question),
        None => bail!("say {name}: {question}. On a terminal you are asked for it"),
    }
}

/// A file that is there and can be read, by its absolute path: the configuration may lie elsewhere.
fn file(flag: Option<&PathBuf>, name: &str, question: &str) -> anyhow::Result<PathBuf> {
    let path = match flag {
        Some(path) => path.clone(),
        None => PathBuf::from(answer(None, name, question)?),
    };
    std::fs::File::open(&path)
        .with_context(|| format!("cannot read {}; write the secret into it, with mode 600", path.display()))?;
    Ok(std::path::absolute(&path)?)
}

fn ask(question: &str) -> anyhow::Result<String> {
    loop {
        print!("{question}: ");
        std::io::stdout().flush()?;
        let mut line = String::new();
        ensure!(std::io::stdin().read_line(&mut line)? > 0, "nothing was answered, and nothing was written");
        let answer = line.trim();
        if !answer.is_empty() {
            return Ok(answer.to_owned());
        }
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string()
}

/// A list of texts as TOML writes it.
fn list<T: AsRef<str>>(texts: &[T]) -> String {
    texts.iter().map(T::as_ref).collect::<toml_edit::Array>().to_string()
}

/// The file, with a sentence for everything that a first-time reader would ask about.
fn text(settings: &Settings, chosen: &[String], groups: Option<&[(String, usize)]>) -> String {
    let path = |path: &Path| quoted(&path.display().to_string());
    let bases: Vec<&str> = settings.bases.iter().map(Dn::as_str).collect();
    let mut text =
        String::from("# sync-agent. Every setting is explained in docs/reference/sync-configuration.md.\n\n");
    // Writing to a `String` cannot fail.
    let _ = write!(
        text,
        "[source]\nurls = [{}]\nbases = {}\nbind = {{ account = {}, password_file = {} }}\n",
        quoted(&settings.url),
        list(&bases),
        quoted(&settings.account),
        path(&settings.password_file)
    );
    if !settings.flavour.is_empty() {
        let _ = writeln!(text, "flavour = {}", quoted(&settings.flavour));
    }
    if let Some(canary) = &settings.canary {
        let _ = writeln!(text, "# An entry that the account can always read: if it cannot, its rights are gone.");
        let _ = writeln!(text, "canary = {}", quoted(canary.as_str()));
    }
    let mut tls = Vec::new();
    if settings.start_tls {
        tls.push("start_tls = true".to_owned());
    }
    tls.extend(settings.ca_file.as_deref().map(|file| format!("ca_file = {}", path(file))));
    if !tls.is_empty() {
        let _ = writeln!(text, "tls = {{ {} }}", tls.join(", "));
    }
    let _ =
        write!(text, "\n[target]\nurl = {}\ntoken_file = {}\n", quoted(&settings.target), path(&settings.token_file));
    if let Some(file) = &settings.target_ca_file {
        let _ = writeln!(text, "ca_file = {}", path(file));
    }
    text.push_str("\n# Who is synchronised: the members of these groups, and of the groups within them.\n");
    let groups = groups.unwrap_or_default();
    for (name, members) in groups.iter().take(NAMED) {
        let _ = writeln!(text, "#   {} ({})", quoted(name), number::of(*members, "member"));
    }
    if groups.len() > NAMED {
        let _ = writeln!(text, "#   and {} more", groups.len() - NAMED);
    }
    let _ = writeln!(text, "[scope]\ngroups = {}", list(chosen));
    if chosen == ["*"] && groups.is_empty() {
        text.push_str("# The directory shows no group: these are all users that it shows.\nusers = [\"*\"]\n");
    }
    text.push_str(
        "\n# [schedule], [safety] and [mapping] have defaults: hourly, limits on losses, the usual attributes.\n",
    );
    text
}

/// For its owner only: the file names accounts and servers.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
