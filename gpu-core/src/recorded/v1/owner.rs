//! Owners as words.

use crate::owner::{Container, Owner, Pod, QosClass, Runtime, SlurmJob, SlurmStep, UnitName};
use crate::recorded::words::{Row, Taken};
use crate::stored::Error;

pub(super) fn write_owner(to: &mut Row<'_>, owner: &Owner) {
    match owner {
        Owner::Container(container) => {
            to.num(0_u64);
            write_container(to, container);
        }
        Owner::Slurm(job) => {
            to.num(1_u64);
            write_job(to, job);
        }
        Owner::Unit(name) => {
            to.num(2_u64);
            to.text(name.as_str());
        }
        Owner::Session { user } => {
            to.num(3_u64);
            to.num(*user);
        }
        Owner::Machine => to.num(4_u64),
        Owner::Hidden => to.num(5_u64),
    }
}

pub(super) fn read_owner(from: &mut Taken<'_>) -> Result<Owner, Error> {
    Ok(match from.word()? {
        0 => Owner::Container(read_container(from)?),
        1 => Owner::Slurm(read_job(from)?),
        2 => Owner::Unit(UnitName::new(&from.text()?)),
        3 => Owner::Session { user: from.num()? },
        4 => Owner::Machine,
        5 => Owner::Hidden,
        _ => return Err(from.wrong("no sort of owner")),
    })
}

const RUNTIMES: [Runtime; 7] = [
    Runtime::Docker,
    Runtime::Containerd,
    Runtime::CriO,
    Runtime::Podman,
    Runtime::Ecs,
    Runtime::Lxc,
    Runtime::Kubernetes,
];

const fn runtime_number(runtime: Runtime) -> u64 {
    match runtime {
        Runtime::Docker => 0,
        Runtime::Containerd => 1,
        Runtime::CriO => 2,
        Runtime::Podman => 3,
        Runtime::Ecs => 4,
        Runtime::Lxc => 5,
        Runtime::Kubernetes => 6,
    }
}

fn write_container(to: &mut Row<'_>, container: &Container) {
    let Container { runtime, id, pod, user } = container;
    to.num(runtime_number(*runtime));
    to.text(id.as_str());
    to.maybe(*pod, |to, pod| {
        let Pod { uid, qos } = pod;
        to.shown(&uid);
        to.num(match qos {
            QosClass::Guaranteed => 0_u64,
            QosClass::Burstable => 1,
            QosClass::BestEffort => 2,
        });
    });
    to.maybe(*user, Row::num);
}

fn read_container(from: &mut Taken<'_>) -> Result<Container, Error> {
    let number = from.word()?;
    let runtime = RUNTIMES.into_iter().find(|runtime| runtime_number(*runtime) == number);
    let runtime = runtime.ok_or_else(|| from.wrong("no runtime of containers"))?;
    let mut container = Container::new(runtime, from.parsed("no id of a container")?);
    container.pod = from.maybe(|from| {
        let uid = from.parsed("no uid of a pod")?;
        let qos = match from.word()? {
            0 => QosClass::Guaranteed,
            1 => QosClass::Burstable,
            2 => QosClass::BestEffort,
            _ => return Err(from.wrong("no class of pods")),
        };
        Ok(Pod { uid, qos })
    })?;
    container.user = from.maybe(Taken::num)?;
    Ok(container)
}

fn write_job(to: &mut Row<'_>, job: &SlurmJob) {
    let SlurmJob { job, step, task, user } = job;
    to.maybe(*job, Row::num);
    to.maybe(*step, |to, step| match step {
        SlurmStep::Batch => to.num(0_u64),
        SlurmStep::Interactive => to.num(1_u64),
        SlurmStep::Extern => to.num(2_u64),
        SlurmStep::Number(number) => {
            to.num(3_u64);
            to.num(number);
        }
    });
    to.maybe(*task, Row::num);
    to.maybe(*user, Row::num);
}

fn read_job(from: &mut Taken<'_>) -> Result<SlurmJob, Error> {
    let mut job = SlurmJob::new(from.maybe(Taken::num)?);
    job.step = from.maybe(|from| match from.word()? {
        0 => Ok(SlurmStep::Batch),
        1 => Ok(SlurmStep::Interactive),
        2 => Ok(SlurmStep::Extern),
        3 => from.num().map(SlurmStep::Number),
        _ => Err(from.wrong("no step of a job")),
    })?;
    job.task = from.maybe(Taken::num)?;
    job.user = from.maybe(Taken::num)?;
    Ok(job)
}
