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

use gpu_accounting::Reading;
use gpu_accounting::record::{Moment, Recorder, Recording};
use gpu_core::recorded::Writer;
use looks::{Folder, looks as looks_at};

/// An hour of looks, a second apart.
const LOOKS: usize = 3600;

/// The fastest of a few: what else the machine does only ever slows.
fn fastest(mut run: impl FnMut() -> Duration) -> Duration {
    (0..3).map(|_| run()).min().unwrap_or_default()
}

/// Numbers as hardware shows them: simulated loads hold still. Every gauge moves a little, at random.
fn stir(moments: &mut [Moment]) {
    let mut state = 1_u64;
    let mut next = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    for reading in moments.iter_mut().flat_map(|moment| &mut moment.sample.units).map(|of| &mut of.reading) {
        let Reading { power, energy, temperature, clock_graphics, clock_sm, memory_used, busy, .. } = reading;
        let mut move_by = |value: &mut u64, most: u64| *value = value.saturating_add(next(most));
        let _ = power.as_mut().map(|of| move_by(&mut of.value.0, 8_000_000));
        let _ = energy.as_mut().map(|of| move_by(&mut of.value.0, 8_000_000));
        let _ = clock_graphics.as_mut().map(|of| move_by(&mut of.value.0, 60_000_000));
        let _ = clock_sm.as_mut().map(|of| move_by(&mut of.value.0, 60_000_000));
        let _ = memory_used.as_mut().map(|of| move_by(&mut of.value.0, 1 << 28));
        let _ = busy.as_mut().map(|of| move_by(&mut of.value.0, 200));
        let _ = temperature.as_mut().map(|of| of.value.0 += i64::from(next(3) == 0) * 1000);
    }
}

fn measure(preset: &str) -> u64 {
    let folder = Folder::new("figures");
    let path = folder.file(preset);
    let (head, mut moments) = looks_at(preset, LOOKS);
    stir(&mut moments);
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
    let (mut writer, mut plain, mut content) = (Writer::new(), 0, Vec::new());
    for moment in &moments {
        if plain == 0 || writer.is_long() {
            writer.head(&head, &mut content);
        }
        writer.moment(moment, &mut content).expect("not too large");
        plain += content.len();
        content.clear();
    }
    let bytes = fs::metadata(&path).expect("there").len();
    let per_look = bytes.div_ceil(LOOKS as u64);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / LOOKS as f64;
    println!(
        "{preset}: {per_look} bytes a look ({} before DEFLATE), {:.1} MiB a day at 1 s; a look is written in {:.0} µs and read in {:.0} µs",
        plain / LOOKS,
        (per_look * 86_400) as f64 / f64::from(1 << 20),
        each(write),
        each(read),
    );
    per_look
}

#[test]
#[ignore = "measures: for a release build, and alone"]
fn a_look_takes_few_bytes() {
    for (preset, most) in [("hgx-h100-8", 500), ("mixed", 500), ("mi300x-8-cpx", 2500), ("b60-2", 250)] {
        let per_look = measure(preset);
        assert!(per_look <= most, "{preset}: {per_look} bytes a look, at most {most} are promised");
    }
}
