//! Names of MIG: what reads comes back the same, whoever wrote it.

#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use gpu_nvidia_mig::{DeviceName, MigUuid, ProfileName, ResourceName};
use libfuzzer_sys::fuzz_target;

fn comes_back<T: FromStr<Err: Display> + Display + PartialEq + Debug>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(read) => {
            let written = read.to_string();
            let again = written.parse::<T>().unwrap_or_else(|error| panic!("{text:?}, {written:?}: {error}"));
            assert_eq!(again, read, "{text:?}");
            assert_eq!(again.to_string(), written, "{text:?}");
            Some(read)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

fuzz_target!(|text: &str| {
    if let Some(name) = comes_back::<ProfileName>(text) {
        assert!(name.attributes().all(|attribute| name.has(attribute) != name.lacks(attribute)));
        assert_eq!(name.gpu_instance().gpu_instance(), name.gpu_instance());
        if let Some(resource) = ResourceName::of(&name) {
            let resource = resource.to_string();
            assert!(comes_back::<ResourceName>(&resource).is_some(), "{resource:?}");
        }
    }
    comes_back::<ResourceName>(text);
    comes_back::<DeviceName>(text);
    comes_back::<MigUuid>(text);
});
