//! What the library may answer, and machines at which it must not be called.

use std::path::Path;

use gpu_amd_rocm_smi::discover;
use gpu_core::{Absence, Backend, BackendExt, ErrorKind, Outcome, Sample};

#[path = "common/machine.rs"]
mod machine;
use machine::{Simulated, load, refuse};

/// Every function that the crate calls about devices, processes and versions.
const FUNCTIONS: [&str; 45] = [
    "rsmi_num_monitor_devices",
    "rsmi_version_str_get",
    "rsmi_dev_id_get",
    "rsmi_dev_vendor_id_get",
    "rsmi_dev_subsystem_id_get",
    "rsmi_dev_subsystem_vendor_id_get",
    "rsmi_dev_drm_render_minor_get",
    "rsmi_dev_unique_id_get",
    "rsmi_dev_pci_id_get",
    "rsmi_topo_numa_affinity_get",
    "rsmi_dev_memory_total_get",
    "rsmi_dev_memory_usage_get",
    "rsmi_dev_busy_percent_get",
    "rsmi_dev_memory_busy_percent_get",
    "rsmi_dev_power_ave_get",
    "rsmi_dev_current_socket_power_get",
    "rsmi_dev_power_cap_get",
    "rsmi_dev_power_cap_default_get",
    "rsmi_dev_power_cap_range_get",
    "rsmi_dev_energy_count_get",
    "rsmi_dev_temp_metric_get",
    "rsmi_dev_pci_replay_counter_get",
    "rsmi_dev_pci_bandwidth_get",
    "rsmi_dev_fan_rpms_get",
    "rsmi_dev_fan_speed_get",
    "rsmi_dev_fan_speed_max_get",
    "rsmi_dev_ecc_count_get",
    "rsmi_dev_memory_reserved_pages_get",
    "rsmi_dev_gpu_clk_freq_get",
    "rsmi_topo_get_link_weight",
    "rsmi_topo_get_link_type",
    "rsmi_minmax_bandwidth_get",
    "rsmi_dev_xgmi_hive_id_get",
    "rsmi_dev_xgmi_error_status",
    "rsmi_dev_xgmi_physical_id_get",
    "rsmi_dev_firmware_version_get",
    "rsmi_dev_perf_level_get",
    "rsmi_dev_name_get",
    "rsmi_dev_brand_get",
    "rsmi_dev_vram_vendor_get",
    "rsmi_dev_serial_number_get",
    "rsmi_dev_vbios_version_get",
    "rsmi_dev_compute_partition_get",
    "rsmi_dev_memory_partition_get",
    "rsmi_compute_process_info_get",
];

/// The codes of the header, and some that nobody knows.
fn codes() -> impl Iterator<Item = u32> {
    (1..=20).chain([99, 0x8000_0000, u32::MAX])
}

fn values(sample: &Sample) -> usize {
    sample.units.iter().map(|unit| unit.reading.iter().filter(|(_, value)| value.is_ok()).count()).sum()
}

/// Whatever one function answers, the rest is told.
#[test]
fn any_code_of_any_function_costs_only_what_it_tells() {
    let simulated = Simulated::few("mi300x-8", 2);
    let backend = simulated.backend();
    let whole = (backend.inventory().unwrap(), backend.sample().unwrap());
    for function in FUNCTIONS {
        for code in codes() {
            refuse(function, code);
            let inventory = backend.inventory();
            let sample = backend.sample().unwrap();
            if let Ok(inventory) = &inventory {
                for device in &inventory.devices {
                    let _ = backend.details(device.id).unwrap();
                }
            }
            let _ = backend.paths();
            match function {
                "rsmi_num_monitor_devices" => {
                    let error = inventory.unwrap_err();
                    assert_eq!(error.at(), function, "{code}");
                }
                "rsmi_dev_pci_id_get" => {
                    let inventory = inventory.unwrap();
                    assert!(inventory.devices.is_empty(), "{code}");
                    assert_eq!(inventory.problems.len(), 2, "{code}: each device is named");
                }
                _ => {
                    let inventory = inventory.unwrap();
                    assert_eq!(inventory.devices.len(), 2, "{function} {code}");
                    let lost = values(&whole.1) - values(&sample);
                    assert!(lost <= 16, "{function} {code} costs {lost} values of two GPUs");
                }
            }
            load::clear_faults();
        }
    }
    assert_eq!((backend.inventory().unwrap(), backend.sample().unwrap()), whole);
}

/// The codes that mean something are the absences that mean the same.
#[test]
fn codes_are_absences_of_their_kind() {
    let simulated = Simulated::few("mi300x-8", 1);
    let backend = simulated.backend();
    let gpu = backend.inventory().unwrap().devices[0].id;
    for (code, kind) in
        [(2, "not_supported"), (4, "not_permitted"), (16, "timed_out"), (6, "failed"), (77, "failed")]
    {
        refuse("rsmi_dev_busy_percent_get", code);
        let absence = backend.sample().unwrap().reading(gpu).busy.unwrap_err();
        assert_eq!(absence.kind(), kind, "{code}");
        if let Absence::Failed { at, code: told } = absence {
            assert_eq!((at, told), ("rsmi_dev_busy_percent_get", i32::try_from(code).ok()));
        }
        load::clear_faults();
    }
}

#[test]
fn processes_that_cannot_be_listed_are_a_problem() {
    let simulated = Simulated::few("mi300x-8", 1);
    let backend = simulated.backend();
    assert_eq!(backend.sample().unwrap().processes.len(), 1);
    refuse("rsmi_compute_process_info_get", 6);
    let sample = backend.sample().unwrap();
    assert!(sample.processes.is_empty());
    assert_eq!(sample.problems[0].at, "rsmi_compute_process_info_get");
    load::clear_faults();
    refuse("rsmi_compute_process_info_by_device_get", 10);
    assert!(backend.sample().unwrap().processes.is_empty(), "a process that has ended says nothing");
    load::clear_faults();
    refuse("rsmi_compute_process_info_by_device_get", 4);
    let sample = backend.sample().unwrap();
    assert!(matches!(sample.processes[0].memory, Err(Absence::NotPermitted { .. })));
}

/// A text that does not end is not one.
#[test]
fn texts_without_an_end_are_refused() {
    let simulated = Simulated::few("mi300x-8", 1);
    let backend = simulated.backend();
    load::fault("\"unterminated_strings\"");
    let device = backend.inventory().unwrap().devices.remove(0);
    assert_eq!(device.name, "AMD GPU 1002:74a1");
    assert!(matches!(device.serial.absence(), Some(Absence::Failed { code: None, .. })));
}

/// `rsmi_init` refuses: the crate `rocm_smi_lib` drops that status, and goes on.
#[test]
fn a_library_that_does_not_start_is_an_outcome() {
    let simulated = Simulated::few("mi300x-8", 1);
    for (code, kind) in [(8, "failed"), (4, "not_permitted"), (2, "mismatch"), (99, "failed")] {
        refuse("rsmi_init", code);
        assert_eq!(discover(&simulated.options()).outcome.kind(), kind, "{code}");
        load::clear_faults();
    }
    assert_eq!(discover(&simulated.options()).outcome, Outcome::Available);
}

fn nodes(simulated: &Simulated) -> std::path::PathBuf {
    simulated.tree.sysfs().join("class/kfd/kfd/topology/nodes")
}

fn failure(simulated: &Simulated) -> gpu_core::Error {
    match discover(&simulated.options()).outcome {
        Outcome::Failed(error) => error,
        other => panic!("{other}"),
    }
}

/// 6.1.2 aborts at a node, of a GPU or a processor, without `io_links` (`rocm_smi_io_link.cc`).
#[test]
fn a_node_without_io_links_keeps_the_library_from_being_called() {
    for node in ["0", "2"] {
        let simulated = Simulated::few("mi300x-8", 1);
        let links = nodes(&simulated).join(node).join("io_links");
        let backend = simulated.backend();
        std::fs::remove_dir_all(&links).unwrap();
        for error in [failure(&simulated), backend.inventory().unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Inconsistent);
            assert_eq!(Path::new(error.at()), links);
        }
        // A file in its place is no folder either.
        std::fs::write(&links, "").unwrap();
        assert_eq!(Path::new(failure(&simulated).at()), links);
    }
}

/// 6.1.2 gives up at a label of a temperature that it does not know, and does not say which.
#[test]
fn a_label_that_the_library_does_not_know_is_named() {
    let simulated = Simulated::few("mi300x-8", 1);
    let pci = simulated.world.machine().gpus[0].pci.to_string();
    let label = simulated.tree.sysfs().join("bus/pci/devices").join(pci).join("hwmon/hwmon2/temp1_label");
    std::fs::write(&label, "lid\n").unwrap();
    let error = failure(&simulated);
    assert!(error.at().ends_with("hwmon/hwmon2/temp1_label"), "{error}");
    assert!(error.detail().contains("\"lid\""), "{error}");
    std::fs::remove_file(&label).unwrap();
    assert_eq!(discover(&simulated.options()).outcome, Outcome::Available, "it bears a missing one");
}

#[test]
fn without_a_compute_driver_the_library_is_not_called() {
    let simulated = Simulated::preset("l40s-4");
    let outcome = discover(&simulated.options()).outcome;
    let Outcome::NoDriver { looked_for } = outcome else { panic!("{outcome}") };
    assert!(looked_for[0].what.ends_with("class/kfd/kfd/topology/nodes"), "{looked_for:?}");
}
