//! The program, started, and a client of a few lines: none that shares code with the server.

#![allow(dead_code)] // no test uses all of it

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A machine that is loaded may stop a test for that long.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub struct Exporter {
    pub process: Child,
    pub address: SocketAddr,
    /// What it said on its standard error until it served.
    pub said: String,
}

impl Exporter {
    /// Starts the program on a port of the machine's choosing, and waits for its first look.
    pub fn start(words: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_gpu-exporter"))
            .args(["--listen", "127.0.0.1:0"])
            .args(words)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut lines = BufReader::new(process.stderr.take().unwrap());
        let address = loop {
            let from = said.len();
            assert!(lines.read_line(&mut said).unwrap() > 0, "it ended: {said}");
            if let Some((_, rest)) = said[from..].split_once("://") {
                break rest.split('/').next().unwrap().parse().unwrap();
            }
        };
        // What it says later is nobody's, and must not stop it.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let exporter = Self { process, address, said };
        let end = Instant::now() + PATIENCE;
        // With one connection allowed, one that was closed may not have been noticed yet.
        while !exporter.said.contains("https") && get(address, &request("GET", "/healthz", &[])).status != 200
        {
            assert!(Instant::now() < end, "it never looks");
        }
        exporter
    }

    /// The page, waited for while there is no room.
    pub fn metrics(&self, accept: &str) -> Answer {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = get(self.address, &request("GET", "/metrics", &[&format!("Accept: {accept}")]));
            if answer.status != 503 || Instant::now() > end {
                return answer;
            }
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }
}

pub fn request(method: &str, path: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n")
}

pub fn get(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    // One that is refused may be so before it has asked.
    let _ = stream.write_all(request.as_bytes());
    read(stream)
}

pub fn read(mut stream: TcpStream) -> Answer {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let answer = Answer { status, headers, body: body.to_owned() };
    if let Some(length) = answer.header("content-length").filter(|_| !body.is_empty()) {
        assert_eq!(length.parse::<usize>().unwrap(), body.len(), "it is whole");
    }
    answer
}

/// A folder of the test's own, gone with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("gpu-exporter-{name}-{}", std::process::id()));
        // It is there only if an earlier test of this number was stopped.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl std::ops::Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
