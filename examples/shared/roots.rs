//! [`Roots`]: where the command line says that a real machine is to be read.

use std::path::PathBuf;

use gpu_accounting::NodeBuilder;

use crate::simulated::is_simulated;

/// Where a real machine is read instead of where it usually is.
#[derive(Default, Debug)]
pub struct Roots {
    sysfs: Option<PathBuf>,
    proc: Option<PathBuf>,
    cgroup: Option<PathBuf>,
    host: Option<PathBuf>,
    nvml: Option<PathBuf>,
}

impl Roots {
    /// Takes the value of an option: `sysfs-root`, `proc-root`, `cgroup-root`, `host-root` or `nvml`.
    /// Each program tells which of them it has.
    pub fn take(&mut self, option: &str, parser: &mut lexopt::Parser) -> Result<(), lexopt::Error> {
        let root = match option {
            "sysfs-root" => &mut self.sysfs,
            "proc-root" => &mut self.proc,
            "cgroup-root" => &mut self.cgroup,
            "host-root" => &mut self.host,
            "nvml" => {
                self.nvml = Some(parser.value()?.into());
                return Ok(());
            }
            _ => return Err(lexopt::Error::UnexpectedOption(format!("--{option}"))),
        };
        let path = PathBuf::from(parser.value()?);
        // A root that does not exist would read as a machine without GPU.
        if !path.is_dir() {
            return Err(format!("{} is not a directory", path.display()).into());
        }
        *root = Some(path);
        Ok(())
    }

    /// True when any of them is given.
    pub fn are_given(&self) -> bool {
        [&self.sysfs, &self.proc, &self.cgroup, &self.host, &self.nvml].into_iter().any(Option::is_some)
    }

    /// The node that is read there.
    pub fn put(&self, mut builder: NodeBuilder) -> NodeBuilder {
        if let Some(root) = &self.sysfs {
            builder = builder.sysfs_root(root);
        }
        if let Some(root) = &self.proc {
            builder = builder.proc_root(root);
        }
        if let Some(root) = &self.cgroup {
            builder = builder.cgroup_root(root);
        }
        if let Some(root) = &self.host {
            builder = builder.host_root(root);
        }
        if let Some(library) = &self.nvml {
            builder = builder.nvml(library);
        }
        builder
    }

    /// What of it is simulated, in words: the library, where it is gpu-sim's.
    pub fn simulated(&self) -> Option<String> {
        let library = self.nvml.as_deref().filter(|library| is_simulated(library))?;
        Some(format!("NVML {}", library.display()))
    }
}
