//! A meter that has seen a node as it is allocates nothing: neither for a look nor for a statement that
//! is closed into one that is used again.

#[path = "../../gpu-core/tests/support/crowd.rs"]
mod crowd;
#[path = "../../gpu-core/tests/support/hand.rs"]
mod hand;

use crowd::Crowd;
use gpu_benches::Counting;
use gpu_core::meter::{Baseline, By, IdlePower, Meter, Rules, Statement};
use gpu_core::{Known, Label, LabelSource, Labels};

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_warm_meter_allocates_nothing() {
    let crowd = Crowd::new(40, 200, false);
    let rules = [
        Rules::new().idle_power(IdlePower::ToHolders).baseline(Baseline::LeastSeen),
        Rules::new().energy(By::MemoryHeld),
        Rules::new().energy(By::Slices).busy(By::Equal),
    ];
    for rules in rules {
        let mut meter = Meter::new("node-1".parse().unwrap(), rules);
        let mut statement = Statement::new("node-1".parse().unwrap());
        let mut labels = Labels::unsupported("nobody says");
        labels.pod = Known::from(Label::new("train-7", LabelSource::OciBundle));
        let mut asked = Vec::new();
        for (n, look) in crowd.looks.iter().enumerate() {
            asked.push(Counting::during(|| {
                crowd.tell(&mut meter, look);
                for owner in &crowd.owners {
                    meter.call(owner, &labels);
                }
                if n % 3 == 2 {
                    meter.close_into(&mut statement);
                }
            }));
        }
        assert!(asked[0] > 0, "{asked:?}: the counter counts");
        assert_eq!(asked[10..].iter().sum::<u64>(), 0, "{asked:?}");
        assert_eq!(statement.names.len(), 200);
        statement.check().unwrap();
    }
}
