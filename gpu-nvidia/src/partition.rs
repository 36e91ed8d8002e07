//! MIG: GPU instances and, in them, compute instances.

use std::hash::Hash;

use gpu_core::{Absence, BootId, Bytes, Count, Digest, Engines, Known, Mode, Partition, PartitionId};

use crate::board::Board;
use crate::cut::{GpuInstance, MigDevice, Offered};
use crate::error::Code;
use crate::ffi::{Attributes, ProfileInfo};
use crate::profile;

pub(crate) const WHOLE_GPU_ONLY: Absence =
    Absence::NotSupported { why: "NVML tells it for the whole GPU only" };
pub(crate) const SHARED_MEMORY: Absence =
    Absence::NotSupported { why: "it shares the memory of its GPU instance" };

/// What NVML does not tell of a GPU instance without a compute instance in it.
pub(crate) const EMPTY: Absence =
    Absence::NotSupported { why: "NVML tells it through compute instances only, and there is none in it" };

/// The GPU instances, by id.
pub(crate) fn partitions(board: &Board, gpu_mib: Option<u64>, boot: BootId) -> Vec<Partition> {
    let of = Parts { board, gpu_mib, boot };
    board.cut.instances.iter().map(|instance| of.gpu_instance(instance)).collect()
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

struct Parts<'a> {
    board: &'a Board,
    gpu_mib: Option<u64>,
    boot: BootId,
}

impl Parts<'_> {
    fn gpu_instance(&self, instance: &GpuInstance) -> Partition {
        let offered = self.board.cut.profile_of(instance);
        let attributes = match instance.devices.first() {
            Some(device) => device.attributes,
            None => Err(EMPTY),
        };
        // The profile is the driver's own row; a caller who may not see it has what the devices
        // in the instance say of it.
        let told = |of_profile: fn(&ProfileInfo) -> u32, of_device: fn(&Attributes) -> u32| match offered {
            Some(of) => Known::from(Count(of_profile(&of.info).into())),
            None => count(&attributes, of_device),
        };
        let id = self.board.gpu_instance(instance);
        let profile = self.profile(instance, offered, &attributes);
        let mut partition = self.partition(id, &profile, instance.born, None);
        partition.placement = instance.placement.into();
        partition.memory_total = match (offered, &attributes) {
            (Some(of), _) => mebibytes(of.info.memorySizeMB),
            (None, Ok(told)) => mebibytes(told.memorySizeMB),
            (None, Err(absence)) => Known::absent(*absence),
        };
        partition.compute_slices = told(|of| of.sliceCount, |of| of.gpuInstanceSliceCount);
        partition.compute_units = match (offered, self.spanning(instance)) {
            (Some(of), _) => Count(of.info.multiprocessorCount.into()).into(),
            (None, Some(_)) => count(&attributes, |of| of.multiprocessorCount),
            (None, None) => Known::unsupported("NVML tells them for each compute instance"),
        };
        partition.engines = Engines::unsupported("NVML does not tell");
        partition.engines.copy = told(|of| of.copyEngineCount, |of| of.sharedCopyEngineCount);
        partition.engines.decoder = told(|of| of.decoderCount, |of| of.sharedDecoderCount);
        partition.engines.encoder = told(|of| of.encoderCount, |of| of.sharedEncoderCount);
        partition.engines.jpeg = told(|of| of.jpegCount, |of| of.sharedJpegCount);
        partition.engines.optical_flow = told(|of| of.ofaCount, |of| of.sharedOfaCount);
        partition.vendor_name = match self.spanning(instance) {
            Some(device) => device.uuid.clone().into(),
            None => Known::unsupported("no compute instance spans it: each has a name of its own"),
        };
        partition.legacy_name = Known::unsupported("each of its compute instances has one");
        partition.profile = profile;
        partition.partitions =
            instance.devices.iter().map(|device| self.compute_instance(instance, device)).collect();
        partition
    }

    /// The only compute instance of a GPU instance, when it has all of its slices.
    fn spanning<'a>(&self, instance: &'a GpuInstance) -> Option<&'a MigDevice> {
        let [only] = &instance.devices[..] else { return None };
        let told = only.attributes.as_ref().ok()?;
        (told.computeInstanceSliceCount == told.gpuInstanceSliceCount).then_some(only)
    }

    /// By the driver's name of the profile, the names of the devices in it, or the sizes.
    fn profile(
        &self,
        instance: &GpuInstance,
        offered: Option<&Offered>,
        attributes: &Result<Attributes, Absence>,
    ) -> Known<String> {
        let of_device = || {
            let names = instance.devices.iter().filter_map(|device| device.name.as_deref());
            names.filter_map(profile::of_device_name).next()
        };
        let by_size = || {
            let told = attributes.as_ref().ok()?;
            profile::computed(told.gpuInstanceSliceCount, told.memorySizeMB, self.gpu_mib?)
        };
        match offered.and_then(|of| profile::name(of, self.gpu_mib)).or_else(of_device).or_else(by_size) {
            Some(name) => name.to_string().into(),
            None => Known::unsupported("neither the driver's name nor the sizes tell the profile"),
        }
    }

    fn compute_instance(&self, instance: &GpuInstance, device: &MigDevice) -> Partition {
        let attributes = &device.attributes;
        let profile = match device.name.as_deref().and_then(profile::of_compute_instance) {
            Some(name) => Known::from(name.to_string()),
            None => Known::unsupported("the driver's name for it has no profile"),
        };
        let id = self.board.compute_instance(instance, device);
        let mut partition = self.partition(id, &profile, device.born, device.uuid.as_deref().ok());
        partition.placement = Known::unsupported("NVML places GPU instances only");
        partition.compute_units = count(attributes, |of| of.multiprocessorCount);
        partition.compute_slices = count(attributes, |of| of.computeInstanceSliceCount);
        partition.memory_total = Known::absent(SHARED_MEMORY);
        partition.engines = engines(attributes);
        partition.vendor_name = device.uuid.clone().into();
        partition.legacy_name = match &self.board.uuid {
            Ok(uuid) => format!("MIG-{uuid}/{}/{}", instance.id, device.id).into(),
            Err(absence) => Known::absent(*absence),
        };
        partition.profile = profile;
        partition
    }

    /// A name is of a place, and comes back when the place is cut anew: the incarnation is of the
    /// place, the profile and the name together, in this boot, and of the generation of the board
    /// in which it was first seen. What only the privileged are told is not in it, so that all
    /// callers name the same life alike.
    fn partition(
        &self,
        id: PartitionId,
        profile: &Known<String>,
        born: u64,
        uuid: Option<&str>,
    ) -> Partition {
        let mut digest = Digest::new();
        (self.boot, id, profile, born, uuid).hash(&mut digest);
        let mut partition = Partition::new(id, digest.incarnation());
        partition.pci = Known::unsupported("MIG instances share the GPU's PCI function");
        partition.numa = Known::unsupported("MIG instances are on the GPU's NUMA node");
        partition.time_slice = Known::unsupported("an instance has its slices for itself");
        partition
    }
}

fn count(attributes: &Result<Attributes, Absence>, pick: fn(&Attributes) -> u32) -> Known<Count> {
    match attributes {
        Ok(told) => Count(pick(told).into()).into(),
        Err(absence) => Known::absent(*absence),
    }
}

fn mebibytes(count: u64) -> Known<Bytes> {
    match count.checked_mul(1 << 20) {
        Some(bytes) => Bytes(bytes).into(),
        None => Known::absent(Code::NONSENSE.absence("memory of a MIG instance")),
    }
}

fn engines(attributes: &Result<Attributes, Absence>) -> Engines {
    let mut engines = Engines::unsupported("NVML does not tell");
    engines.copy = count(attributes, |told| told.sharedCopyEngineCount);
    engines.decoder = count(attributes, |told| told.sharedDecoderCount);
    engines.encoder = count(attributes, |told| told.sharedEncoderCount);
    engines.jpeg = count(attributes, |told| told.sharedJpegCount);
    engines.optical_flow = count(attributes, |told| told.sharedOfaCount);
    engines
}
