//! GPU instances and the compute instances in them.

use std::ffi::c_uint;

use gpu_sim::{COMPUTE_SLICES, ComputeInstanceSpec, GpuInstanceSpec, MigProfile};

use super::mig::multiprocessors;
use super::{nvml, nvml_change};
use crate::abi::{CiInfo, CiProfile, Code, GiInfo, Placement};
use crate::handle::{ComputeInstance, Device, GpuInstance};
use crate::out::Out;
use crate::state::{State, View};

type Found<'a> = (View<'a>, &'a GpuInstanceSpec, &'a MigProfile);

fn gpu_instance(state: &State, gi: GpuInstance) -> Result<Found<'_>, Code> {
    if state.faults.unprivileged {
        return Err(Code::NO_PERMISSION);
    }
    let (gpu, gi) = gi.place()?;
    let view = state.at(gpu)?;
    let (instance, profile) = view.instance(gi).map_err(|_| Code::INVALID_ARGUMENT)?;
    Ok((view, instance, profile))
}

fn profile_of(ci: &ComputeInstanceSpec) -> c_uint {
    (0..).zip(COMPUTE_SLICES).find(|(_, slices)| *slices == ci.slices).map_or(c_uint::MAX, |(index, _)| index)
}

/// A profile that fits into the GPU instance: slices of it.
fn slices(profile: &MigProfile, index: c_uint) -> Result<u32, Code> {
    let slices = *COMPUTE_SLICES.get(index as usize).ok_or(Code::INVALID_ARGUMENT)?;
    if slices <= profile.slices { Ok(slices) } else { Err(Code::NOT_SUPPORTED) }
}

fn compute_info(state: &State, ci: ComputeInstance) -> Result<CiInfo, Code> {
    let (gpu, gi, id) = ci.place()?;
    let (view, instance, _) = gpu_instance(state, GpuInstance::new(gpu, gi))?;
    let of = instance.compute_instances.iter().find(|of| of.id == id).ok_or(Code::INVALID_ARGUMENT)?;
    Ok(CiInfo {
        device: Device::whole(view.position).0,
        gpu_instance: GpuInstance::new(gpu, gi).0,
        id,
        profile: profile_of(of),
        placement: Placement { start: of.start, size: of.slices },
    })
}

fn profile_info(state: &State, gi: GpuInstance, index: c_uint) -> Result<CiProfile, Code> {
    let (_, _, profile) = gpu_instance(state, gi)?;
    let slices = slices(profile, index)?;
    Ok(CiProfile {
        id: index,
        slices,
        instances: profile.slices / slices,
        multiprocessors: multiprocessors(profile, slices),
        copy_engines: profile.copy_engines,
        decoders: profile.decoders,
        encoders: profile.encoders,
        jpegs: profile.jpegs,
        ofas: profile.ofas,
    })
}

nvml! {
    fn nvmlGpuInstanceGetInfo(gi: GpuInstance, info: Out<GiInfo>) |s| {
        let (view, instance, profile) = gpu_instance(s, gi)?;
        info.put(GiInfo {
            device: Device::whole(view.position).0,
            id: instance.id,
            profile: profile.id,
            placement: Placement { start: instance.start, size: profile.size },
        })
    };
    fn nvmlGpuInstanceGetComputeInstanceProfileInfo(
        gi: GpuInstance, index: c_uint, _engines: c_uint, info: Out<CiProfile>,
    ) |s| info.put(profile_info(s, gi, index)?);
    /// The caller's array has room for as many as the profile allows at once.
    fn nvmlGpuInstanceGetComputeInstances(
        gi: GpuInstance, id: c_uint, out: Out<ComputeInstance>, count: Out<c_uint>,
    ) |s| {
        let (view, instance, profile) = gpu_instance(s, gi)?;
        let wanted = slices(profile, id)?;
        let mut there = 0;
        for of in instance.compute_instances.iter().filter(|of| of.slices == wanted) {
            out.put_at(there, ComputeInstance::new(view.position, instance.id, of.id))?;
            there += 1;
        }
        count.put(c_uint::try_from(there).unwrap_or(c_uint::MAX))
    };
    fn nvmlGpuInstanceGetComputeInstanceById(gi: GpuInstance, id: c_uint, out: Out<ComputeInstance>) |s| {
        let (view, instance, _) = gpu_instance(s, gi)?;
        let there = instance.compute_instances.iter().any(|of| of.id == id);
        if !there { return Err(Code::NOT_FOUND); }
        out.put(ComputeInstance::new(view.position, instance.id, id))
    };
    fn nvmlComputeInstanceGetInfo(ci: ComputeInstance, info: Out<CiInfo>) |s| {
        info.put(compute_info(s, ci)?)
    };
    fn nvmlComputeInstanceGetInfo_v2(ci: ComputeInstance, info: Out<CiInfo>) |s| {
        info.put(compute_info(s, ci)?)
    };
    fn nvmlGpuInstanceGetComputeInstancePossiblePlacements(
        gi: GpuInstance, id: c_uint, out: Out<Placement>, count: Out<c_uint>,
    ) |s| {
        let (_, _, profile) = gpu_instance(s, gi)?;
        let size = slices(profile, id)?;
        let starts = 0..=profile.slices - size;
        if !out.is_null() {
            for (position, start) in starts.clone().enumerate() {
                out.put_at(position, Placement { start, size })?;
            }
        }
        count.put(c_uint::try_from(starts.count()).unwrap_or(c_uint::MAX))
    };
    fn nvmlGpuInstanceGetComputeInstanceRemainingCapacity(
        gi: GpuInstance, id: c_uint, count: Out<c_uint>,
    ) |s| {
        let (_, instance, profile) = gpu_instance(s, gi)?;
        let size = slices(profile, id)?;
        let taken: u32 = instance.compute_instances.iter().map(|of| of.slices).sum();
        count.put((profile.slices - taken.min(profile.slices)) / size)
    };
}

fn create(
    state: &mut State,
    gi: GpuInstance,
    id: c_uint,
    start: Option<u32>,
) -> Result<ComputeInstance, Code> {
    let (view, instance, profile) = gpu_instance(state, gi)?;
    let (gpu, instance, slices) = (view.position, instance.id, slices(profile, id)?);
    let ci = state.change_mig(|machine| machine.create_compute_instance(gpu, instance, slices, start))?;
    Ok(ComputeInstance::new(gpu, instance, ci))
}

nvml_change! {
    fn nvmlGpuInstanceCreateComputeInstance(gi: GpuInstance, id: c_uint, out: Out<ComputeInstance>) |s| {
        out.put(create(s, gi, id, None)?)
    };
    fn nvmlGpuInstanceCreateComputeInstanceWithPlacement(
        gi: GpuInstance, id: c_uint, at: Out<Placement>, out: Out<ComputeInstance>,
    ) |s| {
        let start = at.get()?.start;
        out.put(create(s, gi, id, Some(start))?)
    };
    fn nvmlGpuInstanceDestroy(gi: GpuInstance) |s| {
        let (view, instance, _) = gpu_instance(s, gi)?;
        let (gpu, id) = (view.position, instance.id);
        s.change_mig(|machine| machine.destroy_gpu_instance(gpu, id))
    };
    fn nvmlComputeInstanceDestroy(ci: ComputeInstance) |s| {
        compute_info(s, ci)?;
        let (gpu, gi, id) = ci.place()?;
        s.change_mig(|machine| machine.destroy_compute_instance(gpu, gi, id))
    };
}
