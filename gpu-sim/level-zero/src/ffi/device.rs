//! Drivers and devices.

use level_zero_sys::{
    Zero, ze_device_properties_t, ze_device_uuid_t, ze_result_t, zes_device_ecc_properties_t,
    zes_device_ecc_state_t, zes_device_ext_properties_t, zes_device_properties_t,
    zes_device_property_flags_t, zes_device_state_t, zes_device_type_t, zes_firmware_properties_t,
    zes_pci_address_t, zes_pci_link_status_t, zes_pci_properties_t, zes_pci_speed_t, zes_pci_state_t,
    zes_pci_stats_t, zes_process_state_t, zes_subdevice_exp_properties_t, zes_uuid_t,
};

use super::sysman;
use crate::gate;
use crate::handle::{Handle, Kind};
use crate::out::{Out, extension, text};
use crate::state::{Board, State};

/// `zesInit`, for the table.
pub extern "C" fn zesInit(_flags: u32) -> ze_result_t {
    gate::init()
}

/// `zesDriverGet`, for the table.
pub extern "C" fn zesDriverGet(count: Out<u32>, drivers: Out<Handle>) -> ze_result_t {
    gate::call("zesDriverGet", None, |s| s.handles(count, drivers, Kind::Driver, 0, 1))
}

mod named {
    use super::{Handle, Out, ze_result_t};

    /// Starts Sysman.
    #[unsafe(no_mangle)]
    pub extern "C" fn zesInit(flags: u32) -> ze_result_t {
        super::zesInit(flags)
    }

    /// The one driver.
    #[unsafe(no_mangle)]
    pub extern "C" fn zesDriverGet(count: Out<u32>, drivers: Out<Handle>) -> ze_result_t {
        super::zesDriverGet(count, drivers)
    }
}

fn devices(s: &State, count: Out<u32>, out: Out<Handle>) -> gate::Answer {
    let null = s.faults.is_null();
    let handle = |gpu| if null { Handle::NULL } else { Handle::new(Kind::Device, gpu, 0) };
    s.list(count, out, &s.gpus().into_iter().map(handle).collect::<Vec<_>>())
}

fn properties(board: &Board<'_>) -> zes_device_properties_t {
    let say = |known: &Option<String>| known.clone().unwrap_or_else(|| "unknown".to_owned());
    let unterminated = board.state.faults.unterminated;
    let gpu = board.gpu;
    let mut flags = 0;
    if gpu.ecc.is_some() {
        flags |= zes_device_property_flags_t::ECC.0;
    }
    if gpu.is_processor_graphics() {
        flags |= zes_device_property_flags_t::INTEGRATED.0;
    }
    let mut told = zes_device_properties_t::new();
    told.core = ze_device_properties_t {
        type_: zes_device_type_t::GPU.0,
        vendorId: u32::from(gpu.pci_id.vendor),
        deviceId: u32::from(gpu.pci_id.device),
        flags,
        coreClockRate: u32::try_from(gpu.clocks.graphics_max.get() / 1_000_000).unwrap_or(u32::MAX),
        maxMemAllocSize: gpu.memory.total.get(),
        numThreadsPerEU: 8,
        physicalEUSimdWidth: 16,
        numEUsPerSubslice: 8,
        numSubslicesPerSlice: gpu.compute_units,
        numSlices: 1,
        uuid: ze_device_uuid_t { id: board.uuid(0) },
        name: text(&gpu.name, unterminated),
        ..ze_device_properties_t::new()
    };
    told.numSubdevices = u32::try_from(board.tiles()).ok().filter(|tiles| *tiles > 1).unwrap_or(0);
    told.serialNumber = text(&say(&gpu.serial), unterminated);
    told.boardNumber = text(&say(&gpu.board_part), unterminated);
    told.brandName = text("unknown", unterminated);
    told.modelName = text(&gpu.name, unterminated);
    told.vendorName = text("Intel(R) Corporation", unterminated);
    told.driverVersion = text("unknown", unterminated);
    told
}

fn put_properties(board: &Board<'_>, out: Out<zes_device_properties_t>) -> gate::Answer {
    let asked = out.get()?;
    if let Some(more) =
        extension::<zes_device_ext_properties_t>(asked.pNext, zes_device_ext_properties_t::STYPE)
    {
        let mut told = more.get()?;
        told.uuid = zes_uuid_t { id: board.uuid(0) };
        told.type_ = zes_device_type_t::GPU;
        told.flags = zes_device_property_flags_t(properties(board).core.flags);
        more.put(told)?;
    }
    out.put(zes_device_properties_t { pNext: asked.pNext, ..properties(board) })
}

fn speed(board: &Board<'_>) -> zes_pci_speed_t {
    let pcie = &board.gpu.pcie;
    // Intel's driver does not know what is behind the board's own bridge.
    let number = |n: u32| i32::try_from(n).unwrap_or(-1);
    zes_pci_speed_t { gen_: number(pcie.generation), width: number(pcie.width), maxBandwidth: -1 }
}

/// As Intel's driver adds up: a row a process, whatever its clients; on i915 without memory.
fn processes(board: &Board<'_>) -> Vec<zes_process_state_t> {
    let mut rows: Vec<zes_process_state_t> = Vec::new();
    for of in board.state.scene.uses(board.position) {
        let is_xe = board.intel.driver == gpu_sim::IntelDriver::Xe;
        let memory = if is_xe { of.memory.get() } else { 0 };
        match rows.iter_mut().find(|row| row.processId == of.pid.0) {
            Some(row) => row.memSize += memory,
            None => rows.push(zes_process_state_t {
                processId: of.pid.0,
                memSize: memory,
                ..zes_process_state_t::new()
            }),
        }
    }
    rows
}

fn tiles(board: &Board<'_>) -> Vec<zes_subdevice_exp_properties_t> {
    let count = if board.tiles() > 1 { u8::try_from(board.tiles()).unwrap_or(u8::MAX) } else { 0 };
    let tile = |n: u8| zes_subdevice_exp_properties_t {
        subdeviceId: u32::from(n),
        uuid: zes_uuid_t { id: board.uuid(n + 1) },
        ..zes_subdevice_exp_properties_t::new()
    };
    (0..count).map(tile).collect()
}

sysman! {
    fn zesDeviceGet(driver: Handle, count: Out<u32>, out: Out<Handle>) |s| {
        driver.read(Kind::Driver)?;
        devices(s, count, out)
    };
    fn zesDeviceGetProperties(device: Handle, out: Out<zes_device_properties_t>) |s| {
        put_properties(&s.device(device)?, out)
    };
    fn zesDeviceGetState(device: Handle, out: Out<zes_device_state_t>) |s| {
        s.device(device)?;
        out.put(zes_device_state_t::new())
    };
    fn zesDevicePciGetProperties(device: Handle, out: Out<zes_pci_properties_t>) |s| {
        let board = s.device(device)?;
        let pci = board.gpu.pci;
        let (bus, device, function) = (pci.bus.into(), pci.device.into(), pci.function.into());
        let mut told = zes_pci_properties_t::new();
        told.address = zes_pci_address_t { domain: pci.domain, bus, device, function };
        told.maxSpeed = speed(&board);
        told.haveReplayCounters = 1;
        out.put(told)
    };
    fn zesDevicePciGetState(device: Handle, out: Out<zes_pci_state_t>) |s| {
        let speed = speed(&s.device(device)?);
        out.put(zes_pci_state_t { status: zes_pci_link_status_t::GOOD, speed, ..zes_pci_state_t::new() })
    };
    fn zesDevicePciGetStats(device: Handle, out: Out<zes_pci_stats_t>) |s| {
        let board = s.device(device)?;
        out.put(zes_pci_stats_t { timestamp: board.now_us(), speed: speed(&board), ..zes_pci_stats_t::ZERO })
    };
    fn zesDeviceProcessesGetState(device: Handle, count: Out<u32>, out: Out<zes_process_state_t>) |s| {
        s.list(count, out, &processes(&s.device(device)?))
    };
    fn zesDeviceGetSubDevicePropertiesExp(device: Handle, count: Out<u32>, out: Out<zes_subdevice_exp_properties_t>) |s| {
        s.list(count, out, &tiles(&s.device(device)?))
    };
    fn zesDeviceEccAvailable(device: Handle, out: Out<u8>) |s| {
        out.put(u8::from(s.device(device)?.gpu.ecc.is_some()))
    };
    fn zesDeviceGetEccState(device: Handle, out: Out<zes_device_ecc_properties_t>) |s| {
        let on = s.device(device)?.gpu.ecc.is_some();
        let state = if on { zes_device_ecc_state_t::ENABLED } else { zes_device_ecc_state_t::UNAVAILABLE };
        out.put(zes_device_ecc_properties_t { currentState: state, pendingState: state, ..zes_device_ecc_properties_t::new() })
    };
    fn zesDeviceEnumFirmwares(device: Handle, count: Out<u32>, out: Out<Handle>) |s| {
        let board = s.device(device)?;
        s.handles(count, out, Kind::Firmware, board.position, usize::from(board.gpu.firmware.is_some()))
    };
    fn zesFirmwareGetProperties(firmware: Handle, out: Out<zes_firmware_properties_t>) |s| {
        let (board, _) = s.part(firmware, Kind::Firmware)?;
        let version = board.gpu.firmware.as_deref().ok_or(ze_result_t::ERROR_INVALID_ARGUMENT)?;
        let mut told = zes_firmware_properties_t::new();
        told.name = text("GFX", s.faults.unterminated);
        told.version = text(version, s.faults.unterminated);
        out.put(told)
    };
}
