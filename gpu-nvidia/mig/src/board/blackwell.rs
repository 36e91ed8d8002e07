//! Blackwell: B200, GB200, B300, GB300, RTX PRO, Thor.

use super::columns::{Columns, full, seven};
use crate::id::ProfileIndex as I;
use crate::profile::Profile;

const GUIDE: &str = "NVIDIA MIG user guide";
const LISTED: &str = "NVIDIA MIG user guide; nvidia-smi mig -lgip of a real board";
const PARTED: &str = "mig-parted deployments/systemd/config-default.yaml (names)";
const WALKED: &str = "NVIDIA's walkthrough for B300 and GB300 (names, profile ids)";

const SEVENS: &str = "maxima and places, from the boards of seven slices that are public";

/// The guide gives the 7g as many decoders as a 1g, so its counts are no sum over the board.
pub(super) fn b200_180() -> Vec<Profile> {
    const ONE: [u64; 4] = [1, 0, 1, 0];
    const ONE_AND_FLOW: [u64; 4] = [1, 0, 1, 1];
    Columns {
        multiprocessors: [Some(18), Some(18), None, Some(36), None, Some(72), None],
        copy: full([2, 2, 2, 3, 6, 8, 16]),
        media: full([ONE, ONE_AND_FLOW, ONE, ONE, ONE, ONE, ONE_AND_FLOW]),
        source: GUIDE,
        inferred: Some("profile ids, from NVIDIA's walkthrough for B300"),
        ..seven(["1g.23gb", "1g.23gb+me", "1g.45gb", "2g.45gb", "3g.90gb", "4g.90gb", "7g.180gb"])
    }
    .rows()
}

/// Names by two memory totals: boards that tell the larger one have the aliases.
pub(super) fn gb200() -> Vec<Profile> {
    Columns {
        aliases: [&[], &[], &[], &[], &["3g.95gb"], &["4g.95gb"], &["7g.189gb"]],
        source: PARTED,
        inferred: Some("profile ids, maxima and places, from the boards of seven slices that are public"),
        ..seven(["1g.23gb", "1g.23gb+me", "1g.47gb", "2g.47gb", "3g.93gb", "4g.93gb", "7g.186gb"])
    }
    .rows()
}

pub(super) fn b300() -> Vec<Profile> {
    let names = ["1g.34gb", "1g.34gb+me", "1g.67gb", "2g.67gb", "3g.135gb", "4g.135gb", "7g.269gb"];
    Columns { source: WALKED, inferred: Some(SEVENS), ..seven(names) }.rows()
}

pub(super) fn gb300() -> Vec<Profile> {
    let names = ["1g.35gb", "1g.35gb+me", "1g.70gb", "2g.70gb", "3g.139gb", "4g.139gb", "7g.278gb"];
    Columns { source: WALKED, inferred: Some(SEVENS), ..seven(names) }.rows()
}

const QUARTERS: Option<&[u32]> = Some(&[0, 1, 2, 3]);
const HALVES: Option<&[u32]> = Some(&[0, 2]);
const WHOLE: Option<&[u32]> = Some(&[0]);

pub(super) fn rtx_pro_6000() -> Vec<Profile> {
    const ONE: [u64; 4] = [1, 1, 1, 0];
    const TWO: [u64; 4] = [2, 2, 2, 0];
    const ALL: [u64; 4] = [4, 4, 4, 1];
    const NONE: [u64; 4] = [0; 4];
    Columns {
        ids: full([14, 21, 47, 65, 67, 5, 35, 64, 66, 0, 32]),
        starts: [
            QUARTERS, QUARTERS, QUARTERS, QUARTERS, QUARTERS, HALVES, HALVES, HALVES, HALVES, WHOLE, WHOLE,
        ],
        sizes: [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4],
        multiprocessors: full([46, 46, 46, 46, 46, 94, 94, 94, 94, 188, 188]),
        mib: full([24_192, 24_192, 24_192, 24_192, 24_192, 48_512, 48_512, 48_512, 48_512, 97_280, 97_280]),
        copy: full([1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4]),
        media: full([ONE, [1, 1, 1, 1], ONE, ALL, NONE, TWO, TWO, ALL, NONE, ALL, ALL]),
        source: LISTED,
        inferred: Some("places, from the sizes; memory to an eighth of a GiB"),
        ..Columns::new(
            [
                "1g.24gb",
                "1g.24gb+me",
                "1g.24gb+gfx",
                "1g.24gb+me.all",
                "1g.24gb-me",
                "2g.48gb",
                "2g.48gb+gfx",
                "2g.48gb+me.all",
                "2g.48gb-me",
                "4g.96gb",
                "4g.96gb+gfx",
            ],
            [
                I::SLICE_1,
                I::SLICE_1_REV1,
                I::SLICE_1_GFX,
                I::SLICE_1_ALL_ME,
                I::SLICE_1_NO_ME,
                I::SLICE_2,
                I::SLICE_2_GFX,
                I::SLICE_2_ALL_ME,
                I::SLICE_2_NO_ME,
                I::SLICE_4,
                I::SLICE_4_GFX,
            ],
            [4, 1, 4, 1, 4, 2, 2, 1, 2, 1, 1],
        )
    }
    .rows()
}

const HALF_BOARD: Option<&str> =
    Some("maxima but the first, and places: one memory slot a slice, as on the RTX PRO 6000");

/// As in the newer guide; an older one lists 1g.12gb, 2g.24gb-me and 4g.48gb.
pub(super) fn rtx_pro_5000() -> Vec<Profile> {
    Columns {
        starts: [Some(&[0, 1]), Some(&[0, 1]), Some(&[0, 1]), Some(&[0, 1]), Some(&[0, 1]), WHOLE, WHOLE],
        sizes: [1, 1, 1, 1, 1, 2, 2],
        source: GUIDE,
        inferred: HALF_BOARD,
        ..Columns::new(
            [
                "1g.24gb",
                "1g.24gb+me",
                "1g.24gb+gfx",
                "1g.24gb+me.all",
                "1g.24gb-me",
                "2g.48gb",
                "2g.48gb+gfx",
            ],
            [
                I::SLICE_1,
                I::SLICE_1_REV1,
                I::SLICE_1_GFX,
                I::SLICE_1_ALL_ME,
                I::SLICE_1_NO_ME,
                I::SLICE_2,
                I::SLICE_2_GFX,
            ],
            [2, 1, 2, 1, 2, 1, 1],
        )
    }
    .rows()
}

pub(super) fn rtx_pro_4500() -> Vec<Profile> {
    Columns {
        starts: [Some(&[0, 1]), Some(&[0, 1]), Some(&[0, 1]), Some(&[0, 1]), WHOLE, WHOLE],
        sizes: [1, 1, 1, 1, 2, 2],
        source: GUIDE,
        inferred: HALF_BOARD,
        ..Columns::new(
            ["1g.16gb", "1g.16gb+gfx", "1g.16gb+me.all", "1g.16gb-me", "2g.32gb", "2g.32gb+gfx"],
            [I::SLICE_1, I::SLICE_1_GFX, I::SLICE_1_ALL_ME, I::SLICE_1_NO_ME, I::SLICE_2, I::SLICE_2_GFX],
            [2, 2, 1, 2, 1, 1],
        )
    }
    .rows()
}

/// Memory is the machine's, hence `0gb`. Neither maxima nor places are public: one of each is
/// certain.
pub(super) fn thor() -> Vec<Profile> {
    Columns {
        source: "NVIDIA MIG user guide (names)",
        inferred: Some("maxima: at least one of each"),
        ..Columns::new(
            ["1g.0gb", "1g.0gb+me", "1g.0gb+gfx", "2g.0gb", "2g.0gb+gfx", "3g.0gb", "3g.0gb+gfx"],
            [
                I::SLICE_1,
                I::SLICE_1_REV1,
                I::SLICE_1_GFX,
                I::SLICE_2,
                I::SLICE_2_GFX,
                I::SLICE_3,
                I::SLICE_3_GFX,
            ],
            [1; 7],
        )
    }
    .rows()
}
