//! How large recordings are, and how fast they are written and read. Printed; what is promised is
//! tested.
//!
//! ```text
//! cargo test --release -p gpu-record --test figures -- --ignored --nocapture --test-threads 1
//! ```

#[path = "common/looks.rs"]
mod looks;

use std::fs;
use std::time::{Duration, Instant};

use gpu_accounting::record::{Recorder, Recording};
use looks::{Folder, looks as looks_at};

/// An hour of looks, a second apart.
const LOOKS: usize = 3600;

/// The fastest of a few: what else the machine does only ever slows.
fn fastest(mut run: impl FnMut() -> Duration) -> Duration {
    (0..3).map(|_| run()).min().unwrap_or_default()
}

fn measure(preset: &str) -> u64 {
    let folder = Folder::new("figures");
    let path = folder.file(preset);
    let (head, moments) = looks_at(preset, LOOKS);
    let write = fastest(|| {
        let _ = fs::remove_file(&path);
        let started = Instant::now();
        let mut recorder = Recorder::create(&path, head.clone()).expect("begun");
        for moment in &moments {
            recorder.add(moment).expect("added");
        }
        started.elapsed()
    });
    let read = fastest(|| {
        let started = Instant::now();
        let items = Recording::open(&path).expect("there").filter(|item| item.is_ok()).count();
        assert!(items > LOOKS);
        started.elapsed()
    });
    let bytes = fs::metadata(&path).expect("there").len();
    let per_look = bytes.div_ceil(LOOKS as u64);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / LOOKS as f64;
    println!(
        "{preset}: {per_look} bytes a look, {:.1} MiB a day at 1 s; a look is written in {:.0} µs and read in {:.0} µs",
        (per_look * 86_400) as f64 / f64::from(1 << 20),
        each(write),
        each(read),
    );
    per_look
}

#[test]
#[ignore = "measures: for a release build, and alone"]
fn a_look_takes_few_bytes() {
    for (preset, most) in [("hgx-h100-8", 600), ("mixed", 600), ("mi300x-8-cpx", 8000), ("b60-2", 300)] {
        let per_look = measure(preset);
        assert!(per_look <= most, "{preset}: {per_look} bytes a look, at most {most} are promised");
    }
}
