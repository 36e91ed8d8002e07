//! How engines are shared in time, by each driver's files.

use std::fs;

use gpu_core::{Absence, Backend, ErrorKind, Nanoseconds};
use gpu_intel::IntelBackend;
use gpu_sim::Machine;

#[path = "common/machine.rs"]
mod machine;

use machine::{Written, written};

fn backend(written: &Written) -> IntelBackend {
    let roots = gpu_host::Roots::default().sysfs(written.tree.sysfs()).proc(written.tree.proc());
    IntelBackend::new(roots, std::sync::Arc::new(written.world.clock().clone())).unwrap()
}

#[test]
fn both_drivers_tell_in_their_own_units() {
    for (preset, expected) in
        [("max-1550-4", [(0, "ccs0"), (0, "rcs0")]), ("b60-2", [(0, "ccs"), (1, "vcs")])]
    {
        let written = written(Machine::preset(preset).unwrap());
        let backend = backend(&written);
        let device = backend.inventory().unwrap().devices[0].id;
        let settings = backend.engine_settings(device).unwrap();
        let names: Vec<(u32, &str)> = settings.iter().map(|of| (of.gt, of.engine.as_str())).collect();
        assert_eq!(names, expected, "{preset}");
        for of in settings {
            assert_eq!(of.timeslice, Ok(Nanoseconds::from_millis(1)), "{preset}");
            assert_eq!(of.preempt_timeout, Ok(Nanoseconds::from_millis(640)), "{preset}");
            assert_eq!(of.job_timeout.is_ok(), preset == "b60-2");
        }
    }
}

#[test]
fn a_broken_file_spoils_itself() {
    let written = written(Machine::preset("b60-2").unwrap());
    let backend = backend(&written);
    let device = backend.inventory().unwrap().devices[0].id;
    let pci = written.world.machine().gpus[0].pci.to_string();
    let folder = written.tree.sysfs().join("bus/pci/devices").join(pci).join("tile0/gt0/engines/ccs");
    fs::write(folder.join("timeslice_duration_us"), "soon\n").unwrap();
    fs::remove_file(folder.join("job_timeout_ms")).unwrap();
    let of = &backend.engine_settings(device).unwrap()[0];
    assert!(matches!(of.timeslice, Err(Absence::Failed { .. })));
    assert!(matches!(of.job_timeout, Err(Absence::NotSupported { .. })));
    assert!(of.preempt_timeout.is_ok());
    fs::remove_dir_all(folder.parent().unwrap()).unwrap();
    assert_eq!(backend.engine_settings(device).unwrap().len(), 1, "the media GT's");
    let nobody =
        gpu_core::DeviceId::from_pci(gpu_core::Vendor::INTEL, gpu_core::PciAddress::new(0, 0xee, 0, 0));
    assert_eq!(backend.engine_settings(nobody).unwrap_err().kind(), ErrorKind::UnknownUnit);
}
