//! [`Redactor`]: numbers and names of a moment replaced by pseudonyms.

use std::collections::BTreeMap;

use crate::known::Known;
use crate::labels::{Label, Labels};
use crate::owner::{Container, Owner, Pod, SlurmJob, UnitName};
use crate::problem::Problem;
use crate::process::{Pid, ProcessKey, ProcessName};
use crate::uuid::Uuid;

use super::moment::{Containers, Moment, Named};

/// What is replaced by pseudonyms.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Redaction {
    /// Numbers of processes.
    pub pids: bool,
    /// Names of processes, containers, images, pods, namespaces and services; ids of containers and
    /// pods, numbers of jobs and users.
    pub names: bool,
}

impl Redaction {
    /// Everything stays what it is.
    pub const NOTHING: Self = Self { pids: false, names: false };
    /// Numbers and names are replaced.
    pub const EVERYTHING: Self = Self { pids: true, names: true };
}

/// Replaces numbers and names by pseudonyms: the first process becomes number 1, the first container
/// `container-1`. The same has the same pseudonym for as long as the redactor lives, and what stands
/// behind one is nowhere in the recording.
///
/// What machine and GPUs are stays: ids, serial numbers, the boot; and so do start times, to the
/// nanosecond, which tell a process to who has seen it elsewhere.
///
/// ```
/// use gpu_core::recorded::{Moment, Redaction, Redactor};
/// use gpu_core::{Absence, BootTime, Pid, PidView, ProcessName, ProcessReading, WallTime};
/// let mut moment = Moment::new(BootTime(1), WallTime(2));
/// let unit = "nvidia:pci:0000:1b:00.0".parse()?;
/// let mut process = ProcessReading::new(unit, Pid(4711), PidView::Host, Absence::NotYet);
/// process.name = Ok(ProcessName::new(b"secret-project"));
/// moment.sample.processes.push(process);
/// Redactor::new(Redaction::EVERYTHING).redact(&mut moment);
/// assert_eq!(moment.sample.processes[0].pid, Pid(1));
/// assert_eq!(moment.sample.processes[0].name, Ok(ProcessName::new(b"process-1")));
/// # Ok::<(), gpu_core::ParseError>(())
/// ```
#[derive(Debug)]
pub struct Redactor {
    redaction: Redaction,
    pids: BTreeMap<Pid, u32>,
    names: BTreeMap<What, BTreeMap<String, u32>>,
}

/// Each sort of name counts by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum What {
    Process,
    Container,
    Pod,
    Unit,
    User,
    Job,
    Label,
    Text,
}

impl Redactor {
    /// A redactor that has given no pseudonym yet.
    #[must_use]
    pub const fn new(redaction: Redaction) -> Self {
        Self { redaction, pids: BTreeMap::new(), names: BTreeMap::new() }
    }

    /// Replaces what shall be replaced.
    pub fn redact(&mut self, moment: &mut Moment) {
        if self.redaction == Redaction::NOTHING {
            return;
        }
        for process in &mut moment.sample.processes {
            self.pid(&mut process.pid);
            if let Ok(name) = &mut process.name {
                self.process_name(name);
            }
        }
        for ended in moment.sample.ended.iter_mut().filter_map(|list| list.processes.as_mut().ok()).flatten()
        {
            self.pid(&mut ended.pid);
        }
        self.sweep(moment);
        if let Some(containers) = &mut moment.containers {
            self.containers(containers);
        }
        let problems = moment.inventory.problems.iter_mut().chain(&mut moment.sample.problems);
        problems.for_each(|problem| self.problem(problem));
    }

    fn sweep(&mut self, moment: &mut Moment) {
        let Some(sweep) = &mut moment.sweep else { return };
        for process in &mut sweep.processes {
            self.key(&mut process.key);
            self.process_name(&mut process.name);
            if let Ok(owner) = &mut process.owner {
                self.owner(owner);
            }
            for client in &mut process.clients {
                client.also.iter_mut().for_each(|pid| self.pid(pid));
                client.also.sort_unstable();
            }
        }
        for process in &mut sweep.ended {
            self.key(&mut process.key);
            self.process_name(&mut process.name);
            if let Ok(owner) = &mut process.owner {
                self.owner(owner);
            }
        }
        // They are looked up by number.
        sweep.processes.sort_by_key(|process| process.key.pid);
    }

    fn containers(&mut self, containers: &mut Containers) {
        for of in &mut containers.named {
            let Named { owner, pid, labels } = of;
            self.owner(owner);
            self.pid(pid);
            let Labels { container, image, pod, namespace } = labels;
            for label in [container, image, pod, namespace] {
                self.label(label);
            }
        }
        for evidence in &mut containers.evidence.evidence {
            self.owner(&mut evidence.owner);
        }
        for unresolved in &mut containers.evidence.unresolved {
            self.owner(&mut unresolved.owner);
            if self.redaction.names {
                unresolved.text = format!("text-{}", self.number(What::Text, &unresolved.text));
            }
        }
        containers.evidence.unrestricted.iter_mut().for_each(|owner| self.owner(owner));
        for memory in containers.kernel_memory.iter_mut().flatten() {
            self.owner(&mut memory.owner);
        }
    }

    fn number(&mut self, what: What, name: &str) -> u32 {
        let known = self.names.entry(what).or_default();
        let next = u32::try_from(known.len()).unwrap_or(u32::MAX).saturating_add(1);
        *known.entry(name.to_owned()).or_insert(next)
    }

    fn pid(&mut self, pid: &mut Pid) {
        if self.redaction.pids {
            let next = u32::try_from(self.pids.len()).unwrap_or(u32::MAX).saturating_add(1);
            *pid = Pid(*self.pids.entry(*pid).or_insert(next));
        }
    }

    fn key(&mut self, key: &mut ProcessKey) {
        self.pid(&mut key.pid);
    }

    fn process_name(&mut self, name: &mut ProcessName) {
        if self.redaction.names {
            let number = self.number(What::Process, &format!("{:?}", name.as_bytes()));
            *name = ProcessName::new(format!("process-{number}").as_bytes());
        }
    }

    fn label(&mut self, label: &mut Known<Label>) {
        if let Some(known) = label.value().filter(|_| self.redaction.names) {
            let number = self.number(What::Label, known.as_str());
            *label = Label::new(&format!("name-{number}"), known.source()).into();
        }
    }

    fn user(&mut self, user: &mut u32) {
        *user = self.number(What::User, &user.to_string());
    }

    fn owner(&mut self, owner: &mut Owner) {
        if !self.redaction.names {
            return;
        }
        match owner {
            Owner::Container(container) => self.container(container),
            Owner::Slurm(job) => {
                let SlurmJob { job, step: _, task: _, user } = job;
                if let Some(job) = job {
                    *job = self.number(What::Job, &job.to_string());
                }
                user.iter_mut().for_each(|user| self.user(user));
            }
            Owner::Unit(name) => {
                *name = UnitName::new(&format!("unit-{}", self.number(What::Unit, name.as_str())));
            }
            Owner::Session { user } => self.user(user),
            Owner::Machine | Owner::Hidden => {}
        }
    }

    fn container(&mut self, container: &mut Container) {
        let Container { runtime: _, id, pod, user } = container;
        let number = self.number(What::Container, id.as_str());
        // Plain text of a dozen bytes: it is an id.
        if let Ok(pseudonym) = format!("container-{number}").parse() {
            *id = pseudonym;
        }
        if let Some(Pod { uid, qos: _ }) = pod {
            *uid = Uuid(u128::from(self.number(What::Pod, &uid.to_string())).to_be_bytes());
        }
        user.iter_mut().for_each(|user| self.user(user));
    }

    /// Paths below `/proc` have a process's number in them.
    fn problem(&mut self, problem: &mut Problem) {
        if self.redaction.pids {
            for text in [&mut problem.at, &mut problem.detail] {
                *text = self.paths(text);
            }
        }
    }

    fn paths(&mut self, text: &str) -> String {
        let mut words = text.split('/');
        let mut out = words.next().unwrap_or("").to_owned();
        for word in words {
            let digits = word.bytes().take_while(u8::is_ascii_digit).count();
            out.push('/');
            match word[..digits].parse() {
                Ok(number) => {
                    let mut pid = Pid(number);
                    self.pid(&mut pid);
                    out += &pid.to_string();
                    out += &word[digits..];
                }
                Err(_) => out += word,
            }
        }
        out
    }
}
