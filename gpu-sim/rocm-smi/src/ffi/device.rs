//! Who the devices are.

use crate::abi::Code;
use crate::ffi::{rsmi, unsupported};
use crate::out::{Out, TextOut};
use crate::state::View;

/// `rsmi_fw_block_t` of the system management unit.
const FIRMWARE_SMC: u32 = 16;

fn text_of(view: &View<'_>, text: TextOut, length: usize, value: Option<&str>) -> Result<(), Code> {
    text.put(length, view.of.faults.unterminated, value.filter(|v| !v.is_empty()).ok_or(Code::NOT_SUPPORTED)?)
}

rsmi! {
    fn rsmi_dev_id_get(id: Out<u16>) |view| id.put(view.gpu.pci_id.device);
    fn rsmi_dev_vendor_id_get(id: Out<u16>) |view| id.put(view.gpu.pci_id.vendor);
    fn rsmi_dev_subsystem_id_get(id: Out<u16>) |view| id.put(view.gpu.pci_id.subdevice);
    fn rsmi_dev_subsystem_vendor_id_get(id: Out<u16>) |view| id.put(view.gpu.pci_id.subvendor);
    fn rsmi_dev_revision_get(revision: Out<u16>) |view| {
        let _ = view;
        revision.put(0)
    };
    fn rsmi_dev_name_get(text: TextOut, length: usize) |view| text_of(view, text, length, Some(&view.gpu.name));
    fn rsmi_dev_brand_get(text: TextOut, length: u32) |view| {
        text_of(view, text, length as usize, Some(&view.gpu.name))
    };
    fn rsmi_dev_vendor_name_get(text: TextOut, length: usize) |view| {
        text_of(view, text, length, Some("Advanced Micro Devices, Inc. [AMD/ATI]"))
    };
    fn rsmi_dev_subsystem_name_get(text: TextOut, length: usize) |view| {
        text_of(view, text, length, Some(&format!("{:#06x}", view.gpu.pci_id.subdevice)))
    };
    fn rsmi_dev_serial_number_get(text: TextOut, length: u32) |view| {
        text_of(view, text, length as usize, view.gpu.serial.as_deref())
    };
    fn rsmi_dev_vbios_version_get(text: TextOut, length: u32) |view| {
        text_of(view, text, length as usize, view.gpu.firmware.as_deref())
    };
    fn rsmi_dev_vram_vendor_get(text: TextOut, length: u32) |view| {
        text_of(view, text, length as usize, Some("hynix"))
    };
    fn rsmi_dev_drm_render_minor_get(minor: Out<u32>) |view| {
        // 6.1.2 says the first partition's node of all.
        minor.put(view.gpu.drm.as_ref().ok_or(Code::NOT_SUPPORTED)?.render)
    };
    fn rsmi_dev_unique_id_get(id: Out<u64>) |view| id.put(view.amd.unique_id.ok_or(Code::NOT_SUPPORTED)?);
    fn rsmi_dev_pci_id_get(id: Out<u64>) |view| id.put(view.bdfid());
    fn rsmi_dev_xgmi_physical_id_get(id: Out<u16>) |view| {
        view.amd.hive_id.ok_or(Code::NOT_SUPPORTED)?;
        id.put(u16::try_from(view.position).unwrap_or(u16::MAX))
    };
    fn rsmi_dev_xgmi_hive_id_get(id: Out<u64>) |view| id.put(view.amd.hive_id.ok_or(Code::NOT_SUPPORTED)?);
    fn rsmi_dev_xgmi_error_status(status: Out<u32>) |view| {
        view.amd.hive_id.ok_or(Code::NOT_SUPPORTED)?;
        status.put(0)
    };
    fn rsmi_dev_firmware_version_get(block: u32, version: Out<u64>) |view| {
        let _ = view;
        if block == FIRMWARE_SMC { version.put(0x0055_6f00) } else { Err(Code::NOT_SUPPORTED) }
    };
    fn rsmi_dev_compute_partition_get(text: TextOut, length: u32) |view| {
        text_of(view, text, length as usize, view.amd.compute_mode.as_deref())
    };
    fn rsmi_dev_memory_partition_get(text: TextOut, length: u32) |view| {
        text_of(view, text, length as usize, view.amd.memory_mode.as_deref())
    };
}

unsupported! {
    rsmi_dev_sku_get;
    rsmi_dev_compute_partition_set;
    rsmi_dev_compute_partition_reset;
    rsmi_dev_memory_partition_set;
    rsmi_dev_memory_partition_reset;
    rsmi_dev_xgmi_error_reset;
    rsmi_dev_gpu_reset;
    rsmi_dev_supported_func_iterator_open;
    rsmi_event_notification_init;
    rsmi_event_notification_mask_set;
    rsmi_event_notification_stop;
    rsmi_dev_counter_group_supported;
    rsmi_dev_counter_create;
    rsmi_counter_available_counters_get;
}
