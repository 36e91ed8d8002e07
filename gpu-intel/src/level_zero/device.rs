//! [`Device`]: one GPU as Level Zero lists it, with the handles that samples ask.

use gpu_core::{Bytes, Error, Hertz, PciAddress};
use level_zero_sys::{
    zes_device_handle_t, zes_device_properties_t, zes_engine_group_t, zes_engine_handle_t,
    zes_engine_properties_t, zes_fabric_port_handle_t, zes_fabric_port_id_t, zes_fabric_port_properties_t,
    zes_fabric_port_state_t, zes_fabric_port_status_t, zes_fan_handle_t, zes_firmware_properties_t,
    zes_freq_domain_t, zes_freq_handle_t, zes_freq_properties_t, zes_mem_handle_t, zes_mem_health_t,
    zes_mem_loc_t, zes_mem_properties_t, zes_mem_state_t, zes_pci_properties_t, zes_power_properties_t,
    zes_pwr_handle_t, zes_ras_error_type_t, zes_ras_handle_t, zes_ras_properties_t, zes_reset_reason_flags_t,
    zes_temp_handle_t, zes_temp_properties_t, zes_temp_sensors_t,
};

use super::error;
use super::ffi::{Fault, Get, Library, List, Of};
use super::function::{self, Function};

/// A part of a GPU: which tile it is on (`None` for the whole), its handle, and what it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<H, W> {
    pub(super) tile: Option<u32>,
    pub(super) handle: Of<H>,
    pub(super) what: W,
}

/// The parts of one sort, or why there is no list of them.
pub(super) type Parts<H, W> = Result<Vec<Part<H, W>>, Fault>;

/// One GPU as Level Zero lists it.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) address: PciAddress,
    pub(crate) uuid: [u8; 16],
    pub(crate) name: String,
    pub(crate) serial: Option<String>,
    pub(crate) board_part: Option<String>,
    /// Xe cores of all tiles.
    pub(crate) compute_units: u64,
    pub(crate) tiles: u32,
    /// Names with versions.
    pub(crate) firmware: Vec<(String, String)>,
    /// Errors of the memory are corrected; `None` when it is not told.
    pub(crate) ecc: Option<bool>,
    /// Numbers of its own ports, and of those at the other ends of links that work.
    pub(crate) ports: Vec<(u32, u32)>,
    /// What it says about its health, in words.
    pub(crate) ailments: Vec<Error>,
    /// Virtual functions that are enabled.
    pub(super) functions: Result<Vec<Function>, Fault>,
    pub(super) handle: Of<zes_device_handle_t>,
    pub(super) memory: Parts<zes_mem_handle_t, Bytes>,
    pub(super) energy: Parts<zes_pwr_handle_t, ()>,
    pub(super) temperature: Parts<zes_temp_handle_t, zes_temp_sensors_t>,
    pub(super) clocks: Parts<zes_freq_handle_t, (zes_freq_domain_t, Option<Hertz>)>,
    pub(super) engines: Parts<zes_engine_handle_t, zes_engine_group_t>,
    pub(super) errors: Parts<zes_ras_handle_t, zes_ras_error_type_t>,
    pub(super) fans: Result<Vec<Of<zes_fan_handle_t>>, Fault>,
}

/// Where a device is, and who: enough to know it again.
pub(super) struct Place {
    pub(super) address: PciAddress,
    pub(super) uuid: [u8; 16],
    properties: zes_device_properties_t,
}

impl Place {
    pub(super) fn of(library: &Library, device: Of<zes_device_handle_t>) -> Result<Self, Fault> {
        let pci = library.get(
            Some(library.functions().device_pci_get_properties),
            device,
            zes_pci_properties_t::new(),
        )?;
        let small = |n: u32| u8::try_from(n).map_err(|_| Fault::Nonsense);
        let (bus, slot, function) =
            (small(pci.address.bus)?, small(pci.address.device)?, small(pci.address.function)?);
        let (properties, uuid) = library.identity(device)?;
        let uuid = uuid.unwrap_or(properties.core.uuid.id);
        Ok(Self { address: PciAddress::new(pci.address.domain, bus, slot, function), uuid, properties })
    }
}

/// A text that says something.
fn said(chars: &[std::ffi::c_char]) -> Option<String> {
    let text = level_zero_sys::text(chars);
    let says = !text.is_empty() && !text.eq_ignore_ascii_case("unknown");
    says.then(|| text.chars().filter(|c| !c.is_control()).collect())
}

impl Device {
    /// Looks a device over: all its parts, each asked once what it is.
    pub(super) fn look(library: &Library, handle: Of<zes_device_handle_t>, place: &Place) -> Self {
        let (f, properties) = (library.functions(), &place.properties);
        let core = &properties.core;
        let tiles = properties.numSubdevices;
        let memory = parts(
            library,
            (f.device_enum_memory_modules, f.memory_get_properties),
            handle,
            zes_mem_handle_t::is_null,
            zes_mem_properties_t::new(),
            |is| {
                let of_device = is.location == zes_mem_loc_t::DEVICE;
                of_device.then_some((is.onSubdevice, is.subdeviceId, Bytes(is.physicalSize)))
            },
        );
        let mut device = Self {
            address: place.address,
            uuid: place.uuid,
            name: said(&core.name).unwrap_or_default(),
            serial: said(&properties.serialNumber),
            board_part: said(&properties.boardNumber),
            compute_units: u64::from(core.numSlices) * u64::from(core.numSubslicesPerSlice),
            tiles,
            firmware: firmware(library, handle),
            ecc: ecc(library, handle),
            ports: ports(library, handle),
            ailments: Vec::new(),
            functions: function::all(library, handle),
            handle,
            memory,
            energy: parts(
                library,
                (f.device_enum_power_domains, f.power_get_properties),
                handle,
                zes_pwr_handle_t::is_null,
                zes_power_properties_t::new(),
                |is| Some((is.onSubdevice, is.subdeviceId, ())),
            ),
            temperature: parts(
                library,
                (f.device_enum_temperature_sensors, f.temperature_get_properties),
                handle,
                zes_temp_handle_t::is_null,
                zes_temp_properties_t::new(),
                |is| Some((is.onSubdevice, is.subdeviceId, is.type_)),
            ),
            clocks: parts(
                library,
                (f.device_enum_frequency_domains, f.frequency_get_properties),
                handle,
                zes_freq_handle_t::is_null,
                zes_freq_properties_t::new(),
                |is| Some((is.onSubdevice, is.subdeviceId, (is.type_, hertz(is.max)))),
            ),
            engines: parts(
                library,
                (f.device_enum_engine_groups, f.engine_get_properties),
                handle,
                zes_engine_handle_t::is_null,
                zes_engine_properties_t::new(),
                |is| Some((is.onSubdevice, is.subdeviceId, is.type_)),
            ),
            errors: parts(
                library,
                (f.device_enum_ras_error_sets, f.ras_get_properties),
                handle,
                zes_ras_handle_t::is_null,
                zes_ras_properties_t::new(),
                |is| Some((is.onSubdevice, is.subdeviceId, is.type_)),
            ),
            fans: library.parts(f.device_enum_fans, handle, zes_fan_handle_t::is_null),
        };
        device.ailments = device.look_for_ailments(library);
        device
    }

    /// What is wrong with it, by its own word, and which lists could not be read.
    fn look_for_ailments(&self, library: &Library) -> Vec<Error> {
        let f = library.functions();
        let device = self.address.to_string();
        let mut found = Vec::new();
        let lists = [
            ("memory modules", self.memory.as_ref().err()),
            ("power domains", self.energy.as_ref().err()),
            ("temperature sensors", self.temperature.as_ref().err()),
            ("frequency domains", self.clocks.as_ref().err()),
            ("engine groups", self.engines.as_ref().err()),
            ("error counters", self.errors.as_ref().err()),
            ("fans", self.fans.as_ref().err()),
            ("virtual functions", self.functions.as_ref().err()),
        ];
        for (what, fault) in lists {
            found.extend(
                fault.and_then(|fault| error::problem(*fault, &format!("Level Zero's {what}"), &device)),
            );
        }
        let head = level_zero_sys::zes_device_state_t::new();
        if let Ok(state) = library.get(f.device_get_state, self.handle, head) {
            let ill = [
                (zes_reset_reason_flags_t::WEDGED, "it hangs, and must be reset"),
                (zes_reset_reason_flags_t::REPAIR, "it must be reset to be repaired"),
            ];
            let ill = ill.into_iter().filter(|(flag, _)| state.reset.0 & flag.0 != 0);
            found.extend(ill.map(|(_, why)| ailment(&device, why)));
        }
        for module in self.memory.iter().flatten() {
            let Ok(state) = library.get(f.memory_get_state, module.handle, zes_mem_state_t::new()) else {
                continue;
            };
            let why = match state.health {
                zes_mem_health_t::DEGRADED => "its memory is degraded",
                zes_mem_health_t::CRITICAL => {
                    "its memory is critical: reset it, so that bad parts are taken out"
                }
                zes_mem_health_t::REPLACE => "its memory must be replaced",
                _ => continue,
            };
            found.push(ailment(&device, why));
        }
        found
    }

    /// True when the driver says now that the device must be reset.
    pub(super) fn must_be_reset(&self, library: &Library) -> bool {
        let state = library.get(
            library.functions().device_get_state,
            self.handle,
            level_zero_sys::zes_device_state_t::new(),
        );
        let ill = zes_reset_reason_flags_t::WEDGED.0 | zes_reset_reason_flags_t::REPAIR.0;
        state.is_ok_and(|state| state.reset.0 & ill != 0)
    }

    /// How many tiles there are that are units of their own.
    pub(super) const fn has_tiles(&self) -> bool {
        self.tiles > 1
    }
}

fn ailment(device: &str, why: &str) -> Error {
    Error::new(gpu_core::ErrorKind::Inconsistent, format!("{device} health"), why)
}

/// The parts of one sort that are wanted, each with what it is. One that does not say is left out;
/// where none does, the list is as unreadable as the first.
fn parts<H: level_zero_sys::Zero, P: Copy, W>(
    library: &Library,
    functions: (List<zes_device_handle_t, H>, Get<H, P>),
    device: Of<zes_device_handle_t>,
    is_null: impl Fn(H) -> bool,
    head: P,
    what: impl Fn(P) -> Option<(u8, u32, W)>,
) -> Parts<H, W> {
    let (mut found, mut refused, mut told) = (Vec::new(), None, 0);
    for handle in library.parts(functions.0, device, is_null)? {
        match library.get(functions.1, handle, head) {
            Ok(properties) => {
                told += 1;
                let part =
                    |(on_tile, tile, what)| Part { tile: (on_tile != 0).then_some(tile), handle, what };
                found.extend(what(properties).map(part));
            }
            Err(fault) => refused = refused.or(Some(fault)),
        }
    }
    match refused {
        Some(fault) if told == 0 => Err(fault),
        _ => Ok(found),
    }
}

fn firmware(library: &Library, device: Of<zes_device_handle_t>) -> Vec<(String, String)> {
    let f = library.functions();
    let all = library.parts(f.device_enum_firmwares, device, level_zero_sys::zes_firmware_handle_t::is_null);
    let known = |handle| {
        let is = library.get(f.firmware_get_properties, handle, zes_firmware_properties_t::new()).ok()?;
        Some((said(&is.name)?, said(&is.version)?))
    };
    all.into_iter().flatten().filter_map(known).collect()
}

fn ecc(library: &Library, device: Of<zes_device_handle_t>) -> Option<bool> {
    use level_zero_sys::{zes_device_ecc_properties_t, zes_device_ecc_state_t};
    let f = library.functions();
    if library.get(f.device_ecc_available, device, 0).ok()? == 0 {
        return None;
    }
    match library.get(f.device_get_ecc_state, device, zes_device_ecc_properties_t::new()).ok()?.currentState {
        zes_device_ecc_state_t::ENABLED => Some(true),
        zes_device_ecc_state_t::DISABLED => Some(false),
        _ => None,
    }
}

/// One number for a port's device in the fabric.
const fn fabric(port: zes_fabric_port_id_t) -> u32 {
    port.fabricId
}

fn ports(library: &Library, device: Of<zes_device_handle_t>) -> Vec<(u32, u32)> {
    let f = library.functions();
    let all = library.parts(f.device_enum_fabric_ports, device, zes_fabric_port_handle_t::is_null);
    let works =
        |status| matches!(status, zes_fabric_port_status_t::HEALTHY | zes_fabric_port_status_t::DEGRADED);
    let link = |port| {
        let is = library.get(f.fabric_port_get_properties, port, zes_fabric_port_properties_t::new()).ok()?;
        let now = library.get(f.fabric_port_get_state, port, zes_fabric_port_state_t::new()).ok()?;
        works(now.status).then(|| (fabric(is.portId), fabric(now.remotePortId)))
    };
    all.into_iter().flatten().filter_map(link).collect()
}

/// MHz as the library tells them: nothing where it does not know.
pub(super) fn hertz(mhz: f64) -> Option<Hertz> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked: a frequency
    (mhz > 0.0 && mhz < 1e6).then(|| Hertz((mhz * 1e6).round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequencies_that_cannot_be_are_not_known() {
        assert_eq!(hertz(1600.0), Some(Hertz::from_mhz(1600)));
        assert_eq!(hertz(0.5), Some(Hertz(500_000)));
        for odd in [-1.0, 0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e9] {
            assert_eq!(hertz(odd), None, "{odd}");
        }
    }
}
