//! The bytes of `gpu_metrics`: structures filled field by field, as a C compiler lays them out.
//!
//! Written from the kernel's `kgd_pp_interface.h`, apart from the reader: that both have the same
//! offsets is a test.

use gpu_core::{BootTime, Millicelsius};

use super::partition_busy;
use crate::gpu::{AmdMetricsForm, AmdSpec, Gpu, Silicon};
use crate::scene::{GpuState, Scene};

/// Most dies, JPEG engines, video engines, links and partitions that the structures have room for.
const DIES: usize = 8;
const JPEGS: usize = 32;
const JPEGS_OF_1_8: usize = 40;
const VIDEOS: usize = 4;
const LINKS: usize = 8;
const PARTITIONS: usize = 8;

/// What the driver writes for a GPU now; nothing when its driver has no such file.
pub(crate) fn blob(scene: &Scene, position: usize) -> Option<Vec<u8>> {
    let gpu = &scene.machine().gpus[position];
    let Silicon::Amd(amd) = &gpu.silicon else { return None };
    let form = amd.gpu_metrics?;
    let fill = Fill { scene, position, gpu, amd, state: scene.gpu(position) };
    Some(match form {
        AmdMetricsForm::V1_3 => fill.discrete(),
        _ => fill.accelerator(form),
    })
}

/// A structure that grows. Each field is aligned to its size; what is not told is all ones.
struct Struct(Vec<u8>);

impl Struct {
    /// The header; its size is put in at the end.
    fn new(format: u8, content: u8) -> Self {
        Self(vec![0, 0, format, content])
    }

    fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    fn u16(&mut self, value: impl Into<Option<u64>>) {
        self.align(2);
        let value = value.into().map_or(u16::MAX, |n| u16::try_from(n).unwrap_or(u16::MAX - 1));
        self.0.extend(value.to_le_bytes());
    }

    fn u32(&mut self, value: impl Into<Option<u64>>) {
        self.align(4);
        let value = value.into().map_or(u32::MAX, |n| u32::try_from(n).unwrap_or(u32::MAX - 1));
        self.0.extend(value.to_le_bytes());
    }

    fn u64(&mut self, value: impl Into<Option<u64>>) {
        self.align(8);
        self.0.extend(value.into().unwrap_or(u64::MAX).to_le_bytes());
    }

    /// A list of 16-bit numbers; the rest of its room is not told.
    fn u16s(&mut self, room: usize, values: &[u64]) {
        (0..room).for_each(|n| self.u16(values.get(n).copied()));
    }

    fn u32s(&mut self, room: usize, values: &[u64]) {
        (0..room).for_each(|n| self.u32(values.get(n).copied()));
    }

    fn u64s(&mut self, room: usize, values: &[u64]) {
        (0..room).for_each(|n| self.u64(values.get(n).copied()));
    }

    /// The whole, padded to 8 bytes as a structure that holds 64-bit numbers is.
    fn done(mut self) -> Vec<u8> {
        self.align(8);
        let size = u16::try_from(self.0.len()).unwrap_or(u16::MAX);
        self.0[..2].copy_from_slice(&size.to_le_bytes());
        self.0
    }
}

struct Fill<'a> {
    scene: &'a Scene,
    position: usize,
    gpu: &'a Gpu,
    amd: &'a AmdSpec,
    state: GpuState,
}

impl Fill<'_> {
    fn degrees(&self, above: Option<Millicelsius>) -> Option<u64> {
        let heat = self.state.temperature.get() + above?.get();
        u64::try_from(heat / 1000).ok()
    }

    fn watts(&self) -> u64 {
        if self.amd.power_on_other_die { 0 } else { self.state.power.get() / 1_000_000 }
    }

    /// Energy in 2⁻¹⁶ J, rounded up so that whole microjoules survive.
    fn energy(&self) -> u64 {
        let units = (u128::from(self.state.energy.get()) * 1024).div_ceil(15_625);
        if self.amd.power_on_other_die { 0 } else { u64::try_from(units).unwrap_or(u64::MAX - 1) }
    }

    fn percent(&self) -> u64 {
        self.state.busy / 10
    }

    fn graphics_mhz(&self) -> u64 {
        self.state.clock_graphics.get() / 1_000_000
    }

    fn memory_mhz(&self) -> u64 {
        self.state.clock_memory.get() / 1_000_000
    }

    fn video_mhz(&self) -> Option<u64> {
        self.gpu.clocks.video.map(|clock| clock.get() / 1_000_000)
    }

    fn now(&self) -> u64 {
        let BootTime(now) = self.scene.now();
        now
    }

    /// Tenths of GT/s.
    fn link_speed(&self) -> u64 {
        [25, 50, 80, 160, 320, 640][self.gpu.pcie.generation.clamp(1, 6) as usize - 1]
    }

    /// 1.3.
    fn discrete(&self) -> Vec<u8> {
        let mut s = Struct::new(1, 3);
        let zero = Some(Millicelsius::ZERO);
        // Temperatures: edge, hot spot, memory; regulators for graphics, SoC, memory.
        for above in [zero, self.gpu.thermal.hotspot_above, self.gpu.thermal.memory_above] {
            s.u16(self.degrees(above));
        }
        s.u16s(3, &[]);
        // Activity: graphics, memory, video.
        s.u16s(3, &[self.percent(), self.percent() / 2, 0]);
        s.u16(self.watts());
        s.u64(self.energy());
        s.u64(self.now());
        // Average clocks, then present ones: graphics, SoC, memory, two video engines.
        for _ in 0..2 {
            s.u16(self.graphics_mhz());
            s.u16(1090);
            s.u16(self.memory_mhz());
            s.u16(self.video_mhz());
            s.u16s(3, &[]);
        }
        // Throttle status, fan, link.
        s.u32(0);
        s.u16(None);
        s.u16(u64::from(self.gpu.pcie.width));
        s.u16(self.link_speed());
        s.u16(0);
        // Activity added up, memory stacks, firmware's time, voltages, throttlers.
        s.u32s(2, &[self.percent() * 1000, self.percent() * 500]);
        s.u16s(4, &[]);
        s.u64(self.now() / 10);
        s.u16s(3, &[]);
        s.u16(0);
        s.u64(0);
        s.done()
    }

    /// 1.5 to 1.8.
    fn accelerator(&self, form: AmdMetricsForm) -> Vec<u8> {
        use AmdMetricsForm::{V1_5, V1_6, V1_6Rocm, V1_7, V1_8};
        let content = match form {
            V1_5 => 5,
            V1_6 | V1_6Rocm => 6,
            V1_7 => 7,
            _ => 8,
        };
        let whole = matches!(form, V1_5 | V1_6);
        let newest = matches!(form, V1_7 | V1_8);
        let mut s = Struct::new(1, content);
        s.u16(self.degrees(self.gpu.thermal.hotspot_above));
        s.u16(self.degrees(self.gpu.thermal.memory_above));
        s.u16(self.degrees(Some(Millicelsius::ZERO)));
        s.u16(self.watts());
        s.u16s(2, &[self.percent(), self.percent() / 2]);
        if whole {
            s.u16s(VIDEOS, &[0; VIDEOS]);
            s.u16s(JPEGS, &[0; JPEGS]);
        }
        if newest {
            s.u64(5300); // GB/s
        }
        s.u64(self.energy());
        s.u64(self.now());
        if form != V1_5 {
            // Nothing throttles.
            s.u32(throttle_ticks(self.scene.now()));
            s.u32s(5, &[0; 5]);
        }
        if whole {
            s.u32(None); // throttle status
        }
        s.u32(0); // locks
        s.u16(u64::from(self.gpu.pcie.width));
        s.u16(self.link_speed());
        s.u16s(2, &[16, 32]); // xGMI
        s.u32s(2, &[self.percent() * 1000, self.percent() * 500]);
        // PCIe: traffic added up and now, recoveries, replays, rollovers, refusals.
        s.u64s(5, &[0; 5]);
        s.u32s(2, &[0; 2]);
        s.u64s(LINKS, &[0; LINKS]);
        s.u64s(LINKS, &[0; LINKS]);
        if newest {
            s.u16s(LINKS, &[1; LINKS]);
            s.u16(0);
        }
        s.u64(self.now() / 10);
        s.u16s(DIES, &self.die_clocks());
        s.u16s(4, &[1090; 4]);
        let video: Vec<u64> = self.video_mhz().into_iter().collect();
        s.u16s(4, &video);
        s.u16s(4, &[]);
        s.u16(self.memory_mhz());
        if whole {
            s.u16(0);
            return s.done();
        }
        s.u16(self.amd.partitions.len() as u64);
        (0..PARTITIONS).for_each(|partition| self.partition(&mut s, partition, form));
        s.u32(0); // recoveries of the other end
        s.done()
    }

    fn dies_of_a_partition(&self) -> usize {
        (self.amd.xcc as usize / self.amd.partitions.len().max(1)).max(1)
    }

    /// Each die runs at full clock when its partition works.
    fn die_clocks(&self) -> Vec<u64> {
        let dies = self.dies_of_a_partition();
        (0..self.amd.xcc as usize).map(|die| clock(self.scene, self.position, die / dies)).collect()
    }

    fn partition(&self, s: &mut Struct, partition: usize, form: AmdMetricsForm) {
        let here = partition < self.amd.partitions.len();
        let dies = if here { self.dies_of_a_partition() } else { 0 };
        let percent = partition_busy(self.scene, self.position, partition) / 10;
        let all = |value: u64| vec![value; dies];
        let (jpegs, counters) = match form {
            AmdMetricsForm::V1_6Rocm => (JPEGS, 0),
            AmdMetricsForm::V1_7 => (JPEGS, 1),
            _ => (JPEGS_OF_1_8, 4),
        };
        s.align(8);
        s.u32s(DIES, &all(percent));
        s.u16s(jpegs, &all(0));
        s.u16s(VIDEOS, &all(0));
        s.u64s(DIES, &all(percent * 1000));
        (0..counters).for_each(|_| s.u64s(DIES, &all(0)));
    }
}

/// Ticks of the simulated firmware, of a millisecond each.
pub(crate) fn throttle_ticks(now: BootTime) -> u64 {
    now.0 / 1_000_000
}

/// The graphics clock of a partition's dies, in MHz.
pub(crate) fn clock(scene: &Scene, position: usize, partition: usize) -> u64 {
    let clocks = &scene.machine().gpus[position].clocks;
    let runs = partition_busy(scene, position, partition) > 0;
    let clock = if runs { clocks.graphics_max } else { clocks.graphics_idle };
    clock.get() / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Machine, World};

    /// Sizes as a C compiler gives them for the kernel's structures.
    #[test]
    fn structures_have_the_kernels_sizes() {
        for (form, size, content) in [
            (AmdMetricsForm::V1_3, 120, 3),
            (AmdMetricsForm::V1_5, 360, 5),
            (AmdMetricsForm::V1_6, 384, 6),
            (AmdMetricsForm::V1_6Rocm, 1664, 6),
            (AmdMetricsForm::V1_7, 2208, 7),
            (AmdMetricsForm::V1_8, 3872, 8),
        ] {
            let mut machine = Machine::preset("mi300x-8-cpx").unwrap();
            if let Silicon::Amd(amd) = &mut machine.gpus[0].silicon {
                amd.gpu_metrics = Some(form);
            }
            let blob = blob(&World::new(machine).scene(), 0).unwrap();
            assert_eq!(blob.len(), size, "{form:?}");
            assert_eq!(u16::from_le_bytes([blob[0], blob[1]]) as usize, size);
            assert_eq!((blob[2], blob[3]), (1, content));
        }
    }
}
