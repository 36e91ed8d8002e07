//! The tables of functions that a driver hands to a loader, for those who write a driver.
//!
//! A driver exports, for each table, a function
//! `zesGet…ProcAddrTable(version: u32, table: *mut …) -> ze_result_t`. The loader passes the version
//! of the specification that it knows, and a table of that version: tables grow at their end, and a
//! slot that is newer than the version must not be written. A slot is the address of a function, or
//! null for what the driver does not have.

use std::ffi::c_void;

use crate::layout::structs;

/// The number by which loader and driver name a version of the specification.
///
/// ```
/// assert_eq!(level_zero_sys::ddi::version(1, 5), 0x1_0005);
/// ```
#[must_use]
pub const fn version(major: u16, minor: u16) -> u32 {
    (major as u32) << 16 | minor as u32
}

structs! {
    /// What every driver has.
    pub struct zes_global_dditable_t since "1.5" {
        /// `zesInit`.
        pfnInit: *const c_void,
    }
    /// Drivers.
    pub struct zes_driver_dditable_t since "1.0" {
        /// `zesDriverEventListen`.
        pfnEventListen: *const c_void,
        /// `zesDriverEventListenEx`, since 1.1.
        pfnEventListenEx: *const c_void,
        /// `zesDriverGet`, since 1.5.
        pfnGet: *const c_void,
        /// `zesDriverGetExtensionProperties`, since 1.8.
        pfnGetExtensionProperties: *const c_void,
        /// `zesDriverGetExtensionFunctionAddress`, since 1.8.
        pfnGetExtensionFunctionAddress: *const c_void,
    }
    /// Experiments of drivers.
    pub struct zes_driver_exp_dditable_t since "1.9" {
        /// `zesDriverGetDeviceByUuidExp`.
        pfnGetDeviceByUuidExp: *const c_void,
    }
    /// Devices.
    pub struct zes_device_dditable_t since "1.0" {
        /// `zesDeviceGetProperties`.
        pfnGetProperties: *const c_void,
        /// `zesDeviceGetState`.
        pfnGetState: *const c_void,
        /// `zesDeviceReset`.
        pfnReset: *const c_void,
        /// `zesDeviceProcessesGetState`.
        pfnProcessesGetState: *const c_void,
        /// `zesDevicePciGetProperties`.
        pfnPciGetProperties: *const c_void,
        /// `zesDevicePciGetState`.
        pfnPciGetState: *const c_void,
        /// `zesDevicePciGetBars`.
        pfnPciGetBars: *const c_void,
        /// `zesDevicePciGetStats`.
        pfnPciGetStats: *const c_void,
        /// `zesDeviceEnumDiagnosticTestSuites`.
        pfnEnumDiagnosticTestSuites: *const c_void,
        /// `zesDeviceEnumEngineGroups`.
        pfnEnumEngineGroups: *const c_void,
        /// `zesDeviceEventRegister`.
        pfnEventRegister: *const c_void,
        /// `zesDeviceEnumFabricPorts`.
        pfnEnumFabricPorts: *const c_void,
        /// `zesDeviceEnumFans`.
        pfnEnumFans: *const c_void,
        /// `zesDeviceEnumFirmwares`.
        pfnEnumFirmwares: *const c_void,
        /// `zesDeviceEnumFrequencyDomains`.
        pfnEnumFrequencyDomains: *const c_void,
        /// `zesDeviceEnumLeds`.
        pfnEnumLeds: *const c_void,
        /// `zesDeviceEnumMemoryModules`.
        pfnEnumMemoryModules: *const c_void,
        /// `zesDeviceEnumPerformanceFactorDomains`.
        pfnEnumPerformanceFactorDomains: *const c_void,
        /// `zesDeviceEnumPowerDomains`.
        pfnEnumPowerDomains: *const c_void,
        /// `zesDeviceGetCardPowerDomain`.
        pfnGetCardPowerDomain: *const c_void,
        /// `zesDeviceEnumPsus`.
        pfnEnumPsus: *const c_void,
        /// `zesDeviceEnumRasErrorSets`.
        pfnEnumRasErrorSets: *const c_void,
        /// `zesDeviceEnumSchedulers`.
        pfnEnumSchedulers: *const c_void,
        /// `zesDeviceEnumStandbyDomains`.
        pfnEnumStandbyDomains: *const c_void,
        /// `zesDeviceEnumTemperatureSensors`.
        pfnEnumTemperatureSensors: *const c_void,
        /// `zesDeviceEccAvailable`.
        pfnEccAvailable: *const c_void,
        /// `zesDeviceEccConfigurable`.
        pfnEccConfigurable: *const c_void,
        /// `zesDeviceGetEccState`.
        pfnGetEccState: *const c_void,
        /// `zesDeviceSetEccState`.
        pfnSetEccState: *const c_void,
        /// `zesDeviceGet`, since 1.5.
        pfnGet: *const c_void,
        /// `zesDeviceSetOverclockWaiver`, since 1.5.
        pfnSetOverclockWaiver: *const c_void,
        /// `zesDeviceGetOverclockDomains`, since 1.5.
        pfnGetOverclockDomains: *const c_void,
        /// `zesDeviceGetOverclockControls`, since 1.5.
        pfnGetOverclockControls: *const c_void,
        /// `zesDeviceResetOverclockSettings`, since 1.5.
        pfnResetOverclockSettings: *const c_void,
        /// `zesDeviceReadOverclockState`, since 1.5.
        pfnReadOverclockState: *const c_void,
        /// `zesDeviceEnumOverclockDomains`, since 1.5.
        pfnEnumOverclockDomains: *const c_void,
        /// `zesDeviceResetExt`, since 1.7.
        pfnResetExt: *const c_void,
    }
    /// Experiments of devices.
    pub struct zes_device_exp_dditable_t since "1.9" {
        /// `zesDeviceGetSubDevicePropertiesExp`.
        pfnGetSubDevicePropertiesExp: *const c_void,
        /// `zesDeviceEnumActiveVFExp`, since 1.9.
        pfnEnumActiveVFExp: *const c_void,
        /// `zesDeviceEnumEnabledVFExp`, since 1.10.
        pfnEnumEnabledVFExp: *const c_void,
    }
    /// Groups of engines.
    pub struct zes_engine_dditable_t since "1.0" {
        /// `zesEngineGetProperties`.
        pfnGetProperties: *const c_void,
        /// `zesEngineGetActivity`.
        pfnGetActivity: *const c_void,
        /// `zesEngineGetActivityExt`, since 1.7.
        pfnGetActivityExt: *const c_void,
    }
    /// Ports of the fabric.
    pub struct zes_fabric_port_dditable_t since "1.0" {
        /// `zesFabricPortGetProperties`.
        pfnGetProperties: *const c_void,
        /// `zesFabricPortGetLinkType`.
        pfnGetLinkType: *const c_void,
        /// `zesFabricPortGetConfig`.
        pfnGetConfig: *const c_void,
        /// `zesFabricPortSetConfig`.
        pfnSetConfig: *const c_void,
        /// `zesFabricPortGetState`.
        pfnGetState: *const c_void,
        /// `zesFabricPortGetThroughput`.
        pfnGetThroughput: *const c_void,
        /// `zesFabricPortGetFabricErrorCounters`, since 1.7.
        pfnGetFabricErrorCounters: *const c_void,
        /// `zesFabricPortGetMultiPortThroughput`, since 1.7.
        pfnGetMultiPortThroughput: *const c_void,
    }
    /// Fans.
    pub struct zes_fan_dditable_t since "1.0" {
        /// `zesFanGetProperties`.
        pfnGetProperties: *const c_void,
        /// `zesFanGetConfig`.
        pfnGetConfig: *const c_void,
        /// `zesFanSetDefaultMode`.
        pfnSetDefaultMode: *const c_void,
        /// `zesFanSetFixedSpeedMode`.
        pfnSetFixedSpeedMode: *const c_void,
        /// `zesFanSetSpeedTableMode`.
        pfnSetSpeedTableMode: *const c_void,
        /// `zesFanGetState`.
        pfnGetState: *const c_void,
    }
    /// Firmware.
    pub struct zes_firmware_dditable_t since "1.0" {
        /// `zesFirmwareGetProperties`.
        pfnGetProperties: *const c_void,
        /// `zesFirmwareFlash`.
        pfnFlash: *const c_void,
        /// `zesFirmwareGetFlashProgress`, since 1.8.
        pfnGetFlashProgress: *const c_void,
        /// `zesFirmwareGetConsoleLogs`, since 1.9.
        pfnGetConsoleLogs: *const c_void,
    }
    /// Frequency domains.
    pub struct zes_frequency_dditable_t since "1.0" {
        /// `zesFrequencyGetProperties`.
        pfnGetProperties: *const c_void,
        /// `zesFrequencyGetAvailableClocks`.
        pfnGetAvailableClocks: *const c_void,
        /// `zesFrequencyGetRange`.
        pfnGetRange: *const c_void,
        /// `zesFrequencySetRange`.
        pfnSetRange: *const c_void,
        /// `zesFrequencyGetState`.
        pfnGetState: *const c_void,
        /// `zesFrequencyGetThrottleTime`.
        pfnGetThrottleTime: *const c_void,
        /// `zesFrequencyOcGetCapabilities`.
        pfnOcGetCapabilities: *const c_void,
        /// `zesFrequencyOcGetFrequencyTarget`.
        pfnOcGetFrequencyTarget: *const c_void,
        /// `zesFrequencyOcSetFrequencyTarget`.
        pfnOcSetFrequencyTarget: *const c_void,
        /// `zesFrequencyOcGetVoltageTarget`.
        pfnOcGetVoltageTarget: *const c_void,
        /// `zesFrequencyOcSetVoltageTarget`.
        pfnOcSetVoltageTarget: *const c_void,
        /// `zesFrequencyOcSetMode`.
        pfnOcSetMode: *const c_void,
        /// `zesFrequencyOcGetMode`.
        pfnOcGetMode: *const c_void,
        /// `zesFrequencyOcGetIccMax`.
        pfnOcGetIccMax: *const c_void,
        /// `zesFrequencyOcSetIccMax`.
        pfnOcSetIccMax: *const c_void,
        /// `zesFrequencyOcGetTjMax`.
        pfnOcGetTjMax: *const c_void,
        /// `zesFrequencyOcSetTjMax`.
        pfnOcSetTjMax: *const c_void,
    }
    /// Memory modules.
    pub struct zes_memory_dditable_t since "1.0" {
        /// `zesMemoryGetProperties`.
        pfnGetProperties: *const c_void,
        /// `zesMemoryGetState`.
        pfnGetState: *const c_void,
        /// `zesMemoryGetBandwidth`.
        pfnGetBandwidth: *const c_void,
    }
    /// Power domains.
    pub struct zes_power_dditable_t since "1.0" {
        /// `zesPowerGetProperties`.
        pfnGetProperties: *const c_void,
        /// `zesPowerGetEnergyCounter`.
        pfnGetEnergyCounter: *const c_void,
        /// `zesPowerGetLimits`.
        pfnGetLimits: *const c_void,
        /// `zesPowerSetLimits`.
        pfnSetLimits: *const c_void,
        /// `zesPowerGetEnergyThreshold`.
        pfnGetEnergyThreshold: *const c_void,
        /// `zesPowerSetEnergyThreshold`.
        pfnSetEnergyThreshold: *const c_void,
        /// `zesPowerGetLimitsExt`, since 1.4.
        pfnGetLimitsExt: *const c_void,
        /// `zesPowerSetLimitsExt`, since 1.4.
        pfnSetLimitsExt: *const c_void,
    }
    /// Counters of errors.
    pub struct zes_ras_dditable_t since "1.0" {
        /// `zesRasGetProperties`.
        pfnGetProperties: *const c_void,
        /// `zesRasGetConfig`.
        pfnGetConfig: *const c_void,
        /// `zesRasSetConfig`.
        pfnSetConfig: *const c_void,
        /// `zesRasGetState`.
        pfnGetState: *const c_void,
    }
    /// Temperature sensors.
    pub struct zes_temperature_dditable_t since "1.0" {
        /// `zesTemperatureGetProperties`.
        pfnGetProperties: *const c_void,
        /// `zesTemperatureGetConfig`.
        pfnGetConfig: *const c_void,
        /// `zesTemperatureSetConfig`.
        pfnSetConfig: *const c_void,
        /// `zesTemperatureGetState`.
        pfnGetState: *const c_void,
    }
    /// Virtual functions.
    pub struct zes_vf_management_exp_dditable_t since "1.9" {
        /// `zesVFManagementGetVFPropertiesExp`.
        pfnGetVFPropertiesExp: *const c_void,
        /// `zesVFManagementGetVFMemoryUtilizationExp`.
        pfnGetVFMemoryUtilizationExp: *const c_void,
        /// `zesVFManagementGetVFEngineUtilizationExp`.
        pfnGetVFEngineUtilizationExp: *const c_void,
        /// `zesVFManagementSetVFTelemetryModeExp`.
        pfnSetVFTelemetryModeExp: *const c_void,
        /// `zesVFManagementSetVFTelemetrySamplingIntervalExp`.
        pfnSetVFTelemetrySamplingIntervalExp: *const c_void,
        /// `zesVFManagementGetVFCapabilitiesExp`, since 1.10.
        pfnGetVFCapabilitiesExp: *const c_void,
        /// `zesVFManagementGetVFMemoryUtilizationExp2`, since 1.10.
        pfnGetVFMemoryUtilizationExp2: *const c_void,
        /// `zesVFManagementGetVFEngineUtilizationExp2`, since 1.10.
        pfnGetVFEngineUtilizationExp2: *const c_void,
        /// `zesVFManagementGetVFCapabilitiesExp2`, since 1.12.
        pfnGetVFCapabilitiesExp2: *const c_void,
    }
}
