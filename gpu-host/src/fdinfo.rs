//! DRM's accounting of an open descriptor: the text of `/proc/<pid>/fdinfo/<fd>`.
//!
//! The format is the kernel's `Documentation/gpu/drm-usage-stats.rst`; the keys that begin with
//! `amd-`, and those of amdgpu before Linux 5.19 (`vram mem`), are of the kernel's `amdgpu_fdinfo.c`.
//! A process can choose none of it but, with newer kernels, its client's name.

mod scan;

use gpu_core::{Bytes, DeviceNumber, DrmClient, Hertz, Nanoseconds, Tag};

/// Most engines, and most regions, of one client that are kept. Drivers have about ten.
const MOST: usize = 64;

/// As many engines, and regions, as drivers have: room for them is made once.
const USUAL: usize = 8;

/// Reads the text of one descriptor of the device file `node`; `None` when it is no DRM client's.
///
/// What is not understood is counted, never guessed: keys in
/// [`unknown`](DrmClient::unknown), values in [`malformed`](DrmClient::malformed).
///
/// ```
/// use gpu_core::{Bytes, DeviceNumber, Nanoseconds};
/// let text = b"drm-driver:\tamdgpu\ndrm-client-id:\t7\ndrm-memory-vram:\t64 KiB\ndrm-engine-gfx:\t5 ns\n";
/// let client = gpu_host::fdinfo::parse(text, DeviceNumber { major: 226, minor: 128 }).unwrap();
/// assert_eq!(client.id, Some(7));
/// assert_eq!(client.regions[0].held(), Some(Bytes::kib(64)));
/// assert_eq!(client.engines[0].time, Some(Nanoseconds(5)));
/// ```
#[must_use]
pub fn parse(text: &[u8], node: DeviceNumber) -> Option<DrmClient> {
    let mut reader =
        Reader { client: DrmClient::new(node), engine: 0, region: 0, is_drm: false, pasid: None };
    reader.client.engines.reserve(USUAL);
    reader.client.regions.reserve(USUAL);
    let mut rest = text;
    while let Some((key, value)) = next(&mut rest) {
        match reader.line(key, value) {
            Line::Taken => {}
            Line::Unknown => reader.client.unknown = reader.client.unknown.saturating_add(1),
            Line::Malformed => reader.client.malformed = reader.client.malformed.saturating_add(1),
        }
    }
    let Reader { mut client, is_drm, pasid, .. } = reader;
    if client.driver.is_none() {
        // The address space's number stands for the client's where there is none.
        client.id = client.id.or(pasid);
    }
    is_drm.then_some(client)
}

/// Takes the next `key: value` off the text, without the white space around both; passes over lines of
/// another form.
#[inline]
fn next<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    while !rest.is_empty() {
        let (key, after) = rest.split_at(scan::until(rest, b':', b'\n'));
        let Some((b':', after)) = after.split_first() else {
            *rest = after.get(1..).unwrap_or_default();
            continue;
        };
        let (value, after) = after.split_at(scan::until(after, b'\n', b'\n'));
        *rest = after.get(1..).unwrap_or_default();
        return Some((scan::trimmed(key), scan::value(value)));
    }
    None
}

enum Line {
    Taken,
    Unknown,
    Malformed,
}

/// A value that was read, or one that cannot be.
#[inline]
fn taken<T>(value: Option<T>, put: impl FnOnce(T)) -> Line {
    match value {
        Some(value) => {
            put(value);
            Line::Taken
        }
        None => Line::Malformed,
    }
}

/// What is counted of a memory region.
#[derive(Clone, Copy)]
enum Verb {
    Total,
    Shared,
    Resident,
    /// `drm-memory-`: the older name of what is resident.
    Memory,
    Purgeable,
    Active,
    Evicted,
    Requested,
}

/// What has been read, and where: the lines of one engine, and of one region, mostly come together.
struct Reader {
    client: DrmClient,
    /// The places of the last engine and the last region.
    engine: usize,
    region: usize,
    is_drm: bool,
    pasid: Option<u64>,
}

impl Reader {
    /// Nothing of it is text to be checked: names are made of the characters of a [`Tag`] or are not
    /// taken, numbers of digits.
    #[inline]
    fn line(&mut self, key: &[u8], value: &[u8]) -> Line {
        let Some(rest) = key.strip_prefix(b"drm-") else { return self.other(key, value) };
        let (verb, name) = rest.split_at(scan::until(rest, b'-', b'-'));
        let name = name.get(1..).unwrap_or_default();
        match verb {
            b"total" => match name.strip_prefix(b"cycles-") {
                Some(name) => self.engine(name, scan::number(value), |of, n| of.total_cycles = Some(n)),
                None => self.memory(name, value, Verb::Total),
            },
            b"shared" => self.memory(name, value, Verb::Shared),
            b"resident" => self.memory(name, value, Verb::Resident),
            b"active" => self.memory(name, value, Verb::Active),
            b"purgeable" => self.memory(name, value, Verb::Purgeable),
            b"memory" => self.memory(name, value, Verb::Memory),
            b"engine" => match name.strip_prefix(b"capacity-") {
                Some(name) => {
                    let capacity = scan::number(value).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
                    self.engine(name, capacity, |of, n| of.capacity = n)
                }
                // Two blocks of a chip may have one name: amdgpu writes a line for each.
                None => self.engine(name, time(value), |of, n| {
                    of.time = Some(Nanoseconds(of.time.map_or(0, Nanoseconds::get).saturating_add(n)));
                }),
            },
            b"cycles" => self.engine(name, scan::number(value), |of, n| of.cycles = Some(n)),
            b"maxfreq" => self.engine(name, frequency(value), |of, n| of.max_frequency = Some(n)),
            _ => self.identity(rest, value),
        }
    }

    /// Who the client is.
    fn identity(&mut self, rest: &[u8], value: &[u8]) -> Line {
        match rest {
            b"driver" => {
                self.is_drm = true;
                self.client.driver = Tag::from_bytes(value);
                taken(self.client.driver, |_| {})
            }
            b"pdev" => self.pdev(value),
            b"client-id" => taken(scan::number(value), |id| self.client.id = Some(id)),
            b"client-name" => Line::Taken,
            _ => Line::Unknown,
        }
    }

    /// Keys that are not DRM's own.
    fn other(&mut self, key: &[u8], value: &[u8]) -> Line {
        match key {
            // What the kernel writes for every descriptor, and says nothing here.
            b"pos" | b"flags" | b"mnt_id" | b"ino" => Line::Taken,
            b"pasid" => {
                self.pasid = scan::number(value);
                Line::Taken
            }
            b"pdev" => self.pdev(value),
            b"vram mem" => {
                // Before Linux 5.19 amdgpu's file had no drm-driver.
                self.is_drm = true;
                self.memory(b"vram", value, Verb::Resident)
            }
            b"gtt mem" => self.memory(b"gtt", value, Verb::Resident),
            b"cpu mem" => self.memory(b"cpu", value, Verb::Resident),
            b"amd-memory-visible-vram" => self.memory(b"visible-vram", value, Verb::Resident),
            _ => match (key.strip_prefix(b"amd-evicted-"), key.strip_prefix(b"amd-requested-")) {
                (Some(name), _) => self.memory(name, value, Verb::Evicted),
                (_, Some(name)) => self.memory(name, value, Verb::Requested),
                _ => Line::Unknown,
            },
        }
    }

    fn pdev(&mut self, value: &[u8]) -> Line {
        let pdev = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
        taken(pdev, |pdev| self.client.pdev = Some(pdev))
    }

    #[inline]
    fn engine<T>(
        &mut self,
        name: &[u8],
        value: Option<T>,
        put: impl FnOnce(&mut gpu_core::DrmEngine, T),
    ) -> Line {
        let all = &mut self.client.engines;
        let at = find(all, self.engine, |engine| engine.name.as_bytes() == name);
        if at == all.len() {
            let Some(name) = Tag::from_bytes(name).filter(|_| at < MOST) else { return Line::Unknown };
            if value.is_some() {
                self.client.engine(name);
            }
        }
        self.engine = at;
        taken(value, |value| put(&mut self.client.engines[at], value))
    }

    #[inline]
    fn memory(&mut self, name: &[u8], value: &[u8], verb: Verb) -> Line {
        let all = &mut self.client.regions;
        let at = find(all, self.region, |region| region.name.as_bytes() == name);
        let bytes = amount(value);
        if at == all.len() {
            let Some(name) = Tag::from_bytes(name).filter(|_| at < MOST) else { return Line::Unknown };
            if bytes.is_some() {
                all.push(gpu_core::DrmRegion::new(name));
            }
        }
        self.region = at;
        taken(bytes, |bytes| {
            let region = &mut all[at];
            let slot = match verb {
                Verb::Total => &mut region.total,
                Verb::Shared => &mut region.shared,
                Verb::Purgeable => &mut region.purgeable,
                Verb::Active => &mut region.active,
                Verb::Evicted => &mut region.evicted,
                Verb::Requested => &mut region.requested,
                Verb::Memory if region.resident.is_some() => return,
                Verb::Memory | Verb::Resident => &mut region.resident,
            };
            *slot = Some(bytes);
        })
    }
}

/// The place of what is looked for, `last` first; the length where it is not there.
#[inline]
fn find<T>(all: &[T], last: usize, is_it: impl Fn(&T) -> bool) -> usize {
    if all.get(last).is_some_and(&is_it) {
        return last;
    }
    all.iter().position(is_it).unwrap_or(all.len())
}

/// Nanoseconds, which is the one unit of time that the format has.
fn time(text: &[u8]) -> Option<u64> {
    match scan::with_unit(text)? {
        (number, b"ns") => Some(number),
        _ => None,
    }
}

/// Bytes, KiB or MiB; amdgpu's `kB` of before 5.19 were KiB.
#[inline]
fn amount(text: &[u8]) -> Option<Bytes> {
    let (number, unit) = scan::with_unit(text)?;
    let shift = match unit {
        b"" => 0,
        b"KiB" | b"kB" => 10,
        b"MiB" => 20,
        b"GiB" => 30,
        _ => return None,
    };
    // What is shifted out would be lost.
    (number.leading_zeros() >= shift).then_some(Bytes(number << shift))
}

fn frequency(text: &[u8]) -> Option<Hertz> {
    let (number, unit) = scan::with_unit(text)?;
    let unit: u64 = match unit {
        b"Hz" | b"" => 1,
        b"KHz" | b"kHz" => 1_000,
        b"MHz" => 1_000_000,
        _ => return None,
    };
    number.checked_mul(unit).map(Hertz)
}

#[cfg(test)]
mod tests;
