//! [`Perf`]: the work of a GPU's engines, as the kernel's perf counts it.
//!
//! What there is stands in sysfs and is always looked at ([`pmu`]). Counters are opened by a build with
//! the feature `perf`, when the caller asks for it, on the running kernel's own sysfs: xe keeps a GPU
//! awake as long as a counter of its engines is open (kernel: `xe_pmu.c`, `xe_pmu_event_init`). Else
//! the reason is told, by what the kernel's files say of this process ([`permission`]).

#[cfg(all(feature = "perf", target_os = "linux"))]
mod kernel;
pub(crate) mod permission;
pub(crate) mod pmu;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use gpu_core::{
    Absence, BootTime, Measured, Metric, MetricSet, Nanoseconds, PciAddress, Permille, Reading, Source,
};

use crate::board::{Board, Boards};
use permission::PERFMON;
pub(crate) use pmu::Pmu;

#[cfg(not(feature = "perf"))]
const NO_FEATURE: &str =
    "perf may be opened here, and this build is without feature perf: see processes, or Level Zero";
#[cfg(feature = "perf")]
const NOT_ASKED: &str = "perf may be opened here, and nobody asked for it: see processes, or Level Zero";
const ANOTHER_KERNEL: Absence =
    Absence::NotSupported { why: "the tree is not the running kernel's, which alone opens counters" };
const NO_ENGINES: Absence = Absence::NotSupported { why: "the driver counts none of these engines for perf" };
const OVER_ALL: Absence =
    Absence::NotSupported { why: "i915 numbers engines over all tiles for perf: read the device" };

/// What a counter shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Counted {
    /// In the event's unit.
    pub(crate) count: u64,
    /// Nanoseconds for which it has counted.
    pub(crate) enabled: u64,
}

/// A counter that is open: reads it.
type Counter = Box<dyn FnMut() -> io::Result<Counted> + Send>;

/// Opens the counter of a PMU that a number asks for.
type Open = Box<dyn Fn(&Pmu, u64) -> io::Result<Counter> + Send + Sync>;

/// The counters of all GPUs that are open.
pub(crate) struct Perf {
    /// Or why nothing is opened, where it would be permitted.
    open: Result<Open, &'static str>,
    /// Taken out by whoever reads, so that nobody waits for a driver that another asks.
    opened: Mutex<BTreeMap<PciAddress, Option<Opened>>>,
}

impl std::fmt::Debug for Perf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Perf").field("why_not", &self.open.as_ref().err()).finish_non_exhaustive()
    }
}

/// The counters of one GPU.
struct Opened {
    pmu: Pmu,
    engines: Vec<Running>,
    /// When they were read last.
    at: Option<BootTime>,
}

/// One engine that is counted.
struct Running {
    tile: Option<u32>,
    is_video: bool,
    active: Counter,
    total: Option<Counter>,
    /// Work and time, when they were read last.
    last: Option<(u64, u64)>,
}

/// What the engines of one GPU did since somebody looked last.
#[derive(Debug)]
pub(crate) struct Work {
    took: Nanoseconds,
    /// Tile, whether it is for video, and the part of the time.
    engines: Vec<(Option<u32>, bool, Permille)>,
}

/// What is told of one GPU in one sample; `None` where nobody asked.
pub(crate) type Activity = Option<Result<Work, Absence>>;

impl Perf {
    /// Opens nothing.
    pub(crate) const fn closed() -> Self {
        #[cfg(feature = "perf")]
        let why = NOT_ASKED;
        #[cfg(not(feature = "perf"))]
        let why = NO_FEATURE;
        Self { open: Err(why), opened: Mutex::new(BTreeMap::new()) }
    }

    /// Opens the running kernel's.
    #[cfg(feature = "perf")]
    pub(crate) fn kernel() -> Self {
        #[cfg(target_os = "linux")]
        let open = Ok(kernel::opener());
        #[cfg(not(target_os = "linux"))]
        let open = Err("perf is Linux'");
        Self { open, opened: Mutex::default() }
    }

    #[cfg(test)]
    pub(crate) fn by(open: Open) -> Self {
        Self { open: Ok(open), opened: Mutex::default() }
    }

    /// Closes what is open of GPUs that are not here any more.
    pub(crate) fn retain(&self, boards: &Boards) {
        let is_here = |address: &PciAddress| boards.boards.iter().any(|of| of.function.address == *address);
        self.lock().retain(|address, _| is_here(address));
    }

    /// What the GPU's engines did since the last look, if that is wanted.
    pub(crate) fn look(
        &self,
        board: &Board,
        refused: Option<Absence>,
        wanted: MetricSet,
        now: BootTime,
    ) -> Activity {
        let is_wanted = wanted.has(Metric::Busy) || wanted.has(Metric::VideoBusy);
        is_wanted.then(|| self.work(board, refused, now))
    }

    fn work(&self, board: &Board, refused: Option<Absence>, now: BootTime) -> Result<Work, Absence> {
        let pmu = board.pmu.as_ref().map_err(|absence| *absence)?;
        let open = match &self.open {
            Ok(open) => open,
            Err(why) => return Err(refused.unwrap_or(Absence::NotSupported { why })),
        };
        let address = board.function.address;
        let kept = match self.lock().insert(address, None) {
            Some(Some(opened)) if opened.pmu == *pmu => Some(opened),
            Some(None) => return Err(Absence::NotYet), // somebody else looks just now
            _ => None,
        };
        let looked = kept.map_or_else(|| Opened::new(pmu, open), Ok).map(|mut opened| {
            let work = opened.look(now);
            // Counters that fail are opened anew: the driver may have been loaded again.
            let is_over = matches!(work, Err(Absence::Failed { .. } | Absence::Lost));
            ((!is_over).then_some(opened), work)
        });
        let (opened, work) = looked.unwrap_or_else(|absence| (None, Err(absence)));
        match opened {
            Some(opened) => drop(self.lock().insert(address, Some(opened))),
            None => drop(self.lock().remove(&address)),
        }
        work
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PciAddress, Option<Opened>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    fn new(pmu: &Pmu, open: &Open) -> Result<Self, Absence> {
        let mut engines = Vec::new();
        for engine in &pmu.engines {
            let both = open(pmu, engine.active)
                .and_then(|active| Ok((active, engine.total.map(|total| open(pmu, total)).transpose()?)));
            match both {
                Ok((active, total)) => engines.push(Running {
                    tile: engine.tile,
                    is_video: engine.is_video,
                    active,
                    total,
                    last: None,
                }),
                Err(error) => {
                    if let Some(absence) = refusal(&error) {
                        return Err(absence);
                    }
                }
            }
        }
        Ok(Self { pmu: pmu.clone(), engines, at: None })
    }

    /// Reads all counters, and says what came since they were read last.
    fn look(&mut self, now: BootTime) -> Result<Work, Absence> {
        if self.engines.is_empty() {
            return Err(NO_ENGINES);
        }
        let mut engines = Vec::new();
        for engine in &mut self.engines {
            let since = engine.since().map_err(|error| failed(&error))?;
            engines.extend(since.map(|share| (engine.tile, engine.is_video, share)));
        }
        let then = self.at.replace(now).ok_or(Absence::NotYet)?;
        // No counter has moved on: no time went by, or all began anew.
        if engines.is_empty() { Err(Absence::NotYet) } else { Ok(Work { took: now.since(then), engines }) }
    }
}

impl Running {
    /// The part of the time in which it worked since the last look; `None` at the first, and when
    /// counters stand still or began anew.
    fn since(&mut self) -> io::Result<Option<Permille>> {
        let active = (self.active)()?;
        let total = match &mut self.total {
            Some(total) => total()?.count,
            None => active.enabled,
        };
        let Some((worked, went_by)) = self.last.replace((active.count, total)) else { return Ok(None) };
        let share = |worked: u64, elapsed: u64| {
            let share = (u128::from(worked) * 1000).checked_div(u128::from(elapsed))?;
            Some(Permille(u64::try_from(share).unwrap_or(1000).min(1000)))
        };
        let since = active.count.checked_sub(worked).zip(total.checked_sub(went_by));
        Ok(since.and_then(|(worked, elapsed)| share(worked, elapsed)))
    }
}

/// Nothing for an engine that the GPU does not have or does not count (ENOENT 2, ENODEV 19, EINVAL 22,
/// EOPNOTSUPP 95).
fn refusal(error: &io::Error) -> Option<Absence> {
    match (error.kind(), error.raw_os_error()) {
        (_, Some(2 | 19 | 22 | 95)) => None,
        (io::ErrorKind::PermissionDenied, _) => Some(PERFMON),
        (io::ErrorKind::Unsupported, None) => Some(ANOTHER_KERNEL),
        _ => Some(failed(error)),
    }
}

fn failed(error: &io::Error) -> Absence {
    Absence::Failed { at: "perf_event_open", code: error.raw_os_error() }
}

impl Work {
    /// How long the unit has been busy: at least as long as its busiest engine. How far the others'
    /// work falls into the same time is not told.
    fn busy(&self, tile: Option<u32>) -> Result<Permille, Absence> {
        self.of(tile)?.map(|(_, share)| share).max().ok_or(NO_ENGINES)
    }

    /// The mean over the video engines.
    fn video(&self, tile: Option<u32>) -> Result<Permille, Absence> {
        let (mut sum, mut count) = (0, 0);
        for (_, Permille(share)) in self.of(tile)?.filter(|(is_video, _)| *is_video) {
            (sum, count) = (sum + share, count + 1);
        }
        u64::checked_div(sum, count).map(Permille).ok_or(NO_ENGINES)
    }

    /// The engines of the whole GPU, or of a tile.
    fn of(&self, tile: Option<u32>) -> Result<impl Iterator<Item = (bool, Permille)> + '_, Absence> {
        if tile.is_some() && self.engines.iter().all(|(tile, ..)| tile.is_none()) {
            return Err(OVER_ALL);
        }
        let own = self.engines.iter().filter(move |(of, ..)| tile.is_none() || *of == tile);
        Ok(own.map(|(_, is_video, share)| (*is_video, *share)))
    }
}

/// Puts into a reading what is wanted of the whole GPU, or of a tile.
pub(crate) fn put(
    activity: &Activity,
    tile: Option<u32>,
    wanted: MetricSet,
    now: BootTime,
    reading: &mut Reading,
) {
    let Some(work) = activity else { return };
    let measured = |of: fn(&Work, Option<u32>) -> Result<Permille, Absence>| {
        let work = work.as_ref().map_err(|absence| *absence)?;
        Ok(Measured::over(of(work, tile)?, now, work.took, Source::Perf))
    };
    if wanted.has(Metric::Busy) {
        reading.busy = measured(Work::busy);
    }
    if wanted.has(Metric::VideoBusy) {
        reading.video_busy = measured(Work::video);
    }
}
