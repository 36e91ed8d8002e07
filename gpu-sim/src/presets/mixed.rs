//! A machine with everything: three vendors, cut and whole boards, one that sleeps, and display
//! functions that nobody drives.

use gpu_core::{Bytes, PciAddress, PciId};

use super::{amd, base, intel, job, nvidia};
use crate::gpu::{AmdMetricsForm, Silicon};
use crate::machine::{Bystander, DrmNumbers, Machine};
use crate::workload::{Part, Workload};

pub(super) fn mixed() -> Machine {
    let mut cut = amd::gpu(&amd::MI300X, 9, 8, 10);
    cut.numa = Some(gpu_core::NumaNode(1));
    if let Silicon::Amd(amd) = &mut cut.silicon {
        amd.gpu_metrics = Some(AmdMetricsForm::V1_8);
    }
    let mut arc = intel::one_b60(11);
    arc.drm = Some(DrmNumbers { card: 20, render: 148 });
    arc.numa = Some(gpu_core::NumaNode(1));
    let mut sleeping = intel::one_b60(10);
    sleeping.drm = Some(DrmNumbers { card: 21, render: 149 });
    sleeping.numa = Some(gpu_core::NumaNode(1));
    sleeping.asleep = true;
    let mut machine = Machine {
        nvidia_driver: Some(nvidia::driver()),
        gpus: vec![nvidia::gpu(&nvidia::H100, 0), nvidia::gpu(&nvidia::L40S, 1), cut, sleeping, arc],
        ..base("mixed")
    };
    nvidia::cut(&mut machine, 0, &[("3g.40gb", 4), ("2g.20gb", 0), ("1g.10gb", 2)]);
    machine.bystanders = vec![
        Bystander {
            pci: PciAddress::new(0, 2, 0, 0),
            pci_id: PciId { vendor: 0x1a03, device: 0x2000, subvendor: 0x1a03, subdevice: 0x2000 },
            class: 0x03_0000,
            driver: Some("ast".to_owned()),
            card: Some(0),
        },
        Bystander {
            pci: PciAddress::new(0, 0xf1, 0, 0),
            pci_id: PciId { vendor: 0x10de, device: 0x2684, subvendor: 0x10de, subdevice: 0x167c },
            class: 0x03_0000,
            driver: Some("vfio-pci".to_owned()),
            card: None,
        },
    ];
    machine.workloads = workloads();
    machine
}

/// A pod of two containers on MIG instances; a container of Docker's, one of another pod, and a
/// service, who take turns on one GPU; a task of a Slurm job.
fn workloads() -> Vec<Workload> {
    let inference = "/kubepods.slice/kubepods-pod6f1e2d3c_4b5a_4978_8796_a5b4c3d2e1f0.slice";
    let training = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0b5b3b3e_0a0d_4c3b_9f5e_1d2c3b4a5f60.slice";
    let scope =
        |slice: &str, digit: char| format!("{slice}/cri-containerd-{}.scope", digit.to_string().repeat(64));
    let docker = format!("/system.slice/docker-{}.scope", "d".repeat(64));
    let slurm = "/system.slice/slurmstepd.scope/job_4711/step_0/user/task_3".to_owned();
    let within = |cgroup: String, job: Workload| Workload { cgroup, ..job };
    vec![
        within(
            scope(inference, 'a'),
            job(9001, "llm-serve", 0, Part::Mig { gi: 1, ci: 0 }, Bytes::gib(31), 350),
        ),
        within(scope(inference, 'b'), job(9002, "embed", 0, Part::Mig { gi: 13, ci: 0 }, Bytes::gib(6), 60)),
        within(docker, job(9003, "worker-a", 1, Part::Whole, Bytes::gib(9), 300)),
        within(scope(training, 'c'), job(9004, "worker-b", 1, Part::Whole, Bytes::gib(12), 250)),
        within(
            "/system.slice/render-farm.service".to_owned(),
            job(9005, "worker-c", 1, Part::Whole, Bytes::gib(5), 100),
        ),
        within(slurm, job(9006, "hpc-rank", 2, Part::Xcp { index: 3 }, Bytes::gib(17), 120)),
    ]
}
