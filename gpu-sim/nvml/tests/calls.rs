//! The real bindings over the simulated library: real dlopen, real structs. What is expected
//! comes from the descriptions and from nvml.h.
#![allow(clippy::undocumented_unsafe_blocks)] // every block: a call of nvml.h with valid pointers

use std::ffi::{CStr, CString};
use std::fs;

use gpu_core::{BootTime, Nanoseconds};
use gpu_sim::{Fault, Machine, Silicon};
use nvml_wrapper_sys::bindings as real;

#[path = "common/instance.rs"]
mod instance;
use instance::Instance;

fn preset(name: &str) -> Machine {
    Machine::preset(name).expect("a preset")
}

fn with(name: &str, fault: Fault) -> Machine {
    let mut machine = preset(name);
    machine.faults.push(fault);
    machine
}

fn power(of: &Instance, index: u32) -> (u32, u32) {
    let mut power = 0;
    let code = unsafe { of.lib.nvmlDeviceGetPowerUsage(of.device(index), &mut power) };
    (code, power)
}

#[test]
fn nothing_answers_before_initialisation_and_after_shutdown() {
    let instance = Instance::loaded(instance::install(&preset("l40s-4")));
    let mut count = 0;
    unsafe {
        assert_eq!(instance.lib.nvmlDeviceGetCount_v2(&mut count), 1);
        assert_eq!(instance.lib.nvmlShutdown(), 1);
        assert_eq!(instance.lib.nvmlInit_v2(), 0);
        assert_eq!(instance.lib.nvmlInit_v2(), 0);
        assert_eq!(instance.lib.nvmlShutdown(), 0);
        assert_eq!(instance.lib.nvmlDeviceGetCount_v2(&mut count), 0);
        assert_eq!(count, 4);
        assert_eq!(instance.lib.nvmlShutdown(), 0);
        assert_eq!(instance.lib.nvmlDeviceGetCount_v2(&mut count), 1);
    }
}

#[test]
fn a_machine_without_driver_or_with_another_library_refuses() {
    let refuses = |machine: &Machine| {
        let instance = Instance::loaded(instance::install(machine));
        unsafe { instance.lib.nvmlInit_v2() }
    };
    assert_eq!(refuses(&preset("empty")), 9);
    assert_eq!(refuses(&with("l40s-4", Fault::DriverAbsent { driver: "nvidia".to_owned() })), 9);
    let mut other = preset("l40s-4");
    other.nvidia_driver.as_mut().expect("a driver").library_version = Some("575.1".to_owned());
    assert_eq!(refuses(&other), 18);
}

#[test]
fn wrong_handles_and_no_pointers_are_refused() {
    let instance = Instance::new(&preset("l40s-4"));
    let mut number = 0;
    unsafe {
        for wrong in [0_usize, 1, 0x1000, usize::MAX] {
            let wrong = wrong as real::nvmlDevice_t;
            assert_eq!(instance.lib.nvmlDeviceGetPowerUsage(wrong, &mut number), 2);
        }
        let none = std::ptr::null_mut();
        assert_eq!(instance.lib.nvmlDeviceGetPowerUsage(instance.device(0), none), 2);
        let mut device = std::ptr::null_mut();
        assert_eq!(instance.lib.nvmlDeviceGetHandleByIndex_v2(4, &mut device), 2);
    }
}

#[test]
fn texts_need_room_and_may_lack_their_end() {
    let instance = Instance::new(&preset("l40s-4"));
    let mut text = [1_i8; 96];
    let device = instance.device(0);
    unsafe {
        assert_eq!(instance.lib.nvmlDeviceGetName(device, text.as_mut_ptr().cast(), 11), 7);
        assert_eq!(instance.lib.nvmlDeviceGetName(device, text.as_mut_ptr().cast(), 12), 0);
        assert_eq!(CStr::from_ptr(text.as_ptr().cast()).to_str(), Ok("NVIDIA L40S"));
    }
    assert_eq!(text[12], 1, "nothing behind the end is touched");
    let broken = Instance::new(&with("l40s-4", Fault::UnterminatedStrings));
    unsafe { assert_eq!(broken.lib.nvmlDeviceGetName(broken.device(0), text.as_mut_ptr().cast(), 96), 0) };
    assert!(text.iter().all(|byte| *byte != 0));
}

#[test]
fn memory_adds_up_and_its_version_is_checked() {
    let machine = preset("hgx-h100-8");
    let instance = Instance::new(&machine);
    for index in 0..8 {
        let mut memory: real::nvmlMemory_v2_t = unsafe { std::mem::zeroed() };
        let device = instance.device(index);
        assert_eq!(unsafe { instance.lib.nvmlDeviceGetMemoryInfo_v2(device, &mut memory) }, 25);
        memory.version = 0x0200_0028;
        assert_eq!(unsafe { instance.lib.nvmlDeviceGetMemoryInfo_v2(device, &mut memory) }, 0);
        assert_eq!(memory.total, 81_559 << 20);
        assert_eq!(memory.total, memory.used + memory.free + memory.reserved);
        let mut old: real::nvmlMemory_t = unsafe { std::mem::zeroed() };
        assert_eq!(unsafe { instance.lib.nvmlDeviceGetMemoryInfo(device, &mut old) }, 0);
        assert_eq!(old.used, memory.used + memory.reserved);
    }
}

#[test]
fn lists_are_counted_then_filled() {
    let instance = Instance::new(&preset("hgx-h100-8"));
    let device = instance.device(0);
    let mut rows: Vec<real::nvmlProcessInfo_t> = vec![unsafe { std::mem::zeroed() }; 8];
    let none = std::ptr::null_mut();
    unsafe {
        let list = instance.lib.nvmlDeviceGetComputeRunningProcesses_v3.as_ref().expect("exported");
        let mut count = 0;
        assert_eq!(list(device, &mut count, none), 7);
        assert_eq!(count, 4);
        count = 3;
        assert_eq!(list(device, &mut count, rows.as_mut_ptr()), 7);
        count = 8;
        assert_eq!(list(device, &mut count, rows.as_mut_ptr()), 0);
        assert_eq!(count, 4);
    }
    assert_eq!(rows[0].gpuInstanceId, 0xFFFF_FFFF);
    assert_eq!(rows[4].pid, 0, "nothing behind the count is touched");
    let growing = Instance::new(&with("hgx-h100-8", Fault::GrowingLists));
    let mut count = 0;
    unsafe {
        let list = growing.lib.nvmlDeviceGetComputeRunningProcesses_v3.as_ref().expect("exported");
        assert_eq!(list(growing.device(0), &mut count, none), 7);
        assert_eq!(list(growing.device(0), &mut count, rows.as_mut_ptr()), 7, "one more by now");
        assert_eq!(count, 5);
        count = 8;
        assert_eq!(list(growing.device(0), &mut count, rows.as_mut_ptr()), 0);
    }
}

/// `mixed` has 3g.40gb, 2g.20gb and 1g.10gb on its H100, whose NVML memory by NVIDIA's tables of
/// that board are 40448, 20096 and 9984 MiB.
#[test]
fn mig_devices_are_found_under_every_name() {
    let machine = preset("mixed");
    let instance = Instance::new(&machine);
    let board = instance.device(0);
    let Silicon::Nvidia(nvidia) = &machine.gpus[0].silicon else { panic!("an H100") };
    let (mut current, mut pending, mut most) = (0, 0, 0);
    unsafe {
        assert_eq!(instance.lib.nvmlDeviceGetMigMode(board, &mut current, &mut pending), 0);
        assert_eq!(instance.lib.nvmlDeviceGetMaxMigDeviceCount(board, &mut most), 0);
    }
    assert_eq!((current, pending, most), (1, 1, 7));
    let mut found = Vec::new();
    for index in 0..most {
        let mut mig = std::ptr::null_mut();
        let code = unsafe { instance.lib.nvmlDeviceGetMigDeviceHandleByIndex(board, index, &mut mig) };
        if code == 6 {
            continue;
        }
        let (mut gi, mut text) = (0, [0_i8; 96]);
        let (mut same, mut parent) = (std::ptr::null_mut(), std::ptr::null_mut());
        unsafe {
            assert_eq!(instance.lib.nvmlDeviceGetGpuInstanceId(mig, &mut gi), 0);
            assert_eq!(instance.lib.nvmlDeviceGetUUID(mig, text.as_mut_ptr().cast(), 96), 0);
            assert_eq!(instance.lib.nvmlDeviceGetHandleByUUID(text.as_ptr().cast(), &mut same), 0);
            assert_eq!(same, mig);
            let legacy = CString::new(format!("MIG-GPU-{}/{gi}/0", nvidia.uuid)).expect("no NUL");
            assert_eq!(instance.lib.nvmlDeviceGetHandleByUUID(legacy.as_ptr(), &mut same), 0);
            assert_eq!(same, mig);
            let function = &instance.lib.nvmlDeviceGetDeviceHandleFromMigDeviceHandle;
            assert_eq!(function.as_ref().expect("exported")(mig, &mut parent), 0);
            assert_eq!(parent, board);
            let mut load: real::nvmlUtilization_t = std::mem::zeroed();
            assert_eq!(instance.lib.nvmlDeviceGetUtilizationRates(mig, &mut load), 3);
            assert_eq!(instance.lib.nvmlDeviceGetUtilizationRates(board, &mut load), 3);
        }
        found.push(gi);
    }
    assert_eq!(found, [1, 5, 13]);
}

#[test]
fn an_unprivileged_caller_sees_only_mig_devices() {
    let instance = Instance::new(&with("mixed", Fault::Unprivileged));
    let board = instance.device(0);
    let mut mig = std::ptr::null_mut();
    let mut memory: real::nvmlMemory_t = unsafe { std::mem::zeroed() };
    unsafe {
        assert_eq!(instance.lib.nvmlDeviceGetMemoryInfo(board, &mut memory), 4);
        assert_eq!(instance.lib.nvmlDeviceGetMigDeviceHandleByIndex(board, 0, &mut mig), 0);
        assert_eq!(instance.lib.nvmlDeviceGetMemoryInfo(mig, &mut memory), 0);
        assert_eq!(memory.used, 31 << 30, "llm-serve in the 3g instance");
        let mut count = 0;
        let list = instance.lib.nvmlDeviceGetComputeRunningProcesses_v3.as_ref().expect("exported");
        assert_eq!(list(board, &mut count, std::ptr::null_mut()), 4);
        assert_eq!(list(mig, &mut count, std::ptr::null_mut()), 7);
        assert_eq!(count, 1);
        let mut gi = std::ptr::null_mut();
        assert_eq!(instance.lib.nvmlDeviceGetGpuInstanceById(board, 1, &mut gi), 4);
    }
    let privileged = Instance::new(&preset("mixed"));
    unsafe {
        let (mut gi, mut info) = (std::ptr::null_mut(), std::mem::zeroed::<real::nvmlGpuInstanceInfo_t>());
        let board = privileged.device(0);
        assert_eq!(privileged.lib.nvmlDeviceGetGpuInstanceById(board, 1, &mut gi), 0);
        assert_eq!(privileged.lib.nvmlGpuInstanceGetInfo(gi, &mut info), 0);
        // lgip of an H100: 3g.40gb is profile 9; placed at slot 4, four slots long.
        assert_eq!((info.id, info.profileId, info.placement.start, info.placement.size), (1, 9, 4, 4));
        assert_eq!(privileged.lib.nvmlDeviceGetGpuInstanceById(board, 2, &mut gi), 6);
    }
}

#[test]
fn samples_have_their_own_times_and_none_is_not_found() {
    let instance = Instance::new(&preset("l40s-4"));
    let device = instance.device(0);
    let mut rows: Vec<real::nvmlProcessUtilizationSample_t> = vec![unsafe { std::mem::zeroed() }; 64];
    let mut count = 64;
    unsafe {
        let function = |since, count: &mut u32, rows: &mut [real::nvmlProcessUtilizationSample_t]| {
            instance.lib.nvmlDeviceGetProcessUtilization(device, rows.as_mut_ptr(), count, since)
        };
        assert_eq!(function(0, &mut count, &mut rows), 0);
        assert!(count > 0);
        let newest = rows[..count as usize].iter().map(|row| row.timeStamp).max().expect("a row");
        assert_eq!(function(newest, &mut count, &mut rows), 6);
    }
}

#[test]
fn a_lost_device_is_lost_and_the_others_are_not() {
    let machine = with("l40s-4", Fault::DeviceLost { gpu: 1, at: BootTime(0) });
    let instance = Instance::new(&machine);
    let (mut device, mut count) = (std::ptr::null_mut(), 0);
    unsafe {
        assert_eq!(instance.lib.nvmlDeviceGetHandleByIndex_v2(1, &mut device), 15);
        assert_eq!(instance.lib.nvmlDeviceGetCount_v2(&mut count), 0);
    }
    assert_eq!(count, 4);
    assert_eq!(power(&instance, 2).0, 0);
}

#[test]
fn codes_and_time_are_driven_by_a_file() {
    let installed = instance::install(&preset("l40s-4"));
    let folder = installed.folder().to_owned();
    fs::write(folder.join("control.json"), "{}").expect("written");
    let instance = Instance::loaded(installed);
    assert_eq!(unsafe { instance.lib.nvmlInit_v2() }, 0);
    let energy = || {
        let mut energy = 0;
        let device = instance.device(0);
        assert_eq!(unsafe { instance.lib.nvmlDeviceGetTotalEnergyConsumption(device, &mut energy) }, 0);
        energy
    };
    let (_, milliwatts) = power(&instance, 3);
    assert!(milliwatts > 0);
    let before = energy();
    let uptime = preset("l40s-4").started_at.plus(Nanoseconds::from_secs(3600)).0;
    let fault = r#"{"return_code": {"function": "nvmlDeviceGetPowerUsage", "code": 4711, "gpu": 3}}"#;
    let text = format!(r#"{{"uptime_ns": {uptime}, "faults": [{fault}]}}"#);
    fs::write(folder.join("control.json"), text).expect("written");
    assert_eq!(power(&instance, 3).0, 4711);
    assert_eq!(power(&instance, 2).0, 0);
    assert!(energy() > before, "an hour has passed");
}

#[test]
fn a_call_takes_as_long_as_it_is_told() {
    let time = Nanoseconds::from_millis(20);
    let function = "nvmlDeviceGetPowerUsage".to_owned();
    let instance = Instance::new(&with("l40s-4", Fault::Latency { function, time }));
    let start = std::time::Instant::now();
    assert_eq!(power(&instance, 0).0, 0);
    assert!(start.elapsed().as_millis() >= 20);
}
