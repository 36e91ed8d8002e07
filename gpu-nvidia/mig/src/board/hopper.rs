//! Hopper: H100, H800, H200, H20, GH200.

use super::columns::{Columns, full, seven};
use crate::profile::Profile;

const LISTED: &str = "NVIDIA MIG user guide; nvidia-smi mig -lgip and -lgipp of real boards";
const GUIDE: &str = "NVIDIA MIG user guide; mig-parted deployments/systemd/config-default.yaml (names)";
const PARTED: &str = "mig-parted deployments/systemd/config-default.yaml (names)";

const SMS: [Option<u64>; 7] = full([16, 16, 26, 32, 60, 64, 132]);
const COPY: [Option<u64>; 7] = full([1, 1, 1, 2, 3, 4, 8]);
const MEDIA: [Option<[u64; 4]>; 7] =
    full([[1, 0, 1, 0], [1, 0, 1, 1], [1, 0, 1, 0], [2, 0, 2, 0], [3, 0, 3, 0], [4, 0, 4, 0], [7, 0, 7, 1]]);

pub(super) fn h100_80() -> Vec<Profile> {
    Columns {
        multiprocessors: SMS,
        mib: full([9_984, 9_984, 20_096, 20_096, 40_448, 40_448, 81_152]),
        copy: COPY,
        media: MEDIA,
        source: LISTED,
        ..seven(["1g.10gb", "1g.10gb+me", "1g.20gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb"])
    }
    .rows()
}

/// Memory is 10.62, 21.50, 46.12 and 92.62 GiB; another driver told 10.75 and 46.38.
pub(super) fn h100_94() -> Vec<Profile> {
    Columns {
        multiprocessors: SMS,
        mib: full([10_880, 10_880, 22_016, 22_016, 47_232, 47_232, 94_848]),
        copy: COPY,
        media: MEDIA,
        source: LISTED,
        inferred: Some("engines, from the H100 with 80 GB; memory to an eighth of a GiB"),
        ..seven(["1g.12gb", "1g.12gb+me", "1g.24gb", "2g.24gb", "3g.47gb", "4g.47gb", "7g.94gb"])
    }
    .rows()
}

const NAMES_96: [&str; 7] = ["1g.12gb", "1g.12gb+me", "1g.24gb", "2g.24gb", "3g.48gb", "4g.48gb", "7g.96gb"];

/// H100 and GH200 with 96 GB.
pub(super) fn h100_96() -> Vec<Profile> {
    Columns {
        multiprocessors: SMS,
        copy: COPY,
        media: MEDIA,
        source: GUIDE,
        inferred: Some("profile ids, maxima, places and multiprocessors, from the H100 with 80 GB"),
        ..seven(NAMES_96)
    }
    .rows()
}

pub(super) fn h20_96() -> Vec<Profile> {
    Columns {
        copy: COPY,
        media: MEDIA,
        source: GUIDE,
        inferred: Some("profile ids, maxima and places, from the H100 with 80 GB"),
        ..seven(NAMES_96)
    }
    .rows()
}

pub(super) fn gh200_144() -> Vec<Profile> {
    Columns {
        multiprocessors: SMS,
        copy: COPY,
        media: MEDIA,
        source: PARTED,
        inferred: Some("all but the names, from the H100 with 80 GB"),
        ..seven(["1g.18gb", "1g.18gb+me", "1g.36gb", "2g.36gb", "3g.72gb", "4g.72gb", "7g.144gb"])
    }
    .rows()
}

/// Memory of the profiles that public output shows, rounded there: about 16.0, 32.5 and 140 GiB.
pub(super) fn h200_141() -> Vec<Profile> {
    Columns {
        multiprocessors: SMS,
        mib: [Some(16_384), Some(16_384), None, Some(33_280), None, None, Some(143_360)],
        copy: COPY,
        media: MEDIA,
        source: LISTED,
        inferred: Some("places and multiprocessors of 1g.35gb, 3g and 4g, from the H100 with 80 GB"),
        ..seven(["1g.18gb", "1g.18gb+me", "1g.35gb", "2g.35gb", "3g.71gb", "4g.71gb", "7g.141gb"])
    }
    .rows()
}
