//! The library in a loader's place, by the bindings that clients use.

use std::path::PathBuf;

use gpu_sim::{Fault, Machine, library};
use level_zero_sys::{
    Sysman, Zero, ze_result_t, zes_device_handle_t, zes_device_properties_t, zes_driver_handle_t,
};

/// A copy of the library with a machine, which stays loaded; the folder goes away.
fn load(machine: &Machine) -> Sysman {
    let folder: PathBuf =
        std::env::temp_dir().join(format!("gpu-sim-level-zero-{}-{}", std::process::id(), machine.name));
    let path =
        library::level_zero::install(&library::level_zero::built().unwrap(), machine, &folder).unwrap();
    let sysman = Sysman::load(&path).unwrap();
    // SAFETY: no flag.
    let code = unsafe { (sysman.init)(0) };
    assert_eq!(code, ze_result_t::SUCCESS);
    std::fs::remove_dir_all(folder).unwrap();
    sysman
}

fn machine(name: &str, faults: Vec<Fault>) -> Machine {
    Machine { name: name.to_owned(), faults, ..Machine::preset("max-1550-4").unwrap() }
}

fn devices(sysman: &Sysman) -> (u32, Vec<zes_device_handle_t>) {
    let mut driver = zes_driver_handle_t::NULL;
    let mut count = 1;
    // SAFETY: room for one driver, as said.
    assert_eq!(unsafe { (sysman.driver_get)(&raw mut count, &raw mut driver) }, ze_result_t::SUCCESS);
    let mut told = 0;
    // SAFETY: asked for the length alone.
    let code = unsafe { (sysman.device_get)(driver, &raw mut told, std::ptr::null_mut()) };
    assert_eq!(code, ze_result_t::SUCCESS);
    let mut all = vec![zes_device_handle_t::NULL; 16];
    let mut count = 16;
    // SAFETY: room for 16, as said.
    let code = unsafe { (sysman.device_get)(driver, &raw mut count, all.as_mut_ptr()) };
    assert_eq!(code, ze_result_t::SUCCESS);
    all.truncate(count as usize);
    (told, all)
}

#[test]
fn it_is_a_loader_too() {
    let sysman = load(&machine("plain", vec![]));
    let (told, all) = devices(&sysman);
    assert_eq!((told, all.len()), (4, 4));
    let mut properties = zes_device_properties_t::new();
    // SAFETY: a device of this library, and a struct of ours.
    let code = unsafe { (sysman.device_get_properties)(all[0], &raw mut properties) };
    assert_eq!(code, ze_result_t::SUCCESS);
    assert_eq!(level_zero_sys::text(&properties.core.name), "Intel Data Center GPU Max 1550");
    assert_eq!((properties.core.deviceId, properties.numSubdevices), (0x0bd5, 2));
    // SAFETY: a handle that is none is refused and not followed.
    let code = unsafe { (sysman.device_get_properties)(zes_device_handle_t::ZERO, &raw mut properties) };
    assert_eq!(code, ze_result_t::ERROR_INVALID_NULL_HANDLE);
}

#[test]
fn faults_show() {
    let sysman = load(&machine("garbage", vec![Fault::GarbageCounts]));
    let mut count = 0;
    // SAFETY: asked for the length alone.
    let code = unsafe { (sysman.driver_get)(&raw mut count, std::ptr::null_mut()) };
    assert_eq!((code, count > 1 << 30), (ze_result_t::SUCCESS, true));

    let sysman = load(&machine("null", vec![Fault::NullHandles]));
    let mut driver = zes_driver_handle_t(std::ptr::dangling_mut());
    let mut count = 1;
    // SAFETY: room for one driver, as said.
    assert_eq!(unsafe { (sysman.driver_get)(&raw mut count, &raw mut driver) }, ze_result_t::SUCCESS);
    assert!(driver.is_null());

    let sysman = load(&machine("unterminated", vec![Fault::UnterminatedStrings]));
    let (_, all) = devices(&sysman);
    let mut properties = zes_device_properties_t::new();
    // SAFETY: a device of this library, and a struct of ours.
    unsafe { (sysman.device_get_properties)(all[0], &raw mut properties) };
    assert!(properties.core.name.iter().all(|c| *c != 0));
}
