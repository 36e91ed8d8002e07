//! [`Information`]: `/proc/driver/nvidia/gpus/<address>/information`.
//!
//! Form: open-gpu-kernel-modules, `kernel-open/nvidia/nv-procfs.c`, `nv_procfs_read_gpu_info`.

use std::path::Path;

use gpu_core::{Error, Uuid};
use gpu_host::file;

/// What the kernel module says of one GPU; `None` for what it does not (yet) say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Information {
    pub(crate) model: Option<String>,
    /// `None` while the driver shows `GPU-????????-…`: it has not initialised the GPU yet.
    pub(crate) uuid: Option<Uuid>,
    pub(crate) bios: Option<String>,
    /// N of `/dev/nvidiaN`.
    pub(crate) minor: Option<u32>,
    /// The administrator told the driver to leave it alone.
    pub(crate) excluded: bool,
}

impl Information {
    /// Reads the file, and names each line without which a GPU is not whole.
    pub(crate) fn read(path: &Path, errors: &mut Vec<Error>) -> Result<Self, Error> {
        let text = file::read_text(path)?;
        if text.is_empty() {
            return Err(file::malformed(path, "empty"));
        }
        Ok(Self::parse(&text, |what| errors.push(file::malformed(path, what))))
    }

    fn parse(text: &str, mut complain: impl FnMut(&str)) -> Self {
        let mut value = |name: &'static str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            let found = lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim());
            if found.is_none_or(str::is_empty) {
                complain(&format!("no {name:?}"));
            }
            found.filter(|value| !value.is_empty())
        };
        let model = value("Model").map(str::to_owned);
        let (uuid, minor) = (value("GPU UUID"), value("Device Minor"));
        let bios = value("Video BIOS").filter(|bios| !bios.contains('?')).map(str::to_owned);
        // Drivers before R450 know no excluded GPUs.
        let excluded = text.lines().filter_map(|line| line.split_once(':'));
        let excluded =
            excluded.into_iter().any(|(key, value)| key.trim() == "GPU Excluded" && value.trim() == "Yes");
        let known = uuid.filter(|uuid| !uuid.contains('?'));
        Self {
            model,
            uuid: known.and_then(|text| {
                let parsed = text.strip_prefix("GPU-").and_then(|digits| digits.parse().ok());
                if parsed.is_none() {
                    complain("\"GPU UUID\" is none");
                }
                parsed
            }),
            bios,
            minor: minor.and_then(|text| {
                let parsed = text.parse().ok();
                if parsed.is_none() {
                    complain("\"Device Minor\" is no number that fits");
                }
                parsed
            }),
            excluded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Information, Vec<String>) {
        let mut complaints = Vec::new();
        (Information::parse(text, |what| complaints.push(what.to_owned())), complaints)
    }

    /// As a driver shows a GPU that no program has used yet (a K80 under 470, published in a
    /// distribution's forum).
    const UNUSED: &str = "Model: \t\t Tesla K80\nIRQ:   \t\t 39\nGPU UUID: \t GPU-????????-????-????-????-????????????\n\
        Video BIOS: \t ??.??.??.??.??\nBus Type: \t PCIe\nBus Location: \t 0000:03:00.0\nDevice Minor: \t 0\n";

    #[test]
    fn what_is_not_known_yet_is_no_fault() {
        let (information, complaints) = parsed(UNUSED);
        let expected =
            Information { model: Some("Tesla K80".to_owned()), minor: Some(0), ..Information::default() };
        assert_eq!((information, complaints), (expected, Vec::new()));
    }

    #[test]
    fn what_is_cut_off_or_wrong_is_named() {
        let cut = &UNUSED[..UNUSED.find("Bus Location").unwrap()];
        assert_eq!(parsed(cut).1, ["no \"Device Minor\""]);
        let wrong = UNUSED.replace("Minor: \t 0", "Minor: \t 4294967296").replace("GPU-????????-", "GPU-12-");
        assert_eq!(parsed(&wrong).1, ["\"Device Minor\" is no number that fits"]);
        let (information, complaints) =
            parsed(&UNUSED.replace("GPU-????????-????-????-????-????????????", "GPU-5"));
        assert_eq!((information.uuid, complaints), (None, vec!["\"GPU UUID\" is none".to_owned()]));
        assert!(parsed("GPU Excluded:\t Yes\n").0.excluded);
    }
}
