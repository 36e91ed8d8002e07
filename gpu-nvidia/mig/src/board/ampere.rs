//! Ampere: A30, A100, A800.

use super::columns::{Columns, full, seven};
use crate::id::ProfileIndex as I;
use crate::profile::Profile;

const GUIDE: &str = "NVIDIA MIG user guide; go-nvml pkg/nvml/mock (A30: multiprocessors, memory, places)";
const LISTED: &str = "NVIDIA MIG user guide; nvidia-smi mig -lgip and -lgipp of real boards; go-nvml a100.go";
const PARTED: &str = "mig-parted deployments/systemd/config-default.yaml (names)";

pub(super) fn a30_24() -> Vec<Profile> {
    const QUARTERS: Option<&[u32]> = Some(&[0, 1, 2, 3]);
    const HALVES: Option<&[u32]> = Some(&[0, 2]);
    Columns {
        ids: full([14, 21, 5, 6, 0]),
        starts: [QUARTERS, QUARTERS, HALVES, HALVES, Some(&[0])],
        sizes: [1, 1, 2, 2, 4],
        multiprocessors: full([14, 14, 28, 28, 56]),
        mib: full([5_836, 5_836, 11_672, 11_672, 23_344]),
        copy: full([1, 1, 2, 2, 4]),
        media: full([[0, 0, 0, 0], [1, 0, 1, 1], [2, 0, 0, 0], [2, 0, 1, 1], [4, 0, 1, 1]]),
        source: GUIDE,
        inferred: Some("profile ids, from the order in which boards give them"),
        ..Columns::new(
            ["1g.6gb", "1g.6gb+me", "2g.12gb", "2g.12gb+me", "4g.24gb"],
            [I::SLICE_1, I::SLICE_1_REV1, I::SLICE_2, I::SLICE_2_REV1, I::SLICE_4],
            [4, 1, 2, 1, 1],
        )
    }
    .rows()
}

const SMS: [Option<u64>; 7] = full([14, 14, 14, 28, 42, 56, 98]);
const COPY: [Option<u64>; 7] = full([1, 1, 1, 2, 3, 4, 7]);

const fn media(double: u64) -> [Option<[u64; 4]>; 7] {
    let double = [double, 0, 0, 0];
    full([[0, 0, 0, 0], [1, 0, 1, 1], double, [1, 0, 0, 0], [2, 0, 0, 0], [2, 0, 0, 0], [5, 0, 1, 1]])
}

pub(super) fn a100_40() -> Vec<Profile> {
    Columns {
        multiprocessors: SMS,
        mib: full([4_864, 4_864, 9_856, 9_856, 19_968, 19_968, 40_192]),
        copy: COPY,
        media: media(1),
        source: LISTED,
        ..seven(["1g.5gb", "1g.5gb+me", "1g.10gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"])
    }
    .rows()
}

/// Memory is 9.50, 19.50, 39.25 and 78.75 GiB; another driver told 9.75 to 78.50.
pub(super) fn a100_80() -> Vec<Profile> {
    Columns {
        multiprocessors: SMS,
        mib: full([9_728, 9_728, 19_968, 19_968, 40_192, 40_192, 80_640]),
        copy: COPY,
        media: media(1),
        source: LISTED,
        inferred: Some("engines, from the A100 with 40 GB"),
        ..seven(["1g.10gb", "1g.10gb+me", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"])
    }
    .rows()
}

pub(super) fn pg506_96() -> Vec<Profile> {
    Columns {
        source: PARTED,
        inferred: Some("profile ids, maxima and places, from the boards of seven slices that are public"),
        ..seven(["1g.12gb", "1g.12gb+me", "1g.24gb", "2g.24gb", "3g.48gb", "4g.48gb", "7g.96gb"])
    }
    .rows()
}
