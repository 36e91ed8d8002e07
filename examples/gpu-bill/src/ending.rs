//! [`Ending`]: told by a signal to end.

use std::error::Error;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Whether somebody told this program to end. What is open is closed and written then; who cannot wait
/// for that tells it twice.
pub struct Ending(Receiver<()>);

impl Ending {
    pub fn listen() -> Result<Self, Box<dyn Error>> {
        let (sender, receiver) = channel();
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
        std::thread::Builder::new().name("gpu-bill-signals".to_owned()).spawn(move || {
            for (before, signal) in signals.forever().enumerate() {
                if before > 0 || sender.send(()).is_err() {
                    std::process::exit(128 + signal);
                }
            }
        })?;
        Ok(Self(receiver))
    }

    /// Waits for so long; true if this program is to end.
    pub fn within(&self, time: Duration) -> bool {
        match self.0.recv_timeout(time) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            // The thread that would tell is gone: nobody can.
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(time);
                false
            }
        }
    }
}
