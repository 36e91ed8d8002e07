//! MIG: GPU instances and, in them, compute instances.

use std::hash::Hash;

use gpu_core::{
    Absence, BootId, Bytes, Count, Digest, Engines, Known, Mode, Need, Partition, PartitionId, Placement,
};
use gpu_nvidia_mig::{DeviceName, ProfileName};

use crate::board::{Board, MigDevice};
use crate::error::Code;
use crate::ffi::{Attributes, Library};

pub(crate) const WHOLE_GPU_ONLY: Absence =
    Absence::NotSupported { why: "NVML tells it for the whole GPU only" };
pub(crate) const SHARED_MEMORY: Absence =
    Absence::NotSupported { why: "it shares the memory of its GPU instance" };

/// The GPU instances that have a compute instance, by id.
pub(crate) fn partitions(
    library: &Library,
    board: &Board,
    gpu_mib: Option<u64>,
    boot: BootId,
) -> Vec<Partition> {
    let cut = Cut { library, board, gpu_mib, boot };
    board.gpu_instances().map(|device| cut.gpu_instance(device)).collect()
}

/// MIG mode, on boards that have it.
pub(crate) fn modes(board: &Board) -> Vec<Mode> {
    let text = |on: bool| Known::from(if on { "enabled" } else { "disabled" }.to_owned());
    let (current, pending) = match board.mig {
        Ok((current, pending)) => (text(current), text(pending)),
        Err(Absence::NotSupported { .. }) => return Vec::new(),
        Err(absence) => (Known::absent(absence), Known::absent(absence)),
    };
    let mut mode = Mode::new(Mode::MIG, current);
    mode.pending = pending;
    mode.available = vec!["disabled".to_owned(), "enabled".to_owned()].into();
    vec![mode]
}

struct Cut<'a> {
    library: &'a Library,
    board: &'a Board,
    gpu_mib: Option<u64>,
    boot: BootId,
}

impl Cut<'_> {
    fn gpu_instance(&self, device: &MigDevice) -> Partition {
        let attributes = self.attributes(device);
        let told = self.profile(device, ProfileName::gpu_instance);
        let derived = || {
            let (told, gpu) = (attributes.as_ref().ok()?, Bytes::mib(self.gpu_mib?));
            let name = ProfileName::computed(told.gpuInstanceSliceCount, Bytes::mib(told.memorySizeMB), gpu);
            name.map(|name| name.to_string())
        };
        let profile = match told.or_else(derived) {
            Some(name) => Known::from(name),
            None => Known::unsupported("neither the driver's name nor the sizes tell the profile"),
        };
        let placement = self.placement(device);
        let inside: Vec<&MigDevice> =
            self.board.mig_devices.iter().filter(|other| other.gpu_instance == device.gpu_instance).collect();
        let id = self.board.gpu_instance(device);
        let mut partition = self.partition(id, &profile, &placement, device);
        let number = |pick: fn(&Attributes) -> u32| match &attributes {
            Ok(told) => Known::from(Count(pick(told).into())),
            Err(absence) => Known::absent(*absence),
        };
        partition.memory_total = match &attributes {
            Ok(told) => match told.memorySizeMB.checked_mul(1 << 20) {
                Some(bytes) => Bytes(bytes).into(),
                None => Known::absent(Code::NONSENSE.absence("nvmlDeviceGetAttributes_v2")),
            },
            Err(absence) => Known::absent(*absence),
        };
        partition.compute_slices = number(|told| told.gpuInstanceSliceCount);
        partition.engines = engines(&attributes);
        let spans = attributes.as_ref().is_ok_and(|a| a.computeInstanceSliceCount == a.gpuInstanceSliceCount);
        if let ([only], true) = (&inside[..], spans) {
            partition.compute_units = number(|told| told.multiprocessorCount);
            partition.vendor_name = self.name(only);
        } else {
            partition.compute_units = Known::unsupported("NVML tells them for each compute instance");
            partition.vendor_name =
                Known::unsupported("no compute instance spans it: each has a name of its own");
        }
        partition.legacy_name = Known::unsupported("each of its compute instances has one");
        partition.placement = placement;
        partition.profile = profile;
        partition.partitions = inside.into_iter().map(|device| self.compute_instance(device)).collect();
        partition
    }

    fn compute_instance(&self, device: &MigDevice) -> Partition {
        let attributes = self.attributes(device);
        let profile = match self.profile(device, ProfileName::clone) {
            Some(name) => Known::from(name),
            None => Known::unsupported("the driver's name for it has no profile"),
        };
        let placement = Known::unsupported("NVML places GPU instances only");
        let id = self.board.compute_instance(device);
        let mut partition = self.partition(id, &profile, &placement, device);
        let number = |pick: fn(&Attributes) -> u32| match &attributes {
            Ok(told) => Known::from(Count(pick(told).into())),
            Err(absence) => Known::absent(*absence),
        };
        partition.compute_units = number(|told| told.multiprocessorCount);
        partition.compute_slices = number(|told| told.computeInstanceSliceCount);
        partition.memory_total = Known::absent(SHARED_MEMORY);
        partition.engines = engines(&attributes);
        partition.vendor_name = self.name(device);
        partition.legacy_name = match &self.board.uuid {
            Ok(uuid) => format!("MIG-{uuid}/{}/{}", device.gpu_instance, device.compute_instance).into(),
            Err(absence) => Known::absent(*absence),
        };
        partition.profile = profile;
        partition.placement = placement;
        partition
    }

    /// A name is of a place, and comes back when the place is cut anew: the incarnation is of the
    /// name, the profile and the place together, in this boot.
    fn partition(
        &self,
        id: PartitionId,
        profile: &Known<String>,
        placement: &Known<Placement>,
        device: &MigDevice,
    ) -> Partition {
        let mut digest = Digest::new();
        (self.boot, id).hash(&mut digest);
        profile.hash(&mut digest);
        placement.hash(&mut digest);
        self.name(device).hash(&mut digest);
        let mut partition = Partition::new(id, digest.incarnation());
        partition.pci = Known::unsupported("MIG instances share the GPU's PCI function");
        partition.numa = Known::unsupported("MIG instances are on the GPU's NUMA node");
        partition.time_slice = Known::unsupported("an instance has its slices for itself");
        partition
    }

    /// The profile in the driver's name for a MIG device, where there is one. A profile of a form
    /// never heard of is kept as it is.
    fn profile(&self, device: &MigDevice, of: fn(&ProfileName) -> ProfileName) -> Option<String> {
        let name = self.library.name(device.handle).ok()?;
        match name.parse::<DeviceName>() {
            Ok(name) => Some(of(name.profile()).to_string()),
            Err(_) => name.rsplit_once("MIG ").map(|(_, profile)| profile.to_owned()),
        }
    }

    fn attributes(&self, device: &MigDevice) -> Result<Attributes, Absence> {
        let attributes = self.library.attributes(device.handle);
        attributes.map_err(|code| code.absence("nvmlDeviceGetAttributes_v2"))
    }

    /// `MIG-…`, by which CUDA knows it.
    fn name(&self, device: &MigDevice) -> Known<String> {
        let uuid = self.library.uuid(device.handle);
        uuid.map_err(|code| code.absence("nvmlDeviceGetUUID")).into()
    }

    fn placement(&self, device: &MigDevice) -> Known<Placement> {
        let place = self.library.placement(self.board.handle, device.gpu_instance);
        let place = place.map(|(start, size)| Placement { start, size });
        place
            .map_err(|code| match code {
                Code::NO_PERMISSION => Absence::NotPermitted {
                    needs: Need::Access("/proc/driver/nvidia/capabilities/mig/monitor"),
                },
                code => code.absence("nvmlDeviceGetGpuInstanceById"),
            })
            .into()
    }
}

fn engines(attributes: &Result<Attributes, Absence>) -> Engines {
    let number = |pick: fn(&Attributes) -> u32| match attributes {
        Ok(told) => Known::from(Count(pick(told).into())),
        Err(absence) => Known::absent(*absence),
    };
    let mut engines = Engines::unsupported("NVML does not tell");
    engines.copy = number(|told| told.sharedCopyEngineCount);
    engines.decoder = number(|told| told.sharedDecoderCount);
    engines.encoder = number(|told| told.sharedEncoderCount);
    engines.jpeg = number(|told| told.sharedJpegCount);
    engines.optical_flow = number(|told| told.sharedOfaCount);
    engines
}
