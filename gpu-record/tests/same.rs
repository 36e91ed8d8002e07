//! What is replayed is what was there: every part of a moment, and what a program makes of it.

#[path = "common/looks.rs"]
mod looks;

use gpu_accounting::record::{Recorder, Replay};
use gpu_accounting::{Node, Sample};
use gpu_core::conformance;
use gpu_sim::Machine;
use looks::{Folder, SECOND, looks as looks_at, node, read, record, world};

#[test]
fn every_machine_comes_back_moment_by_moment() {
    let folder = Folder::new("moments");
    for &preset in Machine::presets() {
        let (head, mut moments) = looks_at(preset, 5);
        let path = folder.file(preset);
        record(&path, head, &moments);
        // How far a caller has read is the caller's.
        moments.iter_mut().for_each(|moment| moment.sample.cursors.clear());
        let (back, error) = read(&path);
        assert_eq!(error, None);
        for (back, moment) in back.iter().zip(&moments) {
            assert_eq!(back, moment, "{preset}");
        }
        assert_eq!(back.len(), moments.len());
        assert!(preset == "empty" || !back[0].sample.units.is_empty());
    }
}

#[test]
fn a_replayed_node_is_a_node_as_good_as_any() {
    let folder = Folder::new("conformance");
    for &preset in Machine::presets() {
        let (head, moments) = looks_at(preset, 2);
        let path = folder.file(preset);
        record(&path, head, &moments);
        let mut replay = Replay::open(&path).expect("it can be read");
        let host = replay.host();
        let mut backends = 0;
        loop {
            for backend in host.discoveries.iter().filter_map(|of| of.backend.as_deref()) {
                conformance::run(backend);
                if preset == "empty" {
                    conformance::an_empty_machine_is_no_error(backend);
                }
                backends += 1;
            }
            if replay.next().expect("it can be read on").is_none() {
                break;
            }
        }
        assert!(backends >= 2, "{preset}: nothing was checked");
    }
}

/// A sample's processes by unit and number: backends name them vendor by vendor, and those that hold
/// a device file come after all of them only on the machine itself.
fn ordered(mut sample: Sample) -> Sample {
    sample.cursors.clear();
    sample.processes.sort_by_key(|process| (process.unit, process.pid));
    sample
}

#[test]
fn a_program_sees_on_a_replayed_node_what_it_saw_on_the_machine() {
    let folder = Folder::new("programs");
    for &preset in Machine::presets() {
        let world = world(preset);
        let live = node(&world);
        let path = folder.file(preset);
        let mut recorder = Recorder::create(&path, live.recording_head("the tests 1.0")).expect("begun");
        let (mut watch, mut seen) = (live.watch(), Vec::new());
        for _ in 0..12 {
            let attribution = watch.look();
            recorder.add(&watch.moment()).expect("added");
            let sample = ordered(watch.sample().clone());
            seen.push((attribution, watch.inventory().clone(), sample, watch.evidence().cloned()));
            world.clock().advance(SECOND);
        }

        let mut replay = Replay::open(&path).expect("it can be read");
        let replayed = Node::builder().replay(&replay).build();
        assert_eq!(replayed.simulated(), live.simulated());
        assert!(replayed.recorded().is_some_and(|when| when.ends_with("Z, by the tests 1.0")));
        assert_eq!(live.recorded(), None);
        let outcomes = replayed.outcomes().iter().filter(|of| of.vendor.as_str() != "recording");
        assert!(outcomes.eq(live.outcomes()), "{preset}");
        let mut watch = replayed.watch();
        for (number, (attribution, inventory, sample, evidence)) in seen.iter().enumerate() {
            let again = watch.look();
            assert_eq!(again.lines, attribution.lines, "{preset}, look {number}");
            assert_eq!(again, *attribution, "{preset}, look {number}");
            assert_eq!(watch.inventory(), inventory, "{preset}, look {number}");
            assert_eq!(ordered(watch.sample().clone()), *sample, "{preset}, look {number}");
            assert_eq!(watch.evidence(), evidence.as_ref(), "{preset}, look {number}");
            let passed = replay.next().expect("it can be read on");
            assert_eq!(passed, (number + 1 < seen.len()).then_some(SECOND));
        }
        assert_eq!(replay.next().expect("the end is no error"), None);
    }
}

#[test]
fn what_changes_while_it_is_recorded_changes_when_it_is_replayed() {
    let folder = Folder::new("changes");
    let path = folder.file("mixed");
    let world = world("mixed");
    let live = node(&world);
    let mut recorder = Recorder::create(&path, live.recording_head("")).expect("begun");
    let (mut watch, mut fingerprints) = (live.watch(), Vec::new());
    for step in 0..4 {
        watch.look();
        fingerprints.push(watch.inventory().fingerprint());
        recorder.add(&watch.moment()).expect("added");
        world.clock().advance(SECOND);
        match step {
            0 => world.lose(0),
            1 => world.change(|machine| machine.workloads.clear()),
            _ => world.change(|machine| machine.gpus[1].asleep = true),
        }
    }
    let mut replay = Replay::open(&path).expect("it can be read");
    let replayed = Node::builder().replay(&replay).build();
    for fingerprint in &fingerprints {
        assert_eq!(replayed.inventory().fingerprint(), *fingerprint);
        replay.next().expect("it can be read on");
    }
    assert!(fingerprints.windows(2).any(|pair| pair[0] != pair[1]), "nothing has changed");
    assert!(replayed.processes().is_empty(), "the workloads are gone");
}
