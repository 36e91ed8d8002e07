//! [`Names`]: from the names of NVIDIA's tools to units.

use gpu_core::interpretation::{is_cut_by_mig, whole_of};
use gpu_core::{Device, Inventory, NodeRole, Partition, PartitionId, PartitionKind, UnitId, Vendor};
use gpu_nvidia_mig::MigUuid;

pub(super) const NO_NUMBER: &str = "no GPU here has this number";
const NO_UUID: &str = "no GPU here has this UUID";
const NO_INSTANCE: &str = "no MIG instance here has this name";
const NO_NAME: &str = "it is the name of no GPU";
const SEVERAL: &str = "several GPUs begin with it";
const NOTHING: &str = "there is no GPU of NVIDIA's here";

/// What names mean on one machine.
pub(super) struct Names<'a> {
    inventory: &'a Inventory,
}

/// True for a kind whose devices the toolkit names by number or UUID. Kinds of the DRA driver are
/// made for each claim.
pub(super) fn is_cdi_kind(kind: &str) -> bool {
    let (vendor, class) = kind.split_once('/').unwrap_or((kind, ""));
    (vendor == "nvidia.com" || vendor.ends_with(".nvidia.com")) && matches!(class, "gpu" | "mig")
}

impl<'a> Names<'a> {
    pub(super) const fn new(inventory: &'a Inventory) -> Self {
        Self { inventory }
    }

    fn devices(&self) -> impl Iterator<Item = &'a Device> + use<'a> {
        self.inventory.devices.iter().filter(|device| device.vendor() == Vendor::NVIDIA)
    }

    /// Everything: each GPU, or the instances of one that is cut.
    pub(super) fn all(&self) -> Result<Vec<UnitId>, &'static str> {
        let units: Vec<UnitId> = self.devices().flat_map(of_device).collect();
        if units.is_empty() { Err(NOTHING) } else { Ok(units) }
    }

    /// An item of a list of visible devices: `all`, number, UUID, `gpu:mig`, or a CDI name.
    pub(super) fn visible(&self, item: &str) -> Result<Vec<UnitId>, &'static str> {
        let name = match item.split_once('=') {
            Some((kind, name)) if is_cdi_kind(kind) => name,
            Some(_) => return Err(NO_NAME),
            None => item,
        };
        if name == "all" {
            return self.all();
        }
        // `gpu0` and `mig0:1`: CDI names by type and number.
        let number = name.strip_prefix("gpu").or_else(|| name.strip_prefix("mig")).unwrap_or(name);
        match number.split_once(':') {
            Some((gpu, mig)) => self.instance(gpu, mig),
            None => match decimal(number) {
                Some(number) => self.number(number),
                None => self.uuid(name),
            },
        }
    }

    /// By the position in the driver's list.
    fn number(&self, number: u32) -> Result<Vec<UnitId>, &'static str> {
        self.devices().find(|device| device.index == number).map(of_device).ok_or(NO_NUMBER)
    }

    /// `gpu:mig`. The driver counts the compute instances of a GPU in the order of their ids, as far
    /// as anybody saw.
    fn instance(&self, gpu: &str, mig: &str) -> Result<Vec<UnitId>, &'static str> {
        let (Some(gpu), Some(mig)) = (decimal(gpu), decimal(mig)) else { return Err(NO_NAME) };
        let device = self.devices().find(|device| device.index == gpu).ok_or(NO_NUMBER)?;
        let mut inside = device.partitions.iter().flat_map(|outer| &outer.partitions);
        let part = usize::try_from(mig).ok().and_then(|mig| inside.nth(mig)).ok_or(NO_INSTANCE)?;
        Ok(vec![whole_of(self.inventory, part.id)])
    }

    /// `GPU-…` and `MIG-…`. Of a GPU's the beginning is enough.
    pub(super) fn uuid(&self, text: &str) -> Result<Vec<UnitId>, &'static str> {
        if let Ok(uuid) = text.parse::<MigUuid>() {
            return self.mig(uuid).map(|id| vec![whole_of(self.inventory, id)]).ok_or(NO_INSTANCE);
        }
        if text.strip_prefix("GPU-").is_none_or(|rest| rest.len() < 4) {
            return Err(NO_NAME);
        }
        let text = text.to_ascii_lowercase();
        let begins = |device: &&Device| {
            let name = device.id.uuid().map(|uuid| format!("gpu-{uuid}"));
            name.is_some_and(|name| name.starts_with(&text))
        };
        let mut found = self.devices().filter(begins);
        match (found.next(), found.next()) {
            (Some(device), None) => Ok(of_device(device)),
            (Some(_), Some(_)) => Err(SEVERAL),
            (None, _) => Err(NO_UUID),
        }
    }

    fn mig(&self, uuid: MigUuid) -> Option<PartitionId> {
        match uuid {
            MigUuid::Uuid(_) => {
                let text = uuid.to_string();
                let named = |part: &&Partition| {
                    part.kind() == PartitionKind::COMPUTE_INSTANCE && part.vendor_name.value() == Some(&text)
                };
                self.devices().flat_map(Device::all_partitions).find(named).map(|part| part.id)
            }
            MigUuid::Legacy { gpu, gpu_instance, compute_instance } => {
                let device = self.devices().find(|device| device.id.uuid() == Some(gpu))?;
                let outer = device.id.partition(PartitionKind::GPU_INSTANCE, gpu_instance.0);
                let inner = outer.inner(PartitionKind::COMPUTE_INSTANCE, compute_instance.0)?;
                self.inventory.partition(inner).map(|part| part.id)
            }
        }
    }

    /// An id of a device plugin: a UUID or number, of a replica with `::n`; or GKE's `nvidia0/gi7`,
    /// of a share with `/vgpu1`.
    pub(super) fn plugin_id(&self, id: &str) -> Result<Vec<UnitId>, &'static str> {
        let id = id.split_once("::").map_or(id, |(id, _)| id);
        let Some(rest) = id.strip_prefix("nvidia") else { return self.visible(id) };
        let mut steps = rest.split('/');
        let minor = steps.next().and_then(decimal).ok_or(NO_NAME)?;
        let by_file = |device: &&Device| {
            let mut nodes = device.nodes.iter().filter(|node| node.role == NodeRole::Device);
            nodes.any(|node| node.number.is_some_and(|number| number.minor == minor))
        };
        let device = self.devices().find(by_file).ok_or(NO_NUMBER)?;
        match steps.next() {
            Some(step) if step.starts_with("gi") => {
                let gi = decimal(&step[2..]).ok_or(NO_NAME)?;
                let part = device.partitions.iter().find(|part| part.id.index() == gi);
                part.map(|part| vec![part.id.into()]).ok_or(NO_INSTANCE)
            }
            Some(step) if step.starts_with("vgpu") => Ok(of_device(device)),
            Some(_) => Err(NO_NAME),
            None => Ok(of_device(device)),
        }
    }
}

/// A GPU, or the instances of one that is cut: it can be used in no other way.
fn of_device(device: &Device) -> Vec<UnitId> {
    match is_cut_by_mig(device) {
        true => device.partitions.iter().map(|part| part.id.into()).collect(),
        false => vec![device.id.into()],
    }
}

/// A number in decimal digits and nothing else.
fn decimal(text: &str) -> Option<u32> {
    text.bytes().all(|digit| digit.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
