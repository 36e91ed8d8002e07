//! The files of a sample, as a program would read them that knows where they are and wants no
//! more than their bytes.

use std::fs::File;
use std::hint::black_box;
use std::io::Read;
use std::path::{Path, PathBuf};

use gpu_sim::{Gpu, IntelDriver, Machine, Silicon};

/// What a sample reads.
#[derive(Debug, Default, Clone)]
pub struct Files {
    /// Files, each once.
    pub files: Vec<PathBuf>,
    /// Directories, whose names are not known before, each once.
    pub folders: Vec<PathBuf>,
}

impl Files {
    /// Opens, reads and closes each.
    ///
    /// # Panics
    /// When one is not there.
    pub fn read(&self) {
        let mut page = [0_u8; 4096];
        for file in &self.files {
            let read = File::open(file).and_then(|mut file| file.read(&mut page));
            black_box(read.unwrap_or_else(|error| panic!("{}: {error}", file.display())));
        }
        for folder in &self.folders {
            let entries = std::fs::read_dir(folder);
            black_box(entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).count());
        }
        black_box(&page);
    }

    /// The same files, opened once and kept open.
    ///
    /// # Errors
    /// The operating system's: more files than a process may hold open.
    pub fn hold(&self) -> std::io::Result<Held> {
        let files = self.files.iter().map(File::open).collect::<std::io::Result<_>>()?;
        Ok(Held { files, folders: Self { files: Vec::new(), folders: self.folders.clone() } })
    }

    /// How many of both.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len() + self.folders.len()
    }

    /// True when a sample reads nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add(&mut self, folder: &Path, names: &[&str]) {
        for name in names {
            let path = folder.join(name);
            assert!(path.is_file(), "{} is not in the tree", path.display());
            self.files.push(path);
        }
    }
}

/// Files that are kept open from sample to sample, and folders that are listed anew in each: what
/// lies in them comes and goes.
#[derive(Debug)]
pub struct Held {
    files: Vec<File>,
    folders: Files,
}

impl Held {
    /// Reads each file from its start, and lists the folders.
    ///
    /// # Panics
    /// When one cannot be read.
    #[cfg(unix)]
    pub fn read(&self) {
        use std::os::unix::fs::FileExt;
        let mut page = [0_u8; 4096];
        for file in &self.files {
            black_box(file.read_at(&mut page, 0).unwrap_or_else(|error| panic!("{file:?}: {error}")));
        }
        black_box(&page);
        self.folders.read();
    }
}

/// The counters of the loopback device: files of the real sysfs, that every Linux has.
///
/// # Errors
/// The operating system's, where there are none.
pub fn of_loopback() -> std::io::Result<Files> {
    let entries = std::fs::read_dir("/sys/class/net/lo/statistics")?;
    let files = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    Ok(Files { files, folders: Vec::new() })
}

/// What tells whether a GPU sleeps, which is asked before anything else of it.
const STATUS: &str = "power/runtime_status";

fn function(sysfs: &Path, gpu: &Gpu) -> PathBuf {
    sysfs.join("bus/pci/devices").join(gpu.pci.to_string())
}

/// The only chip, or the one of that name.
fn chip(path: &Path, name: &str) -> PathBuf {
    let chips = std::fs::read_dir(path.join("hwmon")).expect("the GPU has sensors");
    let mut chips = chips.map(|chip| chip.expect("a folder is readable").path());
    let is_it =
        |chip: &PathBuf| std::fs::read_to_string(chip.join("name")).is_ok_and(|text| text.trim_end() == name);
    chips.find(is_it).unwrap_or_else(|| panic!("no chip {name} below {}", path.display()))
}

/// Of a machine with MI300X and their processes, or with the Data Center GPU Max 1550.
///
/// # Panics
/// When a file of a sample is not in the tree.
#[must_use]
pub fn files(machine: &Machine, sysfs: &Path) -> Files {
    let mut files = max_1550(machine, sysfs);
    let amd = mi300x(machine, sysfs);
    if !amd.is_empty() {
        let processes = compute_processes(sysfs);
        files.files.extend(amd.files.into_iter().chain(processes.files));
        files.folders.extend(processes.folders);
    }
    files
}

/// Files of whole MI300X, without processes.
///
/// # Panics
/// When one is not in the tree.
#[must_use]
pub fn mi300x(machine: &Machine, sysfs: &Path) -> Files {
    let mut files = Files::default();
    for gpu in machine.gpus.iter().filter(|gpu| matches!(gpu.silicon, Silicon::Amd(_))) {
        let path = function(sysfs, gpu);
        files.add(&path, &[STATUS, "mem_info_vram_total", "mem_info_vram_used", "mem_info_gtt_total"]);
        files.add(&path, &["mem_info_gtt_used", "gpu_busy_percent", "current_link_speed"]);
        files.add(&path, &["current_link_width", "max_link_speed", "max_link_width"]);
        files.add(&path, &["ras/umc_err_count", "ras/gfx_err_count"]);
        files.add(&path, &["ras/gpu_vram_bad_pages", "pp_dpm_sclk", "pp_dpm_mclk", "gpu_metrics"]);
        let chip = chip(&path, "amdgpu");
        files.add(&chip, &["power1_input", "power1_cap", "power1_cap_default", "power1_cap_min"]);
        files.add(&chip, &["power1_cap_max", "temp1_input", "temp2_input", "temp3_input", "temp2_crit"]);
        files.add(&chip, &["temp2_emergency", "freq1_input", "freq2_input"]);
    }
    files
}

/// The compute driver's list of processes, each one's list of files and queues, and those files.
fn compute_processes(sysfs: &Path) -> Files {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).expect("the folder is readable");
        entries.map(|entry| entry.expect("the folder is readable").path()).collect()
    };
    let root = sysfs.join("class/kfd/kfd/proc");
    let mut files = Files { files: Vec::new(), folders: vec![root.clone()] };
    for process in list(&root) {
        for entry in list(&process) {
            let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name == "queues" {
                files.files.extend(list(&entry).iter().map(|queue| queue.join("gpuid")));
                files.folders.push(entry);
            } else if name.starts_with("stats_") {
                files.files.push(entry.join("cu_occupancy"));
            } else if name != "pasid" {
                files.files.push(entry);
            }
        }
        files.folders.push(process);
    }
    files
}

/// Under i915 with the backport, of GPUs that nothing throttles.
fn max_1550(machine: &Machine, sysfs: &Path) -> Files {
    let mut files = Files::default();
    for gpu in &machine.gpus {
        let Silicon::Intel(intel) = &gpu.silicon else { continue };
        assert_eq!(intel.driver, IntelDriver::I915Prelim);
        let path = function(sysfs, gpu);
        let card = path.join(format!("drm/card{}", gpu.drm.as_ref().map_or(0, |drm| drm.card)));
        files.add(&path, &[STATUS]);
        files.add(&card, &["lmem_total_bytes"]);
        files.add(&chip(&path, "i915"), &["energy1_input", "power1_max", "power1_rated_max"]);
        for tile in 0..intel.tiles.len() {
            let gt = card.join(format!("gt/gt{tile}"));
            files.add(&gt, &["addr_range", "rps_act_freq_mhz", "rps_RP0_freq_mhz", "throttle_reason_status"]);
            files.add(&chip(&path, &format!("i915_gt{tile}")), &["energy1_input"]);
        }
    }
    files
}

/// Of NVIDIA's GPUs: whether each sleeps. The rest comes from the library.
///
/// # Panics
/// When the tree lacks a file for it.
#[must_use]
pub fn sleep_states(machine: &Machine, sysfs: &Path) -> Files {
    let mut files = Files::default();
    for gpu in &machine.gpus {
        files.add(&function(sysfs, gpu), &[STATUS]);
    }
    files
}
