//! MIG changed through the real bindings. What is expected comes from nvml.h, NVIDIA's MIG guide
//! and listings of real boards.
#![allow(clippy::undocumented_unsafe_blocks)] // every block: a call of nvml.h with valid pointers

use std::ffi::c_uint;
use std::ptr::null_mut;

use gpu_sim::{Fault, Machine};
use nvml_wrapper_sys::bindings as real;
use real::{nvmlComputeInstance_t, nvmlDevice_t, nvmlGpuInstance_t, nvmlReturn_t};

#[path = "common/instance.rs"]
mod instance;
use instance::Instance;

/// Ids by `mig -lgip` of an H100.
const ONE: c_uint = 19;
const THREE: c_uint = 9;
const FOUR: c_uint = 5;

fn idle() -> Machine {
    let mut machine = Machine::preset("hgx-h100-8").expect("a preset");
    machine.workloads.clear();
    machine
}

fn set_mode(of: &Instance, device: nvmlDevice_t, on: bool) -> (nvmlReturn_t, nvmlReturn_t) {
    let mut status = 0;
    let function = of.lib.nvmlDeviceSetMigMode.as_ref().expect("exported");
    (unsafe { function(device, on.into(), &mut status) }, status)
}

fn create(of: &Instance, device: nvmlDevice_t, profile: c_uint) -> Result<nvmlGpuInstance_t, nvmlReturn_t> {
    let mut gi = null_mut();
    let function = of.lib.nvmlDeviceCreateGpuInstance.as_ref().expect("exported");
    match unsafe { function(device, profile, &mut gi) } {
        0 => Ok(gi),
        code => Err(code),
    }
}

fn compute(of: &Instance, gi: nvmlGpuInstance_t, profile: c_uint) -> Result<nvmlComputeInstance_t, c_uint> {
    let mut ci = null_mut();
    match unsafe { of.lib.nvmlGpuInstanceCreateComputeInstance(gi, profile, &mut ci) } {
        0 => Ok(ci),
        code => Err(code),
    }
}

fn mig_devices(of: &Instance, device: nvmlDevice_t) -> usize {
    let listed = |index: &c_uint| {
        let mut mig = null_mut();
        unsafe { of.lib.nvmlDeviceGetMigDeviceHandleByIndex(device, *index, &mut mig) == 0 }
    };
    (0..7).filter(listed).count()
}

#[test]
fn a_board_is_cut_and_put_together_again() {
    let instance = Instance::new(&idle());
    let device = instance.device(0);
    assert_eq!(create(&instance, device, ONE), Err(3), "MIG is off");
    assert_eq!(set_mode(&instance, device, true), (0, 0));
    let four = create(&instance, device, FOUR).expect("room");
    let mut info: real::nvmlGpuInstanceInfo_t = unsafe { std::mem::zeroed() };
    assert_eq!(unsafe { instance.lib.nvmlGpuInstanceGetInfo(four, &mut info) }, 0);
    assert_eq!((info.profileId, info.placement.start, info.placement.size), (5, 0, 4));
    assert_eq!(create(&instance, device, FOUR), Err(23), "one at most");
    assert_eq!(create(&instance, device, 77), Err(2));
    let three = create(&instance, device, THREE).expect("room");
    assert_eq!(create(&instance, device, ONE), Err(23), "all slices are taken");
    assert_eq!(mig_devices(&instance, device), 0, "no compute instance yet");
    // Profile 1 of a compute instance has two slices, profile 0 one.
    let (two, one) =
        (compute(&instance, three, 1).expect("room"), compute(&instance, three, 0).expect("room"));
    assert_eq!(compute(&instance, three, 0), Err(23));
    assert_eq!(mig_devices(&instance, device), 2);
    unsafe {
        assert_eq!(instance.lib.nvmlGpuInstanceDestroy(three), 19, "compute instances lie in it");
        assert_eq!(instance.lib.nvmlComputeInstanceDestroy(two), 0);
        assert_eq!(instance.lib.nvmlComputeInstanceDestroy(one), 0);
        assert_eq!(instance.lib.nvmlComputeInstanceDestroy(one), 2, "it is gone");
        assert_eq!(instance.lib.nvmlGpuInstanceDestroy(three), 0);
    }
    assert_eq!(set_mode(&instance, device, false).0, 19, "an instance is left");
    assert_eq!(unsafe { instance.lib.nvmlGpuInstanceDestroy(four) }, 0);
    assert_eq!(set_mode(&instance, device, false), (0, 0));
}

#[test]
fn places_can_be_chosen() {
    let instance = Instance::new(&idle());
    let device = instance.device(1);
    set_mode(&instance, device, true);
    let place = |start: c_uint, size: c_uint| {
        let (at, mut gi) = (real::nvmlGpuInstancePlacement_t { start, size }, null_mut());
        let function = instance.lib.nvmlDeviceCreateGpuInstanceWithPlacement.as_ref().expect("exported");
        unsafe { function(device, THREE, &at, &mut gi) }
    };
    assert_eq!([place(3, 4), place(4, 3), place(4, 4), place(4, 4)], [2, 2, 0, 23]);
    let mut left = 0;
    let function = instance.lib.nvmlDeviceGetGpuInstanceRemainingCapacity.as_ref().expect("exported");
    assert_eq!(unsafe { function(device, ONE, &mut left) }, 0);
    assert_eq!(left, 4);
}

#[test]
fn who_has_no_privilege_changes_nothing() {
    let mut machine = idle();
    machine.faults.push(Fault::Unprivileged);
    let instance = Instance::new(&machine);
    assert_eq!(set_mode(&instance, instance.device(0), true).0, 4);
}

/// An Ampere board with a process on it waits for its reset; a Hopper one refuses.
#[test]
fn a_board_in_use_does_not_switch() {
    let ampere = Instance::new(&Machine::preset("dgx-a100-8").expect("a preset"));
    let (device, mut current, mut pending) = (ampere.device(2), 9, 9);
    assert_eq!(set_mode(&ampere, device, true), (0, 19));
    assert_eq!(unsafe { ampere.lib.nvmlDeviceGetMigMode(device, &mut current, &mut pending) }, 0);
    assert_eq!((current, pending), (0, 1));
    let hopper = Instance::new(&Machine::preset("hgx-h100-8").expect("a preset"));
    assert_eq!(set_mode(&hopper, hopper.device(0), true).0, 19);
}

/// Two copies of the bindings over one installed library, as two processes have them, see what the
/// other changes where `state.json` is there, and what was changed outlives them.
#[test]
fn changes_are_kept_where_that_is_asked_for() {
    let copy = instance::install(&idle());
    let folder = copy.folder().to_owned();
    std::fs::write(folder.join("state.json"), "").expect("written");
    let first = Instance::loaded(copy);
    assert_eq!(unsafe { first.lib.nvmlInit_v2() }, 0);
    let device = first.device(3);
    assert_eq!(set_mode(&first, device, true), (0, 0));
    let gi = create(&first, device, ONE).expect("room");
    compute(&first, gi, 0).expect("room");
    assert_eq!(unsafe { first.lib.nvmlShutdown() }, 0);
    assert_eq!(unsafe { first.lib.nvmlInit_v2() }, 0);
    assert_eq!(mig_devices(&first, first.device(3)), 1);
    // Another process empties the board.
    let mut other = idle();
    assert_eq!(other.set_mig_mode(3, true), Ok(true));
    std::fs::write(folder.join("other"), other.to_json()).expect("written");
    std::fs::rename(folder.join("other"), folder.join("state.json")).expect("renamed");
    assert_eq!(mig_devices(&first, first.device(3)), 0);
}
