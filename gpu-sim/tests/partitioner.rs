//! Two who change one board at the same time, in process: what each is told is true.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use gpu_core::plan::New;
use gpu_core::{Backend, Inner, Partitioner, Refusal, Vendor};
use gpu_sim::{Machine, Silicon, SimBackend, SimPartitioner, World};

fn instances(world: &World) -> Vec<(u32, u32)> {
    let machine = world.machine();
    let Silicon::Nvidia(nvidia) = &machine.gpus[0].silicon else { panic!("an NVIDIA GPU") };
    let mut all: Vec<_> = nvidia.mig.as_ref().unwrap().instances.iter().map(|of| (of.id, of.start)).collect();
    all.sort_unstable();
    all
}

/// Somebody who does not ask destroys and makes an instance without pause, while a partitioner
/// makes and destroys another. Sooner or later they meet between a change and its reading back;
/// that is said, and what is said to be new or gone is. Afterwards nothing is leaked.
#[test]
fn interference_is_noticed() {
    let mut machine = Machine::preset("hgx-h100-8").unwrap();
    machine.workloads.clear();
    machine.set_mig_mode(0, true).unwrap();
    let world = World::new(machine);
    let partitioner = SimPartitioner::new(world.clone());
    let device = SimBackend::new(world.clone(), Vendor::NVIDIA).inventory().unwrap().devices[0].id;
    let done = AtomicBool::new(false);
    let (mut noticed, mut stale, mut made) = (0, 0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let id = world.change_mig(|machine| machine.create_gpu_instance(0, 9, Some(4))).unwrap();
                world.change_mig(|machine| machine.destroy_gpu_instance(0, id)).unwrap();
            }
        });
        let started = std::time::Instant::now();
        while (noticed == 0 || stale == 0 || made == 0) && started.elapsed().as_secs() < 60 {
            let board = partitioner.board(device).unwrap();
            let profile = board.geometry.named("1g.10gb").unwrap();
            let placement = profile.places().next().unwrap();
            let new = New { profile: profile.key(), name: profile.name().to_owned(), placement };
            match partitioner.create(device, board.fingerprint(), &new, &Inner::Whole) {
                Ok(_) => made += 1,
                Err(Refusal::Stale { .. }) => stale += 1,
                Err(Refusal::Interfered { gone, made, .. }) => {
                    noticed += 1;
                    // The other's instance is at slot 4, ours at 0: only theirs is blamed.
                    assert!(gone.iter().chain(&made).all(|id| id.index() == 1 || id.index() == 2));
                }
                Err(Refusal::NoRoom { .. }) => {}
                Err(other) => panic!("{other}"),
            }
            // Ours goes again, whatever the other does.
            while let Ok(board) = partitioner.board(device) {
                let Some(ours) = board
                    .device
                    .partitions()
                    .find(|part| part.placement.value().is_some_and(|place| place.start == 0))
                else {
                    break;
                };
                let _ = partitioner.destroy(ours.id, board.fingerprint());
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(noticed > 0 && stale > 0 && made > 0, "noticed {noticed}, stale {stale}, made {made}");
    assert_eq!(instances(&world), [], "nobody has left anything");
}
