//! Looking for NVML and NVIDIA's GPUs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gpu_core::{Clock, Discovery, Error, ErrorKind, LookedFor, Need, Outcome, Vendor};
use gpu_host::{Roots, SystemClock, file};
use nvml_wrapper::error::NvmlError;

use crate::backend::NvidiaBackend;
use crate::ffi::Library;
use crate::kernel::KernelBackend;

/// Where the library lies that the loader's own path does not name: distributions' folders, the
/// driver container's, NixOS', WSL's.
const FOLDERS: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/run/nvidia/driver/usr/lib64",
    "/run/opengl-driver/lib",
    "/usr/lib/wsl/lib",
];

/// Where and how to look.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Where the machine's trees lie.
    pub roots: Roots,
    /// Tells the time that readings carry.
    pub clock: Arc<dyn Clock>,
    /// The library to load, and no other. `None` looks in the usual places, unless the trees are
    /// not the machine's own: its library would tell of other GPUs than they do.
    pub library: Option<PathBuf>,
}

impl Default for Options {
    /// The machine's own trees, clock and library.
    fn default() -> Self {
        Self::new(Roots::default())
    }
}

impl Options {
    /// These trees, with the machine's own clock.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        let clock = Arc::new(SystemClock::new_or_unknown(&roots.proc));
        Self { roots, clock, library: None }
    }

    /// The same options with another clock.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The same options with this library and no other.
    #[must_use]
    pub fn library(self, library: impl Into<PathBuf>) -> Self {
        Self { library: Some(library.into()), ..self }
    }
}

/// Looks for NVML and NVIDIA's GPUs. Never fails: what came of it is in the outcome. Where NVML
/// cannot be used and the kernel module is loaded, the outcome is partial: the GPUs are listed by
/// what the module shows, and nothing is measured.
///
/// Loading a library runs its code: an [`Options::library`] is to be trusted.
#[must_use]
pub fn discover(options: &Options) -> Discovery {
    if let Some(why) = unsupported_platform() {
        let looked_for = vec![LookedFor { what: "NVML".to_owned(), found: why.to_owned() }];
        let kernel = by_kernel_alone(options, looked_for);
        return kernel.unwrap_or_else(|_| without(Outcome::UnsupportedPlatform { why }));
    }
    let mut looked_for = Vec::new();
    for path in candidates(options) {
        match attempt(&path, options) {
            Ok(backend) => return Discovery::available(Box::new(backend)),
            Err(Attempt::NotHere(found)) => {
                let what = path.display().to_string();
                // The loader begins with the name that it was given.
                let found = found.strip_prefix(&format!("{what}: ")).unwrap_or(&found).to_owned();
                looked_for.push(LookedFor { what, found });
            }
            Err(Attempt::Final(outcome)) => return without(outcome),
        }
    }
    let without_driver = |looked_for| without(Outcome::NoDriver { looked_for });
    by_kernel_alone(options, looked_for).unwrap_or_else(without_driver)
}

/// What the kernel module tells without NVML, where it is loaded; else what was looked for.
fn by_kernel_alone(options: &Options, mut looked_for: Vec<LookedFor>) -> Result<Discovery, Vec<LookedFor>> {
    let version = options.roots.proc.join("driver/nvidia/version");
    let is_loaded = version.exists() || options.roots.proc.join("driver/nvidia/gpus").exists();
    let found = if is_loaded { "found: the kernel module is loaded" } else { "not found" };
    looked_for.push(LookedFor { what: version.display().to_string(), found: found.to_owned() });
    if is_loaded {
        Ok(Discovery::partial(Box::new(KernelBackend::new(options)), "NVML", looked_for))
    } else {
        Err(looked_for)
    }
}

fn without(outcome: Outcome) -> Discovery {
    Discovery::without(Vendor::NVIDIA, outcome)
}

fn unsupported_platform() -> Option<&'static str> {
    if cfg!(all(target_env = "musl", target_feature = "crt-static")) {
        return Some("a statically linked program cannot load NVML");
    }
    (!cfg!(any(target_os = "linux", windows))).then_some("NVML is there for Linux and Windows")
}

fn candidates(options: &Options) -> Vec<PathBuf> {
    if let Some(library) = &options.library {
        return vec![library.clone()];
    }
    if !options.roots.sysfs_is_usual() {
        return Vec::new();
    }
    if cfg!(windows) {
        return vec![PathBuf::from("nvml.dll")];
    }
    let elsewhere = FOLDERS.iter().map(|folder| Path::new(folder).join("libnvidia-ml.so.1"));
    std::iter::once(PathBuf::from("libnvidia-ml.so.1")).chain(elsewhere).collect()
}

/// What became of one candidate.
enum Attempt {
    NotHere(String),
    Final(Outcome),
}

fn attempt(path: &Path, options: &Options) -> Result<NvidiaBackend, Attempt> {
    let not_here = |found: &str| Err(Attempt::NotHere(found.to_owned()));
    if path.is_dir() {
        return not_here("a directory");
    }
    // A bare name is the loader's to find.
    if path.is_absolute() && !path.exists() {
        return not_here("not found");
    }
    match Library::load(path.as_os_str()) {
        Ok(library) => {
            let failed = |error| Attempt::Final(Outcome::Failed(error));
            NvidiaBackend::new(library, path, options).map_err(failed)
        }
        Err(NvmlError::LibloadingError(error)) => Err(Attempt::NotHere(one_line(&error.to_string()))),
        Err(NvmlError::FailedToLoadSymbol(_)) => not_here("a library without nvmlInit_v2"),
        Err(NvmlError::DriverNotLoaded) => not_here("found, but it says that the driver is not loaded"),
        Err(error) => Err(Attempt::Final(refusal(&error, path, options))),
    }
}

fn refusal(error: &NvmlError, path: &Path, options: &Options) -> Outcome {
    match error {
        NvmlError::LibRmVersionMismatch => {
            let module = file::read_text(&options.roots.sysfs.join("module/nvidia/version"));
            let module = module.unwrap_or_else(|_| "another version".to_owned());
            let library = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
            let detail = format!("the kernel module is {module}, the library is {}", library.display());
            Outcome::Mismatch { detail }
        }
        NvmlError::NoPermission => Outcome::NotPermitted {
            needs: Need::Access("/dev/nvidiactl"),
            detail: "NVML answers NO_PERMISSION to nvmlInit_v2".to_owned(),
        },
        error => Outcome::Failed(Error::new(
            ErrorKind::Library,
            path.display().to_string(),
            format!("nvmlInit_v2: {error}"),
        )),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
