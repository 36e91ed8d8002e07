//! DRM's accounting of an open descriptor: the text of `/proc/<pid>/fdinfo/<fd>`.
//!
//! The format is the kernel's `Documentation/gpu/drm-usage-stats.rst`; the keys that begin with
//! `amd-`, and those of amdgpu before Linux 5.19 (`vram mem`), are of the kernel's `amdgpu_fdinfo.c`.
//! A process can choose none of it but, with newer kernels, its client's name.

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
    let mut client = DrmClient::new(node);
    let (mut is_drm, mut pasid) = (false, None);
    client.engines.reserve(USUAL);
    client.regions.reserve(USUAL);
    for line in text.split(|byte| *byte == b'\n') {
        let Some((key, value)) = split(line) else { continue };
        match key {
            "drm-driver" => {
                is_drm = true;
                client.driver = value.parse().ok();
            }
            // Before Linux 5.19 amdgpu's file had no drm-driver.
            "vram mem" => is_drm = true,
            "pasid" => pasid = value.parse().ok(),
            _ => {}
        }
        match apply(&mut client, key, value) {
            Line::Taken => {}
            Line::Unknown => client.unknown = client.unknown.saturating_add(1),
            Line::Malformed => client.malformed = client.malformed.saturating_add(1),
        }
    }
    if client.driver.is_none() {
        // The address space's number stands for the client's where there is none.
        client.id = client.id.or(pasid);
    }
    is_drm.then_some(client)
}

/// `key: value`, without the white space around both; nothing for lines of another form.
fn split(line: &[u8]) -> Option<(&str, &str)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let mut value = &line[colon + 1..];
    while let [first, rest @ ..] = value {
        if !is_space(first) {
            break;
        }
        value = rest;
    }
    while let [rest @ .., last] = value {
        if !is_space(last) {
            break;
        }
        value = rest;
    }
    let key = std::str::from_utf8(&line[..colon]).ok()?;
    Some((key.trim(), std::str::from_utf8(value).ok()?))
}

enum Line {
    Taken,
    Unknown,
    Malformed,
}

/// A value that was read, or one that cannot be.
fn taken<T>(value: Option<T>, put: impl FnOnce(T)) -> Line {
    match value {
        Some(value) => {
            put(value);
            Line::Taken
        }
        None => Line::Malformed,
    }
}

fn apply(client: &mut DrmClient, key: &str, value: &str) -> Line {
    if let Some(rest) = key.strip_prefix("drm-") {
        return match rest {
            "driver" => taken(client.driver, |_| {}),
            "pdev" => taken(value.parse().ok(), |pdev| client.pdev = Some(pdev)),
            "client-id" => taken(number(value), |id| client.id = Some(id)),
            "client-name" => Line::Taken,
            _ => by_verb(client, rest, value),
        };
    }
    match key {
        // What the kernel writes for every descriptor, and says nothing here.
        "pos" | "flags" | "mnt_id" | "ino" | "pasid" => Line::Taken,
        "pdev" => taken(value.parse().ok(), |pdev| client.pdev = Some(pdev)),
        "vram mem" => memory(client, "vram", value, Verb::Resident),
        "gtt mem" => memory(client, "gtt", value, Verb::Resident),
        "cpu mem" => memory(client, "cpu", value, Verb::Resident),
        "amd-memory-visible-vram" => memory(client, "visible-vram", value, Verb::Resident),
        _ => match (key.strip_prefix("amd-evicted-"), key.strip_prefix("amd-requested-")) {
            (Some(name), _) => memory(client, name, value, Verb::Evicted),
            (_, Some(name)) => memory(client, name, value, Verb::Requested),
            _ => Line::Unknown,
        },
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

/// `<verb>-<name>`: what is told, and of which engine or region.
fn by_verb(client: &mut DrmClient, rest: &str, value: &str) -> Line {
    let Some((verb, name)) = rest.split_once('-') else { return Line::Unknown };
    match verb {
        "engine" => match name.strip_prefix("capacity-") {
            Some(name) => {
                let capacity = number(value).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
                engine(client, name, capacity, |engine, n| engine.capacity = n)
            }
            None => {
                let time = value.strip_suffix("ns").and_then(|digits| number(digits.trim_end()));
                // Two blocks of a chip may have one name: amdgpu writes a line for each.
                engine(client, name, time, |engine, n| {
                    let before = engine.time.map_or(0, Nanoseconds::get);
                    engine.time = Some(Nanoseconds(before.saturating_add(n)));
                })
            }
        },
        "cycles" => engine(client, name, number(value), |engine, n| engine.cycles = Some(n)),
        "maxfreq" => engine(client, name, frequency(value), |engine, n| engine.max_frequency = Some(n)),
        "total" => match name.strip_prefix("cycles-") {
            Some(name) => engine(client, name, number(value), |engine, n| engine.total_cycles = Some(n)),
            None => memory(client, name, value, Verb::Total),
        },
        "shared" => memory(client, name, value, Verb::Shared),
        "resident" => memory(client, name, value, Verb::Resident),
        "memory" => memory(client, name, value, Verb::Memory),
        "purgeable" => memory(client, name, value, Verb::Purgeable),
        "active" => memory(client, name, value, Verb::Active),
        _ => Line::Unknown,
    }
}

fn engine<T>(
    client: &mut DrmClient,
    name: &str,
    value: Option<T>,
    put: impl FnOnce(&mut gpu_core::DrmEngine, T),
) -> Line {
    let Some(name) = name_of(name) else { return Line::Unknown };
    if client.engines.len() >= MOST && client.engines.iter().all(|engine| engine.name != name) {
        return Line::Unknown;
    }
    taken(value, |value| put(client.engine(name), value))
}

fn memory(client: &mut DrmClient, name: &str, value: &str, verb: Verb) -> Line {
    let Some(name) = name_of(name) else { return Line::Unknown };
    if client.regions.len() >= MOST && client.regions.iter().all(|region| region.name != name) {
        return Line::Unknown;
    }
    taken(amount(value), |bytes| {
        let region = client.region(name);
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

/// Names of engines and regions are short and plain in every driver.
fn name_of(name: &str) -> Option<Tag> {
    name.parse().ok()
}

/// A number in decimal digits alone: the kernel writes no sign.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.bytes().try_fold(0_u64, |sum, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 { None } else { sum.checked_mul(10)?.checked_add(u64::from(digit)) }
    })
}

/// A number with an optional unit after white space.
fn with_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((number(&text[..digits])?, text[digits..].trim_start()))
}

/// Bytes, KiB or MiB; amdgpu's `kB` of before 5.19 were KiB.
fn amount(text: &str) -> Option<Bytes> {
    let (number, unit) = with_unit(text)?;
    let unit: u64 = match unit {
        "" => 1,
        "KiB" | "kB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit).map(Bytes)
}

fn frequency(text: &str) -> Option<Hertz> {
    let (number, unit) = with_unit(text)?;
    let unit: u64 = match unit {
        "Hz" | "" => 1,
        "KHz" | "kHz" => 1_000,
        "MHz" => 1_000_000,
        _ => return None,
    };
    number.checked_mul(unit).map(Hertz)
}

#[cfg(test)]
mod tests;
