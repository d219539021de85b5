//! Export, import, backup and restore: moves lines between a command and a file, and shows the progress.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use super::{
    Failure, engine, fault,
    session::{self, Session, context, has_store},
    show::{Printer, Show, counter, say, write},
};
use crate::{
    admin::{self, AdminRequest, Input, Line, archive, data_dir::DataDir, line},
    clock::{Clock, SystemClock},
    config::{Config, Given},
    durable,
    store::{Store, sled::Options},
};

/// Writes the rows of an export to standard output, or to a file, which gets its name only when it is complete.
/// Prints what it has written to a file.
pub(super) async fn export(
    session: Session,
    request: AdminRequest,
    target: OutputFile<'_>,
    json: bool,
) -> Result<(), Failure> {
    target.check()?;
    let mut running = session.start(request, line::nothing()).await?;
    let mut file = OpenOutput::open(target.path)?;
    let bar = counter("lines");
    bar.enable_steady_tick(Duration::from_millis(200));
    let (mut lines, mut bytes) = (0_u64, 0_u64);
    while let Some(line) = running.next().await? {
        if let Line::Row(row) = line {
            file.write(&row)?;
            lines += 1;
            bytes += row.len() as u64 + 1;
            bar.inc(1);
        }
    }
    running.close().await?;
    bar.finish_and_clear();
    let Some(file) = file.finish()? else { return Ok(()) };
    // The last line counts and checks the others.
    let items = lines.saturating_sub(1);
    if json {
        return write(&format!("{}\n", json!({"file": file.display().to_string(), "items": items, "bytes": bytes})));
    }
    say(&format!("Wrote {items} items ({}) to {}.\n", HumanBytes(bytes), file.display()))
}

/// Sends the lines of a file, or of standard input, to an import.
pub(super) async fn import(session: Session, request: AdminRequest, path: &Path, json: bool) -> Result<(), Failure> {
    let bar = bar_of(path);
    if matches!(request, AdminRequest::Import { replace: true, .. } | AdminRequest::Import { discard: true, .. })
        && path != Path::new("-")
    {
        // Nothing goes for a file that is not whole.
        verify(path)?;
    }
    let input = read(path, bar.clone())?;
    let mut running = session.start(request, input).await?;
    let mut printer = Printer::new(Show::Imported, json);
    while let Some(line) = running.next().await? {
        if let Line::Row(row) = line {
            bar.finish_and_clear();
            printer.row(&row)?;
        }
    }
    running.close().await?;
    printer.finish()
}

/// Creates a store from a backup. Reads the file twice: once to verify that it is complete, once to load it into a
/// directory that becomes the store only at the end. Continues an earlier restore of the same file, unless that is to
/// be discarded.
pub(super) async fn restore(given: &Given, path: &Path, discard: bool, json: bool) -> Result<(), Failure> {
    if Config::database(given)?.is_some() {
        return Err(Failure::Usage(
            "restore makes a data directory; into a database, load the same file with `scim-server import`".to_owned(),
        ));
    }
    if path == Path::new("-") {
        return Err(Failure::Usage(
            "restore reads its file twice, and standard input can be read once: name a file".to_owned(),
        ));
    }
    let data_dir = DataDir::new(Config::data(given)?);
    if has_store(&data_dir)? {
        return Err(Failure::said(format!(
            "there is a store in {} already; restore into another directory, or use `import`",
            data_dir.path().display()
        )));
    }
    verify(path)?;

    session::prepare(&data_dir)?;
    let lock = session::lock_soon(&data_dir).await?;
    let partial = data_dir.partial();
    let failed = |error: io::Error| {
        let said = format!("cannot write in {}: {}", data_dir.path().display(), fault::about(data_dir.path(), &error));
        Failure::because(said, error)
    };
    let clear = || match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(()),
    };
    if discard {
        clear()?;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut store = engine::open_directory(&partial, &clock, Options::default())?;
    if !unfinished(&*store).await? {
        store.close().await.map_err(session::failed)?;
        clear()?;
        store = engine::open_directory(&partial, &clock, Options::default())?;
    }
    let session = Session::Open(context(store, clock, Config::outward(given)?).await?, Some(lock));
    let imported = import(session, AdminRequest::Import { replace: false, discard: false }, path, json).await;
    imported.map_err(|failure| continued_by_restore(failure, data_dir.path()))?;
    durable::rename(&partial, &data_dir.store()).map_err(failed)
}

/// The same failure of the import that a restore is: what continues it is the restore, with that data directory.
fn continued_by_restore(failure: Failure, data: &Path) -> Failure {
    match failure {
        Failure::Failed { said, source } => {
            let again = format!("`scim-server restore FILE --data {}`", data.display());
            Failure::Failed { said: said.replace(admin::import::AGAIN, &again), source }
        }
        other => other,
    }
}

/// Reads a file from its beginning to its end, and fails unless it is whole.
fn verify(path: &Path) -> Result<(), Failure> {
    let lines = BufReader::new(File::open(path).map_err(|error| unreadable(path, error))?).lines();
    archive::verify(lines)?;
    Ok(())
}

async fn unfinished(store: &dyn Store) -> Result<bool, Failure> {
    admin::import::is_unfinished(store).await.map_err(session::failed)
}

/// The JSON object in a file, or on standard input.
pub(super) fn object(path: &Path) -> Result<Map<String, Value>, Failure> {
    json(path, "a JSON object")
}

/// The JSON list in a file, or on standard input. One that stands in an object is told to come out of it.
pub(super) fn list<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, Failure> {
    let text = text(path)?;
    let read = |error: serde_json::Error| Failure::because(format!("{} is not {what}: {error}", name(path)), error);
    if let Ok(Value::Object(object)) = serde_json::from_str(&text) {
        let inner = object.iter().find(|(_, value)| value.is_array()).map(|(name, _)| name);
        let hint = inner.map_or_else(String::new, |name| format!(": give what stands under {name:?} alone"));
        return Err(Failure::said(format!("{} is not {what}, which begins with [, but an object{hint}", name(path))));
    }
    serde_json::from_str(&text).map_err(read)
}

/// What a JSON file holds, or standard input for `-`. The error says that the file is not `what`.
pub(super) fn json<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, Failure> {
    serde_json::from_str(&text(path)?)
        .map_err(|error| Failure::because(format!("{} is not {what}: {error}", name(path)), error))
}

/// The text of a file, or of standard input.
pub(super) fn text(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new("-") { io::read_to_string(io::stdin()) } else { fs::read_to_string(path) };
    text.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => Failure::because(
            format!("{} is not text in UTF-8: save it as UTF-8; spreadsheets call that \"CSV UTF-8\"", name(path)),
            error,
        ),
        _ => unreadable(path, error),
    })
}

/// The lines of a file, read on a thread of their own as fast as they are taken.
fn read(path: &Path, bar: ProgressBar) -> Result<Input, Failure> {
    let source: Box<dyn BufRead + Send> = if path == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::new(File::open(path).map_err(|error| unreadable(path, error))?))
    };
    let (sender, input) = mpsc::channel(256);
    std::thread::spawn(move || {
        for line in source.lines() {
            bar.inc(line.as_ref().map_or(0, |line| line.len() as u64 + 1));
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    Ok(input)
}

fn unreadable(path: &Path, error: io::Error) -> Failure {
    Failure::because(format!("cannot read {}: {error}", name(path)), error)
}

/// What a file is called in messages.
fn name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() }
}

fn bar_of(path: &Path) -> ProgressBar {
    match fs::metadata(path) {
        Ok(file) if file.is_file() => {
            ProgressBar::new(file.len()).with_style(style("{wide_bar} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}"))
        }
        _ => ProgressBar::new_spinner().with_style(style("{spinner} {bytes}  {bytes_per_sec}  {elapsed}")),
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Where an export is to go.
#[derive(Clone, Copy)]
pub(super) struct OutputFile<'a> {
    /// A file; `-` is standard output.
    pub path: &'a Path,
    /// Whether a file that is there may be replaced.
    pub overwrite: bool,
}

impl OutputFile<'_> {
    /// Refuses to write over what is there.
    fn check(self) -> Result<(), Failure> {
        let path = self.path;
        if path == Path::new("-") {
            return Ok(());
        }
        let say = |what: &str| Err(Failure::said(format!("{} {what}", path.display())));
        match fs::metadata(path) {
            Ok(there) if !there.is_file() => say("is there and no file; name another, or - for standard output"),
            Ok(_) if !self.overwrite => say("is there already; name another file, or use --overwrite"),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(path, error)),
            _ => Ok(()),
        }
    }
}

/// What an export has written so far.
enum OpenOutput {
    /// To a file under another name, and the name that it gets when it is whole.
    File(BufWriter<File>, Partial, PathBuf),
    /// To standard output.
    Stdout(BufWriter<io::Stdout>),
}

/// The other name. The file goes with it, unless it was renamed before: then the name is empty.
struct Partial(PathBuf);

impl Partial {
    /// A new file for its owner alone. One that a killed process has left is replaced; one that another process writes is not.
    fn create(path: PathBuf) -> io::Result<(Self, File)> {
        let is_locked = |file: File| matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        if File::open(&path).is_ok_and(is_locked) {
            let said = format!("another process is writing to {}; wait for it, or name another file", path.display());
            return Err(io::Error::other(said));
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path)?;
        // Where the file system has no locks, it goes on without one.
        let _ = file.try_lock();
        Ok((Self(path), file))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl OpenOutput {
    fn open(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::Stdout(BufWriter::new(io::stdout())));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let (partial, file) = Partial::create(partial.into()).map_err(|error| unwritable(path, error))?;
        Ok(Self::File(BufWriter::new(file), partial, path.to_owned()))
    }

    fn write(&mut self, line: &str) -> Result<(), Failure> {
        match self {
            Self::File(file, _, path) => writeln!(file, "{line}").map_err(|error| unwritable(path, error)),
            Self::Stdout(out) => writeln!(out, "{line}").map_err(broken),
        }
    }

    /// The file's name, if it is one.
    fn finish(self) -> Result<Option<PathBuf>, Failure> {
        match self {
            Self::File(mut file, mut partial, path) => {
                let done = file.flush().and_then(|()| file.get_ref().sync_all());
                let done = done.and_then(|()| durable::rename(&partial.0, &path));
                done.map_err(|error| unwritable(&path, error))?;
                // Another process may use the name from now on.
                partial.0.clear();
                Ok(Some(path))
            }
            Self::Stdout(mut out) => out.flush().map(|()| None).map_err(broken),
        }
    }
}

fn unwritable(path: &Path, error: io::Error) -> Failure {
    let hint = if fault::is_full(&error) { "; make room there, or name a file on another disk" } else { "" };
    Failure::because(format!("cannot write {}: {error}{hint}", path.display()), error)
}

fn broken(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::because(format!("cannot write to standard output: {error}"), error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_continues_a_restore_is_the_restore() {
        let said = format!("cut off: import the same file again ({}) to continue", admin::import::AGAIN);
        let told = continued_by_restore(Failure::said(said), Path::new("/data")).to_string();
        assert_eq!(told, "cut off: import the same file again (`scim-server restore FILE --data /data`) to continue");
    }
}
