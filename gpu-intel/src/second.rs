//! [`Second`]: the source beside the kernel's files, where this crate is built with one.

use gpu_core::{BootTime, Device, Known, Link, MetricSet, Problem, Reading};
#[cfg(feature = "level-zero")]
use gpu_core::{DeviceId, LinkKind, Mode, Vendor};

use crate::board::{Board, Boards};
#[cfg(feature = "level-zero")]
use crate::level_zero::{LevelZero, LevelZeroError};

/// The source beside the kernel's files.
#[derive(Debug)]
pub(crate) struct Second {
    #[cfg(feature = "level-zero")]
    pub(crate) level_zero: Result<LevelZero, LevelZeroError>,
}

#[cfg(not(feature = "level-zero"))]
impl Second {
    pub(crate) const fn none() -> Self {
        Self {}
    }

    pub(crate) const fn look(&self) {}

    pub(crate) const fn why(&self) -> &'static str {
        "only Level Zero tells, which this build is without"
    }

    pub(crate) fn library(&self) -> Known<String> {
        Known::unsupported("none is used")
    }

    pub(crate) const fn problems(&self, _: &mut Vec<Problem>) {}

    pub(crate) const fn describe(&self, _: &Board, _: &mut Device) {}

    pub(crate) const fn read(&self, _: &Board, _: Option<u32>, _: MetricSet, _: BootTime, _: &mut Reading) {}

    pub(crate) const fn read_function(&self, _: &Board, _: u32, _: MetricSet, _: BootTime, _: &mut Reading) {}

    pub(crate) const fn links(&self, _: &Boards, _: &mut Vec<Link>) {}
}

#[cfg(feature = "level-zero")]
impl Second {
    pub(crate) const fn none() -> Self {
        Self { level_zero: Err(LevelZeroError::Off) }
    }

    /// Looks at the devices again.
    pub(crate) fn look(&self) {
        if let Ok(level_zero) = &self.level_zero {
            level_zero.look();
        }
    }

    /// Why it does not tell what only it could.
    pub(crate) const fn why(&self) -> &'static str {
        match &self.level_zero {
            Ok(_) => "Level Zero does not tell it of this GPU",
            Err(error) => error.why(),
        }
    }

    /// The library that is used, for the driver's entry in the inventory.
    pub(crate) fn library(&self) -> Known<String> {
        match &self.level_zero {
            Ok(_) => "Level Zero".to_owned().into(),
            Err(error) => Known::unsupported(error.why()),
        }
    }

    pub(crate) fn problems(&self, problems: &mut Vec<Problem>) {
        match &self.level_zero {
            Err(error) => {
                problems.extend(error.problem().map(|error| Problem::new(Vendor::INTEL, &error)));
            }
            Ok(level_zero) => {
                let found = level_zero.found();
                let ailments = found.devices.iter().flat_map(|device| &device.ailments);
                let all = found.problems.iter().chain(ailments);
                problems.extend(all.map(|error| Problem::new(Vendor::INTEL, error)));
            }
        }
    }

    /// Fills in what the kernel does not tell of who a GPU is.
    pub(crate) fn describe(&self, board: &Board, device: &mut Device) {
        let Ok(level_zero) = &self.level_zero else { return };
        let found = level_zero.found();
        let told = found.devices.iter().find(|told| told.address == board.function.address);
        let Some(told) = told else { return };
        let text = |fact: &mut Known<String>, told: &Option<String>| {
            if let Some(told) = told {
                *fact = told.clone().into();
            }
        };
        device.vendor_name = gpu_core::Uuid(told.uuid).to_string().into();
        text(&mut device.serial, &told.serial);
        text(&mut device.board_part, &told.board_part);
        let firmware: Vec<String> =
            told.firmware.iter().map(|(name, version)| format!("{name} {version}")).collect();
        text(&mut device.firmware, &(!firmware.is_empty()).then(|| firmware.join(", ")));
        if let Some(on) = told.ecc {
            let text = |on: bool| if on { "enabled" } else { "disabled" }.to_owned();
            device.modes.push(Mode::new(Mode::ECC, text(on).into()));
        }
        if told.compute_units > 0 {
            device.compute_units = gpu_core::Count(told.compute_units).into();
        }
        // A product whose id is not known here has a name there.
        if crate::model::model(board.function.id.device).is_none() && !told.name.is_empty() {
            device.name.clone_from(&told.name);
        }
    }

    /// Fills in what the kernel does not show of a GPU, or of one of its tiles.
    pub(crate) fn read(
        &self,
        board: &Board,
        tile: Option<u32>,
        wanted: MetricSet,
        now: BootTime,
        reading: &mut Reading,
    ) {
        if let Ok(level_zero) = &self.level_zero {
            level_zero.read(board.function.address, tile, wanted, now, reading);
        }
    }

    /// Fills in what the kernel does not show of a virtual function.
    pub(crate) fn read_function(
        &self,
        board: &Board,
        number: u32,
        wanted: MetricSet,
        now: BootTime,
        reading: &mut Reading,
    ) {
        if let Ok(level_zero) = &self.level_zero {
            level_zero.read_function(board.function.address, number, wanted, now, reading);
        }
    }

    /// Adds the pairs of GPUs that the fabric joins.
    pub(crate) fn links(&self, boards: &Boards, links: &mut Vec<Link>) {
        let Ok(level_zero) = &self.level_zero else { return };
        let found = level_zero.found();
        let of = |fabric: u32| -> Option<DeviceId> {
            let device =
                found.devices.iter().find(|device| device.ports.iter().any(|(own, _)| *own == fabric))?;
            boards.boards.iter().find(|board| board.function.address == device.address).map(|board| board.id)
        };
        for device in &found.devices {
            for (own, remote) in &device.ports {
                if let (Some(a), Some(b)) = (of(*own), of(*remote)) {
                    let link = Link::new(a, b, LinkKind::XeLink);
                    if a < b && !links.contains(&link) {
                        links.push(link);
                    }
                }
            }
        }
        links.sort_unstable();
    }
}
