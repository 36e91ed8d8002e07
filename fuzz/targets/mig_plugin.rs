//! The device plugin's configurations.

#![no_main]

use gpu_nvidia_mig::formats::PluginConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| match PluginConfig::from_yaml(text) {
    // Without GPUs nothing is offered, whatever the rules.
    Ok(config) => assert!(config.offered(&[]).map_or(true, |offered| offered.is_empty()), "{text:?}"),
    Err(error) => {
        // Past the last line only by the end of the text.
        assert!(error.line() <= text.chars().filter(|c| matches!(c, '\n' | '\r')).count() + 2, "{error}");
        assert!(!error.to_string().is_empty());
    }
});
