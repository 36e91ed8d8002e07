//! Ports of the fabric: one for each link of the description.

use level_zero_sys::{
    ze_result_t, zes_fabric_port_id_t, zes_fabric_port_properties_t, zes_fabric_port_speed_t,
    zes_fabric_port_state_t, zes_fabric_port_status_t,
};

use super::sysman;
use crate::handle::{Handle, Kind};
use crate::out::{Out, text};
use crate::state::Board;

/// 53 Gbit a second on four lanes.
const SPEED: zes_fabric_port_speed_t = zes_fabric_port_speed_t { bitRate: 53_125_000_000, width: 4 };

/// The port of a GPU at that place of its list.
fn id(board: &Board<'_>, index: usize) -> zes_fabric_port_id_t {
    let fabric = u32::try_from(board.position).unwrap_or(u32::MAX).saturating_add(1);
    zes_fabric_port_id_t {
        fabricId: fabric,
        attachId: 0,
        portNumber: u8::try_from(index + 1).unwrap_or(u8::MAX),
    }
}

/// The port at the other end.
fn remote(board: &Board<'_>, index: usize) -> Result<zes_fabric_port_id_t, ze_result_t> {
    let other = *board.neighbours().get(index).ok_or(ze_result_t::ERROR_INVALID_ARGUMENT)?;
    let other = board.state.board(other)?;
    let back = other.neighbours().iter().position(|gpu| *gpu == board.position);
    Ok(id(&other, back.ok_or(ze_result_t::ERROR_UNKNOWN)?))
}

sysman! {
    fn zesDeviceEnumFabricPorts(device: Handle, count: Out<u32>, out: Out<Handle>) |s| {
        let board = s.device(device)?;
        s.handles(count, out, Kind::Port, board.position, board.neighbours().len())
    };
    fn zesFabricPortGetProperties(port: Handle, out: Out<zes_fabric_port_properties_t>) |s| {
        let (board, index) = s.part(port, Kind::Port)?;
        let mut told = zes_fabric_port_properties_t::new();
        told.model = text("XeLink", s.faults.unterminated);
        told.onSubdevice = board.on_tile();
        told.portId = id(&board, index);
        (told.maxRxSpeed, told.maxTxSpeed) = (SPEED, SPEED);
        out.put(told)
    };
    fn zesFabricPortGetState(port: Handle, out: Out<zes_fabric_port_state_t>) |s| {
        let (board, index) = s.part(port, Kind::Port)?;
        let mut told = zes_fabric_port_state_t::new();
        match remote(&board, index) {
            Ok(remote) => {
                told.status = zes_fabric_port_status_t::HEALTHY;
                (told.remotePortId, told.rxSpeed, told.txSpeed) = (remote, SPEED, SPEED);
            }
            // The other end is gone.
            Err(_) => told.status = zes_fabric_port_status_t::FAILED,
        }
        out.put(told)
    };
}
