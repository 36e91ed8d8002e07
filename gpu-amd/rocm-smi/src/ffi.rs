//! Every call of the library: one at a time in the process, answers in room to spare.

use std::ffi::c_char;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gpu_core::{Error, ErrorKind};
use rocm_smi_lib as rsmi;

use crate::error::{Answer, Refused};
use crate::load::Newer;

/// The library numbers its own versions: 7 is ROCm 6.
const MAJOR: u32 = 7;

/// Its locks are between processes, and its threads have been wrong about them: one call at a
/// time, whoever calls.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A value and room behind it: a library that is newer than the header may write a longer one.
#[repr(C, align(16))]
struct Roomy<T> {
    value: T,
    room: [u8; 4096],
}

/// What the library may write: any bytes are a value of it.
///
/// # Safety
/// Zeros are valid, and so is whatever C writes through a pointer to it.
unsafe trait Plain: Copy {}

macro_rules! plain {
    ($($type:ty),* $(,)?) => {
        $(
            // SAFETY: numbers, and structs of numbers, of rocm_smi.h.
            unsafe impl Plain for $type {}
        )*
    };
}

plain!(u8, u16, u32, u64, i32, i64, f32, rsmi::rsmi_error_count_t, rsmi::rsmi_process_info_t, Levels, Link);

impl<T: Plain> Roomy<T> {
    fn new() -> Self {
        // SAFETY: zeros are a value of every `Plain`.
        Self { value: unsafe { std::mem::zeroed() }, room: [0; 4096] }
    }

    fn pointer<U>(&mut self) -> *mut U {
        std::ptr::from_mut(self).cast()
    }
}

/// `rsmi_frequencies_t` with its flag as a number: a byte that is neither 0 nor 1 is no `bool`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Levels {
    has_deep_sleep: u8,
    num_supported: u32,
    current: u32,
    frequency: [u64; rsmi::RSMI_MAX_NUM_FREQUENCIES as usize],
}

/// `rsmi_pcie_bandwidth_t`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Link {
    levels: Levels,
    lanes: [u32; rsmi::RSMI_MAX_NUM_FREQUENCIES as usize],
}

const _: () = assert!(size_of::<Levels>() == size_of::<rsmi::rsmi_frequencies_t>());
const _: () = assert!(size_of::<Link>() == size_of::<rsmi::rsmi_pcie_bandwidth_t>());

/// A clock, in hertz: now where the library marks a level, and the highest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Clock {
    pub(crate) current: Option<u64>,
    pub(crate) highest: Option<u64>,
}

/// The PCIe link now: transfers a second of a lane, and lanes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PcieLink {
    pub(crate) transfers: u64,
    pub(crate) lanes: u32,
}

/// The energy counter, and what the library calls its unit, in nanojoules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Energy {
    pub(crate) counter: u64,
    pub(crate) unit_nj: u64,
}

/// What one process holds on one device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Process {
    pub(crate) memory: u64,
    pub(crate) copies_us: u64,
}

/// The path from one device to another, in the library's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Path {
    pub(crate) hops: u64,
    /// `RSMI_IO_LINK_TYPE`: 1 is PCIe, 2 xGMI.
    pub(crate) kind: u32,
}

/// `RSMI_IO_LINK_TYPE` of xGMI; the compute driver's own number is another.
pub(crate) const XGMI: u32 = 2;

/// The library, initialised; shut down when this goes.
#[derive(Debug)]
pub(crate) struct Library {
    newer: Newer,
    is_up: bool,
}

fn check(at: &'static str, code: u32) -> Answer<()> {
    if code == 0 { Ok(()) } else { Err(Refused { at, code: Some(code) }) }
}

/// What the library calls its own version. It may be asked at any time.
pub(crate) fn version() -> Answer<(u32, u32, u32)> {
    // Numbers and a pointer, which is not followed: nobody says how long its text lives.
    const AT: &str = "rsmi_version_get";
    let mut answer = Roomy::<[u64; 4]>::new();
    let _turn = turn();
    // SAFETY: rocm_smi.h: the pointer is to a version, for which there is room.
    check(AT, unsafe { rsmi::rsmi_version_get(answer.pointer()) })?;
    let [first, second, ..] = answer.value;
    let number = |n: u64| u32::try_from(n & 0xffff_ffff).unwrap_or_default();
    Ok((number(first), number(first >> 32), number(second)))
}

// SAFETY: numbers.
unsafe impl Plain for [u64; 4] {}
// SAFETY: numbers.
unsafe impl Plain for [u8; 256] {}

/// Declares methods that ask for one number of a device.
macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $type:ty),*): $function:ident -> $number:ty;)*) => {
        impl Library {
            $(
                $(#[$doc])*
                pub(crate) fn $name(&self, index: u32 $(, $arg: $type)*) -> Answer<$number> {
                    let mut answer = Roomy::<$number>::new();
                    let _turn = turn();
                    // SAFETY: rocm_smi.h: an index is checked by the library, and the pointer is to
                    // the number that it writes.
                    let code = unsafe { rsmi::$function(index $(, $arg)*, answer.pointer()) };
                    check(stringify!($function), code).map(|()| answer.value)
                }
            )*
        }
    };
}

numbers! {
    /// PCI device id.
    device_id(): rsmi_dev_id_get -> u16;
    /// PCI vendor id.
    vendor_id(): rsmi_dev_vendor_id_get -> u16;
    /// PCI device id of the subsystem.
    subsystem_id(): rsmi_dev_subsystem_id_get -> u16;
    /// PCI vendor id of the subsystem.
    subsystem_vendor_id(): rsmi_dev_subsystem_vendor_id_get -> u16;
    /// Minor number of the render node.
    render_minor(): rsmi_dev_drm_render_minor_get -> u32;
    /// `unique_id`.
    unique_id(): rsmi_dev_unique_id_get -> u64;
    /// Place on the bus, with the partition.
    bdfid(): rsmi_dev_pci_id_get -> u64;
    /// NUMA node; -1 where the kernel does not know.
    numa_affinity(): rsmi_topo_numa_affinity_get -> i32;
    /// Memory of a sort, in bytes.
    memory_total(kind: u32): rsmi_dev_memory_total_get -> u64;
    /// Memory of a sort in use, in bytes.
    memory_used(kind: u32): rsmi_dev_memory_usage_get -> u64;
    /// Per cent of the time.
    busy(): rsmi_dev_busy_percent_get -> u32;
    /// Per cent of the time.
    memory_busy(): rsmi_dev_memory_busy_percent_get -> u32;
    /// Average power, in microwatts.
    average_power(sensor: u32): rsmi_dev_power_ave_get -> u64;
    /// In microwatts.
    power_limit(sensor: u32): rsmi_dev_power_cap_get -> u64;
    /// In microwatts.
    power_limit_default(): rsmi_dev_power_cap_default_get -> u64;
    /// In thousandths of a degree.
    temperature(sensor: u32, metric: u32): rsmi_dev_temp_metric_get -> i64;
    /// Packets sent again.
    pcie_replays(): rsmi_dev_pci_replay_counter_get -> u64;
    /// Rotations a minute.
    fan_rotation(sensor: u32): rsmi_dev_fan_rpms_get -> i64;
    /// In parts of the highest.
    fan_speed(sensor: u32): rsmi_dev_fan_speed_get -> i64;
    /// The highest speed in those parts.
    fan_speed_max(sensor: u32): rsmi_dev_fan_speed_max_get -> u64;
    /// Errors of one block of the chip.
    errors(block: u64): rsmi_dev_ecc_count_get -> rsmi::rsmi_error_count_t;
    /// The kernel's weight of the path to another device.
    link_weight(other: u32): rsmi_topo_get_link_weight -> u64;
    /// The hive that xGMI joins.
    xgmi_hive(): rsmi_dev_xgmi_hive_id_get -> u64;
    /// `rsmi_xgmi_status_t`.
    xgmi_errors(): rsmi_dev_xgmi_error_status -> u32;
    /// Version of the firmware of one block.
    firmware(block: u32): rsmi_dev_firmware_version_get -> u64;
    /// `rsmi_dev_perf_level_t`.
    performance_level(): rsmi_dev_perf_level_get -> u32;
}

/// Declares methods that ask for a text of a device.
macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $function:ident($length:ty);)*) => {
        impl Library {
            $(
                $(#[$doc])*
                pub(crate) fn $name(&self, index: u32) -> Answer<String> {
                    text(stringify!($function), |buffer, length| {
                        // SAFETY: rocm_smi.h: the buffer has the length that is said.
                        unsafe { rsmi::$function(index, buffer, length as $length) }
                    })
                }
            )*
        }
    };
}

texts! {
    /// The product's name.
    name: rsmi_dev_name_get(usize);
    /// The name under which it is sold.
    brand: rsmi_dev_brand_get(u32);
    /// Who made the memory.
    memory_vendor: rsmi_dev_vram_vendor_get(u32);
    /// Serial number of the board.
    serial: rsmi_dev_serial_number_get(u32);
    /// Version of the video BIOS.
    video_bios: rsmi_dev_vbios_version_get(u32);
}

/// A text of at most 255 bytes. One that does not end makes no sense: what stands behind it?
fn text(at: &'static str, fill: impl FnOnce(*mut c_char, usize) -> u32) -> Answer<String> {
    let mut buffer = Roomy::<[u8; 256]>::new();
    let _turn = turn();
    check(at, fill(buffer.pointer(), buffer.value.len()))?;
    let end = buffer.value.iter().position(|byte| *byte == 0).ok_or(Refused::malformed(at))?;
    Ok(String::from_utf8_lossy(&buffer.value[..end]).trim().to_owned())
}

impl Library {
    /// Looks whether the library fits, and initialises it.
    ///
    /// # Errors
    /// `NotSupported` for a library that is too old or not known; what `rsmi_init` answered.
    pub(crate) fn open() -> Result<Self, Error> {
        let newer = Newer::find()?;
        let (major, minor, patch) = version().map_err(Refused::error)?;
        if major != MAJOR {
            let detail = format!("the library is {major}.{minor}.{patch}; {MAJOR} is known (ROCm 6)");
            return Err(Error::new(ErrorKind::NotSupported, "rsmi_version_get", detail));
        }
        let mut library = Self { newer, is_up: false };
        library.start().map_err(Refused::error)?;
        Ok(library)
    }

    fn start(&mut self) -> Answer<()> {
        let _turn = turn();
        // SAFETY: rocm_smi.h: takes flags, of which there are none.
        check("rsmi_init", unsafe { rsmi::rsmi_init(0) })?;
        self.is_up = true;
        Ok(())
    }

    fn stop(&mut self) {
        if std::mem::take(&mut self.is_up) {
            let _turn = turn();
            // SAFETY: rocm_smi.h: once for each `rsmi_init` that succeeded.
            unsafe { rsmi::rsmi_shut_down() };
        }
    }

    /// Has the devices counted anew, if nobody else in the process holds the library.
    pub(crate) fn restart(&mut self) -> Answer<()> {
        self.stop();
        self.start()
    }

    /// How many devices there are.
    pub(crate) fn devices(&self) -> Answer<u32> {
        let mut answer = Roomy::<u32>::new();
        let _turn = turn();
        // SAFETY: rocm_smi.h: the pointer is to a number.
        let code = unsafe { rsmi::rsmi_num_monitor_devices(answer.pointer()) };
        check("rsmi_num_monitor_devices", code).map(|()| answer.value)
    }

    /// Version of the driver; of the kernel, where the driver has none.
    pub(crate) fn driver_version(&self) -> Answer<String> {
        text("rsmi_version_str_get", |buffer, length| {
            // SAFETY: rocm_smi.h: the buffer has the length that is said.
            unsafe { rsmi::rsmi_version_str_get(0, buffer, u32::try_from(length).unwrap_or(0)) }
        })
    }

    /// The compute partition mode.
    pub(crate) fn compute_partition(&self, index: u32) -> Answer<String> {
        let get = self.newer.compute_partition;
        text("rsmi_dev_compute_partition_get", |buffer, length| {
            // SAFETY: rocm_smi.h: the buffer has the length that is said.
            unsafe { get(index, buffer, u32::try_from(length).unwrap_or(0)) }
        })
    }

    /// The memory partition mode.
    pub(crate) fn memory_partition(&self, index: u32) -> Answer<String> {
        let get = self.newer.memory_partition;
        text("rsmi_dev_memory_partition_get", |buffer, length| {
            // SAFETY: rocm_smi.h: the buffer has the length that is said.
            unsafe { get(index, buffer, u32::try_from(length).unwrap_or(0)) }
        })
    }

    /// Power now, in microwatts.
    pub(crate) fn socket_power(&self, index: u32) -> Answer<u64> {
        let mut answer = Roomy::<u64>::new();
        let _turn = turn();
        // SAFETY: rocm_smi.h: the pointer is to a number.
        let code = unsafe { (self.newer.socket_power)(index, answer.pointer()) };
        check("rsmi_dev_current_socket_power_get", code).map(|()| answer.value)
    }

    /// Number in its hive.
    pub(crate) fn xgmi_physical_id(&self, index: u32) -> Answer<u16> {
        let mut answer = Roomy::<u16>::new();
        let _turn = turn();
        // SAFETY: rocm_smi.h: the pointer is to a number.
        let code = unsafe { (self.newer.xgmi_physical_id)(index, answer.pointer()) };
        check("rsmi_dev_xgmi_physical_id_get", code).map(|()| answer.value)
    }

    /// Lowest and highest power limit, in microwatts.
    pub(crate) fn power_limits(&self, index: u32) -> Answer<(u64, u64)> {
        let (mut max, mut min) = (Roomy::<u64>::new(), Roomy::<u64>::new());
        let _turn = turn();
        // SAFETY: rocm_smi.h: the pointers are to numbers, the highest first.
        let code = unsafe { rsmi::rsmi_dev_power_cap_range_get(index, 0, max.pointer(), min.pointer()) };
        check("rsmi_dev_power_cap_range_get", code).map(|()| (min.value, max.value))
    }

    /// The energy counter.
    pub(crate) fn energy(&self, index: u32) -> Answer<Energy> {
        let (mut counter, mut unit, mut stamp) =
            (Roomy::<u64>::new(), Roomy::<f32>::new(), Roomy::<u64>::new());
        let _turn = turn();
        // SAFETY: rocm_smi.h: the pointers are to two numbers and a float between them.
        let code = unsafe {
            rsmi::rsmi_dev_energy_count_get(index, counter.pointer(), unit.pointer(), stamp.pointer())
        };
        check("rsmi_dev_energy_count_get", code)?;
        // In microjoules; conversion of what is no number gives 0, which no unit is.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let unit_nj = (unit.value * 1000.0).round() as u64;
        Ok(Energy { counter: counter.value, unit_nj })
    }

    /// A clock of the library's number for it.
    pub(crate) fn clock(&self, index: u32, kind: u32) -> Answer<Clock> {
        let mut answer = Roomy::<Levels>::new();
        let _turn = turn();
        // SAFETY: rocm_smi.h: the pointer is to a list of frequencies.
        let code = unsafe { rsmi::rsmi_dev_gpu_clk_freq_get(index, kind, answer.pointer()) };
        check("rsmi_dev_gpu_clk_freq_get", code)?;
        let levels = answer.value.listed().ok_or(Refused::malformed("rsmi_dev_gpu_clk_freq_get"))?;
        let current = levels.get(answer.value.current as usize).copied();
        Ok(Clock { current, highest: levels.iter().copied().max() })
    }

    /// The PCIe link as it is now.
    pub(crate) fn pcie_link(&self, index: u32) -> Answer<PcieLink> {
        const AT: &str = "rsmi_dev_pci_bandwidth_get";
        let mut answer = Roomy::<Link>::new();
        let _turn = turn();
        // SAFETY: rocm_smi.h: the pointer is to a list of frequencies and one of lanes.
        check(AT, unsafe { rsmi::rsmi_dev_pci_bandwidth_get(index, answer.pointer()) })?;
        let Link { levels, lanes } = &answer.value;
        let now = levels.current as usize;
        let transfers = levels.listed().and_then(|listed| listed.get(now)).ok_or(Refused::malformed(AT))?;
        Ok(PcieLink { transfers: *transfers, lanes: lanes[now] })
    }

    /// How many pages of memory are, or shall be, out of use.
    pub(crate) fn retired_pages(&self, index: u32) -> Answer<u32> {
        let mut count = Roomy::<u32>::new();
        let _turn = turn();
        let none = std::ptr::null_mut();
        // SAFETY: rocm_smi.h: without a list, only the count is written.
        let code = unsafe { rsmi::rsmi_dev_memory_reserved_pages_get(index, count.pointer(), none) };
        check("rsmi_dev_memory_reserved_pages_get", code).map(|()| count.value)
    }

    /// The path from one device to another.
    pub(crate) fn path(&self, index: u32, other: u32) -> Answer<Path> {
        let (mut hops, mut kind) = (Roomy::<u64>::new(), Roomy::<u32>::new());
        let _turn = turn();
        // SAFETY: rocm_smi.h: the pointers are to two numbers.
        let code = unsafe { rsmi::rsmi_topo_get_link_type(index, other, hops.pointer(), kind.pointer()) };
        check("rsmi_topo_get_link_type", code).map(|()| Path { hops: hops.value, kind: kind.value })
    }

    /// Least and most bandwidth of the path to another device, in MB/s.
    pub(crate) fn bandwidth(&self, index: u32, other: u32) -> Answer<(u64, u64)> {
        let (mut least, mut most) = (Roomy::<u64>::new(), Roomy::<u64>::new());
        let _turn = turn();
        // SAFETY: rocm_smi.h: the pointers are to two numbers.
        let code = unsafe { rsmi::rsmi_minmax_bandwidth_get(index, other, least.pointer(), most.pointer()) };
        check("rsmi_minmax_bandwidth_get", code).map(|()| (least.value, most.value))
    }

    /// The processes of the compute driver.
    pub(crate) fn processes(&self) -> Answer<Vec<u32>> {
        const AT: &str = "rsmi_compute_process_info_get";
        let mut count = Roomy::<u32>::new();
        let _turn = turn();
        // SAFETY: rocm_smi.h: without a list, only the count is written.
        check(AT, unsafe { rsmi::rsmi_compute_process_info_get(std::ptr::null_mut(), count.pointer()) })?;
        // Some more, for those that come meanwhile. A count that cannot be is not believed.
        let room = count.value.min(1 << 20) as usize + 16;
        let empty = Roomy::<rsmi::rsmi_process_info_t>::new().value;
        let mut list = vec![empty; room];
        count.value = u32::try_from(room).unwrap_or(u32::MAX);
        // SAFETY: rocm_smi.h: the list has room for as many as the count says.
        let code = unsafe { rsmi::rsmi_compute_process_info_get(list.as_mut_ptr(), count.pointer()) };
        check(AT, code)?;
        Ok(list.iter().take(count.value as usize).map(|process| process.process_id).collect())
    }

    /// The devices that a process uses, by index.
    pub(crate) fn devices_of(&self, pid: u32) -> Answer<Vec<u32>> {
        const AT: &str = "rsmi_compute_process_gpus_get";
        // As many as there may be partitions on a machine, and more.
        let mut list = vec![0_u32; 1024];
        let mut count = Roomy::<u32>::new();
        count.value = 1024;
        let _turn = turn();
        // SAFETY: rocm_smi.h: the list has room for as many as the count says.
        check(AT, unsafe { rsmi::rsmi_compute_process_gpus_get(pid, list.as_mut_ptr(), count.pointer()) })?;
        list.truncate(count.value as usize);
        Ok(list)
    }

    /// What a process holds on one device.
    pub(crate) fn process(&self, pid: u32, index: u32) -> Answer<Process> {
        let mut answer = Roomy::<rsmi::rsmi_process_info_t>::new();
        let _turn = turn();
        // SAFETY: rocm_smi.h: the pointer is to a process.
        let code = unsafe { (self.newer.process_on_device)(pid, index, answer.pointer()) };
        check("rsmi_compute_process_info_by_device_get", code)?;
        let rsmi::rsmi_process_info_t { vram_usage, sdma_usage, .. } = answer.value;
        Ok(Process { memory: vram_usage, copies_us: sdma_usage })
    }
}

impl Levels {
    /// The levels that are there, unless the count is of more than there is room for.
    fn listed(&self) -> Option<&[u64]> {
        self.frequency.get(..self.num_supported as usize)
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.stop();
    }
}
