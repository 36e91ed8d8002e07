//! [`Pmu`]: the counters that a GPU's driver hands to perf, as sysfs lists them.
//!
//! Source: `Documentation/ABI/testing/sysfs-bus-event_source-devices-format` and `…-events`; the
//! kernel's `i915_pmu.c` and `xe_pmu.c`. Where the bits of a number lie is read, not known.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use gpu_core::{Absence, Error, ErrorKind, PciAddress};
use gpu_host::file;

use crate::board::numbered;
use crate::reading::is_integrated;

const NO_PMU: Absence =
    Absence::NotSupported { why: "the driver counts no engines for perf here: see processes, or Level Zero" };

/// More engines of a class than any GT has. xe names classes, not engines: each number is tried.
const MOST_OF_A_CLASS: u64 = 9;

/// The counters that a GPU's driver hands to perf.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Pmu {
    pub(crate) path: PathBuf,
    /// The number by which perf knows the driver's counters.
    pub(crate) kind: u32,
    /// The processor on which they are opened: which one says nothing, they count the whole GPU.
    pub(crate) cpu: usize,
    /// Engines that there are or, of xe's, could be.
    pub(crate) engines: Vec<Engine>,
}

/// What to ask for to hear of one engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Engine {
    /// The tile that it is on, where the driver says; `None` on i915, which numbers them over all.
    pub(crate) tile: Option<u32>,
    /// It decodes and encodes video.
    pub(crate) is_video: bool,
    /// Its work: in nanoseconds on i915, in ticks of the GT's clock on xe.
    pub(crate) active: u64,
    /// The ticks that went by (xe); i915's are measured by perf's own time.
    pub(crate) total: Option<u64>,
}

/// The counters of the GPU at `address`, whose directory is `device`.
///
/// # Errors
/// `NotSupported` where the driver hands perf none; `NotPermitted` or `Failed` with the name of the
/// file that cannot be read.
pub(crate) fn of(sysfs: &Path, device: &Path, address: PciAddress, is_xe: bool) -> Result<Pmu, Absence> {
    let path = folder(sysfs, address, is_xe).ok_or(NO_PMU)?;
    let kind = file::read_u64(&path.join("type")).map_err(|error| error.absence("type of the PMU"))?;
    let kind = u32::try_from(kind).map_err(|_| failed("type of the PMU"))?;
    let cpu = processor(&path)?;
    let events = Events(path.clone());
    let mut engines = if is_xe { xe(&events, device)? } else { i915(&events)? };
    engines.sort_by_key(|engine| engine.active);
    Ok(Pmu { path, kind, cpu, engines })
}

/// i915 has one name for the graphics of a processor, and one with the address for each card; xe has
/// the address in all.
fn folder(sysfs: &Path, address: PciAddress, is_xe: bool) -> Option<PathBuf> {
    let all = sysfs.join("bus/event_source/devices");
    let driver = if is_xe { "xe" } else { "i915" };
    let own = all.join(format!("{driver}_{}", address.to_string().replace(':', "_")));
    let shared = all.join("i915");
    match () {
        () if own.exists() => Some(own),
        () if !is_xe && is_integrated(address) && shared.exists() => Some(shared),
        () => None,
    }
}

/// The first of `cpumask`, which kernels have where the driver wants a certain one.
fn processor(path: &Path) -> Result<usize, Absence> {
    const NAME: &str = "cpumask of the PMU";
    let text = file::read_optional(&path.join("cpumask")).map_err(|error| error.absence(NAME))?;
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(0) };
    text.split([',', '-']).next().and_then(|first| first.parse().ok()).ok_or(failed(NAME))
}

/// `<engine>-busy`: nanoseconds. `rcs0`, `bcs0`, `vcs0`, `vecs0`, `ccs0`.
fn i915(events: &Events) -> Result<Vec<Engine>, Absence> {
    let names = file::list(&events.0.join("events")).map_err(|error| error.absence("events of the PMU"))?;
    let busy = names.iter().filter_map(|name| Some((name, name.strip_suffix("-busy")?)));
    busy.map(|(name, engine)| {
        let active = events.event(name)?;
        Ok(Engine { tile: None, is_video: engine.starts_with("vcs"), active, total: None })
    })
    .collect()
}

/// Two numbers of ticks for each engine, which is named by GT, class and instance.
fn xe(events: &Events, device: &Path) -> Result<Vec<Engine>, Absence> {
    // Numbers of the classes: the kernel's `xe_drm.h`, `DRM_XE_ENGINE_CLASS_*`.
    const CLASSES: [(&str, u64); 5] = [("rcs", 0), ("bcs", 1), ("vcs", 2), ("vecs", 3), ("ccs", 4)];
    if !events.0.join("events/engine-active-ticks").exists() {
        return Err(NO_PMU); // the first kernels with this PMU count residencies alone
    }
    let (active, total) = (events.event("engine-active-ticks")?, events.event("engine-total-ticks")?);
    let (gts, classes) = (events.format("gt")?, events.format("engine_class")?);
    let instances = events.format("engine_instance")?;
    let mut engines = Vec::new();
    for tile in numbered(device, "tile") {
        let path = device.join(format!("tile{tile}"));
        for gt in numbered(&path, "gt") {
            let there = file::list(&path.join(format!("gt{gt}/engines"))).unwrap_or_default();
            for (class, number) in CLASSES.iter().filter(|(name, _)| there.iter().any(|one| one == name)) {
                for instance in 0..MOST_OF_A_CLASS {
                    let which =
                        gts.place(gt.into())? | classes.place(*number)? | instances.place(instance)?;
                    engines.push(Engine {
                        tile: Some(tile),
                        is_video: *class == "vcs",
                        active: active | which,
                        total: Some(total | which),
                    });
                }
            }
        }
    }
    Ok(engines)
}

/// The folder of a PMU, of which `events` and `format` are read.
struct Events(PathBuf);

impl Events {
    /// The number that asks for an event: `config=0x1000`, or fields by name, `event=0x02`.
    fn event(&self, name: &str) -> Result<u64, Absence> {
        const NAME: &str = "an event of the PMU";
        let text = self.read("events", name, NAME)?;
        text.split(',').try_fold(0, |config, term| {
            let (field, value) = term.split_once('=').ok_or(failed(NAME))?;
            let value = file::parse_u64(value.as_bytes()).ok_or(failed(NAME))?;
            let placed = if field == "config" { value } else { self.format(field)?.place(value)? };
            Ok(config | placed)
        })
    }

    fn format(&self, field: &str) -> Result<Bits, Absence> {
        const NAME: &str = "a format of the PMU";
        Bits::parse(&self.read("format", field, NAME)?).ok_or(failed(NAME))
    }

    /// What an event needs and is not there is no missing feature: the driver contradicts itself.
    fn read(&self, folder: &str, name: &str, what: &'static str) -> Result<String, Absence> {
        file::read_text(&self.0.join(folder).join(name)).map_err(|error: Error| match error.kind() {
            ErrorKind::NotFound => failed(what),
            _ => error.absence(what),
        })
    }
}

const fn failed(at: &'static str) -> Absence {
    Absence::Failed { at, code: None }
}

/// Where the bits of a field lie in `config`, the lowest first: `config:0-7,32-35`.
#[derive(Debug, PartialEq)]
struct Bits(Vec<RangeInclusive<u32>>);

impl Bits {
    /// Nothing for a field of another word: no event of these drivers has one.
    fn parse(text: &str) -> Option<Self> {
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last && last < 64).then_some(first..=last)
        };
        text.strip_prefix("config:")?.split(',').map(range).collect::<Option<_>>().map(Self)
    }

    /// The value with its bits where the field has them.
    fn place(&self, mut value: u64) -> Result<u64, Absence> {
        let mut config = 0;
        for bit in self.0.iter().cloned().flatten() {
            config |= (value & 1) << bit;
            value >>= 1;
        }
        if value == 0 { Ok(config) } else { Err(failed("a value of the PMU that has no room in its field")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_the_driver_says() {
        let place = |text: &str, value| Bits::parse(text).map(|bits| bits.place(value));
        assert_eq!(place("config:60-63", 3), Some(Ok(3 << 60)));
        assert_eq!(place("config:0-3,8-11", 0xab), Some(Ok(0xa0b)));
        assert_eq!(place("config:5", 1), Some(Ok(32)));
        assert!(matches!(place("config:5", 2), Some(Err(Absence::Failed { .. }))), "one bit");
        for odd in ["config1:0-3", "config:", "config:8-1", "config:0-64", "config:a", "0-3", ""] {
            assert_eq!(Bits::parse(odd), None, "{odd}");
        }
    }
}
