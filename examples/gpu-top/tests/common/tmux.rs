//! A terminal that programs are driven in.

use std::process::Command;
use std::time::{Duration, Instant};

/// A terminal of tmux's, on a server of its own.
pub struct Tmux(String);

impl Tmux {
    pub fn start(name: &str, columns: u16, rows: u16, command: &str) -> Self {
        let tmux = Self(format!("gpu-top-{name}-{}", std::process::id()));
        let (columns, rows) = (columns.to_string(), rows.to_string());
        tmux.run(&["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &rows, command]);
        tmux
    }

    pub fn run(&self, words: &[&str]) -> String {
        let output =
            Command::new("tmux").args(["-u", "-L", &self.0]).args(words).output().expect("tmux is there");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    pub fn keys(&self, keys: &[&str]) {
        self.run(&[&["send-keys"], keys].concat());
    }

    /// The colours on the screen; what is bold, dim or reversed has none.
    pub fn colours(&self) -> Vec<u32> {
        let raw = self.run(&["capture-pane", "-p", "-e"]);
        let escapes = raw.split("\u{1b}[").skip(1).filter_map(|rest| rest.split_once('m'));
        let codes =
            escapes.flat_map(|(codes, _)| codes.split(';')).filter_map(|code| code.parse::<u32>().ok());
        codes.filter(|code| ((30..50).contains(code) && ![39, 49].contains(code)) || *code >= 90).collect()
    }

    /// The screen, once it is as it shall be.
    pub fn screen(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let started = Instant::now();
        loop {
            let screen = self.run(&["capture-pane", "-p"]);
            if is_there(&screen) {
                return screen;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{what} does not come:\n{screen}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = Command::new("tmux").args(["-L", &self.0, "kill-server"]).output();
    }
}
