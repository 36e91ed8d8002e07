//! [`FunctionSpec`]: what a virtual function shall have, and the two calls that see to it.

use std::fmt;
use std::path::PathBuf;

use gpu_core::{
    BoardState, Bytes, DeviceId, Done, Error, ErrorKind, Fingerprint, Made, PartitionId, PartitionKind,
    Refusal, UnitId,
};
use gpu_host::file;

use super::{Held, find, write};
use crate::backend::IntelBackend;
use crate::board::Board;

/// What a virtual function shall have. What is not said stays the driver's to decide.
///
/// ```
/// use gpu_core::Bytes;
/// use gpu_intel::{FunctionSpec, Priority};
/// let spec = FunctionSpec::new().memory(Bytes::gib(4)).exec_quantum_ms(20).priority(Priority::High);
/// assert_eq!(spec.exec_quantum_ms, Some(20));
/// assert_eq!(spec.preempt_timeout_us, None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub struct FunctionSpec {
    /// Memory, over all tiles: enforced by the hardware.
    pub memory: Option<Bytes>,
    /// The longest that it runs before another function's turn, in milliseconds; 0 is without end.
    pub exec_quantum_ms: Option<u32>,
    /// How long it may take to stop when its time is over, in microseconds, before it is reset.
    pub preempt_timeout_us: Option<u32>,
    /// Whose turn comes first (xe).
    pub priority: Option<Priority>,
}

/// Whose turn comes first among virtual functions, by xe's names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Priority {
    /// After all others.
    Low,
    /// As usual.
    Normal,
    /// Before all others.
    High,
}

impl Priority {
    /// The driver's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FunctionSpec {
    /// All of it is the driver's to decide.
    #[must_use]
    pub const fn new() -> Self {
        Self { memory: None, exec_quantum_ms: None, preempt_timeout_us: None, priority: None }
    }

    /// The same with this much memory.
    #[must_use]
    pub const fn memory(self, memory: Bytes) -> Self {
        Self { memory: Some(memory), ..self }
    }

    /// The same with this time slice.
    #[must_use]
    pub const fn exec_quantum_ms(self, milliseconds: u32) -> Self {
        Self { exec_quantum_ms: Some(milliseconds), ..self }
    }

    /// The same with this time to stop.
    #[must_use]
    pub const fn preempt_timeout_us(self, microseconds: u32) -> Self {
        Self { preempt_timeout_us: Some(microseconds), ..self }
    }

    /// The same with this priority.
    #[must_use]
    pub const fn priority(self, priority: Priority) -> Self {
        Self { priority: Some(priority), ..self }
    }
}

/// A write that is to be made.
#[derive(Debug)]
struct Write {
    path: PathBuf,
    name: &'static str,
    value: String,
}

impl IntelBackend {
    /// Cuts a GPU into as many virtual functions as there are `functions`, each with what is said of
    /// it; none takes them all away. Needs an idle GPU that has none yet (or, for none, idle ones).
    ///
    /// Memory is set before they are made: the first amount makes the driver stop sharing it out
    /// itself, so that either all have one or none has. When a step fails, functions that came up all
    /// the same are taken away, and each file that was written gets what stood in it before; what
    /// cannot be taken back is named in the refusal.
    ///
    /// Taking all of them away takes back what was set of their memory, so that the driver shares it out
    /// again, and where something was set lets the backport do so (`auto_provisioning`); time slices and
    /// priorities stay as they were set.
    ///
    /// # Errors
    /// [`Refusal`]: [`Invalid`](Refusal::Invalid) when the amounts do not add up or the GPU has not so
    /// many functions; [`InUse`](Refusal::InUse) while a process is on the GPU or a function;
    /// [`NotPermitted`](Refusal::NotPermitted) when the caller does not see all processes, and thus not
    /// who may be on it (another pid namespace than the machine's, descriptors that it may not read);
    /// [`NotSupported`](Refusal::NotSupported) for what the driver has no file for.
    pub fn cut(
        &self,
        device: DeviceId,
        on: Fingerprint,
        functions: &[FunctionSpec],
    ) -> Result<Done, Refusal> {
        let held = self.hold(device, on)?;
        super::offered(&held.before.device, gpu_core::Mode::SRIOV, &functions.len().to_string())?;
        let count = u32::try_from(functions.len()).unwrap_or(u32::MAX);
        if count > 0 && !held.board.virtual_functions.is_empty() {
            // Refused before anything is written.
            self.set_count(&held, count)?;
        }
        add_up(&held, functions)?;
        let mut writes = Vec::new();
        if functions.iter().any(|function| function.memory.is_some()) {
            writes.extend(by_hand(&held.board));
        }
        for (number, function) in (1..).zip(functions) {
            writes.extend(self.writes(&held.board, number, function)?);
        }
        held.refuse_users(count)?;
        let mut stood = Vec::new();
        let made = self
            .write_all(&held, device.into(), &writes, &mut stood)
            .and_then(|()| self.set_count(&held, count));
        let state = made.map_err(|refusal| self.undo(&held, &stood, refusal))?;
        if count == 0 {
            self.forget(&held.board);
        }
        let state = self.settled(&held, state, &writes)?;
        let parts = state.device.partitions().filter(|part| part.kind() == PartitionKind::VIRTUAL_FUNCTION);
        let made: Vec<Made> = parts.filter_map(|part| Made::of(&state, part.id)).collect();
        Ok(Done::new(state, made))
    }

    /// Changes what a virtual function that is there has. The driver wants it idle. When a step fails,
    /// what was set before it is taken back.
    ///
    /// # Errors
    /// As [`cut`](Self::cut); [`UnknownUnit`](Refusal::UnknownUnit) when it is not there (any more).
    pub fn adjust(&self, function: PartitionId, on: Fingerprint, to: &FunctionSpec) -> Result<Done, Refusal> {
        let held = self.hold(function.device(), on)?;
        let is_there = held.board.virtual_functions.iter().any(|of| held.board.function_id(of) == function);
        if !is_there {
            return Err(Refusal::UnknownUnit { unit: function.into() });
        }
        let writes = self.writes(&held.board, function.index(), to)?;
        held.refuse(function.into(), held.before.users_of(function).cloned().collect())?;
        if let Some(memory) = to.memory {
            let others = others(&held.before, function);
            fits(&held, others.saturating_add(memory))?;
        }
        let mut stood = Vec::new();
        self.write_all(&held, function.into(), &writes, &mut stood)
            .map_err(|refusal| self.undo(&held, &stood, refusal))?;
        let boards = self.look_again()?;
        let (state, _) = self.state(find(&boards, function.device())?)?;
        Ok(Done::new(self.settled(&held, state, &writes)?, Vec::new()))
    }

    /// The files of what is said of a function, with what is written there.
    fn writes(&self, board: &Board, number: u32, of: &FunctionSpec) -> Result<Vec<Write>, Refusal> {
        let places = Places::of(board, number)?;
        let mut writes = Vec::new();
        if let Some(memory) = of.memory {
            writes.extend(places.shared("memory", places.memory, memory.get())?);
        }
        for (name, value) in
            [("exec_quantum_ms", of.exec_quantum_ms), ("preempt_timeout_us", of.preempt_timeout_us)]
        {
            if let Some(value) = value {
                writes.extend(places.each(name, &value.to_string())?);
            }
        }
        if let Some(priority) = of.priority {
            writes.extend(places.each("sched_priority", priority.name())?);
        }
        Ok(writes)
    }

    /// Makes the writes, in order, until one fails; `stood` is what the files held before.
    fn write_all(
        &self,
        held: &Held,
        unit: UnitId,
        writes: &[Write],
        stood: &mut Vec<Write>,
    ) -> Result<(), Refusal> {
        for of in writes {
            let value = value_in(&file::read_text(&of.path)?);
            stood.push(Write { path: of.path.clone(), name: of.name, value });
            if let Err(failed) = write::write(self.roots(), &of.path, &of.value) {
                return Err(failed.refusal(unit, of.name, || self.users(&held.board).users));
            }
        }
        Ok(())
    }

    /// Brings back what stood before a change that failed; the refusal says what stays, if anything.
    fn undo(&self, held: &Held, stood: &[Write], refusal: Refusal) -> Refusal {
        let Err((at, stays)) = self.restore(held, stood) else { return refusal };
        let detail = format!("{refusal}; and what had been set by then stays: {stays}");
        Refusal::Failed(Error::new(ErrorKind::Inconsistent, at.display().to_string(), detail))
    }

    /// Says at which file, and what, cannot be brought back. What functions have that are there is
    /// left alone: they come first.
    fn restore(&self, held: &Held, stood: &[Write]) -> Result<(), (PathBuf, String)> {
        let path = held.board.function.path.join("sriov_numvfs");
        let before = held.board.virtual_functions.len();
        let now = || crate::board::numbered(&held.board.function.path, "virtfn").len();
        // Functions that were to be taken away are not made again.
        if before == 0 && now() > 0 {
            let taken = self.roots().write(&path, "0");
            if taken.is_err() || now() > 0 {
                return Err((path, format!("{} virtual functions, with what was set for them", now())));
            }
        }
        let mut stays = Vec::new();
        for of in stood.iter().rev() {
            let is_there = || file::read_text(&of.path).is_ok_and(|text| value_in(&text) == of.value);
            if !is_there() && (self.roots().write(&of.path, &of.value).is_err() || !is_there()) {
                stays.push(of);
            }
        }
        let Some(first) = stays.first() else { return Ok(()) };
        let all: Vec<String> = stays.iter().map(|of| of.path.display().to_string()).collect();
        Err((first.path.clone(), all.join(", ")))
    }

    /// Takes back what is still set for functions that are gone, and then lets the driver share out
    /// again: with neither an amount nor that, no function would come up. Where nothing was set, it is the
    /// administrator's whether the driver shares out.
    fn forget(&self, board: &Board) {
        let mut was_set = false;
        for function in &board.virtual_functions {
            let places = Places::of(board, function.number);
            let amounts = places.and_then(|places| places.shared("memory", places.memory, 0));
            for of in amounts.unwrap_or_default() {
                if file::read_u64(&of.path).is_ok_and(|amount| amount > 0) {
                    was_set = true;
                    // What cannot be taken back stands in the next inventory.
                    let _ = self.roots().write(&of.path, "0");
                }
            }
        }
        if was_set {
            self.automatic(board);
        }
    }

    /// Lets the driver share memory out again; where it does not, the next inventory shows what is there.
    fn automatic(&self, board: &Board) {
        if let Some(of) = by_hand(board) {
            let _ = self.roots().write(&of.path, "1");
        }
    }

    /// The board once the files show what was written: the driver rounds memory, down or up, to what
    /// it can give, and no further.
    fn settled(&self, held: &Held, state: BoardState, writes: &[Write]) -> Result<BoardState, Refusal> {
        /// Two MiB: the largest page.
        const STEP: u64 = 2 << 20;
        let shows = |of: &Write| match (file::read_text(&of.path), of.value.parse::<u64>()) {
            (Ok(text), Ok(asked)) => text.parse::<u64>().is_ok_and(|now| now.abs_diff(asked) < STEP.max(1)),
            (Ok(text), Err(_)) => text == of.value || text.contains(&format!("[{}]", of.value)),
            (Err(_), _) => false,
        };
        if writes.is_empty() {
            return Ok(state);
        }
        let at = writes.first().map_or_else(String::new, |of| of.path.display().to_string());
        self.read_back(held, &at, |_, _| writes.iter().all(shows))
    }
}

/// What a file's text says is in force: of a list of choices, the one in brackets.
fn value_in(text: &str) -> String {
    let chosen = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    chosen.map_or(text, |(chosen, _)| chosen).to_owned()
}

/// Amounts of memory: of all or of none, and together no more than there is.
fn add_up(held: &Held, functions: &[FunctionSpec]) -> Result<(), Refusal> {
    let amounts: Vec<Bytes> = functions.iter().filter_map(|function| function.memory).collect();
    if !amounts.is_empty() && amounts.len() != functions.len() {
        let what = "memory is said of some functions and not of others: the first amount ends the driver's \
                    sharing out, and the others would have none";
        return Err(Refusal::Invalid { what: what.to_owned() });
    }
    if amounts.contains(&Bytes::ZERO) {
        return Err(Refusal::Invalid {
            what: "a virtual function with no memory does not come up".to_owned(),
        });
    }
    fits(held, amounts.iter().fold(Bytes::ZERO, |sum, amount| sum.saturating_add(*amount)))
}

fn fits(held: &Held, sum: Bytes) -> Result<(), Refusal> {
    match held.before.device.memory_total.value() {
        Some(total) if sum > *total => {
            let what =
                format!("{sum} of memory for virtual functions: the GPU has {total}, and needs some of it");
            Err(Refusal::Invalid { what })
        }
        // A total that is not told is the driver's to watch.
        _ => Ok(()),
    }
}

/// What the other functions of the GPU have.
fn others(state: &BoardState, function: PartitionId) -> Bytes {
    let parts = state.device.partitions().filter(|part| part.id != function);
    let functions = parts.filter(|part| part.kind() == PartitionKind::VIRTUAL_FUNCTION);
    functions
        .filter_map(|part| part.memory_total.value())
        .fold(Bytes::ZERO, |sum, of| sum.saturating_add(*of))
}

const AUTO: &str = "auto_provisioning";

/// The backport shares memory out by itself unless this file says 0; xe stops by itself.
fn by_hand(board: &Board) -> Option<Write> {
    let path = board.card()?.join("prelim_iov/pf").join(AUTO);
    (!board.is_xe() && path.exists()).then(|| Write { path, name: AUTO, value: "0".to_owned() })
}

/// The folders of one function's files: xe has one, the backport one for each GT.
struct Places {
    folders: Vec<PathBuf>,
    /// What the file of its memory is called.
    memory: &'static str,
}

impl Places {
    fn of(board: &Board, number: u32) -> Result<Self, Refusal> {
        let (folders, memory) = if board.is_xe() {
            (vec![board.function.path.join(format!("sriov_admin/vf{number}/profile"))], "vram_quota")
        } else {
            // Without a card there is no such folder.
            let folder = board.card().map(|card| card.join(format!("prelim_iov/vf{number}")));
            let gts = folder.iter().flat_map(|folder| {
                let gts = crate::board::numbered(folder, "gt").into_iter();
                gts.map(move |gt| folder.join(format!("gt{gt}")))
            });
            (gts.collect(), "lmem_quota")
        };
        let folders: Vec<PathBuf> = folders.into_iter().filter(|folder| folder.is_dir()).collect();
        Ok(Self { folders, memory })
    }

    /// The same value in each of them.
    fn each(&self, name: &'static str, value: &str) -> Result<Vec<Write>, Refusal> {
        let write = |folder: &PathBuf| Write { path: folder.join(name), name, value: value.to_owned() };
        self.there(name, self.folders.iter().map(write).collect())
    }

    /// An amount in equal parts; the first has what is left over.
    fn shared(&self, what: &'static str, name: &'static str, amount: u64) -> Result<Vec<Write>, Refusal> {
        let count = self.folders.len().max(1) as u64;
        let part = amount / count;
        let write = |(n, folder): (usize, &PathBuf)| {
            let value = if n == 0 { amount - part * (count - 1) } else { part };
            Write { path: folder.join(name), name, value: value.to_string() }
        };
        self.there(what, self.folders.iter().enumerate().map(write).collect())
    }

    fn there(&self, what: &str, writes: Vec<Write>) -> Result<Vec<Write>, Refusal> {
        match writes.iter().find(|of| !of.path.exists()) {
            Some(missing) => {
                let why =
                    format!("no {}: this driver sets no {what} of virtual functions", missing.path.display());
                Err(Refusal::NotSupported { why })
            }
            None if writes.is_empty() => {
                let why = format!(
                    "the driver has no files to set the {what} of virtual functions (xe has them from kernel 6.19 on)"
                );
                Err(Refusal::NotSupported { why })
            }
            None => Ok(writes),
        }
    }
}
