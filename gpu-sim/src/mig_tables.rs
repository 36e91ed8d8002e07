//! What boards that can be cut offer, for planning and simulation without hardware.
//!
//! Sources: NVIDIA's MIG user guide, and `nvidia-smi mig -lgip` and `-lgipp` of real boards, as
//! published. A driver's own answer beats any row.

use gpu_core::Bytes;

use crate::gpu::MigProfile;

/// name, index in NVML's enumeration, profile id, slices, SMs, MiB, most, first slots, size,
/// copy engines, decoders, JPEG, optical flow
type Row = (&'static str, u32, u32, u32, u32, u64, u32, &'static [u32], u32, u32, u32, u32, u32);

const ANY: &[u32] = &[0, 1, 2, 3, 4, 5, 6];
const EVEN: &[u32] = &[0, 2, 4, 6];

/// A100-SXM4-40GB: guide, go-nvml's `a100.go`, `-lgip`.
const A100_40: &[Row] = &[
    ("1g.5gb", 0, 19, 1, 14, 4_864, 7, ANY, 1, 1, 0, 0, 0),
    ("1g.5gb+me", 7, 20, 1, 14, 4_864, 1, ANY, 1, 1, 1, 1, 1),
    ("1g.10gb", 9, 15, 1, 14, 9_856, 4, EVEN, 2, 1, 1, 0, 0),
    ("2g.10gb", 1, 14, 2, 28, 9_856, 3, &[0, 2, 4], 2, 2, 1, 0, 0),
    ("3g.20gb", 2, 9, 3, 42, 19_968, 2, &[0, 4], 4, 3, 2, 0, 0),
    ("4g.20gb", 3, 5, 4, 56, 19_968, 1, &[0], 4, 4, 2, 0, 0),
    ("7g.40gb", 4, 0, 7, 98, 40_192, 1, &[0], 8, 7, 5, 1, 1),
];

/// H100 80GB: guide, `-lgip`.
const H100_80: &[Row] = &[
    ("1g.10gb", 0, 19, 1, 16, 9_984, 7, ANY, 1, 1, 1, 1, 0),
    ("1g.10gb+me", 7, 20, 1, 16, 9_984, 1, ANY, 1, 1, 1, 1, 1),
    ("1g.20gb", 9, 15, 1, 26, 20_096, 4, EVEN, 2, 1, 1, 1, 0),
    ("2g.20gb", 1, 14, 2, 32, 20_096, 3, &[0, 2, 4], 2, 2, 2, 2, 0),
    ("3g.40gb", 2, 9, 3, 60, 40_448, 2, &[0, 4], 4, 3, 3, 3, 0),
    ("4g.40gb", 3, 5, 4, 64, 40_448, 1, &[0], 4, 4, 4, 4, 0),
    ("7g.80gb", 4, 0, 7, 132, 81_152, 1, &[0], 8, 8, 7, 7, 1),
];

/// The profiles of a board: `a100-40` or `h100-80`; none for a board that is not in the tables.
#[must_use]
pub fn profiles(board: &str) -> Vec<MigProfile> {
    let rows = match board {
        "a100-40" => A100_40,
        "h100-80" => H100_80,
        _ => &[],
    };
    rows.iter().map(profile).collect()
}

fn profile(row: &Row) -> MigProfile {
    let (name, index, id, slices, sms, mib, most, starts, size, copy, decoders, jpegs, ofas) = *row;
    MigProfile {
        name: name.to_owned(),
        index,
        id,
        slices,
        multiprocessors: sms,
        memory: Bytes::mib(mib),
        max_instances: most,
        starts: starts.to_vec(),
        size,
        copy_engines: copy,
        decoders,
        encoders: 0,
        jpegs,
        ofas,
    }
}
