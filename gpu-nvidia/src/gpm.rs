//! Activity of GPU instances, by GPM: what ran between two samples. Hopper and later.

use gpu_core::{Absence, BootTime, DeviceId, Measured, Need, Permille, Source};

use crate::board::Board;
use crate::cut::GpuInstance;
use crate::error::Code;
use crate::ffi::{GpmSample, Library};

/// NVML's number of the Hopper architecture.
const HOPPER: u32 = 9;
const BEFORE_HOPPER: Absence =
    Absence::NotSupported { why: "NVML measures the activity of instances from Hopper on (GPM)" };

/// The last samples of GPU instances, one for each that was asked about.
///
/// The value that a caller reads is of the time since the last sample, whoever took it: its
/// window says how long that is.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    held: Vec<Held>,
}

#[derive(Debug)]
struct Held {
    device: DeviceId,
    instance: u32,
    born: u64,
    /// Taken at `at`.
    last: GpmSample,
    /// Room for the next.
    spare: GpmSample,
    at: BootTime,
}

impl Activity {
    /// Part of the time since the last call about the instance in which something ran in it.
    pub(crate) fn busy(
        &mut self,
        library: &Library,
        board: &Board,
        instance: &GpuInstance,
        now: BootTime,
    ) -> Result<Measured<Permille>, Absence> {
        if board.architecture.is_ok_and(|architecture| architecture < HOPPER) {
            return Err(BEFORE_HOPPER);
        }
        let known = self.held.iter().position(|held| {
            (held.device, held.instance, held.born) == (board.id, instance.id, instance.born)
        });
        let Some(at) = known else {
            self.forget(library, board, instance.id);
            self.held.push(first(library, board, instance, now)?);
            return Err(Absence::NotYet);
        };
        let held = &mut self.held[at];
        let window = now.since(held.at);
        library.gpm_take(board.handle, instance.id, &mut held.spare).map_err(refusal)?;
        let told = library.gpm_busy(&held.last, &held.spare);
        std::mem::swap(&mut held.last, &mut held.spare);
        held.at = now;
        let part = permille(told.map_err(refusal)?)?;
        Ok(Measured::over(part, now, window, Source::Nvml))
    }

    /// Gives back what is held of an earlier life of an instance, and of instances of the board
    /// that are no more.
    fn forget(&mut self, library: &Library, board: &Board, instance: u32) {
        let alive = |held: &Held| {
            held.device != board.id
                || held.instance != instance
                    && board.cut.instances.iter().any(|of| (of.id, of.born) == (held.instance, held.born))
        };
        let (kept, gone): (Vec<_>, Vec<_>) = self.held.drain(..).partition(alive);
        self.held = kept;
        gone.into_iter().for_each(|held| held.free(library));
    }

    /// Gives back everything, before the library is unloaded.
    pub(crate) fn end(&mut self, library: &Library) {
        self.held.drain(..).for_each(|held| held.free(library));
    }
}

impl Held {
    fn free(self, library: &Library) {
        library.gpm_free(self.last);
        library.gpm_free(self.spare);
    }
}

fn first(library: &Library, board: &Board, instance: &GpuInstance, now: BootTime) -> Result<Held, Absence> {
    if !library.gpm_supported(board.handle).map_err(refusal)? {
        return Err(BEFORE_HOPPER);
    }
    let mut last = library.gpm_sample().map_err(refusal)?;
    let taken = library.gpm_take(board.handle, instance.id, &mut last);
    let spare = taken.and_then(|()| library.gpm_sample());
    match spare {
        Ok(spare) => {
            let (device, instance, born) = (board.id, instance.id, instance.born);
            Ok(Held { device, instance, born, last, spare, at: now })
        }
        Err(code) => {
            library.gpm_free(last);
            Err(refusal(code))
        }
    }
}

/// NVML has percent as a floating point number.
fn permille(percent: f64) -> Result<Permille, Absence> {
    // A fraction of a percent over is rounding; a number that is none is no answer.
    if !(0.0..=101.0).contains(&percent) {
        return Err(Absence::Failed { at: "GPM tells more than 100 percent, or no number", code: None });
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most 1010, not negative
    let part = (percent * 10.0).round() as u64;
    Ok(Permille(part.min(1000)))
}

fn refusal(code: Code) -> Absence {
    match code {
        Code::NO_PERMISSION => {
            let needs = Need::Other("root, where profiling is restricted to administrators");
            Absence::NotPermitted { needs }
        }
        code => code.absence("nvmlGpmMetricsGet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_rounded_and_nonsense_is_none() {
        assert_eq!(permille(12.34), Ok(Permille(123)));
        assert_eq!(permille(100.04), Ok(Permille(1000)));
        for nonsense in [f64::NAN, f64::INFINITY, -0.1, 180.0] {
            assert!(permille(nonsense).is_err(), "{nonsense}");
        }
    }
}
