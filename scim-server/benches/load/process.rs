//! The processes that are compared, and what the operating system says of them.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

/// A process that serves.
pub struct Serving {
    child: Child,
    pub address: SocketAddr,
}

/// The processes that serve one store.
pub struct Fleet {
    servings: Vec<Serving>,
    pub addresses: Vec<SocketAddr>,
}

impl Fleet {
    pub fn of(servings: Vec<Serving>) -> Self {
        Self { addresses: servings.iter().map(|serving| serving.address).collect(), servings }
    }

    /// Where one of them listens.
    pub fn first(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// The processor time that they have used, in seconds.
    pub fn processor(&self) -> f64 {
        self.servings.iter().map(Serving::processor).sum()
    }

    /// A line of `/proc/PID/status` of each, summed up, in bytes.
    pub fn memory(&self, field: &str) -> u64 {
        self.servings.iter().map(|serving| serving.memory(field)).sum()
    }

    /// Asks them to stop, and waits until they have.
    pub fn stop(&mut self) {
        self.servings.iter_mut().for_each(Serving::stop);
    }
}

impl Serving {
    /// Starts the yardstick: this program in its other role.
    pub fn bare() -> Self {
        Self::start(Command::new(std::env::current_exe().expect("this program's path")).arg("--bare"))
    }

    /// Starts a process, and waits until it says where it listens.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a process");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut line).expect("its address");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next());
        Self { child, address: address.and_then(|text| text.parse().ok()).expect("an address") }
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(&mut self) {
        let pid = self.child.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The processor time that it has used, in seconds.
    pub fn processor(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        // Behind the name, which may hold anything, user and system time are the 12th and 13th field.
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields).split(' ');
        fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
    }

    /// A line of `/proc/PID/status`, in bytes.
    pub fn memory(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() * 1024
    }
}

impl Drop for Serving {
    /// A run that fails leaves no process behind.
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the figures were measured on.
pub fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kilobytes = field(&read("/proc/meminfo"), "MemTotal");
    let gigabytes = kilobytes.trim_end_matches(" kB").parse::<u64>().unwrap_or_default() >> 20;
    let output = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    format!(
        "{cores} cores of {}, {gigabytes} GiB, Linux {}, commit {}",
        field(&read("/proc/cpuinfo"), "model name"),
        read("/proc/sys/kernel/osrelease").trim(),
        output("git", &["describe", "--always", "--dirty"]),
    )
}

/// How long it takes this disk to make eight kilobytes durable at the end of a file: the median in
/// seconds. No durable write of anything can take less.
pub fn flush_time(directory: &Path) -> f64 {
    use std::io::Write;
    let path = directory.join("flush");
    let mut file = std::fs::File::create(&path).expect("a file");
    let mut times = Vec::new();
    for _ in 0..200 {
        let started = Instant::now();
        file.write_all(&[7; 8192]).expect("a write");
        file.sync_data().expect("a flush");
        times.push(started.elapsed().as_secs_f64());
    }
    let _ = std::fs::remove_file(path);
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
