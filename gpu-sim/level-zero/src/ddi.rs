//! The tables that a driver hands to the loader.
//!
//! Loaders up to 1.20 want every one of these getters to be exported, of the core and the tools
//! part too; a table that stays empty will do.

use std::ffi::c_void;

use level_zero_sys::ddi::{
    version, zes_device_dditable_t, zes_device_exp_dditable_t, zes_driver_dditable_t, zes_engine_dditable_t,
    zes_fabric_port_dditable_t, zes_fan_dditable_t, zes_firmware_dditable_t, zes_frequency_dditable_t,
    zes_global_dditable_t, zes_memory_dditable_t, zes_power_dditable_t, zes_ras_dditable_t,
    zes_temperature_dditable_t, zes_vf_management_exp_dditable_t,
};
use level_zero_sys::ze_result_t;

use crate::ffi::{device, fabric, sensors, virtual_function};
use crate::gate;

/// Declares the getters of tables. A slot is written when the loader's version knows it, and no
/// fault leaves it empty: the loader's table ends where its version does.
macro_rules! tables {
    ($($getter:ident: $table:ty { $($slot:ident = $module:ident::$name:ident since $minor:literal;)* })*) => {
        $(
            /// Hands out a table of functions.
            ///
            /// # Safety
            /// `table` is null, or a table of the version that is asked for.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $getter(asked: u32, table: *mut $table) -> ze_result_t {
                if table.is_null() {
                    return ze_result_t::ERROR_INVALID_NULL_POINTER;
                }
                $(
                    if asked >= version(1, $minor) && !gate::is_empty_slot(stringify!($name)) {
                        // SAFETY: a table of the version asked for has the slots of that version; what
                        // is newer was left alone above.
                        unsafe { (&raw mut (*table).$slot).write($module::$name as *const c_void) };
                    }
                )*
                ze_result_t::SUCCESS
            }
        )*
    };
}

tables! {
    zesGetGlobalProcAddrTable: zes_global_dditable_t {
        pfnInit = device::zesInit since 5;
    }
    zesGetDriverProcAddrTable: zes_driver_dditable_t {
        pfnGet = device::zesDriverGet since 5;
    }
    zesGetDeviceProcAddrTable: zes_device_dditable_t {
        pfnGet = device::zesDeviceGet since 5;
        pfnGetProperties = device::zesDeviceGetProperties since 0;
        pfnGetState = device::zesDeviceGetState since 0;
        pfnProcessesGetState = device::zesDeviceProcessesGetState since 0;
        pfnPciGetProperties = device::zesDevicePciGetProperties since 0;
        pfnPciGetState = device::zesDevicePciGetState since 0;
        pfnPciGetStats = device::zesDevicePciGetStats since 0;
        pfnEnumEngineGroups = sensors::zesDeviceEnumEngineGroups since 0;
        pfnEnumFabricPorts = fabric::zesDeviceEnumFabricPorts since 0;
        pfnEnumFans = sensors::zesDeviceEnumFans since 0;
        pfnEnumFirmwares = device::zesDeviceEnumFirmwares since 0;
        pfnEnumFrequencyDomains = sensors::zesDeviceEnumFrequencyDomains since 0;
        pfnEnumMemoryModules = sensors::zesDeviceEnumMemoryModules since 0;
        pfnEnumPowerDomains = sensors::zesDeviceEnumPowerDomains since 0;
        pfnEnumRasErrorSets = sensors::zesDeviceEnumRasErrorSets since 0;
        pfnEnumTemperatureSensors = sensors::zesDeviceEnumTemperatureSensors since 0;
        pfnEccAvailable = device::zesDeviceEccAvailable since 4;
        pfnGetEccState = device::zesDeviceGetEccState since 4;
    }
    zesGetDeviceExpProcAddrTable: zes_device_exp_dditable_t {
        pfnGetSubDevicePropertiesExp = device::zesDeviceGetSubDevicePropertiesExp since 9;
        pfnEnumEnabledVFExp = virtual_function::zesDeviceEnumEnabledVFExp since 10;
    }
    zesGetEngineProcAddrTable: zes_engine_dditable_t {
        pfnGetProperties = sensors::zesEngineGetProperties since 0;
        pfnGetActivity = sensors::zesEngineGetActivity since 0;
    }
    zesGetFabricPortProcAddrTable: zes_fabric_port_dditable_t {
        pfnGetProperties = fabric::zesFabricPortGetProperties since 0;
        pfnGetState = fabric::zesFabricPortGetState since 0;
    }
    zesGetFanProcAddrTable: zes_fan_dditable_t {
        pfnGetProperties = sensors::zesFanGetProperties since 0;
        pfnGetState = sensors::zesFanGetState since 0;
    }
    zesGetFirmwareProcAddrTable: zes_firmware_dditable_t {
        pfnGetProperties = device::zesFirmwareGetProperties since 0;
    }
    zesGetFrequencyProcAddrTable: zes_frequency_dditable_t {
        pfnGetProperties = sensors::zesFrequencyGetProperties since 0;
        pfnGetState = sensors::zesFrequencyGetState since 0;
    }
    zesGetMemoryProcAddrTable: zes_memory_dditable_t {
        pfnGetProperties = sensors::zesMemoryGetProperties since 0;
        pfnGetState = sensors::zesMemoryGetState since 0;
        pfnGetBandwidth = sensors::zesMemoryGetBandwidth since 0;
    }
    zesGetPowerProcAddrTable: zes_power_dditable_t {
        pfnGetProperties = sensors::zesPowerGetProperties since 0;
        pfnGetEnergyCounter = sensors::zesPowerGetEnergyCounter since 0;
    }
    zesGetRasProcAddrTable: zes_ras_dditable_t {
        pfnGetProperties = sensors::zesRasGetProperties since 0;
        pfnGetState = sensors::zesRasGetState since 0;
    }
    zesGetTemperatureProcAddrTable: zes_temperature_dditable_t {
        pfnGetProperties = sensors::zesTemperatureGetProperties since 0;
        pfnGetState = sensors::zesTemperatureGetState since 0;
    }
    zesGetVFManagementExpProcAddrTable: zes_vf_management_exp_dditable_t {
        pfnGetVFMemoryUtilizationExp2 = virtual_function::zesVFManagementGetVFMemoryUtilizationExp2 since 10;
        pfnGetVFEngineUtilizationExp2 = virtual_function::zesVFManagementGetVFEngineUtilizationExp2 since 10;
        pfnGetVFCapabilitiesExp2 = virtual_function::zesVFManagementGetVFCapabilitiesExp2 since 12;
    }
}

/// Getters of tables of which nothing is here.
macro_rules! empty {
    ($($getter:ident)*) => {
        $(
            /// A table that stays as it is.
            #[unsafe(no_mangle)]
            pub extern "C" fn $getter(_asked: u32, _table: *mut c_void) -> ze_result_t {
                ze_result_t::SUCCESS
            }
        )*
    };
}

empty! {
    zeGetGlobalProcAddrTable zeGetDriverProcAddrTable zeGetDeviceProcAddrTable zeGetContextProcAddrTable
    zeGetCommandQueueProcAddrTable zeGetCommandListProcAddrTable zeGetEventProcAddrTable
    zeGetEventPoolProcAddrTable zeGetFenceProcAddrTable zeGetImageProcAddrTable zeGetKernelProcAddrTable
    zeGetMemProcAddrTable zeGetModuleProcAddrTable zeGetModuleBuildLogProcAddrTable
    zeGetPhysicalMemProcAddrTable zeGetSamplerProcAddrTable zeGetVirtualMemProcAddrTable
    zeGetDeviceExpProcAddrTable zeGetEventExpProcAddrTable zeGetFabricEdgeExpProcAddrTable
    zeGetFabricVertexExpProcAddrTable zeGetImageExpProcAddrTable zeGetKernelExpProcAddrTable
    zesGetDiagnosticsProcAddrTable zesGetLedProcAddrTable zesGetPerformanceFactorProcAddrTable
    zesGetPsuProcAddrTable zesGetSchedulerProcAddrTable zesGetStandbyProcAddrTable
    zetGetCommandListProcAddrTable zetGetContextProcAddrTable zetGetDebugProcAddrTable
    zetGetDeviceProcAddrTable zetGetKernelProcAddrTable zetGetMetricProcAddrTable
    zetGetMetricGroupProcAddrTable zetGetMetricQueryProcAddrTable zetGetMetricQueryPoolProcAddrTable
    zetGetMetricStreamerProcAddrTable zetGetModuleProcAddrTable zetGetTracerExpProcAddrTable
    zetGetMetricGroupExpProcAddrTable
}
