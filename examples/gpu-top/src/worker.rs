//! Looks at the machine on a thread of its own: a driver that hangs holds up no key.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::model::View;
use crate::source::Source;

/// What the screen asks of the thread.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// Look now.
    Look,
    /// Look so often.
    Every(Duration),
    /// Look only when told to.
    Pause,
    Resume,
}

/// What the thread says.
pub enum News {
    /// A look has begun.
    Begun,
    /// This is what it showed.
    View(Box<View>),
    /// There will be no more: the end of a recording, or why it cannot be read.
    End(String),
}

/// Starts looking. The thread ends when nobody listens any more; one that hangs in a driver ends with the
/// program.
pub fn start(source: Source, every: Duration, speed: f64) -> (Sender<Order>, Receiver<News>) {
    let (orders, ordered) = channel();
    let (news, told) = channel();
    thread::spawn(move || look(source, every, speed, &ordered, &news));
    (orders, told)
}

fn look(source: Source, mut every: Duration, speed: f64, orders: &Receiver<Order>, news: &Sender<News>) {
    let Source { node, mut time, simulated, mut viewer } = source;
    let mut watch = node.watch();
    let mut is_paused = false;
    loop {
        let begun = Instant::now();
        if news.send(News::Begun).is_err() {
            return;
        }
        let attribution = watch.look();
        let view = viewer.view(&node, simulated.as_deref(), &watch, &attribution);
        if news.send(News::View(Box::new(view))).is_err() {
            return;
        }
        let wait = match time.pass(every, speed) {
            Ok(Some(wait)) => wait,
            Ok(None) => return last(news, "the recording ends here"),
            Err(error) => return last(news, &format!("the recording cannot be read any further: {error}")),
        };
        let mut due = begun + wait;
        loop {
            let left = due.saturating_duration_since(Instant::now());
            let left = if is_paused { Duration::from_secs(3600) } else { left };
            match orders.recv_timeout(left) {
                Err(RecvTimeoutError::Timeout) if is_paused => {}
                Err(RecvTimeoutError::Timeout) | Ok(Order::Look) => break,
                Ok(Order::Every(period)) => {
                    every = period;
                    due = due.min(begun + period);
                }
                Ok(Order::Pause) => is_paused = true,
                Ok(Order::Resume) => is_paused = false,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

fn last(news: &Sender<News>, why: &str) {
    // Who does not listen any more needs no last word.
    let _ = news.send(News::End(why.to_owned()));
}
