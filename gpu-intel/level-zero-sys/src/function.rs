//! The types of the functions, and which of them a loader must have.

use std::ffi::{c_char, c_void};

use crate::device::{zes_device_properties_t, zes_device_state_t, zes_subdevice_exp_properties_t};
use crate::ecc::zes_device_ecc_properties_t;
use crate::engine::{zes_engine_properties_t, zes_engine_stats_t};
use crate::fabric::{zes_fabric_port_properties_t, zes_fabric_port_state_t};
use crate::fan::{zes_fan_properties_t, zes_fan_speed_units_t};
use crate::firmware::zes_firmware_properties_t;
use crate::frequency::{zes_freq_properties_t, zes_freq_state_t};
use crate::handle::{
    zes_device_handle_t, zes_driver_handle_t, zes_engine_handle_t, zes_fabric_port_handle_t,
    zes_fan_handle_t, zes_firmware_handle_t, zes_freq_handle_t, zes_mem_handle_t, zes_pwr_handle_t,
    zes_ras_handle_t, zes_temp_handle_t, zes_vf_handle_t,
};
use crate::load::functions;
use crate::memory::{zes_mem_bandwidth_t, zes_mem_properties_t, zes_mem_state_t};
use crate::pci::{zes_pci_properties_t, zes_pci_state_t, zes_pci_stats_t};
use crate::power::{zes_power_energy_counter_t, zes_power_properties_t};
use crate::process::zes_process_state_t;
use crate::ras::{zes_ras_properties_t, zes_ras_state_t};
use crate::result::ze_result_t;
use crate::temperature::zes_temp_properties_t;
use crate::virtual_function::{
    zes_vf_exp2_capabilities_t, zes_vf_util_engine_exp2_t, zes_vf_util_mem_exp2_t,
};

functions! {
    required {
        /// Starts Sysman. The argument is a set of flags of which none is defined yet: 0. Since 1.5.
        init: zesInit(u32);
        /// Counts the drivers, or fills in their handles. Since 1.5.
        driver_get: zesDriverGet(*mut u32, *mut zes_driver_handle_t);
        /// Counts a driver's devices, or fills in their handles. Since 1.5.
        device_get: zesDeviceGet(zes_driver_handle_t, *mut u32, *mut zes_device_handle_t);
        /// Who a device is. Since 1.0.
        device_get_properties: zesDeviceGetProperties(zes_device_handle_t, *mut zes_device_properties_t);
        /// A device's PCI function. Since 1.0.
        device_pci_get_properties: zesDevicePciGetProperties(zes_device_handle_t, *mut zes_pci_properties_t);
    }
    optional {
        /// How a device is. Since 1.0.
        device_get_state: zesDeviceGetState(zes_device_handle_t, *mut zes_device_state_t);
        /// Counts the processes on a device, or fills them in. Since 1.0.
        device_processes_get_state: zesDeviceProcessesGetState(zes_device_handle_t, *mut u32, *mut zes_process_state_t);
        /// A device's PCI link in force. Since 1.0.
        device_pci_get_state: zesDevicePciGetState(zes_device_handle_t, *mut zes_pci_state_t);
        /// A device's PCI traffic. Since 1.0.
        device_pci_get_stats: zesDevicePciGetStats(zes_device_handle_t, *mut zes_pci_stats_t);
        /// A device's tiles. Since 1.9.
        device_get_sub_device_properties:
            zesDeviceGetSubDevicePropertiesExp(zes_device_handle_t, *mut u32, *mut zes_subdevice_exp_properties_t);
        /// A device's memory modules. Since 1.0.
        device_enum_memory_modules: zesDeviceEnumMemoryModules(zes_device_handle_t, *mut u32, *mut zes_mem_handle_t);
        /// What a memory module is. Since 1.0.
        memory_get_properties: zesMemoryGetProperties(zes_mem_handle_t, *mut zes_mem_properties_t);
        /// What is in a memory module. Since 1.0.
        memory_get_state: zesMemoryGetState(zes_mem_handle_t, *mut zes_mem_state_t);
        /// Traffic of a memory module. Since 1.0.
        memory_get_bandwidth: zesMemoryGetBandwidth(zes_mem_handle_t, *mut zes_mem_bandwidth_t);
        /// A device's groups of engines. Since 1.0.
        device_enum_engine_groups: zesDeviceEnumEngineGroups(zes_device_handle_t, *mut u32, *mut zes_engine_handle_t);
        /// What a group of engines is. Since 1.0.
        engine_get_properties: zesEngineGetProperties(zes_engine_handle_t, *mut zes_engine_properties_t);
        /// How long a group of engines has worked. Since 1.0.
        engine_get_activity: zesEngineGetActivity(zes_engine_handle_t, *mut zes_engine_stats_t);
        /// A device's power domains. Since 1.0.
        device_enum_power_domains: zesDeviceEnumPowerDomains(zes_device_handle_t, *mut u32, *mut zes_pwr_handle_t);
        /// What a power domain is. Since 1.0.
        power_get_properties: zesPowerGetProperties(zes_pwr_handle_t, *mut zes_power_properties_t);
        /// Energy of a power domain. Since 1.0.
        power_get_energy_counter: zesPowerGetEnergyCounter(zes_pwr_handle_t, *mut zes_power_energy_counter_t);
        /// A device's temperature sensors. Since 1.0.
        device_enum_temperature_sensors:
            zesDeviceEnumTemperatureSensors(zes_device_handle_t, *mut u32, *mut zes_temp_handle_t);
        /// What a temperature sensor is. Since 1.0.
        temperature_get_properties: zesTemperatureGetProperties(zes_temp_handle_t, *mut zes_temp_properties_t);
        /// Degrees. Since 1.0.
        temperature_get_state: zesTemperatureGetState(zes_temp_handle_t, *mut f64);
        /// A device's frequency domains. Since 1.0.
        device_enum_frequency_domains:
            zesDeviceEnumFrequencyDomains(zes_device_handle_t, *mut u32, *mut zes_freq_handle_t);
        /// What a frequency domain is. Since 1.0.
        frequency_get_properties: zesFrequencyGetProperties(zes_freq_handle_t, *mut zes_freq_properties_t);
        /// A frequency in force. Since 1.0.
        frequency_get_state: zesFrequencyGetState(zes_freq_handle_t, *mut zes_freq_state_t);
        /// Whether errors of the memory can be corrected. Since 1.4.
        device_ecc_available: zesDeviceEccAvailable(zes_device_handle_t, *mut u8);
        /// Whether errors of the memory are corrected. Since 1.4.
        device_get_ecc_state: zesDeviceGetEccState(zes_device_handle_t, *mut zes_device_ecc_properties_t);
        /// A device's sets of error counters. Since 1.0.
        device_enum_ras_error_sets: zesDeviceEnumRasErrorSets(zes_device_handle_t, *mut u32, *mut zes_ras_handle_t);
        /// What a set of error counters is. Since 1.0.
        ras_get_properties: zesRasGetProperties(zes_ras_handle_t, *mut zes_ras_properties_t);
        /// Counters of errors; the second argument clears them, which takes privileges. Since 1.0.
        ras_get_state: zesRasGetState(zes_ras_handle_t, u8, *mut zes_ras_state_t);
        /// A device's ports of the fabric. Since 1.0.
        device_enum_fabric_ports:
            zesDeviceEnumFabricPorts(zes_device_handle_t, *mut u32, *mut zes_fabric_port_handle_t);
        /// What a port is. Since 1.0.
        fabric_port_get_properties:
            zesFabricPortGetProperties(zes_fabric_port_handle_t, *mut zes_fabric_port_properties_t);
        /// A port in force. Since 1.0.
        fabric_port_get_state: zesFabricPortGetState(zes_fabric_port_handle_t, *mut zes_fabric_port_state_t);
        /// A device's firmware. Since 1.0.
        device_enum_firmwares: zesDeviceEnumFirmwares(zes_device_handle_t, *mut u32, *mut zes_firmware_handle_t);
        /// What a firmware is. Since 1.0.
        firmware_get_properties: zesFirmwareGetProperties(zes_firmware_handle_t, *mut zes_firmware_properties_t);
        /// A device's fans. Since 1.0.
        device_enum_fans: zesDeviceEnumFans(zes_device_handle_t, *mut u32, *mut zes_fan_handle_t);
        /// What a fan is. Since 1.0.
        fan_get_properties: zesFanGetProperties(zes_fan_handle_t, *mut zes_fan_properties_t);
        /// A fan's speed in a unit. Since 1.0.
        fan_get_state: zesFanGetState(zes_fan_handle_t, zes_fan_speed_units_t, *mut i32);
        /// A device's virtual functions that are enabled. Since 1.10.
        device_enum_enabled_vf: zesDeviceEnumEnabledVFExp(zes_device_handle_t, *mut u32, *mut zes_vf_handle_t);
        /// What a virtual function is. Since 1.12.
        vf_get_capabilities:
            zesVFManagementGetVFCapabilitiesExp2(zes_vf_handle_t, *mut zes_vf_exp2_capabilities_t);
        /// Memory that a virtual function uses. Since 1.10.
        vf_get_memory_utilization:
            zesVFManagementGetVFMemoryUtilizationExp2(zes_vf_handle_t, *mut u32, *mut zes_vf_util_mem_exp2_t);
        /// Work of engines for a virtual function. Since 1.10.
        vf_get_engine_utilization:
            zesVFManagementGetVFEngineUtilizationExp2(zes_vf_handle_t, *mut u32, *mut zes_vf_util_engine_exp2_t);
    }
}

/// Finds an extension's function by its name (`zesDriverGetExtensionFunctionAddress`). Since 1.8.
pub type zes_pfnDriverGetExtensionFunctionAddress_t =
    unsafe extern "C" fn(zes_driver_handle_t, *const c_char, *mut *mut c_void) -> ze_result_t;
