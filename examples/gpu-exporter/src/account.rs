//! [`Account`]: what the sampler sees, metered, and written when somebody asks.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gpu_accounting::HealthWatch;
use gpu_accounting::ledger::NodeName;
use gpu_accounting::meter::{Meter, Moment, Observation, Rules, Statement};
use gpu_accounting::openmetrics::{Format, Page, Tally};
use gpu_accounting::sampler::{Observed, Totals};

/// What the sampler sees, metered. One thread adds to it, many connections read it.
pub struct Account {
    books: Mutex<Books>,
    health: HealthWatch,
    /// What is simulated, where anything is; when it was recorded, if it was.
    simulated: Option<String>,
    recorded: Option<String>,
    /// Where to write what was metered.
    statement: Option<PathBuf>,
}

struct Books {
    meter: Meter,
    tally: Tally,
    /// Everything so far, where it is to be written at the end.
    all: Option<Statement>,
    latest: Option<(Arc<Observed>, Totals, Instant)>,
    /// Pages of the latest look, by form.
    pages: [Option<Bytes>; 2],
    looks: u64,
}

impl Account {
    pub fn new(
        node: NodeName,
        series: usize,
        health: HealthWatch,
        (simulated, recorded): (Option<String>, Option<String>),
        statement: Option<PathBuf>,
    ) -> Self {
        let books = Books {
            all: statement.as_ref().map(|_| Statement::new(node)),
            meter: Meter::new(node, Rules::new()),
            tally: Tally::new(series),
            latest: None,
            pages: [None, None],
            looks: 0,
        };
        Self { books: Mutex::new(books), health, simulated, recorded, statement }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a look; says how many there were.
    pub fn add(&self, observed: Arc<Observed>, totals: Totals) -> u64 {
        let mut books = self.lock();
        // Without an attribution there is nothing to meter: the time until the next look that has one
        // is a gap, as the meter has it.
        if let Ok(attribution) = &observed.attribution {
            for (owner, labels) in observed.labels.iter() {
                books.meter.call(owner, labels);
            }
            let at = Moment { boot: observed.boot, since_boot: observed.taken_at, wall: observed.wall };
            let look = Observation::new(at, &observed.inventory, &observed.sample, attribution);
            // A look that is not later than the last adds nothing: a simulated clock may stand.
            if books.meter.observe(&look).is_ok() {
                let statement = books.meter.close();
                books.tally.add(&statement);
                if let Some(all) = &mut books.all {
                    // Of one node, and each after the other.
                    let _ = all.add(&statement);
                }
            }
        }
        books.latest = Some((observed, totals, Instant::now()));
        books.pages = [None, None];
        books.looks += 1;
        books.looks
    }

    /// The page of the latest look; `None` before the first.
    pub fn page(&self, format: Format) -> Option<Bytes> {
        let mut books = self.lock();
        let place = usize::from(format == Format::OpenMetrics);
        if let Some(page) = &books.pages[place] {
            return Some(page.clone());
        }
        let (observed, totals, _) = books.latest.as_ref()?;
        let health = self.health.report();
        let page = Page::observed(observed, *totals).tally(&books.tally).health(&health);
        let page = page.simulated(self.simulated.as_deref()).recorded(self.recorded.as_deref());
        let page = Bytes::from(page.text(format));
        books.pages[place] = Some(page.clone());
        Some(page)
    }

    /// How long ago the latest look was.
    pub fn age(&self) -> Option<Duration> {
        self.lock().latest.as_ref().map(|(_, _, at)| at.elapsed())
    }

    /// Writes what was metered, where that was asked for.
    pub fn write(&self) -> Result<(), String> {
        let (Some(path), Some(all)) = (&self.statement, &self.lock().all) else { return Ok(()) };
        let text = serde_json::to_vec(all).map_err(|error| error.to_string())?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}
