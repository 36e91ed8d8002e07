//! Virtual functions: Sysman reads them, and makes none.
//!
//! A description has no guests. Each is taken to hold a quarter of its function's memory, to compute for as
//! many tenths of the time as the function's number, and to keep the media engines busy half as long.

use gpu_sim::VfSpec;
use level_zero_sys::{
    ze_result_t, zes_engine_group_t, zes_mem_loc_t, zes_pci_address_t, zes_vf_exp2_capabilities_t,
    zes_vf_util_engine_exp2_t, zes_vf_util_mem_exp2_t,
};

use super::sysman;
use crate::handle::{Handle, Kind};
use crate::out::Out;
use crate::state::Board;

fn function<'a>(board: &Board<'a>, index: usize) -> Result<&'a VfSpec, ze_result_t> {
    board.intel.vfs.get(index).ok_or(ze_result_t::ERROR_INVALID_ARGUMENT)
}

sysman! {
    fn zesDeviceEnumEnabledVFExp(device: Handle, count: Out<u32>, out: Out<Handle>) |s| {
        let board = s.device(device)?;
        s.handles(count, out, Kind::VirtualFunction, board.position, board.intel.vfs.len())
    };
    fn zesVFManagementGetVFCapabilitiesExp2(vf: Handle, out: Out<zes_vf_exp2_capabilities_t>) |s| {
        let (board, index) = s.part(vf, Kind::VirtualFunction)?;
        let vf = function(&board, index)?;
        let mut told = zes_vf_exp2_capabilities_t::new();
        let (bus, device, function) = (vf.pci.bus.into(), vf.pci.device.into(), vf.pci.function.into());
        told.address = zes_pci_address_t { domain: vf.pci.domain, bus, device, function };
        (told.vfDeviceMemSize, told.vfID) = (vf.memory_quota.get(), vf.number);
        out.put(told)
    };
    fn zesVFManagementGetVFMemoryUtilizationExp2(vf: Handle, count: Out<u32>, out: Out<zes_vf_util_mem_exp2_t>) |s| {
        let (board, index) = s.part(vf, Kind::VirtualFunction)?;
        let quota = function(&board, index)?.memory_quota.get();
        let row = |location, bytes| zes_vf_util_mem_exp2_t {
            vfMemLocation: location,
            vfMemUtilized: bytes,
            ..zes_vf_util_mem_exp2_t::new()
        };
        s.list(count, out, &[row(zes_mem_loc_t::SYSTEM, 1 << 20), row(zes_mem_loc_t::DEVICE, quota / 4)])
    };
    fn zesVFManagementGetVFEngineUtilizationExp2(vf: Handle, count: Out<u32>, out: Out<zes_vf_util_engine_exp2_t>) |s| {
        let (board, index) = s.part(vf, Kind::VirtualFunction)?;
        let share = u64::from(function(&board, index)?.number).min(10);
        let row = |group, twentieths| zes_vf_util_engine_exp2_t {
            vfEngineType: group,
            activeCounterValue: board.now_us() / 20 * twentieths,
            samplingCounterValue: board.now_us(),
            ..zes_vf_util_engine_exp2_t::new()
        };
        s.list(count, out, &[row(zes_engine_group_t::COMPUTE_ALL, 2 * share), row(zes_engine_group_t::MEDIA_ALL, share)])
    };
}
