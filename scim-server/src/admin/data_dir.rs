//! The data directory: the store, and the two small files by which an administrator finds a server
//! that is running on it.
//!
//! `store/` is the store, `requests/` the log of requests, `lock` is held by the process that has it open, `admin.token` is the secret that the server's listener for administrators
//! asks for (readable by its owner only), and `admin.addr` the address of that listener, there only
//! while a server runs.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use super::private;
use crate::token::{Secret, secret};

/// A data directory.
#[derive(Debug, Clone)]
pub struct DataDir(PathBuf);

/// That this process may open the store. Given up when it is dropped, or when the process ends in
/// whatever way: unlike the address of a listener it cannot be left behind.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not used")] File);

/// Says where a server's listener for administrators is, until it is dropped.
#[derive(Debug)]
pub struct Announcement(PathBuf);

impl DataDir {
    /// The data directory at that path, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where the store is.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// What a restore writes, until it is whole and becomes the store.
    pub fn partial(&self) -> PathBuf {
        self.0.join("store.partial")
    }

    /// Where the log of requests is.
    pub fn requests(&self) -> PathBuf {
        self.0.join("requests")
    }

    /// Whether there is a store. An error when this user cannot see it: that is no absence.
    pub fn has_store(&self) -> io::Result<bool> {
        match fs::metadata(self.store()) {
            Ok(found) => Ok(found.is_dir()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes the lock of the data directory. `None` while another process has it.
    pub fn lock(&self) -> io::Result<Option<Lock>> {
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(self.0.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Makes the directory, open to its owner only, and the administrators' token, where they are
    /// not there yet. What is there is made private.
    pub fn prepare(&self) -> io::Result<()> {
        if self.0.is_dir() {
            private::directory(&self.0)?;
            if self.has_store()? {
                private::directory(&self.store())?;
            }
            for file in [self.0.join("lock"), self.token_file(), self.address_file()] {
                private::file(&file)?;
            }
        } else {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(&self.0)?;
        }
        match write_private(&self.token_file(), Secret::new(rand::random()).reveal()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            outcome => outcome,
        }
    }

    /// The administrators' token. An error, which names the file, when it does not have the form in which the server writes
    /// one: whoever sends nothing, or what is easily guessed, would be let in.
    pub fn token(&self) -> io::Result<String> {
        let file = self.token_file();
        let name = file.display();
        let bytes = fs::read(&file).map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        let token = String::from_utf8_lossy(&bytes).trim().to_owned();
        match secret::parse(&token) {
            Ok(_) => Ok(token),
            Err(_) => Err(io::Error::other(format!(
                "{name} does not hold a token that this program has written, as after a full disk: stop the server if one runs, remove the file, and start the server, which makes another"
            ))),
        }
    }

    /// The digest of the administrators' token, to compare with.
    pub fn token_digest(&self) -> io::Result<secret::Digest> {
        Ok(secret::digest(&self.token()?))
    }

    /// Where a running server's listener for administrators says that it is; `None` when none does.
    pub fn address(&self) -> io::Result<Option<SocketAddr>> {
        match fs::read_to_string(self.address_file()) {
            // A file that was cut off names nobody.
            Ok(text) => Ok(text.trim().parse().ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes down where the listener is. Takes the place of what a server that was killed has left.
    pub fn announce(&self, address: SocketAddr) -> io::Result<Announcement> {
        let file = self.address_file();
        let fresh = file.with_extension("addr.new");
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        write_private(&fresh, &reachable(address).to_string())?;
        fs::rename(&fresh, &file)?;
        Ok(Announcement(file))
    }

    /// Where the administrators' token is.
    pub fn token_file(&self) -> PathBuf {
        self.0.join("admin.token")
    }

    fn address_file(&self) -> PathBuf {
        self.0.join("admin.addr")
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// An address to connect to: a listener on all addresses is reached through the loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Writes a new file that only its owner may read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    let written = writeln!(file, "{text}").and_then(|()| file.sync_all());
    if written.is_err() {
        // It would be taken for a whole one.
        let _ = fs::remove_file(path);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_and_is_its_owners_only() {
        let directory = tempfile::tempdir().unwrap();
        let place = DataDir::new(directory.path().join("data"));
        place.prepare().unwrap();
        let token = place.token().unwrap();
        place.prepare().unwrap();
        assert_eq!(place.token().unwrap(), token);
        for damaged in [&b"\n"[..], b"s", b"garbage\n", &[0; 55], &[0xfe; 20]] {
            fs::write(place.token_file(), damaged).unwrap();
            let said = place.token_digest().unwrap_err().to_string();
            assert!(said.contains("admin.token does not hold a token") && said.contains("remove the file"), "{said}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&place.token_file()), 0o600);
            assert_eq!(mode(place.path()), 0o700);
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_was_open_is_made_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let place = DataDir::new(directory.path().join("data"));
        place.prepare().unwrap();
        fs::create_dir(place.store()).unwrap();
        let opened = [place.path().to_owned(), place.store(), place.token_file()];
        for path in &opened {
            fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        }
        place.prepare().unwrap();
        let modes = opened.map(|path| fs::metadata(path).unwrap().permissions().mode() & 0o777);
        assert_eq!(modes, [0o700, 0o700, 0o600]);
    }

    #[test]
    fn one_process_at_a_time_has_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let place = DataDir::new(directory.path());
        let lock = place.lock().unwrap();
        assert!(lock.is_some());
        assert!(place.lock().unwrap().is_none());
        drop(lock);
        assert!(place.lock().unwrap().is_some());
    }

    #[test]
    fn the_address_is_there_while_it_is_announced() {
        let directory = tempfile::tempdir().unwrap();
        let place = DataDir::new(directory.path());
        assert_eq!(place.address().unwrap(), None);
        let announced = place.announce("0.0.0.0:4711".parse().unwrap()).unwrap();
        assert_eq!(place.address().unwrap(), "127.0.0.1:4711".parse().ok());
        drop(announced);
        assert_eq!(place.address().unwrap(), None);
    }
}
