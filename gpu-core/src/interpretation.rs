//! [`Interpretation`]: from what a container was given to units, for who writes a backend.

use crate::container_facts::{ContainerFacts, DeviceFile};
use crate::device::Device;
use crate::device_rule::{DeviceRule, DeviceRules};
use crate::environment::Environment;
use crate::evidence::{EvidenceSource, Strength};
use crate::evidence_list::EvidenceList;
use crate::id::{PartitionId, UnitId};
use crate::inventory::Inventory;
use crate::mode::Mode;
use crate::node_file::{DeviceNode, DeviceNumber, NodeRole};
use crate::owner::Owner;
use crate::partition::Partition;
use crate::vendor::Vendor;

const NOT_HERE: &str = "no GPU here has this device file";
const NO_CAPABILITY: &str = "the GPU is cut, and none of its instances' capability files goes with it";
const NO_PARENT: &str = "a capability file without the device file of its GPU";

/// What one vendor's backend makes of what a container was given. Device files mean the same for
/// all vendors, so that [`files`](Self::files) stands here; names are each vendor's own.
///
/// - A device file reaches the unit whose node it is. On a GPU that is cut into MIG instances, the
///   GPU's own file reaches nothing alone: each instance needs its capability files too, and only
///   those instances are given.
/// - Where all compute instances of a GPU instance are given, the GPU instance is.
/// - On a GPU that is cut into compute partitions, each partition's own nodes count.
#[derive(Debug)]
pub struct Interpretation<'a> {
    vendor: Vendor,
    facts: &'a ContainerFacts,
    inventory: &'a Inventory,
    list: &'a mut EvidenceList,
    is_gpu: fn(&DeviceFile) -> bool,
}

impl<'a> Interpretation<'a> {
    /// Of `facts`, for the GPUs of `vendor`. `is_gpu` says whether a device file must be one of a
    /// GPU of this vendor's, by its number or its path: where it is and no unit has it, it is left
    /// unresolved.
    #[must_use]
    pub fn new(
        vendor: Vendor,
        facts: &'a ContainerFacts,
        inventory: &'a Inventory,
        list: &'a mut EvidenceList,
        is_gpu: fn(&DeviceFile) -> bool,
    ) -> Self {
        Self { vendor, facts, inventory, list, is_gpu }
    }

    /// What is interpreted.
    #[must_use]
    pub const fn facts(&self) -> &'a ContainerFacts {
        self.facts
    }

    /// The machine's GPUs of this vendor.
    pub fn devices(&self) -> impl Iterator<Item = &'a Device> + use<'a> {
        let vendor = self.vendor;
        self.inventory.devices.iter().filter(move |device| device.vendor() == vendor)
    }

    /// Adds that the owner was given a unit.
    pub fn give(&mut self, unit: impl Into<UnitId>, source: EvidenceSource, strength: Strength) {
        self.list.give(&self.facts.owner, unit, source, strength);
    }

    /// Adds something that names no unit.
    pub fn leave(&mut self, source: EvidenceSource, text: &str, why: &'static str) {
        self.list.leave(&self.facts.owner, source, text, why);
    }

    /// Adds what a name means: the units, or why it names none.
    pub fn name(&mut self, source: EvidenceSource, text: &str, units: Result<Vec<UnitId>, &'static str>) {
        match units {
            Ok(units) => units.into_iter().for_each(|unit| self.give(unit, source, Strength::Declared)),
            Err(why) => self.leave(source, text, why),
        }
    }

    /// Adds what device files say: the device cgroup, the container's `/dev`, its bundle, CDI
    /// specifications, Slurm's configuration.
    ///
    /// What the device cgroup of version 1 lists is enforced. Version 2 has no list: there the files
    /// in a `/dev` of the container's own stand for it, since runtimes write its program for the
    /// files that they put there. Files that a cgroup refuses, and whose `/dev` cannot be told from
    /// the machine's, are declared.
    pub fn files(&mut self) {
        self.cgroup();
        self.dev();
        let facts = self.facts;
        if let Some(bundle) = facts.bundle.value() {
            self.declared(EvidenceSource::OciBundle, &bundle.devices);
            if !bundle.rules.lets_at_everything() {
                self.rules(EvidenceSource::OciBundle, Strength::Declared, &bundle.rules);
            }
        }
        for device in &facts.cdi {
            if let Some(files) = device.files.value() {
                self.declared(EvidenceSource::Cdi, files);
            }
        }
        for files in facts.gres.value().into_iter().flatten().filter_map(|device| device.files.value()) {
            self.declared(EvidenceSource::Slurm, files);
        }
    }

    /// Those of `units` that programs of the owner see, in their order: what is enforced so far, where
    /// anything says what the owner may open, and all otherwise. Lists of visible devices that
    /// programs read count among these.
    #[must_use]
    pub fn visible(&self, units: Vec<UnitId>) -> Vec<UnitId> {
        let owner = &self.facts.owner;
        if let Owner::Slurm(_) = owner {
            // What Slurm forbids a job is not to be seen; what it gave it is.
            let given: Vec<UnitId> = self.list.of(owner).map(|evidence| evidence.unit).collect();
            let is_given = |unit: &UnitId| given.is_empty() || given.contains(unit);
            return units.into_iter().filter(is_given).collect();
        }
        let is_told = self.facts.device_files.value().is_some() || self.facts.device_rules.value().is_some();
        if !is_told || self.list.unrestricted.contains(owner) {
            return units;
        }
        let enforced: Vec<UnitId> = self
            .list
            .of(owner)
            .filter(|evidence| evidence.strength == Strength::Enforced)
            .map(|evidence| evidence.unit)
            .collect();
        units.into_iter().filter(|unit| enforced.contains(unit)).collect()
    }

    /// What the environment says: that of the process, and that of the bundle.
    pub fn environments(&self) -> impl Iterator<Item = (EvidenceSource, &'a Environment)> + use<'a> {
        let process = self.facts.environment.value();
        let process = process.map(|environment| (EvidenceSource::Environment, environment));
        let bundle = self.facts.bundle.value().map(|bundle| (EvidenceSource::OciBundle, &bundle.environment));
        process.into_iter().chain(bundle)
    }

    fn cgroup(&mut self) {
        let Some(rules) = self.facts.device_rules.value() else { return };
        if rules.lets_at_everything() {
            self.unrestrict();
        } else {
            self.rules(EvidenceSource::DeviceCgroup, Strength::Enforced, rules);
        }
    }

    /// That the kernel keeps nothing from the owner is said of containers alone: their runtimes forbid
    /// everything first. Slurm allows everything first and then forbids, and the kernel lists such a
    /// cgroup as one line that allows everything, whatever is forbidden (`devcgroup_seq_show`).
    fn unrestrict(&mut self) {
        if matches!(self.facts.owner, Owner::Container(_)) {
            self.list.unrestrict(&self.facts.owner);
        }
    }

    fn rules(&mut self, source: EvidenceSource, strength: Strength, rules: &DeviceRules) {
        let opens = |node: &DeviceNode| node.number.is_some_and(|number| rules.lets_at(number));
        let reached = self.reached(&opens);
        for (unit, _) in reached.units {
            self.give(unit, source, strength);
        }
        for rule in rules.0.iter().filter(|rule| rule.allow && rule.opens() && rule.characters) {
            if let Some(why) = self.stray_rule(rule) {
                self.leave(source, &rule.to_string(), why);
            }
        }
        for (text, why) in reached.left {
            self.leave(source, &text, why);
        }
    }

    /// Why a rule that names one device file of a GPU's is about none that is here.
    fn stray_rule(&self, rule: &DeviceRule) -> Option<&'static str> {
        let number = DeviceNumber { major: rule.major?, minor: rule.minor? };
        self.stray(&DeviceFile::new("", Some(number)))
    }

    fn dev(&mut self) {
        let facts = self.facts;
        if facts.own_dev.value() == Some(&false) {
            self.unrestrict();
            return;
        }
        let Some(files) = facts.device_files.value() else { return };
        let refused: Vec<DeviceFile>;
        let mut enforced = facts.own_dev.value() == Some(&true);
        let mut let_at = files.as_slice();
        if let Some(rules) = facts.device_rules.value() {
            enforced = !rules.lets_at_everything();
            let lets = |file: &DeviceFile| file.number.is_some_and(|number| rules.lets_at(number));
            let (yes, no): (Vec<_>, Vec<_>) = files.iter().cloned().partition(lets);
            if !no.is_empty() {
                // All of them were put there; what the kernel lets at comes first, as enforced.
                self.by_files(EvidenceSource::DeviceFiles, Strength::Enforced, &yes);
                refused = files.clone();
                (enforced, let_at) = (false, &refused);
            }
        }
        let strength = if enforced { Strength::Enforced } else { Strength::Declared };
        self.by_files(EvidenceSource::DeviceFiles, strength, let_at);
    }

    fn declared(&mut self, source: EvidenceSource, files: &[DeviceFile]) {
        self.by_files(source, Strength::Declared, files);
    }

    fn by_files(&mut self, source: EvidenceSource, strength: Strength, files: &[DeviceFile]) {
        let reached = self.reached(&opens(files));
        for (unit, by_capability) in reached.units {
            let is_dev = source == EvidenceSource::DeviceFiles;
            let source = if by_capability && is_dev { EvidenceSource::Capability } else { source };
            // What is enforced is not said again as declared.
            let known = strength == Strength::Declared
                && self.list.of(&self.facts.owner).any(|there| {
                    (there.unit, there.source, there.strength) == (unit, source, Strength::Enforced)
                });
            if !known {
                self.give(unit, source, strength);
            }
        }
        for file in files {
            if let Some(why) = self.stray(file) {
                self.leave(source, &shown(file), why);
            }
        }
        for (text, why) in reached.left {
            self.leave(source, &text, why);
        }
    }

    /// Why a device file of a GPU's is one of none that is here.
    fn stray(&self, file: &DeviceFile) -> Option<&'static str> {
        let known = |node: &DeviceNode| is_node(file, node);
        let here = self.inventory.devices.iter().any(|device| all_nodes(device).any(known));
        ((self.is_gpu)(file) && !here).then_some(NOT_HERE)
    }

    /// The units that the files reach which `opens` says may be opened.
    fn reached(&self, opens: &dyn Fn(&DeviceNode) -> bool) -> Reached {
        let mut reached = Reached::default();
        for device in self.devices() {
            reached.device(device, opens);
        }
        reached
    }
}

/// The unit that is wholly given with a partition: the partition in which it is the only one.
///
/// A MIG UUID names a compute instance; the GPU instance goes with it, memory and all, when nobody
/// else is in there.
#[must_use]
pub fn whole_of(inventory: &Inventory, partition: PartitionId) -> UnitId {
    let outer = partition.parent().and_then(|outer| inventory.partition(outer));
    match outer {
        Some(outer) if outer.partitions.len() == 1 => outer.id.into(),
        _ => partition.into(),
    }
}

/// True for a GPU that can only be used in its MIG instances.
#[must_use]
pub fn is_cut_by_mig(device: &Device) -> bool {
    match device.mode(Mode::MIG).and_then(|mode| mode.current.value()) {
        Some(mode) => mode == "enabled",
        None => device.all_partitions().any(|part| nodes_of(part, NodeRole::Capability).next().is_some()),
    }
}

#[derive(Default)]
struct Reached {
    /// Each with whether a capability file leads there.
    units: Vec<(UnitId, bool)>,
    left: Vec<(String, &'static str)>,
}

impl Reached {
    fn device(&mut self, device: &Device, opens: &dyn Fn(&DeviceNode) -> bool) {
        if is_cut_by_mig(device) {
            return self.instances(device, opens);
        }
        // The nodes of a GPU that is cut into compute partitions are its first partition's.
        let is_split =
            device.partitions.iter().any(|part| part.kind() == crate::PartitionKind::COMPUTE_PARTITION);
        if !is_split && own_nodes(device).any(opens) {
            self.units.push((device.id.into(), false));
        }
        for part in device.partitions.iter().filter(|part| part.nodes.iter().any(opens)) {
            self.units.push((part.id.into(), false));
        }
    }

    fn instances(&mut self, device: &Device, opens: &dyn Fn(&DeviceNode) -> bool) {
        let parent = own_nodes(device).find(|node| opens(node));
        let mut any = false;
        for outer in &device.partitions {
            let Some(file) = nodes_of(outer, NodeRole::Capability).find(|node| opens(node)) else { continue };
            if parent.is_none() {
                self.left.push((file.path.clone(), NO_PARENT));
                continue;
            }
            any = true;
            let inner = |part: &&Partition| nodes_of(part, NodeRole::Capability).any(opens);
            let given: Vec<&Partition> = outer.partitions.iter().filter(inner).collect();
            if given.len() == outer.partitions.len() {
                self.units.push((outer.id.into(), true));
            } else {
                self.units.extend(given.iter().map(|part| (part.id.into(), true)));
            }
        }
        if let (Some(parent), false) = (parent, any) {
            self.left.push((parent.path.clone(), NO_CAPABILITY));
        }
    }
}

/// The nodes by which a GPU is used: its own file where it has one, DRM's otherwise.
fn own_nodes(device: &Device) -> impl Iterator<Item = &DeviceNode> {
    let has_own = device.nodes.iter().any(|node| node.role == NodeRole::Device);
    device.nodes.iter().filter(move |node| !has_own || node.role == NodeRole::Device)
}

fn nodes_of(partition: &Partition, role: NodeRole) -> impl Iterator<Item = &DeviceNode> {
    partition.nodes.iter().filter(move |node| node.role == role)
}

fn all_nodes(device: &Device) -> impl Iterator<Item = &DeviceNode> {
    device.nodes.iter().chain(device.all_partitions().flat_map(|part| &part.nodes))
}

/// By its number; by its path where either has no number.
fn is_node(file: &DeviceFile, node: &DeviceNode) -> bool {
    match (file.number, node.number) {
        (Some(one), Some(other)) => one == other,
        _ => file.path == node.path,
    }
}

/// Whether a node is among device files.
fn opens(files: &[DeviceFile]) -> impl Fn(&DeviceNode) -> bool {
    move |node: &DeviceNode| files.iter().any(|file| is_node(file, node))
}

fn shown(file: &DeviceFile) -> String {
    match file.number {
        Some(number) => format!("{} ({number})", file.path),
        None => file.path.clone(),
    }
}
