//! What the backend asks NVML for one sample, against what the direct side of the benchmark asks:
//! the ratio between them says something only where both are the same.

use gpu_benches::{Direct, Installed};
use gpu_core::{Query, Sample};
use gpu_sim::Machine;

#[test]
fn a_sample_makes_the_very_calls_that_the_direct_side_makes() {
    let installed = Installed::new(&Machine::preset("hgx-h100-8").unwrap());
    let (backend, mut direct) = (installed.backend(), Direct::new(&installed.library()));
    let mut sample = Sample::new();
    backend.sample_into(&Query::everything(), &mut sample).unwrap();
    sample.clear();
    sample.cursors.iter_mut().for_each(|cursor| cursor.stamp = 0);

    let mut ours = direct.recorded(|| backend.sample_into(&Query::everything(), &mut sample).unwrap());
    direct.sample();
    let recorder = Direct::new(&installed.library());
    let mut theirs = recorder.recorded(|| direct.sample());
    assert_eq!(direct.last_counts(), Some((4, 4)), "each GPU has four processes and four rows of load");
    assert_eq!(sample.processes.len(), 32);
    assert!(sample.processes.iter().all(|process| process.memory.is_ok() && process.busy.is_ok()));

    ours.sort();
    theirs.sort();
    assert_eq!(ours.len(), 8 * 37, "{ours:#?}");
    assert_eq!(ours, theirs);
}
