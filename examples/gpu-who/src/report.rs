//! [`Report`]: everything that one report shows.

use gpu_accounting::attribution::{Attribution, Line};
use gpu_accounting::{
    Absence, Inventory, KernelMemory, Label, Labels, Node, Owner, PartitionId, Problem, UnitId, Unresolved,
    Watch,
};

use crate::source::Source;

pub struct Report<'a> {
    /// What is simulated, where anything is.
    pub simulated: Option<&'a str>,
    /// When it was recorded and by what, when it is a recording.
    pub recorded: Option<&'a str>,
    pub node: &'a Node,
    pub inventory: &'a Inventory,
    pub attribution: &'a Attribution,
    pub problems: Vec<&'a Problem>,
    pub unresolved: &'a [Unresolved],
    pub kernel_memory: Result<&'a [KernelMemory], Absence>,
    watch: &'a Watch<'a>,
}

impl<'a> Report<'a> {
    pub fn new(source: &'a Source, watch: &'a Watch<'a>, attribution: &'a Attribution) -> Self {
        let problems = watch.inventory().problems.iter().chain(&watch.sample().problems).collect();
        Self {
            simulated: source.simulated(),
            recorded: source.recorded(),
            node: source.node(),
            inventory: watch.inventory(),
            attribution,
            problems,
            kernel_memory: watch.kernel_memory(),
            unresolved: watch.evidence().map_or(&[], |list| &list.unresolved),
            watch,
        }
    }

    /// Names that the machine tells of a container.
    pub fn labels(&self, owner: &Owner) -> Option<&'a Labels> {
        self.watch.facts(owner).map(|facts| &facts.labels)
    }

    /// Processes that could not be looked into.
    pub fn unreadable(&self) -> u32 {
        self.watch.sweep().unreadable
    }

    /// Where a unit is, by the numbers that the report gives to devices: `#0 gi:1 ci:0`.
    pub fn place(&self, unit: UnitId) -> String {
        let device = self.inventory.devices().position(|device| device.id == unit.device());
        let device = device.map_or_else(|| unit.device().to_string(), |number| format!("#{number}"));
        match unit {
            UnitId::Partition(id) => format!("{device} {}", within(id)),
            _ => device,
        }
    }

    /// How the machine's own files name who holds a line, and the owner.
    pub fn who(&self, line: &Line) -> String {
        let Some(owner) = line.holder.owner() else { return line.holder.to_string() };
        let labels = self.labels(owner);
        let name = |label: Option<&gpu_accounting::Known<Label>>| label?.value().map(ToString::to_string);
        let container = name(labels.map(|labels| &labels.container));
        let pod = match (name(labels.map(|of| &of.namespace)), name(labels.map(|of| &of.pod))) {
            (Some(namespace), Some(pod)) => Some(format!("{namespace}/{pod}")),
            (None, pod) => pod,
            (Some(_), None) => None,
        };
        let uid = || owner.container().and_then(|of| of.pod).map(|pod| format!("pod {}", pod.uid));
        let mut who = match container {
            Some(container) => format!("{container} ({owner})"),
            None => owner.to_string(),
        };
        if let Some(pod) = pod.or_else(uid) {
            who += &format!(" in {pod}");
        }
        who
    }
}

/// A partition's place within its device: what comes after the first slash of its text.
fn within(id: PartitionId) -> String {
    let text = id.to_string();
    text.split_once('/').map_or("", |(_, within)| within).replace('/', " ")
}
