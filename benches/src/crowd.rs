//! [`Crowd`]: real processes that sleep and hold descriptors.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use gpu_core::{DeviceNumber, Pid};
use rustix::io::{FdFlags, fcntl_setfd};

/// What stands for the device files of three vendors: files that no idle process has open.
pub const DEVICES: [(&str, DeviceNumber); 3] = [
    ("/dev/full", DeviceNumber { major: 1, minor: 7 }),
    ("/dev/random", DeviceNumber { major: 1, minor: 8 }),
    ("/dev/kmsg", DeviceNumber { major: 1, minor: 11 }),
];

/// What the program is called with to be the parent of a crowd.
pub const CROWD: &str = "--crowd";

/// Descriptors of each, its input and outputs among them.
const DESCRIPTORS: usize = 40;

/// Processes that sleep, each with 40 descriptors; some hold one of [`DEVICES`] in turn, in the
/// place of one of the others. They end with this.
#[derive(Debug)]
pub struct Crowd {
    parent: Child,
    /// Those that hold a device file.
    pub clients: Vec<Pid>,
}

impl Crowd {
    /// `count` processes, `clients` of which hold a device file, started by `program` ([`CROWD`]).
    ///
    /// # Panics
    /// When they cannot be started.
    #[must_use]
    pub fn new(program: &Path, count: usize, clients: usize) -> Self {
        let mut command = Command::new(program);
        command.args([CROWD, &count.to_string(), &clients.to_string()]);
        let mut parent = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut told = BufReader::new(parent.stdout.take().expect("it is a pipe"));
        let mut line = String::new();
        told.read_line(&mut line).expect("it tells the clients");
        let clients = line.split_whitespace().map(|pid| Pid(pid.parse().expect("a number"))).collect();
        Self { parent, clients }
    }

    /// The parent's part: starts them, tells who holds a device file, and waits for the end.
    ///
    /// # Panics
    /// When they cannot be started.
    pub fn raise(count: usize, clients: usize) {
        // A plain file, as most descriptors are plain files, sockets and pipes.
        let program = std::env::current_exe().expect("a program knows its own file");
        let mut held: Vec<File> = (3..DESCRIPTORS).map(|_| inherited(&program)).collect();
        let mut sleepers: Vec<Child> = (clients..count).map(|_| sleeper()).collect();
        held.pop();
        let mut out = std::io::stdout().lock();
        for client in 0..clients {
            let _device = inherited(Path::new(DEVICES[client % DEVICES.len()].0));
            let child = sleeper();
            write!(out, "{} ", child.id()).expect("somebody listens");
            sleepers.push(child);
        }
        writeln!(out).expect("somebody listens");
        // Until the end of the input, which comes with the other's end, however that comes.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        for sleeper in &mut sleepers {
            let _ = sleeper.kill();
            let _ = sleeper.wait();
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.parent.stdin.take());
        let _ = self.parent.wait();
    }
}

/// A file that children have open too.
fn inherited(path: &Path) -> File {
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fcntl_setfd(&file, FdFlags::empty()).expect("an open file has flags");
    file
}

fn sleeper() -> Child {
    let mut command = Command::new("sleep");
    command.arg("3600").stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("`sleep` is there")
}

/// What other tools do: reads the link of every descriptor of every process and looks at the file
/// behind it. Says how many descriptors there are.
#[must_use]
pub fn walk_and_stat() -> usize {
    let is_process = |name: &std::ffi::OsStr| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
    let processes = std::fs::read_dir(gpu_host::Roots::default().proc).into_iter().flatten().flatten();
    let folders = processes.filter(|of| is_process(&of.file_name())).map(|of| of.path().join("fd"));
    let descriptors = folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let is_looked_at = |path: &Path| std::fs::read_link(path).is_ok() && std::fs::metadata(path).is_ok();
    descriptors.filter(|of| is_looked_at(&of.path())).count()
}
