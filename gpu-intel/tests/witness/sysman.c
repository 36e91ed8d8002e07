/* What Sysman shows, by the vendor's own header and loader: one line a fact, nothing of ours. */
#include <level_zero/zes_api.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 256 };

static zes_device_handle_t device;
static unsigned pci_domain, pci_bus, pci_device, pci_function;

static void name(const char *what) {
    printf("%04x:%02x:%02x.%x %s ", pci_domain, pci_bus, pci_device, pci_function, what);
}

static void memory(void) {
    zes_mem_handle_t all[MOST];
    uint32_t count = MOST;
    if (zesDeviceEnumMemoryModules(device, &count, all)) return;
    for (uint32_t i = 0; i < count; i++) {
        zes_mem_properties_t is = {.stype = ZES_STRUCTURE_TYPE_MEM_PROPERTIES};
        zes_mem_state_t now = {.stype = ZES_STRUCTURE_TYPE_MEM_STATE};
        if (zesMemoryGetProperties(all[i], &is) || zesMemoryGetState(all[i], &now)) continue;
        zes_mem_bandwidth_t moved = {0};
        if (zesMemoryGetBandwidth(all[i], &moved)) moved.readCounter = moved.writeCounter = 0;
        name("memory");
        printf("tile=%d total=%llu used=%llu health=%d read=%llu written=%llu\n",
               is.onSubdevice ? (int)is.subdeviceId : -1, (unsigned long long)is.physicalSize,
               (unsigned long long)(now.size - now.free), (int)now.health, (unsigned long long)moved.readCounter,
               (unsigned long long)moved.writeCounter);
    }
}

static void energy(void) {
    zes_pwr_handle_t all[MOST];
    uint32_t count = MOST;
    if (zesDeviceEnumPowerDomains(device, &count, all)) return;
    for (uint32_t i = 0; i < count; i++) {
        zes_power_properties_t is = {.stype = ZES_STRUCTURE_TYPE_POWER_PROPERTIES};
        zes_power_energy_counter_t now = {0};
        if (zesPowerGetProperties(all[i], &is) || zesPowerGetEnergyCounter(all[i], &now)) continue;
        name("energy");
        printf("tile=%d uj=%llu\n", is.onSubdevice ? (int)is.subdeviceId : -1, (unsigned long long)now.energy);
    }
}

static void temperature(void) {
    zes_temp_handle_t all[MOST];
    uint32_t count = MOST;
    if (zesDeviceEnumTemperatureSensors(device, &count, all)) return;
    for (uint32_t i = 0; i < count; i++) {
        zes_temp_properties_t is = {.stype = ZES_STRUCTURE_TYPE_TEMP_PROPERTIES};
        double now;
        if (zesTemperatureGetProperties(all[i], &is) || zesTemperatureGetState(all[i], &now)) continue;
        name("temperature");
        printf("sensor=%d millidegrees=%.0f\n", (int)is.type, now * 1000);
    }
}

static void frequency(void) {
    zes_freq_handle_t all[MOST];
    uint32_t count = MOST;
    if (zesDeviceEnumFrequencyDomains(device, &count, all)) return;
    for (uint32_t i = 0; i < count; i++) {
        zes_freq_properties_t is = {.stype = ZES_STRUCTURE_TYPE_FREQ_PROPERTIES};
        zes_freq_state_t now = {.stype = ZES_STRUCTURE_TYPE_FREQ_STATE};
        if (zesFrequencyGetProperties(all[i], &is) || zesFrequencyGetState(all[i], &now)) continue;
        name("frequency");
        printf("domain=%d tile=%d mhz=%.0f max=%.0f\n", (int)is.type, is.onSubdevice ? (int)is.subdeviceId : -1,
               now.actual, is.max);
    }
}

static void engines(void) {
    zes_engine_handle_t all[MOST];
    uint32_t count = MOST;
    if (zesDeviceEnumEngineGroups(device, &count, all)) return;
    for (uint32_t i = 0; i < count; i++) {
        zes_engine_properties_t is = {.stype = ZES_STRUCTURE_TYPE_ENGINE_PROPERTIES};
        zes_engine_stats_t now = {0};
        if (zesEngineGetProperties(all[i], &is) || zesEngineGetActivity(all[i], &now)) continue;
        name("engine");
        printf("group=%d tile=%d active=%llu of=%llu\n", (int)is.type, is.onSubdevice ? (int)is.subdeviceId : -1,
               (unsigned long long)now.activeTime, (unsigned long long)now.timestamp);
    }
}

static void errors(void) {
    zes_ras_handle_t all[MOST];
    uint32_t count = MOST;
    if (zesDeviceEnumRasErrorSets(device, &count, all)) return;
    for (uint32_t i = 0; i < count; i++) {
        zes_ras_properties_t is = {.stype = ZES_STRUCTURE_TYPE_RAS_PROPERTIES};
        zes_ras_state_t now = {.stype = ZES_STRUCTURE_TYPE_RAS_STATE};
        if (zesRasGetProperties(all[i], &is) || zesRasGetState(all[i], 0, &now)) continue;
        name("errors");
        printf("type=%d of=%llu\n", (int)is.type,
               (unsigned long long)(now.category[3] + now.category[4] + now.category[5]));
    }
}

static void ports(void) {
    zes_fabric_port_handle_t all[MOST];
    uint32_t count = MOST;
    if (zesDeviceEnumFabricPorts(device, &count, all)) return;
    for (uint32_t i = 0; i < count; i++) {
        zes_fabric_port_properties_t is = {.stype = ZES_STRUCTURE_TYPE_FABRIC_PORT_PROPERTIES};
        zes_fabric_port_state_t now = {.stype = ZES_STRUCTURE_TYPE_FABRIC_PORT_STATE};
        if (zesFabricPortGetProperties(all[i], &is) || zesFabricPortGetState(all[i], &now)) continue;
        name("port");
        printf("%u.%u.%u to %u.%u.%u status=%d model=%s\n", is.portId.fabricId, is.portId.attachId,
               is.portId.portNumber, now.remotePortId.fabricId, now.remotePortId.attachId,
               now.remotePortId.portNumber, (int)now.status, is.model);
    }
}

static void functions(void) {
    zes_vf_handle_t all[MOST];
    uint32_t count = MOST;
    if (zesDeviceEnumEnabledVFExp(device, &count, all)) return;
    name("functions");
    printf("enabled=%u\n", count);
    for (uint32_t i = 0; i < count; i++) {
        zes_vf_exp2_capabilities_t is = {.stype = ZES_STRUCTURE_TYPE_VF_EXP2_CAPABILITIES};
        zes_vf_util_mem_exp2_t rows[8];
        uint32_t length = 8;
        for (int n = 0; n < 8; n++) rows[n] = (zes_vf_util_mem_exp2_t){.stype = ZES_STRUCTURE_TYPE_VF_UTIL_MEM_EXP2};
        if (zesVFManagementGetVFCapabilitiesExp2(all[i], &is)) continue;
        if (zesVFManagementGetVFMemoryUtilizationExp2(all[i], &length, rows)) continue;
        for (uint32_t n = 0; n < length; n++) {
            if (rows[n].vfMemLocation != ZES_MEM_LOC_DEVICE) continue;
            name("function");
            printf("number=%u total=%llu used=%llu\n", is.vfID, (unsigned long long)is.vfDeviceMemSize,
                   (unsigned long long)rows[n].vfMemUtilized);
        }
    }
}

static void identity(void) {
    zes_device_ext_properties_t more = {.stype = ZES_STRUCTURE_TYPE_DEVICE_EXT_PROPERTIES};
    zes_device_properties_t is = {.stype = ZES_STRUCTURE_TYPE_DEVICE_PROPERTIES, .pNext = &more};
    is.core.stype = ZE_STRUCTURE_TYPE_DEVICE_PROPERTIES;
    zes_pci_properties_t pci = {.stype = ZES_STRUCTURE_TYPE_PCI_PROPERTIES};
    /* The validation layer of 1.20.6 refuses the extension. */
    if (zesDeviceGetProperties(device, &is)) {
        is.pNext = NULL;
        if (zesDeviceGetProperties(device, &is)) return;
    }
    if (zesDevicePciGetProperties(device, &pci)) return;
    pci_domain = pci.address.domain, pci_bus = pci.address.bus;
    pci_device = pci.address.device, pci_function = pci.address.function;
    name("device");
    printf("id=%04x tiles=%u uuid=", is.core.deviceId, is.numSubdevices);
    for (int i = 0; i < ZES_MAX_UUID_SIZE; i++) printf("%02x", more.uuid.id[i]);
    printf(" name=%s\n", is.core.name);
    ze_bool_t ecc = 0;
    if (!zesDeviceEccAvailable(device, &ecc)) {
        name("ecc");
        printf("available=%d\n", ecc);
    }
}

int main(void) {
    ze_result_t code = zesInit(0);
    printf("zesInit %#x\n", code);
    if (code) return 0;
    zes_driver_handle_t drivers[MOST];
    uint32_t driver_count = MOST;
    code = zesDriverGet(&driver_count, drivers);
    printf("zesDriverGet %#x %u\n", code, code ? 0 : driver_count);
    for (uint32_t d = 0; !code && d < driver_count; d++) {
        zes_device_handle_t devices[MOST];
        uint32_t count = MOST;
        if (zesDeviceGet(drivers[d], &count, devices)) continue;
        for (uint32_t i = 0; i < count; i++) {
            device = devices[i];
            identity(), memory(), energy(), temperature(), frequency(), engines(), errors(), ports(), functions();
        }
    }
    return 0;
}
