//! [`HolderView`]: what somebody uses of a unit, as it is shown.

use gpu_accounting::attribution::{Attribution, Basis, ContradictionKind, EngineUse, Line, Standing};
use gpu_accounting::{Absence, Bytes, Known, Label, Owner, Permille, UnitId, Watch};

use super::ledger::{HeldView, LedgerView, is_same, touches};
use super::meter::{MeterRow, MeterView};
use super::trace::{Shown, thousandths};
use super::unit::{Cell, place};

/// What somebody uses of a unit, or was given of it and does not use.
#[derive(Clone, Debug)]
pub struct HolderView {
    pub unit: UnitId,
    pub owner: Option<Owner>,
    /// What tells it from others on the unit.
    pub key: String,
    /// `#0 gi:1 ci:0`.
    pub place: String,
    /// The container's name, or who it is.
    pub who: String,
    /// Namespace and pod, or what kind of owner it is.
    pub whose: String,
    /// `None` for what is held and not used.
    pub memory: Option<Cell<Bytes>>,
    /// Thousandths of the unit's memory.
    pub memory_share: Option<u16>,
    /// The engine that works most for it: name, share, and whether that is counted (`""`), estimated
    /// (`~`) or apportioned (`≈`).
    pub engine: Option<Cell<(&'static str, Permille, &'static str)>>,
    /// What it was given: `enforced`, `declared`, `not entitled`…
    pub given: String,
    pub memory_limit: Option<Bytes>,
    pub is_at_odds: bool,
    /// Number and name of each process.
    pub processes: Vec<String>,
    pub history: Shown,
    /// What the ledger says of it: the first line, and how many more there are.
    pub held: Option<(HeldView, usize)>,
    /// What the meter says of it since the first look.
    pub metered: Option<MeterRow>,
    /// Everything that is known, line by line.
    pub facts: Vec<(&'static str, String)>,
}

impl HolderView {
    /// What of it is kept from look to look: the shares of engine and memory, in thousandths.
    pub fn shown(&self) -> (UnitId, String, Option<u16>, Option<u16>) {
        let engine = self.engine.and_then(Result::ok).map(|(_, share, _)| share.get().min(1000));
        let engine = engine.and_then(|share| u16::try_from(share).ok());
        (self.unit, self.key.clone(), engine, self.memory_share)
    }
}

/// Who is on what: in the order of units, then by owner; then who was given what and does not use it.
pub fn holders(watch: &Watch<'_>, attribution: &Attribution) -> Vec<HolderView> {
    let mut views: Vec<HolderView> = attribution.lines.iter().map(|line| used(watch, line)).collect();
    let idle = attribution.contradictions.iter().filter(|of| of.kind == ContradictionKind::EntitledNotUsed);
    views.extend(idle.map(|of| {
        let (who, whose) = names(watch, &of.owner);
        HolderView {
            unit: of.unit,
            owner: Some(of.owner.clone()),
            key: format!("{:?} unused", of.owner),
            place: place(watch.inventory(), of.unit),
            who,
            whose,
            memory: None,
            memory_share: None,
            engine: None,
            given: "held, not used".to_owned(),
            memory_limit: None,
            is_at_odds: true,
            processes: Vec::new(),
            history: Shown::default(),
            held: None,
            metered: None,
            facts: vec![("owner", of.owner.to_string()), ("unit", of.unit.to_string())],
        }
    }));
    views
}

/// Puts what meter and ledger say beside what is seen; what is held and not seen gets rows of its own.
pub fn put_beside(holders: &mut Vec<HolderView>, meter: &MeterView, ledger: Option<&LedgerView>) {
    let lines = ledger.map_or(&[][..], |ledger| &ledger.lines);
    let mut is_told = vec![false; lines.len()];
    for of in &mut *holders {
        let Some(owner) = &of.owner else { continue };
        of.metered = meter.row(owner, of.unit).cloned();
        let mut told = Vec::new();
        for (line, is_told) in lines.iter().zip(&mut is_told) {
            let is_owner = line.owner.as_ref().is_some_and(|other| is_same(owner, other));
            if is_owner && touches(line.unit, of.unit) {
                *is_told = true;
                told.push(line);
            }
        }
        // What is held is told before what is not.
        told.sort_by_key(|line| line.holding.is_empty());
        of.held = told.first().map(|line| ((*line).clone(), told.len() - 1));
    }
    let unseen = lines.iter().zip(is_told).filter(|(_, is_told)| !is_told);
    holders.extend(unseen.map(|(line, _)| held(line, meter)));
}

/// What is held and not used.
fn held(line: &HeldView, meter: &MeterView) -> HolderView {
    let owner = line.owner.as_ref().map_or_else(|| "nobody yet".to_owned(), ToString::to_string);
    HolderView {
        unit: line.unit,
        owner: line.owner.clone(),
        key: format!("{} held", line.holding),
        place: line.place.clone(),
        who: line.who.clone(),
        whose: line.whose.clone(),
        memory: None,
        memory_share: None,
        engine: None,
        given: "-".to_owned(),
        memory_limit: None,
        is_at_odds: line.is_at_odds(),
        processes: Vec::new(),
        history: Shown::default(),
        held: Some((line.clone(), 0)),
        metered: line.owner.as_ref().and_then(|owner| meter.row(owner, line.unit)).cloned(),
        facts: vec![("owner", owner), ("unit", line.unit.to_string())],
    }
}

fn used(watch: &Watch<'_>, line: &Line) -> HolderView {
    let (who, whose) = match line.holder.owner() {
        Some(owner) => names(watch, owner),
        None => (line.holder.to_string(), String::new()),
    };
    let total = memory_total(watch, line.unit);
    let memory = line.memory.map(|of| of.value);
    let share = memory.ok().zip(total).and_then(|(used, total)| thousandths(used.get(), total.get()));
    let most = line.engines.iter().max_by_key(|of| of.share);
    let engine = match (most, line.untold) {
        (Some(of), _) => Ok((of.engine.name(), of.share, mark(of))),
        (None, Some(absence)) => Err(absence),
        (None, None) => Err(Absence::NotYet),
    };
    let (given, memory_limit) = match line.standing {
        Standing::Entitled { strength, memory_limit, .. } => (strength.to_string(), memory_limit),
        Standing::NotAsked | Standing::Unknown => ("-".to_owned(), None),
        other => (other.to_string(), None),
    };
    let processes = line.processes.iter().map(|of| match of.name {
        Ok(name) => format!("{} {name}", of.pid),
        Err(_) => of.pid.to_string(),
    });
    HolderView {
        unit: line.unit,
        owner: line.holder.owner().cloned(),
        key: format!("{:?} {}", line.holder, line.role),
        place: place(watch.inventory(), line.unit),
        who,
        whose,
        memory: Some(memory),
        memory_share: share,
        engine: Some(engine),
        given,
        memory_limit,
        is_at_odds: line.standing == Standing::NotEntitled,
        processes: processes.collect(),
        history: Shown::default(),
        held: None,
        metered: None,
        facts: facts(watch, line),
    }
}

/// The memory that a unit's processes share: a compute instance has its GPU instance's.
fn memory_total(watch: &Watch<'_>, unit: UnitId) -> Option<Bytes> {
    let shown = watch.sample().reading(unit).memory_total.ok().map(|of| of.value);
    let UnitId::Partition(id) = unit else { return shown };
    let known = || watch.inventory().partition(id)?.memory_total.value().copied();
    shown.or_else(known).or_else(|| memory_total(watch, id.parent()?.into()))
}

const fn mark(of: &EngineUse) -> &'static str {
    match of.basis {
        Basis::Measured(_) => "",
        Basis::Estimated(_) => "~",
        _ => "≈",
    }
}

/// What people call an owner, and what it belongs to.
pub fn names(watch: &Watch<'_>, owner: &Owner) -> (String, String) {
    let labels = watch.facts(owner).map(|facts| &facts.labels);
    let name = |label: Option<&Known<Label>>| label?.value().map(ToString::to_string);
    let who = name(labels.map(|of| &of.container));
    let id = || owner.container().map_or_else(|| owner.to_string(), |of| of.id.short().to_owned());
    let who = who.unwrap_or_else(id);
    let pod = name(labels.map(|of| &of.pod));
    let whose = match (name(labels.map(|of| &of.namespace)), pod, owner.container().and_then(|of| of.pod)) {
        (Some(namespace), Some(pod), _) => format!("{namespace}/{pod}"),
        (None, Some(pod), _) => pod,
        (_, None, Some(pod)) => format!("pod {}", &pod.uid.to_string()[..8]),
        _ => match owner {
            Owner::Container(of) => of.runtime.to_string(),
            Owner::Slurm(_) => "job".to_owned(),
            Owner::Unit(_) => "service".to_owned(),
            Owner::Session { .. } => "session".to_owned(),
            _ => String::new(),
        },
    };
    (who, whose)
}

fn facts(watch: &Watch<'_>, line: &Line) -> Vec<(&'static str, String)> {
    let why = |absence: Absence| format!("- ({absence})");
    let mut facts = vec![
        ("owner", line.holder.to_string()),
        ("unit", line.unit.to_string()),
        ("role", line.role.to_string()),
        ("memory", line.memory.map_or_else(why, |of| of.to_string())),
        ("system memory", line.system_memory.map_or_else(why, |of| of.to_string())),
        ("standing", line.standing.to_string()),
    ];
    for of in &line.engines {
        let time = of.time.map_or_else(why, |time| format!("{time} worked"));
        facts.push((of.engine.name(), format!("{}{} {time}, {}", of.share, mark(of), of.basis)));
    }
    if let Some(absence) = line.untold {
        facts.push(("untold", absence.to_string()));
    }
    if let Some(of) = line.holder.owner().and_then(|owner| watch.facts(owner)) {
        facts.push(("image", of.labels.image.to_string()));
    }
    if let Some(pod) = line.holder.container().and_then(|of| of.pod) {
        facts.push(("pod", format!("{} ({:?})", pod.uid, pod.qos)));
    }
    facts.extend(line.shared_with.iter().map(|other| ("shared with", other.to_string())));
    facts
}
