//! Virtual functions: Sysman reads them, and makes none.

use gpu_sim::VfSpec;
use level_zero_sys::{
    Zero, ze_result_t, zes_pci_address_t, zes_vf_exp2_capabilities_t, zes_vf_util_engine_exp2_t,
    zes_vf_util_mem_exp2_t,
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
        function(&board, index)?;
        // Nothing of a description runs on a virtual function.
        let mut row = zes_vf_util_mem_exp2_t::new();
        row.vfMemLocation = level_zero_sys::zes_mem_loc_t::DEVICE;
        s.list(count, out, &[row])
    };
    fn zesVFManagementGetVFEngineUtilizationExp2(vf: Handle, count: Out<u32>, out: Out<zes_vf_util_engine_exp2_t>) |s| {
        let (board, index) = s.part(vf, Kind::VirtualFunction)?;
        function(&board, index)?;
        let row = zes_vf_util_engine_exp2_t { samplingCounterValue: board.now_us(), ..zes_vf_util_engine_exp2_t::ZERO };
        s.list(count, out, &[zes_vf_util_engine_exp2_t { stype: zes_vf_util_engine_exp2_t::STYPE, ..row }])
    };
}
