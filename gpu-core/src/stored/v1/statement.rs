//! Statements as bytes.
//!
//! Most numbers of a statement are 0 or small: each is written as how many bytes it has, and those,
//! lowest first, without zeros at the end.

use crate::attribution::{Basis, Rule};
use crate::fingerprint::Incarnation;
use crate::labels::{Label, LabelSource};
use crate::measured::Source;
use crate::meter::{
    Account, Dimension, Event, EventKind, Gap, Gaps, Metered, Named, Names, Part, PowerDomain, Size, Span,
    Statement, Total, UnitStatement,
};
use crate::quantity::{Count, Nanoseconds};
use crate::stored::codec::{Reader, Writer};
use crate::stored::error::Error;
use crate::time::{BootId, BootTime, WallTime};
use crate::uuid::Uuid;

use super::owner::{read_owner, write_owner};
use super::unit::{read_device, read_unit, write_device, write_unit};

/// Sorts of events.
const FELL: u8 = 0;
const JUMPED: u8 = 1;
const APPEARED: u8 = 2;
const DISAPPEARED: u8 = 3;
const PAUSED: u8 = 4;
const CLOCK_SET: u8 = 5;
const REBOOTED: u8 = 6;

pub(crate) fn write_statement(to: &mut Writer<'_>, statement: &Statement) {
    to.text(statement.node.as_str());
    to.u8(u8::from(statement.simulated));
    write_list(to, &statement.spans, write_span);
    write_list(to, &statement.units, write_account_unit);
    write_list(to, &statement.names, write_named);
    write_list(to, &statement.events, write_event);
    number(to, u128::from(statement.more_events));
    write_list(to, &statement.domains, |to, domain| {
        write_device(to, domain.leader);
        write_list(to, &domain.others, |to, other| write_device(to, *other));
    });
}

pub(crate) fn read_statement(from: &mut Reader<'_>) -> Result<Statement, Error> {
    let mut statement = Statement::new(from.parsed("no name of a node")?);
    statement.simulated = from.flag()?;
    statement.spans = from.list(read_span)?;
    statement.units = from.list(read_account_unit)?;
    statement.names = from.list(read_named)?;
    statement.events = from.list(read_event)?;
    statement.more_events = small(from)?;
    statement.domains = from.list(|from| {
        let leader = read_device(from)?;
        Ok(PowerDomain { leader, others: from.list(read_device)? })
    })?;
    // What does not add up is no statement, whoever wrote it.
    statement.check().map_err(|_| from.wrong("a statement that does not add up"))?;
    Ok(statement)
}

fn write_list<T>(to: &mut Writer<'_>, list: &[T], write: impl Fn(&mut Writer<'_>, &T)) {
    to.count(list.len());
    for of in list {
        write(to, of);
    }
}

fn number(to: &mut Writer<'_>, value: u128) {
    let bytes = value.to_le_bytes();
    let len = bytes.len() - value.leading_zeros() as usize / 8;
    #[allow(clippy::cast_possible_truncation)] // at most 16
    to.u8(len as u8);
    to.0.extend_from_slice(&bytes[..len]);
}

fn read_number(from: &mut Reader<'_>) -> Result<u128, Error> {
    let len = usize::from(from.u8()?);
    let mut bytes = [0; 16];
    let Some(place) = bytes.get_mut(..len) else { return Err(from.wrong("too long a number")) };
    place.copy_from_slice(from.take(len)?);
    if len > 0 && bytes[len - 1] == 0 {
        return Err(from.wrong("a number with zeros at its end"));
    }
    Ok(u128::from_le_bytes(bytes))
}

fn small(from: &mut Reader<'_>) -> Result<u64, Error> {
    u64::try_from(read_number(from)?).map_err(|_| from.wrong("too large a number"))
}

fn time(to: &mut Writer<'_>, time: Nanoseconds) {
    number(to, u128::from(time.get()));
}

fn read_time(from: &mut Reader<'_>) -> Result<Nanoseconds, Error> {
    small(from).map(Nanoseconds)
}

fn write_boot(to: &mut Writer<'_>, boot: BootId) {
    to.0.extend_from_slice(&boot.0.0);
}

fn read_boot(from: &mut Reader<'_>) -> Result<BootId, Error> {
    Ok(BootId(Uuid(from.bytes16()?)))
}

fn write_span(to: &mut Writer<'_>, span: &Span) {
    write_boot(to, span.boot);
    to.u64(span.from.0);
    to.u64(span.to.0);
    to.u64(span.wall_from.0);
    to.u64(span.wall_to.0);
    to.u64(span.looks.get());
}

fn read_span(from: &mut Reader<'_>) -> Result<Span, Error> {
    let boot = read_boot(from)?;
    let (first, last) = (BootTime(from.u64()?), BootTime(from.u64()?));
    let (wall_from, wall_to) = (WallTime(from.u64()?), WallTime(from.u64()?));
    Ok(Span { boot, from: first, to: last, wall_from, wall_to, looks: Count(from.u64()?) })
}

fn write_account_unit(to: &mut Writer<'_>, unit: &UnitStatement) {
    write_unit(to, unit.unit);
    to.u64(unit.incarnation.0);
    to.text(&unit.name);
    to.maybe(unit.size, |to, size| {
        number(to, u128::from(size.own.get()));
        number(to, u128::from(size.of.get()));
    });
    for account in &unit.accounts {
        write_account(to, account);
    }
    write_list(to, &unit.parts, write_part);
}

fn read_account_unit(from: &mut Reader<'_>) -> Result<UnitStatement, Error> {
    let key = (read_unit(from)?, Incarnation(from.u64()?));
    let name = from.text()?.into();
    let size = from.maybe(|from| Ok(Size { own: Count(small(from)?), of: Count(small(from)?) }))?;
    let mut unit = UnitStatement::new(key, name, size);
    for dimension in Dimension::ALL {
        *unit.account_mut(dimension) = read_account(from)?;
    }
    unit.parts = from.list(read_part)?;
    Ok(unit)
}

fn write_account(to: &mut Writer<'_>, account: &Account) {
    let Account {
        total,
        attributed,
        idle,
        unattributed,
        reserved,
        untold,
        standby,
        excess,
        covered,
        gaps,
        kind,
    } = account;
    for value in [total, attributed, idle, unattributed, reserved, untold, standby, excess] {
        number(to, *value);
    }
    time(to, *covered);
    to.count(gaps.iter().count());
    for (gap, length) in gaps.iter() {
        to.u8(gap as u8);
        time(to, length);
    }
    to.maybe(*kind, |to, kind| {
        to.u8(match kind {
            Total::CapacityTime => 0,
            Total::DeviceCounter => 1,
            Total::DomainCounter => 2,
            Total::PowerTime => 3,
        });
    });
}

fn read_account(from: &mut Reader<'_>) -> Result<Account, Error> {
    let mut account = Account::default();
    let values = [
        &mut account.total,
        &mut account.attributed,
        &mut account.idle,
        &mut account.unattributed,
        &mut account.reserved,
        &mut account.untold,
        &mut account.standby,
        &mut account.excess,
    ];
    for value in values {
        *value = read_number(from)?;
    }
    account.covered = read_time(from)?;
    account.gaps = read_gaps(from)?;
    account.kind = from.maybe(|from| match from.u8()? {
        0 => Ok(Total::CapacityTime),
        1 => Ok(Total::DeviceCounter),
        2 => Ok(Total::DomainCounter),
        3 => Ok(Total::PowerTime),
        _ => Err(from.wrong("no sort of total")),
    })?;
    Ok(account)
}

/// The reasons are written by their place in [`Gap::ALL`], which new ones come after.
fn read_gaps(from: &mut Reader<'_>) -> Result<Gaps, Error> {
    let mut gaps = Gaps::NONE;
    let mut last = None;
    for (code, length) in from.list(|from| Ok((from.u8()?, read_time(from)?)))? {
        let Some(gap) = Gap::ALL.get(usize::from(code)).filter(|_| last < Some(code)) else {
            return Err(from.wrong("no reason of a gap, or not in order"));
        };
        if length == Nanoseconds::ZERO {
            return Err(from.wrong("a gap of no length"));
        }
        gaps.add(*gap, length);
        last = Some(code);
    }
    Ok(gaps)
}

fn write_part(to: &mut Writer<'_>, part: &Part) {
    write_owner(to, &part.owner);
    time(to, part.held);
    for metered in [&part.busy, &part.memory, &part.energy] {
        number(to, metered.value);
        to.maybe(metered.basis, write_basis);
        time(to, metered.told);
        time(to, metered.untold);
    }
    number(to, part.standby);
}

fn read_part(from: &mut Reader<'_>) -> Result<Part, Error> {
    let mut part = Part::new(read_owner(from)?);
    part.held = read_time(from)?;
    for metered in [&mut part.busy, &mut part.memory, &mut part.energy] {
        *metered = Metered {
            value: read_number(from)?,
            basis: from.maybe(read_basis)?,
            told: read_time(from)?,
            untold: read_time(from)?,
        };
    }
    part.standby = read_number(from)?;
    Ok(part)
}

fn write_basis(to: &mut Writer<'_>, basis: Basis) {
    let (sort, code) = match basis {
        Basis::Measured(source) => (0, source_code(source)),
        Basis::Estimated(source) => (1, source_code(source)),
        Basis::Apportioned(rule) => (2, rule_code(rule)),
        Basis::Held => (3, 0),
    };
    to.u8(sort);
    to.u8(code);
}

fn read_basis(from: &mut Reader<'_>) -> Result<Basis, Error> {
    let (sort, code) = (from.u8()?, from.u8()?);
    let source = SOURCES.get(usize::from(code)).copied();
    let rule = RULES.get(usize::from(code)).copied();
    let basis = match sort {
        0 => source.map(Basis::Measured),
        1 => source.map(Basis::Estimated),
        2 => rule.map(Basis::Apportioned),
        3 if code == 0 => Some(Basis::Held),
        _ => None,
    };
    basis.ok_or_else(|| from.wrong("no basis of a number"))
}

/// By their codes: new ones come after.
const SOURCES: [Source; 11] = [
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

const fn source_code(source: Source) -> u8 {
    match source {
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

/// By their codes: new ones come after.
const RULES: [Rule; 10] = [
    Rule::ScaledToWhole,
    Rule::MpsEqually,
    Rule::MpsByMemory,
    Rule::FirstHolder,
    Rule::OnlyUser,
    Rule::ByEngineTime,
    Rule::ByMemoryHeld,
    Rule::BySlices,
    Rule::ByComputeUnits,
    Rule::Equally,
];

const fn rule_code(rule: Rule) -> u8 {
    match rule {
        Rule::ScaledToWhole => 0,
        Rule::MpsEqually => 1,
        Rule::MpsByMemory => 2,
        Rule::FirstHolder => 3,
        Rule::OnlyUser => 4,
        Rule::ByEngineTime => 5,
        Rule::ByMemoryHeld => 6,
        Rule::BySlices => 7,
        Rule::ByComputeUnits => 8,
        Rule::Equally => 9,
    }
}

fn write_named(to: &mut Writer<'_>, named: &Named) {
    write_owner(to, &named.owner);
    let Names { container, image, pod, namespace } = &named.names;
    for label in [container, image, pod, namespace] {
        to.maybe(label.as_ref(), |to, label| {
            to.text(label.as_str());
            to.u8(match label.source() {
                LabelSource::OciBundle => 0,
                LabelSource::DockerState => 1,
                LabelSource::PodmanState => 2,
                LabelSource::KubeletCheckpoint => 3,
                LabelSource::Embedder => 4,
            });
        });
    }
}

fn read_named(from: &mut Reader<'_>) -> Result<Named, Error> {
    let owner = read_owner(from)?;
    let mut names = Names::default();
    for label in [&mut names.container, &mut names.image, &mut names.pod, &mut names.namespace] {
        *label = from.maybe(read_label)?;
    }
    Ok(Named { owner, names })
}

fn read_label(from: &mut Reader<'_>) -> Result<Label, Error> {
    let text = from.text()?;
    let source = match from.u8()? {
        0 => LabelSource::OciBundle,
        1 => LabelSource::DockerState,
        2 => LabelSource::PodmanState,
        3 => LabelSource::KubeletCheckpoint,
        4 => LabelSource::Embedder,
        _ => return Err(from.wrong("no source of a label")),
    };
    let label = Label::new(text, source);
    if label.as_str() == text { Ok(label) } else { Err(from.wrong("too long a label")) }
}

fn write_event(to: &mut Writer<'_>, event: &Event) {
    write_boot(to, event.boot);
    to.u64(event.at.0);
    let counter = |to: &mut Writer<'_>, sort, unit, before, after| {
        to.u8(sort);
        write_unit(to, unit);
        to.u64(before);
        to.u64(after);
    };
    match event.kind {
        EventKind::CounterFell { unit, before, after } => counter(to, FELL, unit, before, after),
        EventKind::CounterJumped { unit, before, after } => counter(to, JUMPED, unit, before, after),
        EventKind::Appeared { unit, incarnation } => {
            to.u8(APPEARED);
            write_unit(to, unit);
            to.u64(incarnation.0);
        }
        EventKind::Disappeared { unit, incarnation } => {
            to.u8(DISAPPEARED);
            write_unit(to, unit);
            to.u64(incarnation.0);
        }
        EventKind::Paused { length } => {
            to.u8(PAUSED);
            to.u64(length.get());
        }
        EventKind::ClockSet { by } => {
            to.u8(CLOCK_SET);
            to.u64(u64::from_le_bytes(by.to_le_bytes()));
        }
        EventKind::Rebooted { before } => {
            to.u8(REBOOTED);
            write_boot(to, before);
        }
    }
}

fn read_event(from: &mut Reader<'_>) -> Result<Event, Error> {
    let (boot, at) = (read_boot(from)?, BootTime(from.u64()?));
    let kind = match from.u8()? {
        FELL => EventKind::CounterFell { unit: read_unit(from)?, before: from.u64()?, after: from.u64()? },
        JUMPED => {
            EventKind::CounterJumped { unit: read_unit(from)?, before: from.u64()?, after: from.u64()? }
        }
        APPEARED => EventKind::Appeared { unit: read_unit(from)?, incarnation: Incarnation(from.u64()?) },
        DISAPPEARED => {
            EventKind::Disappeared { unit: read_unit(from)?, incarnation: Incarnation(from.u64()?) }
        }
        PAUSED => EventKind::Paused { length: Nanoseconds(from.u64()?) },
        CLOCK_SET => EventKind::ClockSet { by: i64::from_le_bytes(from.u64()?.to_le_bytes()) },
        REBOOTED => EventKind::Rebooted { before: read_boot(from)? },
        _ => return Err(from.wrong("no sort of event")),
    };
    Ok(Event { boot, at, kind })
}
