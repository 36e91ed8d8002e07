//! What is known or measured, and why it is not, as words.

use crate::absence::{Absence, Need};
use crate::driver_health::DriverHealth;
use crate::engine_cycles::EngineCycles;
use crate::fabric::{Fabric, FabricIssues, FabricState};
use crate::known::Known;
use crate::measured::{Measured, Source};
use crate::quantity::{
    Bytes, Count, Hertz, Microjoules, Microwatts, Millicelsius, Nanoseconds, Permille, Rpm,
};
use crate::recorded::words::{Row, Taken};
use crate::recovery::RecoveryAction;
use crate::stored::Error;
use crate::throttle::ThrottleReasons;

/// A value that fits into three words.
pub(crate) trait Value: Sized {
    fn words(&self) -> [u64; 3];
    fn of(words: [u64; 3]) -> Option<Self>;
}

macro_rules! one_word {
    ($($type:ident),*) => {$(
        impl Value for $type {
            fn words(&self) -> [u64; 3] {
                [self.0, 0, 0]
            }

            fn of(words: [u64; 3]) -> Option<Self> {
                let [word, 0, 0] = words else { return None };
                Some(Self(word))
            }
        }
    )*};
}

one_word!(Bytes, Count, Hertz, Microjoules, Microwatts, Nanoseconds, Permille, Rpm);

impl Value for Millicelsius {
    fn words(&self) -> [u64; 3] {
        [word(self.0), 0, 0]
    }

    fn of(words: [u64; 3]) -> Option<Self> {
        let [word, 0, 0] = words else { return None };
        Some(Self(signed(word)))
    }
}

/// The two's complement of a number as a word.
const fn word(number: i64) -> u64 {
    u64::from_ne_bytes(number.to_ne_bytes())
}

const fn signed(word: u64) -> i64 {
    i64::from_ne_bytes(word.to_ne_bytes())
}

impl Value for ThrottleReasons {
    fn words(&self) -> [u64; 3] {
        [u64::from(self.known), self.raw, 0]
    }

    fn of(words: [u64; 3]) -> Option<Self> {
        let [known, raw, 0] = words else { return None };
        Some(Self { known: known.try_into().ok()?, raw })
    }
}

impl Value for EngineCycles {
    fn words(&self) -> [u64; 3] {
        [self.worked, self.elapsed, u64::from(self.engines)]
    }

    fn of([worked, elapsed, engines]: [u64; 3]) -> Option<Self> {
        Some(Self { worked, elapsed, engines: engines.try_into().ok()? })
    }
}

impl Value for Fabric {
    fn words(&self) -> [u64; 3] {
        let Self { state, status, issues: FabricIssues { known, raw } } = *self;
        let state = match state {
            FabricState::NotStarted => 0,
            FabricState::InProgress => 1,
            FabricState::Completed => 2,
            FabricState::Unknown(raw) => 3 | u64::from(raw) << 8,
        };
        [state, u64::from(status), u64::from(known) | u64::from(raw) << 16]
    }

    fn of([state, status, issues]: [u64; 3]) -> Option<Self> {
        let state = match state {
            0 => FabricState::NotStarted,
            1 => FabricState::InProgress,
            2 => FabricState::Completed,
            state if state & 0xff == 3 => FabricState::Unknown((state >> 8).try_into().ok()?),
            _ => return None,
        };
        let issues =
            FabricIssues { known: (issues & 0xffff).try_into().ok()?, raw: (issues >> 16).try_into().ok()? };
        Some(Self { state, status: status.try_into().ok()?, issues })
    }
}

impl Value for RecoveryAction {
    fn words(&self) -> [u64; 3] {
        let (number, raw) = match *self {
            Self::None => (0, 0),
            Self::RestartApplication => (1, 0),
            Self::DrainPeers => (2, 0),
            Self::RestartFabricManager => (3, 0),
            Self::DrainAndReset => (4, 0),
            Self::Reset => (5, 0),
            Self::RebootNode => (6, 0),
            Self::FlashFirmware => (7, 0),
            Self::CheckHardware => (8, 0),
            Self::ContactVendor => (9, 0),
            Self::Replace => (10, 0),
            Self::Unknown(raw) => (11, raw),
        };
        [number, u64::from(raw), 0]
    }

    fn of(words: [u64; 3]) -> Option<Self> {
        Some(match words {
            [0, 0, 0] => Self::None,
            [1, 0, 0] => Self::RestartApplication,
            [2, 0, 0] => Self::DrainPeers,
            [3, 0, 0] => Self::RestartFabricManager,
            [4, 0, 0] => Self::DrainAndReset,
            [5, 0, 0] => Self::Reset,
            [6, 0, 0] => Self::RebootNode,
            [7, 0, 0] => Self::FlashFirmware,
            [8, 0, 0] => Self::CheckHardware,
            [9, 0, 0] => Self::ContactVendor,
            [10, 0, 0] => Self::Replace,
            [11, raw, 0] => Self::Unknown(raw.try_into().ok()?),
            _ => return None,
        })
    }
}

impl Value for DriverHealth {
    fn words(&self) -> [u64; 3] {
        let (number, raw) = match *self {
            Self::Ok => (0, 0),
            Self::Warning => (1, 0),
            Self::Critical => (2, 0),
            Self::NeedsFirmware => (3, 0),
            Self::Replace => (4, 0),
            Self::Unknown(raw) => (5, raw),
        };
        [number, u64::from(raw), 0]
    }

    fn of(words: [u64; 3]) -> Option<Self> {
        Some(match words {
            [0, 0, 0] => Self::Ok,
            [1, 0, 0] => Self::Warning,
            [2, 0, 0] => Self::Critical,
            [3, 0, 0] => Self::NeedsFirmware,
            [4, 0, 0] => Self::Replace,
            [5, raw, 0] => Self::Unknown(raw.try_into().ok()?),
            _ => return None,
        })
    }
}

/// Numbers of sources begin where those of absences end.
const SOURCES: u64 = 16;

const fn source_number(source: Source) -> u64 {
    SOURCES
        + match source {
            Source::Nvml => 0,
            Source::Sysfs => 1,
            Source::Hwmon => 2,
            Source::Kfd => 3,
            Source::Procfs => 4,
            Source::Fdinfo => 5,
            Source::LevelZero => 6,
            Source::RocmSmi => 7,
            Source::Perf => 8,
            Source::Simulated => 9,
            Source::Other => 10,
        }
}

fn source_of(from: &Taken<'_>, number: u64) -> Result<Source, Error> {
    const ALL: [Source; 11] = [
        Source::Nvml,
        Source::Sysfs,
        Source::Hwmon,
        Source::Kfd,
        Source::Procfs,
        Source::Fdinfo,
        Source::LevelZero,
        Source::RocmSmi,
        Source::Perf,
        Source::Simulated,
        Source::Other,
    ];
    ALL.into_iter().find(|source| source_number(*source) == number).ok_or_else(|| from.wrong("no source"))
}

pub(crate) fn write_source(to: &mut Row<'_>, source: Source) {
    to.num(source_number(source));
}

pub(crate) fn read_source(from: &mut Taken<'_>) -> Result<Source, Error> {
    let number = from.word()?;
    source_of(from, number)
}

/// Four words, whatever the reason: rows keep their shape when it changes.
pub(crate) fn write_absence(to: &mut Row<'_>, absence: Absence) {
    match absence {
        Absence::NotSupported { why } => {
            to.num(0_u64);
            to.text(why);
            to.words.extend([0, 0]);
        }
        Absence::UnknownVersion { of, version: (major, minor) } => {
            to.num(1_u64);
            to.text(of);
            to.words.extend([u64::from(major), u64::from(minor)]);
        }
        Absence::NotPermitted { needs } => {
            to.num(2_u64);
            write_need(to, needs);
            to.num(0_u64);
        }
        Absence::NotYet => to.words.extend([3, 0, 0, 0]),
        Absence::Asleep => to.words.extend([4, 0, 0, 0]),
        Absence::TimedOut => to.words.extend([5, 0, 0, 0]),
        Absence::Lost => to.words.extend([6, 0, 0, 0]),
        Absence::Failed { at, code } => {
            to.num(7_u64);
            to.text(at);
            to.num(code.is_some());
            to.num(word(code.unwrap_or(0).into()));
        }
    }
}

fn write_need(to: &mut Row<'_>, needs: Need) {
    match needs {
        Need::Root => to.words.extend([0, 0]),
        Need::HostPids => to.words.extend([1, 0]),
        Need::Capability(text) => {
            to.num(2_u64);
            to.text(text);
        }
        Need::Access(text) => {
            to.num(3_u64);
            to.text(text);
        }
        Need::Other(text) => {
            to.num(4_u64);
            to.text(text);
        }
    }
}

/// The rest of an absence of which the first word has been read.
fn read_absence_of(from: &mut Taken<'_>, number: u64) -> Result<Absence, Error> {
    let nothing = |from: &mut Taken<'_>, count: u32, absence: Absence| {
        for _ in 0..count {
            if from.word()? != 0 {
                return Err(from.wrong("an absence with more in it than there can be"));
            }
        }
        Ok(absence)
    };
    match number {
        0 => {
            let why = from.lasting()?;
            nothing(from, 2, Absence::NotSupported { why })
        }
        1 => Ok(Absence::UnknownVersion { of: from.lasting()?, version: (from.num()?, from.num()?) }),
        2 => {
            let needs = read_need(from)?;
            nothing(from, 1, Absence::NotPermitted { needs })
        }
        3 => nothing(from, 3, Absence::NotYet),
        4 => nothing(from, 3, Absence::Asleep),
        5 => nothing(from, 3, Absence::TimedOut),
        6 => nothing(from, 3, Absence::Lost),
        7 => {
            let (at, has_code, code) = (from.lasting()?, from.flag()?, from.word()?);
            let code = i32::try_from(signed(code)).map_err(|_| from.wrong("no code of an error"))?;
            Ok(Absence::Failed { at, code: has_code.then_some(code) })
        }
        _ => Err(from.wrong("no reason for which a value is not there")),
    }
}

pub(crate) fn write_needs(to: &mut Row<'_>, needs: Need) {
    write_need(to, needs);
}

pub(crate) fn read_need(from: &mut Taken<'_>) -> Result<Need, Error> {
    Ok(match from.word()? {
        sort @ (0 | 1) => {
            if from.word()? != 0 {
                return Err(from.wrong("a need with more in it than there can be"));
            }
            if sort == 0 { Need::Root } else { Need::HostPids }
        }
        2 => Need::Capability(from.lasting()?),
        3 => Need::Access(from.lasting()?),
        4 => Need::Other(from.lasting()?),
        _ => return Err(from.wrong("nothing that a caller could need")),
    })
}

pub(crate) fn read_absence(from: &mut Taken<'_>) -> Result<Absence, Error> {
    let number = from.word()?;
    read_absence_of(from, number)
}

/// Six words, there or not: source or reason, value, how old it is, over what window.
pub(crate) fn write_measured<T: Value>(to: &mut Row<'_>, fact: &Result<Measured<T>, Absence>) {
    match fact {
        Ok(measured) => {
            to.num(source_number(measured.source));
            to.words.extend(measured.value.words());
            to.time(measured.as_of);
            to.num(measured.window().unwrap_or_default().0);
        }
        Err(absence) => {
            write_absence(to, *absence);
            to.words.extend([0, 0]);
        }
    }
}

pub(crate) fn read_measured<T: Value>(from: &mut Taken<'_>) -> Result<Result<Measured<T>, Absence>, Error> {
    let number = from.word()?;
    if number < SOURCES {
        let absence = read_absence_of(from, number)?;
        if (from.word()?, from.word()?) != (0, 0) {
            return Err(from.wrong("an absence with a time"));
        }
        return Ok(Err(absence));
    }
    let source = source_of(from, number)?;
    let words = [from.word()?, from.word()?, from.word()?];
    let value = T::of(words).ok_or_else(|| from.wrong("a value that its type cannot have"))?;
    let (as_of, window) = (from.time()?, Nanoseconds(from.word()?));
    Ok(Ok(Measured::over(value, as_of, window, source)))
}

/// A fact by any way of writing it.
pub(crate) fn write_result<T>(
    to: &mut Row<'_>,
    fact: Result<T, Absence>,
    write: impl FnOnce(&mut Row<'_>, T),
) {
    to.num(fact.is_ok());
    match fact {
        Ok(value) => write(to, value),
        Err(absence) => write_absence(to, absence),
    }
}

pub(crate) fn read_result<'t, T>(
    from: &mut Taken<'t>,
    read: impl FnOnce(&mut Taken<'t>) -> Result<T, Error>,
) -> Result<Result<T, Absence>, Error> {
    if from.flag()? { read(from).map(Ok) } else { read_absence(from).map(Err) }
}

pub(crate) fn write_known<T>(to: &mut Row<'_>, fact: &Known<T>, write: impl FnOnce(&mut Row<'_>, &T)) {
    write_result(to, fact.get(), write);
}

pub(crate) fn read_known<'t, T>(
    from: &mut Taken<'t>,
    read: impl FnOnce(&mut Taken<'t>) -> Result<T, Error>,
) -> Result<Known<T>, Error> {
    read_result(from, read).map(Known::from)
}

pub(crate) fn write_text(to: &mut Row<'_>, fact: &Known<String>) {
    write_known(to, fact, |to, text| to.text(text));
}

pub(crate) fn read_text(from: &mut Taken<'_>) -> Result<Known<String>, Error> {
    read_known(from, Taken::text)
}

/// A known quantity.
pub(crate) fn write_amount<T: Value>(to: &mut Row<'_>, fact: &Known<T>) {
    write_known(to, fact, |to, value| to.words.extend(value.words()));
}

pub(crate) fn read_amount<T: Value>(from: &mut Taken<'_>) -> Result<Known<T>, Error> {
    read_known(from, read_value)
}

pub(crate) fn read_value<T: Value>(from: &mut Taken<'_>) -> Result<T, Error> {
    let words = [from.word()?, from.word()?, from.word()?];
    T::of(words).ok_or_else(|| from.wrong("a value that its type cannot have"))
}
