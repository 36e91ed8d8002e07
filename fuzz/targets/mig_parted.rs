//! mig-parted's configurations: what reads, and is written, means the same.

#![no_main]

use gpu_nvidia_mig::formats::MigParted;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match MigParted::from_yaml(text) {
    Ok(config) => {
        let written = config.to_string();
        let again = MigParted::from_yaml(&written).unwrap_or_else(|error| panic!("{error}: {written}"));
        assert_eq!(again, config, "{text:?}");
        for (label, _) in &config.configs {
            // Without GPUs there is nothing to cut.
            assert!(config.apply(label, &[]).map_or(true, |targets| targets.is_empty()));
        }
    }
    Err(error) => {
        // Past the last line only by the end of the text.
        assert!(error.line() <= text.chars().filter(|c| matches!(c, '\n' | '\r')).count() + 2, "{error}");
        assert!(!error.to_string().is_empty());
    }
});
