//! Tables, column by column.

use gpu_core::{Bytes, Count, Engines, Known, Placement};

use super::UNTOLD;
use crate::id::{GpuInstanceProfileId, ProfileIndex};
use crate::name::ProfileName;
use crate::profile::Profile;

/// A column of a table; `None` where the source leaves a cell empty.
type Column<T, const N: usize> = [Option<T>; N];

/// The rows of one board. A column that is not given is empty.
pub(super) struct Columns<const N: usize> {
    pub names: [&'static str; N],
    pub indexes: [ProfileIndex; N],
    pub ids: Column<u32, N>,
    pub most: [u32; N],
    pub starts: [Option<&'static [u32]>; N],
    pub sizes: [u32; N],
    pub multiprocessors: Column<u64, N>,
    pub mib: Column<u64, N>,
    /// Copy engines.
    pub copy: Column<u64, N>,
    /// Decoders, encoders, JPEG engines, optical flow engines.
    pub media: Column<[u64; 4], N>,
    pub aliases: [&'static [&'static str]; N],
    pub source: &'static str,
    pub inferred: Option<&'static str>,
}

impl<const N: usize> Columns<N> {
    /// Names, indexes, maxima and nothing else.
    pub const fn new(names: [&'static str; N], indexes: [ProfileIndex; N], most: [u32; N]) -> Self {
        Self {
            names,
            indexes,
            ids: [None; N],
            most,
            starts: [None; N],
            sizes: [0; N],
            multiprocessors: [None; N],
            mib: [None; N],
            copy: [None; N],
            media: [None; N],
            aliases: [&[]; N],
            source: "",
            inferred: None,
        }
    }

    /// The rows as profiles.
    pub fn rows(&self) -> Vec<Profile> {
        (0..N).filter_map(|row| self.row(row)).collect()
    }

    /// `None` for a name that is none: a mistake in a table, which a test of this crate finds.
    fn row(&self, row: usize) -> Option<Profile> {
        let name = self.names[row].parse().ok()?;
        let mut profile = Profile::new(name, self.indexes[row], self.most[row], self.source);
        profile.id = known(self.ids[row]).map(GpuInstanceProfileId);
        profile.multiprocessors = known(self.multiprocessors[row]).map(Count);
        profile.memory = known(self.mib[row]).map(Bytes::mib);
        let size = self.sizes[row];
        profile.places = match self.starts[row] {
            Some(starts) => {
                starts.iter().map(|start| Placement { start: *start, size }).collect::<Vec<_>>().into()
            }
            None => Known::unsupported("no public source tells where"),
        };
        profile.engines = engines(self.copy[row], self.media[row]);
        profile.aliases =
            self.aliases[row].iter().filter_map(|alias| alias.parse::<ProfileName>().ok()).collect();
        profile.inferred = self.inferred;
        Some(profile)
    }
}

fn known<T>(cell: Option<T>) -> Known<T> {
    cell.map_or(Known::unsupported(UNTOLD), Known::from)
}

fn engines(copy: Option<u64>, media: Option<[u64; 4]>) -> Engines {
    let mut engines = Engines::unsupported(UNTOLD);
    engines.copy = known(copy).map(Count);
    engines.decoder = known(media.map(|[decoders, ..]| decoders)).map(Count);
    engines.encoder = known(media.map(|[_, encoders, ..]| encoders)).map(Count);
    engines.jpeg = known(media.map(|[_, _, jpegs, _]| jpegs)).map(Count);
    engines.optical_flow = known(media.map(|[.., ofas]| ofas)).map(Count);
    engines
}

/// A column without empty cells.
pub(super) const fn full<T: Copy, const N: usize>(cells: [T; N]) -> [Option<T>; N] {
    let mut column = [None; N];
    let mut row = 0;
    while row < N {
        column[row] = Some(cells[row]);
        row += 1;
    }
    column
}

const ANY: Option<&[u32]> = Some(&[0, 1, 2, 3, 4, 5, 6]);
const EVEN: Option<&[u32]> = Some(&[0, 2, 4, 6]);

/// A board of seven compute slices and eight memory slots: the names of 1g, 1g+me, 1g with double
/// memory, 2g, 3g, 4g and 7g. Ids, maxima and places are the same on all boards whose `-lgip` and
/// `-lgipp` are public.
pub(super) const fn seven(names: [&'static str; 7]) -> Columns<7> {
    use ProfileIndex as I;
    let indexes =
        [I::SLICE_1, I::SLICE_1_REV1, I::SLICE_1_REV2, I::SLICE_2, I::SLICE_3, I::SLICE_4, I::SLICE_7];
    Columns {
        ids: full([19, 20, 15, 14, 9, 5, 0]),
        starts: [ANY, ANY, EVEN, Some(&[0, 2, 4]), Some(&[0, 4]), Some(&[0]), Some(&[0])],
        sizes: [1, 1, 2, 2, 4, 4, 8],
        ..Columns::new(names, indexes, [7, 1, 4, 3, 2, 1, 1])
    }
}
