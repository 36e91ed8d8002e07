//! Our structs against those of nvml-wrapper-sys, which are generated from NVIDIA's header: size,
//! alignment, and the place of the last field.

use std::mem::{align_of, offset_of, size_of};

use nvml_wrapper_sys::bindings as real;

#[allow(dead_code)] // the library uses the rest
#[path = "../src/abi.rs"]
mod abi;

macro_rules! same {
    ($($ours:ident.$field:ident = $real:ident.$name:ident;)*) => {
        $(
            assert_eq!(size_of::<abi::$ours>(), size_of::<real::$real>(), stringify!($ours));
            assert_eq!(align_of::<abi::$ours>(), align_of::<real::$real>(), stringify!($ours));
            let (here, there) = (offset_of!(abi::$ours, $field), offset_of!(real::$real, $name));
            assert_eq!(here, there, stringify!($ours.$field));
        )*
    };
}

#[test]
fn structs_are_laid_out_as_in_the_header() {
    same! {
        PciInfo.bus_id = nvmlPciInfo_t.busId;
        PciInfo.pci_device_id = nvmlPciInfo_t.pciDeviceId;
        Utilization.memory = nvmlUtilization_t.memory;
        Memory.used = nvmlMemory_t.used;
        MemoryV2.used = nvmlMemory_v2_t.used;
        MemoryV2.reserved = nvmlMemory_v2_t.reserved;
        Bar1.used = nvmlBAR1Memory_t.bar1Used;
        ProcessV1.memory = nvmlProcessInfo_v1_t.usedGpuMemory;
        ProcessV2.ci = nvmlProcessInfo_v2_t.computeInstanceId;
        ProcessSample.decoder = nvmlProcessUtilizationSample_t.decUtil;
        EccCounts.registers = nvmlEccErrorCounts_t.registerFile;
        Attributes.memory_mb = nvmlDeviceAttributes_t.memorySizeMB;
        Attributes.ci_slices = nvmlDeviceAttributes_t.computeInstanceSliceCount;
        FieldValue.value = nvmlFieldValue_t.value;
        FieldValue.code = nvmlFieldValue_t.nvmlReturn;
        TemperatureV1.temperature = nvmlTemperature_v1_t.temperature;
        Placement.size = nvmlGpuInstancePlacement_t.size;
        GiProfile.memory_mb = nvmlGpuInstanceProfileInfo_t.memorySizeMB;
        GiProfileV2.name = nvmlGpuInstanceProfileInfo_v2_t.name;
        GiProfileV3.capabilities = nvmlGpuInstanceProfileInfo_v3_t.capabilities;
        GiProfileV3.memory_mb = nvmlGpuInstanceProfileInfo_v3_t.memorySizeMB;
        GiInfo.placement = nvmlGpuInstanceInfo_t.placement;
        CiProfile.ofas = nvmlComputeInstanceProfileInfo_t.sharedOfaCount;
        CiInfo.placement = nvmlComputeInstanceInfo_t.placement;
        GpmSupport.supported = nvmlGpmSupport_t.isSupportedDevice;
        GpmMetric.value = nvmlGpmMetric_t.value;
        GpmMetric.short_name = nvmlGpmMetric_t.metricInfo;
        GpmMetrics.metrics = nvmlGpmMetricsGet_t.metrics;
        EventData.ci = nvmlEventData_t.computeInstanceId;
        EventData.data = nvmlEventData_t.eventData;
        FabricV1.state = nvmlGpuFabricInfo_t.state;
        FabricV2.health = nvmlGpuFabricInfo_v2_t.healthMask;
        FabricV3.health = nvmlGpuFabricInfo_v3_t.healthMask;
        FabricV3.summary = nvmlGpuFabricInfo_v3_t.healthSummary;
    }
}

/// The words that NVIDIA's own Python bindings have for these versions.
#[test]
fn version_words_are_the_headers() {
    assert_eq!(abi::version::<abi::MemoryV2>(2), 0x0200_0028);
    assert_eq!(abi::version::<abi::GiProfileV2>(2), 0x0200_0098);
    assert_eq!(abi::version::<abi::GiProfileV3>(3), 0x0300_0098);
}
