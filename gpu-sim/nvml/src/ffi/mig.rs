//! MIG: mode, devices, and what profiles a board offers.

use std::ffi::c_uint;

use gpu_sim::MigProfile;

use super::{nvml, nvml_change};
use crate::abi::{Attributes, Code, GiProfile, GiProfileV2, GiProfileV3, Placement, version};
use crate::handle::{Device, GpuInstance};
use crate::out::{Out, field};
use crate::state::{MigView, State, View};

/// One past the highest profile index of nvml.h (`NVML_GPU_INSTANCE_PROFILE_COUNT`).
const PROFILES: c_uint = 18;

fn mib(bytes: gpu_core::Bytes) -> u64 {
    bytes.0 >> 20
}

/// The share of a MIG device in its GPU instance's multiprocessors.
pub(super) fn multiprocessors(profile: &MigProfile, slices: u32) -> u32 {
    profile.multiprocessors * slices / profile.slices.max(1)
}

/// A profile by its index in nvml.h's enumeration. A board without MIG, or an Ampere board whose
/// MIG is off, offers none.
fn by_index<'a>(view: &View<'a>, index: c_uint) -> Result<&'a MigProfile, Code> {
    if index >= PROFILES {
        return Err(Code::INVALID_ARGUMENT);
    }
    let mig = view.mig()?;
    if !mig.enabled && view.nvidia.architecture == 7 {
        return Err(Code::NOT_SUPPORTED);
    }
    mig.profiles.iter().find(|profile| profile.index == index).ok_or(Code::NOT_SUPPORTED)
}

/// A profile by the id that the board gave it. Only under MIG.
fn by_id<'a>(view: &View<'a>, id: c_uint) -> Result<&'a MigProfile, Code> {
    let mig = view.mig()?;
    if !mig.enabled {
        return Err(Code::NOT_SUPPORTED);
    }
    mig.profiles.iter().find(|profile| profile.id == id).ok_or(Code::INVALID_ARGUMENT)
}

fn privileged<'a>(state: &'a State, device: Device) -> Result<View<'a>, Code> {
    let view = state.whole(device)?;
    if state.faults.unprivileged { Err(Code::NO_PERMISSION) } else { Ok(view) }
}

fn profile_v1(of: &MigProfile) -> GiProfile {
    GiProfile {
        id: of.id,
        p2p: 0,
        slices: of.slices,
        instances: of.max_instances,
        multiprocessors: of.multiprocessors,
        copy_engines: of.copy_engines,
        decoders: of.decoders,
        encoders: of.encoders,
        jpegs: of.jpegs,
        ofas: of.ofas,
        memory_mb: mib(of.memory),
    }
}

fn profile_v(state: &State, of: &MigProfile, out: Out<GiProfileV2>) -> Result<(), Code> {
    let (v2, v3) = (version::<GiProfileV2>(2), version::<GiProfileV3>(3));
    let name = field(state.faults.unterminated, format_args!("MIG {}", of.name));
    let GiProfile { id, p2p, slices, instances, multiprocessors, .. } = profile_v1(of);
    let (copy_engines, decoders, encoders) = (of.copy_engines, of.decoders, of.encoders);
    let (jpegs, ofas, memory_mb) = (of.jpegs, of.ofas, mib(of.memory));
    let version = out.cast::<c_uint>().get()?;
    if version == v2 {
        return out.put(GiProfileV2 {
            version,
            id,
            p2p,
            slices,
            instances,
            multiprocessors,
            copy_engines,
            decoders,
            encoders,
            jpegs,
            ofas,
            memory_mb,
            name,
        });
    }
    if version == v3 {
        // NVML_GPU_INSTANCE_PROFILE_CAPS_GFX is 2.
        let capabilities = if of.name.contains("gfx") { 2 } else { 0 };
        return out.cast().put(GiProfileV3 {
            version,
            id,
            slices,
            instances,
            multiprocessors,
            copy_engines,
            decoders,
            encoders,
            jpegs,
            ofas,
            memory_mb,
            name,
            capabilities,
        });
    }
    Err(Code::ARGUMENT_VERSION_MISMATCH)
}

fn placements(
    profile: &MigProfile,
    out: Out<Placement>,
    count: Out<c_uint>,
    bounded: bool,
) -> Result<(), Code> {
    let all = profile.starts.iter().map(|start| Placement { start: *start, size: profile.size });
    let there = c_uint::try_from(profile.starts.len()).unwrap_or(c_uint::MAX);
    if !out.is_null() {
        if bounded && count.get()? < there {
            count.put(there)?;
            return Err(Code::INSUFFICIENT_SIZE);
        }
        for (position, place) in all.enumerate() {
            out.put_at(position, place)?;
        }
    }
    count.put(there)
}

fn attributes(state: &State, device: Device) -> Result<Attributes, Code> {
    let (_, mig) = state.device(device)?;
    let MigView { ci, profile, .. } = mig.ok_or(Code::NOT_SUPPORTED)?;
    Ok(Attributes {
        multiprocessors: multiprocessors(profile, ci.slices),
        copy_engines: profile.copy_engines,
        decoders: profile.decoders,
        encoders: profile.encoders,
        jpegs: profile.jpegs,
        ofas: profile.ofas,
        gi_slices: profile.slices,
        ci_slices: ci.slices,
        memory_mb: mib(profile.memory),
    })
}

fn by_mig_index(state: &State, view: &View<'_>, index: c_uint) -> Result<Device, Code> {
    let mig = view.mig()?;
    if !mig.enabled {
        return Err(Code::NOT_FOUND);
    }
    if index >= most_devices(view)? {
        return Err(Code::INVALID_ARGUMENT);
    }
    let found = view.mig_devices(state.faults.permuted).find(|(at, _, _)| *at == index);
    found.map(|(_, gi, ci)| Device::mig(view.position, gi, ci)).ok_or(Code::NOT_FOUND)
}

/// The most MIG devices that a board can have: one for each compute slice.
fn most_devices(view: &View<'_>) -> Result<c_uint, Code> {
    Ok(view.mig()?.profiles.iter().map(|profile| profile.slices).max().unwrap_or(0))
}

nvml! {
    fn nvmlDeviceGetMigMode(device: Device, current: Out<c_uint>, pending: Out<c_uint>) |s| {
        let view = s.whole(device)?;
        let mig = view.mig()?;
        current.put(mig.enabled.into())?;
        pending.put(mig.pending.into())
    };
    /// 0 on a board without MIG.
    fn nvmlDeviceGetMaxMigDeviceCount(device: Device, count: Out<c_uint>) |s| {
        count.put(most_devices(&s.whole(device)?).unwrap_or(0))
    };
    fn nvmlDeviceGetMigDeviceHandleByIndex(device: Device, index: c_uint, mig: Out<Device>) |s| {
        mig.put(by_mig_index(s, &s.whole(device)?, index)?)
    };
    fn nvmlDeviceGetDeviceHandleFromMigDeviceHandle(mig: Device, device: Out<Device>) |s| {
        let (view, mig) = s.device(mig)?;
        mig.ok_or(Code::INVALID_ARGUMENT)?;
        device.put(Device::whole(view.position))
    };
    fn nvmlDeviceIsMigDeviceHandle(device: Device, is: Out<c_uint>) |s| {
        is.put(s.device(device)?.1.is_some().into())
    };
    fn nvmlDeviceGetGpuInstanceId(device: Device, id: Out<c_uint>) |s| {
        id.put(s.device(device)?.1.ok_or(Code::NOT_SUPPORTED)?.gi.id)
    };
    fn nvmlDeviceGetComputeInstanceId(device: Device, id: Out<c_uint>) |s| {
        id.put(s.device(device)?.1.ok_or(Code::NOT_SUPPORTED)?.ci.id)
    };
    fn nvmlDeviceGetAttributes(device: Device, out: Out<Attributes>) |s| out.put(attributes(s, device)?);
    fn nvmlDeviceGetAttributes_v2(device: Device, out: Out<Attributes>) |s| out.put(attributes(s, device)?);
    fn nvmlDeviceGetGpuInstanceProfileInfo(device: Device, index: c_uint, out: Out<GiProfile>) |s| {
        out.put(profile_v1(by_index(&s.whole(device)?, index)?))
    };
    fn nvmlDeviceGetGpuInstanceProfileInfoV(device: Device, index: c_uint, out: Out<GiProfileV2>) |s| {
        profile_v(s, by_index(&s.whole(device)?, index)?, out)
    };
    fn nvmlDeviceGetGpuInstancePossiblePlacements(
        device: Device, id: c_uint, out: Out<Placement>, count: Out<c_uint>,
    ) |s| placements(by_id(&privileged(s, device)?, id)?, out, count, false);
    fn nvmlDeviceGetGpuInstancePossiblePlacements_v2(
        device: Device, id: c_uint, out: Out<Placement>, count: Out<c_uint>,
    ) |s| placements(by_id(&privileged(s, device)?, id)?, out, count, true);
    fn nvmlDeviceGetGpuInstanceRemainingCapacity(device: Device, id: c_uint, count: Out<c_uint>) |s| {
        let view = privileged(s, device)?;
        count.put(view.mig()?.remaining(by_id(&view, id)?))
    };
    /// The caller's array has room for as many as the profile allows at once.
    fn nvmlDeviceGetGpuInstances(
        device: Device, id: c_uint, out: Out<GpuInstance>, count: Out<c_uint>,
    ) |s| {
        let view = privileged(s, device)?;
        let profile = by_id(&view, id)?;
        let mut there = 0;
        for instance in view.mig()?.instances.iter().filter(|instance| instance.profile == profile.name) {
            out.put_at(there, GpuInstance::new(view.position, instance.id))?;
            there += 1;
        }
        count.put(c_uint::try_from(there).unwrap_or(c_uint::MAX))
    };
    fn nvmlDeviceGetGpuInstanceById(device: Device, id: c_uint, out: Out<GpuInstance>) |s| {
        let view = privileged(s, device)?;
        if !view.mig()?.enabled { return Err(Code::NOT_SUPPORTED); }
        view.instance(id)?;
        out.put(GpuInstance::new(view.position, id))
    };
}

/// The position of the GPU whose MIG a caller may change.
fn changeable(state: &State, device: Device) -> Result<usize, Code> {
    let view = privileged(state, device)?;
    view.mig()?;
    Ok(view.position)
}

fn create(state: &mut State, device: Device, id: c_uint, start: Option<u32>) -> Result<GpuInstance, Code> {
    let gpu = changeable(state, device)?;
    let gi = state.change_mig(|machine| machine.create_gpu_instance(gpu, id, start))?;
    Ok(GpuInstance::new(gpu, gi))
}

nvml_change! {
    /// `status`: `NVML_ERROR_IN_USE` where the change waits for a reset because of who runs there.
    fn nvmlDeviceSetMigMode(device: Device, mode: c_uint, status: Out<c_uint>) |s| {
        let gpu = changeable(s, device)?;
        let on = match mode { 0 => false, 1 => true, _ => return Err(Code::INVALID_ARGUMENT) };
        let in_force = s.change_mig(|machine| machine.set_mig_mode(gpu, on))?;
        status.put(if in_force { 0 } else { Code::IN_USE.0 })
    };
    fn nvmlDeviceCreateGpuInstance(device: Device, id: c_uint, out: Out<GpuInstance>) |s| {
        out.put(create(s, device, id, None)?)
    };
    fn nvmlDeviceCreateGpuInstanceWithPlacement(
        device: Device, id: c_uint, at: Out<Placement>, out: Out<GpuInstance>,
    ) |s| {
        let Placement { start, size } = at.get()?;
        let view = privileged(s, device)?;
        if by_id(&view, id)?.size != size { return Err(Code::INVALID_ARGUMENT); }
        out.put(create(s, device, id, Some(start))?)
    };
}
