//! The calls into the library. All unsafe code of the direct side is here.
#![allow(unsafe_code, reason = "a C library is called")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulonglong};
use std::hint::black_box;
use std::path::Path;

use libloading::{Error, Library};
use nvml_wrapper_sys::bindings as sys;

type Device = sys::nvmlDevice_t;
type Return = sys::nvmlReturn_t;
type Rows = *mut sys::nvmlProcessInfo_t;

type Number = unsafe extern "C" fn(Device, *mut c_uint) -> Return;
type Chosen = unsafe extern "C" fn(Device, c_uint, *mut c_uint) -> Return;
type Wide = unsafe extern "C" fn(Device, *mut c_ulonglong) -> Return;
type Pair = unsafe extern "C" fn(Device, *mut c_uint, *mut c_uint) -> Return;
type Errors = unsafe extern "C" fn(Device, c_uint, c_uint, *mut c_ulonglong) -> Return;
type Remapped = unsafe extern "C" fn(Device, *mut c_uint, *mut c_uint, *mut c_uint, *mut c_uint) -> Return;
type Memory = unsafe extern "C" fn(Device, *mut sys::nvmlMemory_v2_t) -> Return;
type Rates = unsafe extern "C" fn(Device, *mut sys::nvmlUtilization_t) -> Return;
type Fields = unsafe extern "C" fn(Device, c_int, *mut sys::nvmlFieldValue_t) -> Return;
type Fabric = unsafe extern "C" fn(Device, *mut sys::nvmlGpuFabricInfoV_t) -> Return;
type Processes = unsafe extern "C" fn(Device, *mut c_uint, Rows) -> Return;
type Busy = unsafe extern "C" fn(
    Device,
    *mut sys::nvmlProcessUtilizationSample_t,
    *mut c_uint,
    c_ulonglong,
) -> Return;

/// As many rows as gpu-nvidia has room for.
const ROWS: usize = 1024;

/// Fields that a sample asks for: heat of the memory, pages retired for two reasons and pending, the recovery
/// action, and the state of each of the board's 18 links.
const FIELDS: usize = 5 + 18;

/// What one GPU answered, as NVML gives it.
#[derive(Debug, Default, Clone, Copy)]
struct Answers {
    numbers: [c_uint; 10],
    chosen: [c_uint; 9],
    wide: [c_ulonglong; 2],
    pairs: [(c_uint, c_uint); 3],
    errors: [c_ulonglong; 4],
    remapped: [c_uint; 4],
    memory: [c_ulonglong; 4],
    rates: (c_uint, c_uint),
    fields: [c_uint; FIELDS],
    fabric: (u8, c_uint),
    processes: [c_uint; 4],
}

/// A program that asks NVML for what a sample asks, with nothing in between: functions looked up
/// once, buffers kept.
#[derive(Debug)]
pub struct Direct {
    numbers: [Number; 10],
    chosen: [(Chosen, c_uint); 9],
    wide: [Wide; 2],
    pairs: [Pair; 3],
    errors: Errors,
    remapped: Remapped,
    memory: Memory,
    rates: Rates,
    fields: Fields,
    fabric: Fabric,
    processes: [Processes; 3],
    busy: Busy,
    devices: Vec<Device>,
    answers: Vec<Answers>,
    rows: Vec<sys::nvmlProcessInfo_t>,
    busy_rows: Vec<sys::nvmlProcessUtilizationSample_t>,
    shutdown: unsafe extern "C" fn() -> Return,
    /// Keeps the library loaded, so that the functions stay valid.
    library: Library,
}

fn found<F: Copy>(symbol: &Result<F, Error>) -> F {
    *symbol.as_ref().expect("the simulated library has every function of a sample")
}

impl Direct {
    /// Loads and initialises the library at `path` and takes the handles of its GPUs.
    ///
    /// # Panics
    /// When it does not load, or lacks a function.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        // SAFETY: the simulated library of this project; loading it runs no code of others.
        let (lib, library) = unsafe { (sys::NvmlLib::new(path), Library::new(path)) };
        let lib = lib.expect("the library loads");
        // SAFETY: `nvml.h`: takes nothing.
        assert_eq!(unsafe { lib.nvmlInit_v2() }, 0, "nvmlInit_v2");
        let devices = devices(&lib);
        let clock: Chosen = found(&lib.nvmlDeviceGetClockInfo);
        let clock_max: Chosen = found(&lib.nvmlDeviceGetMaxClockInfo);
        let threshold: Chosen = found(&lib.nvmlDeviceGetTemperatureThreshold);
        Self {
            numbers: [
                found(&lib.nvmlDeviceGetPowerUsage),
                found(&lib.nvmlDeviceGetEnforcedPowerLimit),
                found(&lib.nvmlDeviceGetPowerManagementDefaultLimit),
                found(&lib.nvmlDeviceGetPerformanceState),
                found(&lib.nvmlDeviceGetFanSpeed),
                found(&lib.nvmlDeviceGetCurrPcieLinkGeneration),
                found(&lib.nvmlDeviceGetCurrPcieLinkWidth),
                found(&lib.nvmlDeviceGetMaxPcieLinkGeneration),
                found(&lib.nvmlDeviceGetMaxPcieLinkWidth),
                found(&lib.nvmlDeviceGetPcieReplayCounter),
            ],
            chosen: [
                (found(&lib.nvmlDeviceGetTemperature), 0),
                (threshold, 0),
                (threshold, 1),
                (clock, 0),
                (clock, 1),
                (clock, 2),
                (clock, 3),
                (clock_max, 0),
                (clock_max, 2),
            ],
            wide: [
                found(&lib.nvmlDeviceGetTotalEnergyConsumption),
                found(&lib.nvmlDeviceGetCurrentClocksThrottleReasons),
            ],
            pairs: [
                found(&lib.nvmlDeviceGetEncoderUtilization),
                found(&lib.nvmlDeviceGetDecoderUtilization),
                found(&lib.nvmlDeviceGetPowerManagementLimitConstraints),
            ],
            errors: found(&lib.nvmlDeviceGetTotalEccErrors),
            remapped: found(&lib.nvmlDeviceGetRemappedRows),
            memory: found(&lib.nvmlDeviceGetMemoryInfo_v2),
            rates: found(&lib.nvmlDeviceGetUtilizationRates),
            fields: found(&lib.nvmlDeviceGetFieldValues),
            fabric: found(&lib.nvmlDeviceGetGpuFabricInfoV),
            processes: [
                found(&lib.nvmlDeviceGetComputeRunningProcesses_v3),
                found(&lib.nvmlDeviceGetGraphicsRunningProcesses_v3),
                found(&lib.nvmlDeviceGetMPSComputeRunningProcesses_v3),
            ],
            busy: found(&lib.nvmlDeviceGetProcessUtilization),
            answers: vec![Answers::default(); devices.len()],
            devices,
            rows: vec![zeroed_row(); ROWS],
            busy_rows: vec![zeroed_busy(); ROWS],
            shutdown: found(&lib.nvmlShutdown),
            library: library.expect("the library loads"),
        }
    }

    /// Everything that a sample asks, once.
    pub fn sample(&mut self) {
        for at in 0..self.devices.len() {
            self.gpu(at);
        }
        black_box(&self.answers);
    }

    fn gpu(&mut self, at: usize) {
        let (device, answers) = (self.devices[at], &mut self.answers[at]);
        // SAFETY: for all calls: `nvml.h`: the handle is this library's, pointers are to live
        // values of the type that the header names, and lengths are those of the buffers.
        unsafe {
            let mut memory: sys::nvmlMemory_v2_t = std::mem::zeroed();
            memory.version = size_of::<sys::nvmlMemory_v2_t>() as u32 | 2 << 24;
            (self.memory)(device, &mut memory);
            answers.memory = [memory.total, memory.reserved, memory.free, memory.used];
            let mut rates: sys::nvmlUtilization_t = std::mem::zeroed();
            (self.rates)(device, &mut rates);
            answers.rates = (rates.gpu, rates.memory);
            for (function, answer) in self.numbers.iter().zip(&mut answers.numbers) {
                function(device, answer);
            }
            for ((function, which), answer) in self.chosen.iter().zip(&mut answers.chosen) {
                function(device, *which, answer);
            }
            for (function, answer) in self.wide.iter().zip(&mut answers.wide) {
                function(device, answer);
            }
            for (function, answer) in self.pairs.iter().zip(&mut answers.pairs) {
                function(device, &mut answer.0, &mut answer.1);
            }
            for (which, answer) in (0..).zip(&mut answers.errors) {
                (self.errors)(device, which & 1, which >> 1, answer);
            }
            let [corrected, uncorrected, pending, failed] = &mut answers.remapped;
            (self.remapped)(device, corrected, uncorrected, pending, failed);
            let mut fields: [sys::nvmlFieldValue_t; FIELDS] = std::mem::zeroed();
            for (field, id) in fields.iter_mut().zip([82, 29, 30, 31, 230]) {
                field.fieldId = id;
            }
            for (field, link) in fields[5..].iter_mut().zip(0..) {
                (field.fieldId, field.scopeId) = (165, link);
            }
            (self.fields)(device, FIELDS as c_int, fields.as_mut_ptr());
            for (field, answer) in fields.iter().zip(&mut answers.fields) {
                *answer = field.value.uiVal;
            }
            let mut fabric: sys::nvmlGpuFabricInfoV_t = std::mem::zeroed();
            fabric.version = size_of::<sys::nvmlGpuFabricInfoV_t>() as u32 | 3 << 24;
            (self.fabric)(device, &mut fabric);
            answers.fabric = (fabric.state, fabric.healthMask);
            for (function, count) in self.processes.iter().zip(&mut answers.processes) {
                *count = ROWS as c_uint;
                function(device, count, self.rows.as_mut_ptr());
            }
            answers.processes[3] = ROWS as c_uint;
            (self.busy)(device, self.busy_rows.as_mut_ptr(), &mut answers.processes[3], 0);
        }
        black_box((&self.rows, &self.busy_rows));
    }

    /// How many processes the last GPU listed as computing, and how many rows told their load.
    #[must_use]
    pub fn last_counts(&self) -> Option<(u32, u32)> {
        self.answers.last().map(|answers| (answers.processes[0], answers.processes[3]))
    }

    /// The calls that the library sees while `body` runs: function, and position of the GPU.
    ///
    /// # Panics
    /// When the library is none of gpu-sim's.
    pub fn recorded(&self, body: impl FnOnce()) -> Vec<(String, u32)> {
        type Switch = unsafe extern "C" fn(c_int) -> Return;
        type Recorded = unsafe extern "C" fn(c_uint, *mut c_char, c_uint, *mut c_uint) -> Return;
        // SAFETY: gpu-sim-nvml: these are the functions' types.
        let (switch, recorded) = unsafe {
            (
                self.library.get::<Switch>(b"gpu_sim_record\0"),
                self.library.get::<Recorded>(b"gpu_sim_recorded\0"),
            )
        };
        let switch = switch.expect("the library is gpu-sim's");
        let recorded = recorded.expect("the library is gpu-sim's");
        // SAFETY: gpu-sim-nvml: takes a number.
        unsafe { switch(1) };
        body();
        // SAFETY: as above.
        unsafe { switch(0) };
        let (mut name, mut gpu) = ([0; 128], 0);
        let mut calls = Vec::new();
        // SAFETY: gpu-sim-nvml: a buffer with its length, and a number.
        while unsafe { recorded(calls.len() as c_uint, name.as_mut_ptr(), 128, &mut gpu) } == 0 {
            // SAFETY: gpu-sim-nvml: on success the text in the buffer ends with a zero byte.
            let name = unsafe { CStr::from_ptr(name.as_ptr()) };
            calls.push((name.to_string_lossy().into_owned(), gpu));
        }
        calls
    }
}

impl Drop for Direct {
    fn drop(&mut self) {
        // SAFETY: `nvml.h`: takes nothing; the library is still loaded.
        unsafe { (self.shutdown)() };
    }
}

fn devices(lib: &sys::NvmlLib) -> Vec<Device> {
    let mut count = 0;
    // SAFETY: `nvml.h`: a pointer to one number.
    assert_eq!(unsafe { lib.nvmlDeviceGetCount_v2(&mut count) }, 0, "nvmlDeviceGetCount_v2");
    let device = |index| {
        let mut device = std::ptr::null_mut();
        // SAFETY: `nvml.h`: a pointer to one handle.
        assert_eq!(unsafe { lib.nvmlDeviceGetHandleByIndex_v2(index, &mut device) }, 0, "GPU {index}");
        device
    };
    (0..count).map(device).collect()
}

fn zeroed_row() -> sys::nvmlProcessInfo_t {
    // SAFETY: a C struct of numbers.
    unsafe { std::mem::zeroed() }
}

fn zeroed_busy() -> sys::nvmlProcessUtilizationSample_t {
    // SAFETY: a C struct of numbers.
    unsafe { std::mem::zeroed() }
}
