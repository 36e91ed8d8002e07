//! Holders as bytes.

use crate::ledger::Expiry;
use crate::owner::{Container, Owner, Pod, QosClass, Runtime, SlurmJob, SlurmStep, UnitName};
use crate::stored::codec::{Reader, Writer};
use crate::stored::error::Error;
use crate::time::WallTime;
use crate::uuid::Uuid;

/// Adds a holder. What is nobody in particular is no holder, and a ledger refuses it.
pub(crate) fn write_owner(to: &mut Writer<'_>, owner: &Owner) {
    match owner {
        Owner::Container(container) => {
            to.u8(0);
            write_container(to, container);
        }
        Owner::Slurm(job) => {
            to.u8(1);
            write_job(to, job);
        }
        Owner::Unit(name) => {
            to.u8(2);
            to.text(name.as_str());
        }
        Owner::Session { user } => {
            to.u8(3);
            to.u32(*user);
        }
        Owner::Machine => to.u8(4),
        Owner::Hidden => to.u8(5),
    }
}

pub(crate) fn read_owner(from: &mut Reader<'_>) -> Result<Owner, Error> {
    Ok(match from.u8()? {
        0 => Owner::Container(read_container(from)?),
        1 => Owner::Slurm(read_job(from)?),
        2 => Owner::Unit(UnitName::new(from.text()?)),
        3 => Owner::Session { user: from.u32()? },
        4 => Owner::Machine,
        5 => Owner::Hidden,
        _ => return Err(from.wrong("no sort of holder")),
    })
}

fn write_container(to: &mut Writer<'_>, container: &Container) {
    let Container { runtime, id, pod, user } = container;
    to.u8(match runtime {
        Runtime::Docker => 0,
        Runtime::Containerd => 1,
        Runtime::CriO => 2,
        Runtime::Podman => 3,
        Runtime::Ecs => 4,
        Runtime::Lxc => 5,
        Runtime::Kubernetes => 6,
    });
    to.text(id.as_str());
    to.maybe(*pod, |to, pod| {
        to.0.extend_from_slice(&pod.uid.0);
        to.u8(match pod.qos {
            QosClass::Guaranteed => 0,
            QosClass::Burstable => 1,
            QosClass::BestEffort => 2,
        });
    });
    to.maybe(*user, Writer::u32);
}

fn read_container(from: &mut Reader<'_>) -> Result<Container, Error> {
    let runtime = match from.u8()? {
        0 => Runtime::Docker,
        1 => Runtime::Containerd,
        2 => Runtime::CriO,
        3 => Runtime::Podman,
        4 => Runtime::Ecs,
        5 => Runtime::Lxc,
        6 => Runtime::Kubernetes,
        _ => return Err(from.wrong("no runtime of containers")),
    };
    let mut container = Container::new(runtime, from.parsed("no id of a container")?);
    container.pod = from.maybe(|from| {
        let uid = Uuid(from.bytes16()?);
        let qos = match from.u8()? {
            0 => QosClass::Guaranteed,
            1 => QosClass::Burstable,
            2 => QosClass::BestEffort,
            _ => return Err(from.wrong("no class of pods")),
        };
        Ok(Pod { uid, qos })
    })?;
    container.user = from.maybe(Reader::u32)?;
    Ok(container)
}

fn write_job(to: &mut Writer<'_>, job: &SlurmJob) {
    let SlurmJob { job, step, task, user } = job;
    to.maybe(*job, Writer::u32);
    to.maybe(*step, |to, step| match step {
        SlurmStep::Batch => to.u8(0),
        SlurmStep::Interactive => to.u8(1),
        SlurmStep::Extern => to.u8(2),
        SlurmStep::Number(number) => {
            to.u8(3);
            to.u32(number);
        }
    });
    to.maybe(*task, Writer::u32);
    to.maybe(*user, Writer::u32);
}

fn read_job(from: &mut Reader<'_>) -> Result<SlurmJob, Error> {
    let mut job = SlurmJob::new(from.maybe(Reader::u32)?);
    job.step = from.maybe(|from| match from.u8()? {
        0 => Ok(SlurmStep::Batch),
        1 => Ok(SlurmStep::Interactive),
        2 => Ok(SlurmStep::Extern),
        3 => from.u32().map(SlurmStep::Number),
        _ => Err(from.wrong("no step of a job")),
    })?;
    job.task = from.maybe(Reader::u32)?;
    job.user = from.maybe(Reader::u32)?;
    Ok(job)
}

pub(crate) fn write_expiry(to: &mut Writer<'_>, expiry: Expiry) {
    match expiry {
        Expiry::Never => to.u8(0),
        Expiry::At(time) => {
            to.u8(1);
            to.u64(time.0);
        }
        Expiry::Lease(lease) => {
            to.u8(2);
            to.u64(lease);
        }
    }
}

pub(crate) fn read_expiry(from: &mut Reader<'_>) -> Result<Expiry, Error> {
    match from.u8()? {
        0 => Ok(Expiry::Never),
        1 => Ok(Expiry::At(WallTime(from.u64()?))),
        2 => Ok(Expiry::Lease(from.u64()?)),
        _ => Err(from.wrong("no sort of expiry")),
    }
}
