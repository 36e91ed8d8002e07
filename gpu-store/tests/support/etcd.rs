//! A real etcd server, and a connection to it that can be cut.

#![allow(dead_code)] // no test file uses all of it

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gpu_store::{EtcdConfig, EtcdJournal};
use rustix::process::{Pid, Signal, kill_process};

/// However busy the machine is.
pub const AT_SOME_TIME: Duration = Duration::from_secs(60);

/// A server of one member, with its files in a folder of its own.
pub struct Etcd {
    folder: PathBuf,
    port: u16,
    peer: u16,
    scheme: &'static str,
    more: Vec<String>,
    child: Option<Child>,
}

impl Etcd {
    /// One that answers, on the loopback.
    pub fn start() -> Self {
        Self::start_with("http", |_| Vec::new())
    }

    /// The same, with further words on its command line.
    pub fn start_with(scheme: &'static str, more: impl Fn(&Path) -> Vec<String>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("gpu-store-etcd-{}-{count}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let more = more(&folder);
        // Somebody else may take a port before etcd does.
        for _ in 0..10 {
            let mut etcd = Self {
                folder: folder.clone(),
                port: free_port(),
                peer: free_port(),
                scheme,
                more: more.clone(),
                child: None,
            };
            if etcd.run() {
                return etcd;
            }
        }
        panic!("etcd does not start: {}", fs::read_to_string(folder.join("log")).unwrap_or_default());
    }

    /// Starts it and waits until it answers; false when it ended instead.
    fn run(&mut self) -> bool {
        let (url, peer) = (self.url(), format!("http://127.0.0.1:{}", self.peer));
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut command = Command::new("etcd");
        command.args(["--listen-client-urls", &url, "--advertise-client-urls", &url]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &format!("default={peer}"), "--data-dir"]);
        command.arg(self.folder.join("data")).args(&self.more);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().expect("etcd is installed (Debian: etcd-server)"));
        let deadline = Instant::now() + AT_SOME_TIME;
        while Instant::now() < deadline {
            if self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_some()) {
                self.child = None;
                return false;
            }
            if answers(self.port, self.scheme) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.end();
        false
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Settings for tests: what does not answer is given up soon.
    pub fn config(&self) -> EtcdConfig {
        EtcdConfig::new(&self.url()).unwrap().patience(AT_SOME_TIME)
    }

    pub fn open(&self) -> EtcdJournal {
        EtcdJournal::open(self.config()).unwrap()
    }

    /// As if the power had failed for this process.
    pub fn kill(&mut self) {
        assert!(self.child.is_some(), "etcd runs");
        self.end();
    }

    /// Starts it again on the same files and the same port.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it still runs");
        assert!(self.run(), "it does not start again: {}", self.log());
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// It takes connections and requests, and does nothing.
    pub fn stop(&self) {
        self.signal(Signal::STOP);
    }

    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().expect("etcd runs").id();
        kill_process(Pid::from_raw(id.try_into().unwrap()).unwrap(), signal).unwrap();
    }

    /// What etcd's own command line program says to these words.
    pub fn etcdctl(&self, words: &[&str]) -> String {
        let mut command = Command::new("etcdctl");
        command.env("ETCDCTL_API", "3").arg("--endpoints").arg(self.url()).args(words);
        let output = command.output().expect("etcdctl is installed (Debian: etcd-client)");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "etcdctl {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        text
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.end();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Whether a server at this port is ready: over TLS, whether it takes connections.
fn answers(port: u16, scheme: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    if scheme == "https" {
        return true;
    }
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(request.as_bytes()).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.contains("\"health\":\"true\"")
}

/// A way to a port that can be cut: then connections stay open, and nothing passes in a direction.
pub struct Proxy {
    port: u16,
    way: Arc<Way>,
}

#[derive(Default)]
struct Way {
    /// What a client says does not come through.
    is_deaf: AtomicBool,
    /// What the server says does not come through.
    is_mute: AtomicBool,
    /// In place of the next answer comes that there is no room.
    is_full: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
    /// What clients have said.
    asked: Mutex<Vec<u8>>,
}

impl Proxy {
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Arc::new(Way::default());
        let shared = Arc::clone(&way);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (Ok(client), Ok(server)) = (client, TcpStream::connect((Ipv4Addr::LOCALHOST, target)))
                else {
                    continue;
                };
                shared
                    .open
                    .lock()
                    .unwrap()
                    .extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
                let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
                let (there, mute) = (Arc::clone(&shared), Arc::clone(&shared));
                std::thread::spawn(move || {
                    pass(client, server, &there.is_deaf, |words| {
                        there.asked.lock().unwrap().extend_from_slice(words);
                        None
                    });
                });
                std::thread::spawn(move || {
                    pass(back.0, back.1, &mute.is_mute, |_| {
                        mute.is_full.swap(false, Ordering::SeqCst).then(no_room)
                    });
                });
            }
        });
        Self { port, way }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How often clients have said this.
    pub fn heard(&self, words: &str) -> usize {
        let asked = self.way.asked.lock().unwrap();
        asked.windows(words.len()).filter(|window| *window == words.as_bytes()).count()
    }

    /// Nothing passes from now on, in either direction, and nobody is told.
    pub fn cut(&self) {
        self.way.is_deaf.store(true, Ordering::SeqCst);
        self.way.is_mute.store(true, Ordering::SeqCst);
    }

    /// Requests pass, and answers do not.
    pub fn lose_answers(&self) {
        self.way.is_mute.store(true, Ordering::SeqCst);
    }

    /// The next request is done, and answered as etcd answers one that runs over its quota.
    #[allow(dead_code)] // each test binary uses some of it
    pub fn say_full_once(&self) {
        self.way.is_full.store(true, Ordering::SeqCst);
    }

    /// What comes on new connections passes again; those that were cut are closed.
    pub fn mend(&self) {
        self.way.is_deaf.store(false, Ordering::SeqCst);
        self.way.is_mute.store(false, Ordering::SeqCst);
        for stream in self.way.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// What etcd answers where there is no room.
fn no_room() -> Vec<u8> {
    let words = "etcdserver: mvcc: database space exceeded";
    let body = format!("{{\"error\":\"{words}\",\"message\":\"{words}\",\"code\":8}}");
    let head = "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Passes on what one side says, or what `instead` puts in its place.
fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    is_cut: &AtomicBool,
    instead: impl Fn(&[u8]) -> Option<Vec<u8>>,
) {
    let mut bytes = [0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let other = instead(&bytes[..count]);
        if is_cut.load(Ordering::SeqCst) {
            // As a network that loses packets: who waits for them waits.
            continue;
        }
        if to.write_all(other.as_deref().unwrap_or(&bytes[..count])).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
