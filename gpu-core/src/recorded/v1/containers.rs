//! What containers were given, as words: one row an owner, one for the evidence.

use crate::evidence::{Evidence, EvidenceSource, Strength};
use crate::evidence_list::{EvidenceList, Unresolved};
use crate::kernel_memory::KernelMemory;
use crate::known::Known;
use crate::labels::{Label, LabelSource, Labels};
use crate::process::Pid;
use crate::quantity::Bytes;
use crate::recorded::frame::Kind;
use crate::recorded::moment::{Containers, Named, Rowed};
use crate::recorded::words::{Row, Taken};
use crate::stored::Error;

use super::fact::{read_known, read_result, write_known, write_result};
use super::owner::{read_owner, write_owner};

pub(crate) fn write_containers(to: &mut Rowed<'_>, containers: &Containers) {
    let Containers { named, evidence, kernel_memory } = containers;
    to.row(Kind::Evidence, &"", |to| write_list(to, evidence));
    to.row(Kind::KernelMemory, &"", |to| {
        let memory = kernel_memory.as_ref().map_err(|absence| *absence);
        write_result(to, memory, |to, list| to.list(list, write_memory));
    });
    for of in named {
        to.row(Kind::Named, &of.pid, |to| write_named(to, of));
    }
}

pub(crate) fn read_containers(
    from: &mut Taken<'_>,
    kind: Kind,
    containers: &mut Option<Containers>,
) -> Result<(), Error> {
    if kind == Kind::Evidence {
        *containers = Some(Containers { evidence: read_list(from)?, ..Containers::default() });
        return Ok(());
    }
    let Some(containers) = containers else { return Err(from.wrong("containers without evidence")) };
    match kind {
        Kind::KernelMemory => {
            containers.kernel_memory = read_result(from, |from| from.list(read_memory))?;
        }
        _ => containers.named.push(read_named(from)?),
    }
    Ok(())
}

fn write_named(to: &mut Row<'_>, named: &Named) {
    let Named { owner, pid, labels } = named;
    write_owner(to, owner);
    to.num(pid.0);
    let Labels { container, image, pod, namespace } = labels;
    for label in [container, image, pod, namespace] {
        write_known(to, label, |to, label| {
            to.text(label.as_str());
            to.num(match label.source() {
                LabelSource::OciBundle => 0_u64,
                LabelSource::DockerState => 1,
                LabelSource::PodmanState => 2,
                LabelSource::KubeletCheckpoint => 3,
                LabelSource::Embedder => 4,
            });
        });
    }
}

fn read_named(from: &mut Taken<'_>) -> Result<Named, Error> {
    Ok(Named {
        owner: read_owner(from)?,
        pid: Pid(from.num()?),
        labels: Labels {
            container: read_label(from)?,
            image: read_label(from)?,
            pod: read_label(from)?,
            namespace: read_label(from)?,
        },
    })
}

fn read_label(from: &mut Taken<'_>) -> Result<Known<Label>, Error> {
    read_known(from, |from| {
        let text = from.text()?;
        let source = match from.word()? {
            0 => LabelSource::OciBundle,
            1 => LabelSource::DockerState,
            2 => LabelSource::PodmanState,
            3 => LabelSource::KubeletCheckpoint,
            4 => LabelSource::Embedder,
            _ => return Err(from.wrong("no source of names")),
        };
        Ok(Label::new(&text, source))
    })
}

const SOURCES: [EvidenceSource; 10] = [
    EvidenceSource::DeviceCgroup,
    EvidenceSource::DeviceFiles,
    EvidenceSource::Capability,
    EvidenceSource::MemoryLimit,
    EvidenceSource::Environment,
    EvidenceSource::Cdi,
    EvidenceSource::OciBundle,
    EvidenceSource::KubeletCheckpoint,
    EvidenceSource::Slurm,
    EvidenceSource::Embedder,
];

const fn source_number(source: EvidenceSource) -> u64 {
    match source {
        EvidenceSource::DeviceCgroup => 0,
        EvidenceSource::DeviceFiles => 1,
        EvidenceSource::Capability => 2,
        EvidenceSource::MemoryLimit => 3,
        EvidenceSource::Environment => 4,
        EvidenceSource::Cdi => 5,
        EvidenceSource::OciBundle => 6,
        EvidenceSource::KubeletCheckpoint => 7,
        EvidenceSource::Slurm => 8,
        EvidenceSource::Embedder => 9,
    }
}

fn read_source(from: &mut Taken<'_>) -> Result<EvidenceSource, Error> {
    let number = from.word()?;
    let source = SOURCES.into_iter().find(|source| source_number(*source) == number);
    source.ok_or_else(|| from.wrong("no source of evidence"))
}

fn write_list(to: &mut Row<'_>, list: &EvidenceList) {
    let EvidenceList { evidence, unresolved, unrestricted } = list;
    to.list(evidence, |to, evidence| {
        let Evidence { owner, unit, source, strength, memory_limit } = evidence;
        write_owner(to, owner);
        to.shown(unit);
        to.num(source_number(*source));
        to.num(match strength {
            Strength::Declared => 0_u64,
            Strength::Enforced => 1,
        });
        to.maybe(memory_limit.map(Bytes::get), Row::num);
    });
    to.list(unresolved, |to, unresolved| {
        let Unresolved { owner, source, text, why } = unresolved;
        write_owner(to, owner);
        to.num(source_number(*source));
        to.text(text);
        to.text(why);
    });
    to.list(unrestricted, write_owner);
}

fn read_list(from: &mut Taken<'_>) -> Result<EvidenceList, Error> {
    let evidence = from.list(|from| {
        let (owner, unit, source) = (read_owner(from)?, from.parsed("no id of a unit")?, read_source(from)?);
        let strength = match from.word()? {
            0 => Strength::Declared,
            1 => Strength::Enforced,
            _ => return Err(from.wrong("no strength of evidence")),
        };
        let memory_limit = from.maybe(Taken::word)?.map(Bytes);
        Ok(Evidence { owner, unit, source, strength, memory_limit })
    })?;
    let unresolved = from.list(|from| {
        let (owner, source) = (read_owner(from)?, read_source(from)?);
        let (text, why) = (from.text()?, from.lasting()?);
        Ok(Unresolved::new(owner, source, &text, why))
    })?;
    Ok(EvidenceList { evidence, unresolved, unrestricted: from.list(read_owner)? })
}

fn write_memory(to: &mut Row<'_>, memory: &KernelMemory) {
    let KernelMemory { owner, device, region, current, peak, max, min, low } = memory;
    write_owner(to, owner);
    to.shown(device);
    to.shown(region);
    to.num(current.0);
    to.maybe(peak.map(Bytes::get), Row::num);
    to.maybe(max.map(Bytes::get), Row::num);
    to.num(min.0);
    to.num(low.0);
}

fn read_memory(from: &mut Taken<'_>) -> Result<KernelMemory, Error> {
    Ok(KernelMemory {
        owner: read_owner(from)?,
        device: from.parsed("no id of a device")?,
        region: from.parsed("no name of a region")?,
        current: Bytes(from.word()?),
        peak: from.maybe(Taken::word)?.map(Bytes),
        max: from.maybe(Taken::word)?.map(Bytes),
        min: Bytes(from.word()?),
        low: Bytes(from.word()?),
    })
}
