//! [`EngineSetting`]: how long an engine runs for one client before it is another's turn.

use std::path::Path;

use gpu_core::{Absence, DeviceId, Error, Nanoseconds};
use gpu_host::file::{self, Attribute};

use crate::backend::IntelBackend;
use crate::board::{Board, numbered};

/// How an engine, or a class of engines, is shared in time, by the driver's own files (i915:
/// `card/engine/<engine>`; xe: `tileT/gtG/engines/<class>`). Only the driver's own scheduling obeys
/// them; virtual functions have a time slice of their own
/// ([`Partition::time_slice`](gpu_core::Partition::time_slice)).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct EngineSetting {
    /// Which tile; 0 on i915, which numbers engines over all.
    pub tile: u32,
    /// Which GT of the tile, the media GT too; 0 on i915.
    pub gt: u32,
    /// The driver's name: `rcs0`, `ccs`.
    pub engine: String,
    /// The longest that one client runs while another waits; zero is without end.
    pub timeslice: Result<Nanoseconds, Absence>,
    /// How long a client may take to stop, before the engine is reset; zero is without end.
    pub preempt_timeout: Result<Nanoseconds, Absence>,
    /// The longest that one job runs before it is taken for hung (xe).
    pub job_timeout: Result<Nanoseconds, Absence>,
}

impl IntelBackend {
    /// How the engines of a GPU are shared in time, by tile, GT and name. Empty where the driver has
    /// no such files.
    ///
    /// # Errors
    /// [`UnknownUnit`](gpu_core::ErrorKind::UnknownUnit) for a device that is not here.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    /// use gpu_core::Backend;
    /// use gpu_host::{Roots, SystemClock};
    /// let roots = Roots::default();
    /// let clock = Arc::new(SystemClock::new_or_unknown(&roots.proc));
    /// let backend = gpu_intel::IntelBackend::new(roots, clock)?;
    /// for device in backend.inventory()?.devices() {
    ///     for setting in backend.engine_settings(device.id)? {
    ///         println!("{} {}: {:?}", device.name, setting.engine, setting.timeslice);
    ///     }
    /// }
    /// # Ok::<(), gpu_core::Error>(())
    /// ```
    pub fn engine_settings(&self, device: DeviceId) -> Result<Vec<EngineSetting>, Error> {
        let boards = self.look_again()?;
        let board = boards.boards.iter().find(|board| board.id == device);
        let board = board.ok_or_else(|| Error::unknown_unit(device))?;
        Ok(if board.is_xe() { xe(board) } else { i915(board) })
    }
}

fn i915(board: &Board) -> Vec<EngineSetting> {
    let folder = board.card().unwrap_or_default().join("engine");
    let millis = Nanoseconds::from_millis;
    engines(&folder, |path, engine| EngineSetting {
        tile: 0,
        gt: 0,
        engine,
        timeslice: time(path, "timeslice_duration_ms", millis),
        preempt_timeout: time(path, "preempt_timeout_ms", millis),
        job_timeout: Err(Absence::NotSupported {
            why: "i915 has no time after which a job is taken for hung",
        }),
    })
}

fn xe(board: &Board) -> Vec<EngineSetting> {
    let mut all = Vec::new();
    for tile in numbered(&board.function.path, "tile") {
        let path = board.function.path.join(format!("tile{tile}"));
        for gt in numbered(&path, "gt") {
            let folder = path.join(format!("gt{gt}/engines"));
            all.extend(engines(&folder, |path, engine| EngineSetting {
                tile,
                gt,
                engine,
                timeslice: time(path, "timeslice_duration_us", Nanoseconds::from_micros),
                preempt_timeout: time(path, "preempt_timeout_us", Nanoseconds::from_micros),
                job_timeout: time(path, "job_timeout_ms", Nanoseconds::from_millis),
            }));
        }
    }
    all
}

fn engines(folder: &Path, setting: impl Fn(&Path, String) -> EngineSetting) -> Vec<EngineSetting> {
    let mut names = file::list(folder).unwrap_or_default();
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    names.into_iter().map(|name| setting(&folder.join(&name), name)).collect()
}

fn time(folder: &Path, name: &'static str, unit: fn(u64) -> Nanoseconds) -> Result<Nanoseconds, Absence> {
    let file = Attribute::new(folder.join(name), name);
    if !file.exists() {
        return Err(Absence::NotSupported { why: "the driver has no file for it" });
    }
    file.read_u64().map(unit)
}
