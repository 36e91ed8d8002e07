//! Texts in the forms that kernels write, and texts that nobody should write.

use gpu_core::{DrmEngine, DrmRegion, PciAddress};

use super::*;

const NODE: DeviceNumber = DeviceNumber { major: 226, minor: 128 };

fn client(text: &str) -> DrmClient {
    parse(text.as_bytes(), NODE).unwrap_or_else(|| panic!("no client: {text:?}"))
}

fn region(client: &DrmClient, name: &str) -> DrmRegion {
    *client.regions.iter().find(|region| region.name.as_str() == name).unwrap()
}

fn engine(client: &DrmClient, name: &str) -> DrmEngine {
    *client.engines.iter().find(|engine| engine.name.as_str() == name).unwrap()
}

/// As amdgpu writes it in Linux 6.1 (`amdgpu_fdinfo.c`).
#[test]
fn amdgpu_of_linux_6_1() {
    let client = client(
        "pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t525\npasid:\t32771\ndrm-driver:\tamdgpu\n\
         drm-pdev:\t0000:c1:00.0\ndrm-client-id:\t51\ndrm-memory-vram:\t3072 KiB\ndrm-memory-gtt: \t12 KiB\n\
         drm-memory-cpu: \t0 KiB\namd-memory-visible-vram:\t3072 KiB\namd-evicted-vram:\t8 KiB\n\
         amd-evicted-visible-vram:\t0 KiB\namd-requested-vram:\t3080 KiB\namd-requested-visible-vram:\t1 KiB\n\
         amd-requested-gtt:\t12 KiB\ndrm-engine-gfx:\t27150344 ns\ndrm-engine-enc_1:\t9 ns\n",
    );
    assert_eq!(client.driver.map(|driver| driver.to_string()).as_deref(), Some("amdgpu"));
    assert_eq!(client.pdev, Some(PciAddress::new(0, 0xc1, 0, 0)));
    assert_eq!((client.id, client.unknown, client.malformed), (Some(51), 0, 0));
    assert_eq!(client.key(), Some((client.pdev, 51)));
    let vram = region(&client, "vram");
    assert_eq!(
        (vram.held(), vram.evicted, vram.requested),
        (Some(Bytes::kib(3072)), Some(Bytes::kib(8)), Some(Bytes::kib(3080)))
    );
    assert_eq!(region(&client, "gtt").held(), Some(Bytes::kib(12)));
    assert_eq!(engine(&client, "gfx").time, Some(Nanoseconds(27_150_344)));
    assert_eq!(engine(&client, "enc_1").time, Some(Nanoseconds(9)));
}

/// The newer keys beside the older ones that mean the same: neither is counted twice, and what is
/// resident wins whichever comes first.
#[test]
fn newer_keys_win_over_older_ones() {
    for text in [
        "drm-driver: amdgpu\ndrm-memory-vram: 5 MiB\ndrm-total-vram: 7 MiB\ndrm-resident-vram: 6 MiB\n",
        "drm-driver: amdgpu\ndrm-resident-vram: 6 MiB\ndrm-total-vram: 7 MiB\ndrm-memory-vram: 5 MiB\n",
    ] {
        let vram = region(&client(text), "vram");
        assert_eq!((vram.held(), vram.total), (Some(Bytes::mib(6)), Some(Bytes::mib(7))));
    }
    let client =
        client("drm-driver: xe\ndrm-total-gtt:\t192 KiB\ndrm-shared-gtt:\t4096\ndrm-purgeable-gtt: 0\n");
    let gtt = region(&client, "gtt");
    assert_eq!(
        (gtt.held(), gtt.shared, gtt.purgeable),
        (Some(Bytes::kib(192)), Some(Bytes(4096)), Some(Bytes(0)))
    );
}

/// As xe writes it: cycles beside all cycles, and a capacity.
#[test]
fn engines_in_cycles() {
    let client = client(
        "drm-driver:\txe\ndrm-client-id:\t3\ndrm-pdev:\t0000:03:00.0\ndrm-cycles-rcs:\t28257900\n\
         drm-total-cycles-rcs:\t7655183225\ndrm-engine-capacity-vcs:\t2\ndrm-cycles-vcs:\t0\n\
         drm-total-cycles-vcs:\t1\ndrm-maxfreq-rcs: 2050 MHz\n",
    );
    let rcs = engine(&client, "rcs");
    assert_eq!((rcs.cycles, rcs.total_cycles, rcs.time), (Some(28_257_900), Some(7_655_183_225), None));
    assert_eq!((rcs.capacity, rcs.max_frequency), (1, Some(Hertz::from_mhz(2050))));
    assert_eq!(engine(&client, "vcs").capacity, 2);
    assert!(client.regions.is_empty(), "drm-total-cycles- is no region: {:?}", client.regions);
}

/// amdgpu before Linux 5.19: no drm-driver, no client id, kB that are KiB.
#[test]
fn amdgpu_of_before_5_19() {
    let client = client(
        "pos:\t0\npdev:\t0000:0a:00.0\npasid:\t32770\nvram mem:\t1024 kB\ngtt mem:\t3 kB\ncpu mem:\t0 kB\n",
    );
    assert_eq!((client.driver, client.id), (None, Some(32_770)));
    assert_eq!(region(&client, "vram").held(), Some(Bytes::mib(1)));
    assert_eq!(client.pdev, Some(PciAddress::new(0, 0x0a, 0, 0)));
}

#[test]
fn two_blocks_of_one_name_are_added() {
    let client = client("drm-driver: amdgpu\ndrm-engine-dec: 5 ns\ndrm-engine-dec: 7 ns\n");
    assert_eq!(engine(&client, "dec").time, Some(Nanoseconds(12)));
}

#[test]
fn other_descriptors_are_no_clients() {
    for text in ["", "\n", "pos:\t0\nflags:\t02\nmnt_id:\t9\nino: 1\n", "eventfd-count: 0\n", "drm: x\n"] {
        assert_eq!(parse(text.as_bytes(), NODE), None, "{text:?}");
    }
}

/// Each bad line is counted as what it is, and the good ones beside it are read.
#[test]
fn bad_lines_spoil_only_themselves() {
    let big = "9".repeat(400);
    for (line, unknown, malformed) in [
        ("drm-memory-vram: x KiB", 0, 1),
        ("drm-memory-vram: 1 KB", 0, 1),
        ("drm-memory-vram: -1 KiB", 0, 1),
        ("drm-memory-vram: 18446744073709551615 KiB", 0, 1),
        (&format!("drm-memory-vram: {big}"), 0, 1),
        ("drm-memory-vram:", 0, 1),
        ("drm-memory-: 1 KiB", 1, 0),
        ("drm-memory-VRAM: 1 KiB", 1, 0),
        ("drm-memory-a-name-that-is-far-too-long: 1", 1, 0),
        ("drm-engine-gfx: 5", 0, 1),
        ("drm-engine-gfx: 5 ms", 0, 1),
        ("drm-engine-gfx: +5 ns", 0, 1),
        ("drm-engine-capacity-gfx: 0", 0, 1),
        ("drm-engine-capacity-gfx: 4294967296", 0, 1),
        ("drm-cycles-gfx: 1.5", 0, 1),
        ("drm-maxfreq-gfx: 5 parsec", 0, 1),
        ("drm-pdev: nowhere", 0, 1),
        ("drm-client-id: none", 0, 1),
        ("drm-tomorrow-gfx: 1", 1, 0),
        ("a line without colon", 0, 0),
        (":", 1, 0),
        ("\u{0}\u{0}\u{0}", 0, 0),
    ] {
        let text = format!("drm-driver: amdgpu\n{line}\ndrm-engine-compute: 3 ns\n");
        let client = client(&text);
        assert_eq!((client.unknown, client.malformed), (unknown, malformed), "{line}");
        assert_eq!(engine(&client, "compute").time, Some(Nanoseconds(3)), "{line}");
        assert!(client.regions.iter().all(|region| region.held().is_none()), "{line}");
    }
    let client = client("drm-driver: A name that is no tag\ndrm-engine-gfx: 1 ns\n");
    assert_eq!((client.driver, client.malformed), (None, 1));
}

/// A client cannot make the reader keep more than it would of an honest one.
#[test]
fn engines_and_regions_are_bounded() {
    let mut text = "drm-driver: amdgpu\n".to_owned();
    for n in 0..1000 {
        text += &format!("drm-engine-e{n}: 1 ns\ndrm-total-r{n}: 1\n");
    }
    let client = client(&text);
    assert_eq!((client.engines.len(), client.regions.len()), (MOST, MOST));
    assert_eq!(client.unknown, 2 * (1000 - MOST as u32));
}

/// Mutates good texts, the same way at every run; nothing panics, amounts stay within their lines.
fn mutate(rounds: u64) -> u64 {
    const GOOD: [&[u8]; 3] = [
        b"drm-driver:\tamdgpu\ndrm-pdev:\t0000:c1:00.0\ndrm-client-id:\t51\ndrm-memory-vram:\t3072 KiB\n\
          amd-evicted-vram:\t8 KiB\ndrm-engine-gfx:\t27150344 ns\n",
        b"drm-driver:\txe\ndrm-cycles-rcs:\t28257900\ndrm-total-cycles-rcs:\t7655183225\n\
          drm-engine-capacity-vcs:\t2\ndrm-maxfreq-rcs: 2050 MHz\ndrm-resident-vram0: 5 MiB\n",
        b"pdev:\t0000:0a:00.0\npasid:\t32770\nvram mem:\t1024 kB\ngtt mem:\t3 kB\n",
    ];
    const PIECES: [&[u8]; 10] =
        [b":", b"\n", b" ", b"-", b"\0", b"\xff", b"18446744073709551615", b"drm-engine-", b" MiB", b"0"];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut text, mut clients) = (Vec::new(), 0);
    for _ in 0..rounds {
        text.clear();
        text.extend_from_slice(GOOD[(next() % 3) as usize]);
        for _ in 0..next() % 6 {
            let at = (next() % (text.len() as u64 + 1)) as usize;
            match next() % 3 {
                0 if at < text.len() => text[at] = (next() & 0xff) as u8,
                1 => text.truncate(at.max(1)),
                _ => {
                    let piece = PIECES[(next() % 10) as usize];
                    text.splice(at..at, piece.iter().copied());
                }
            }
        }
        if let Some(client) = parse(&text, NODE) {
            clients += 1;
            assert!(client.engines.len() <= MOST && client.regions.len() <= MOST);
            assert!(client.engines.iter().all(|engine| engine.capacity > 0));
        }
    }
    clients
}

#[test]
fn mutated_texts_are_read_or_refused() {
    let clients = mutate(20_000);
    assert!(clients > 5_000, "only {clients} of 20000 mutants are clients");
}

#[test]
#[ignore = "long: a million mutants, for a release build"]
fn a_million_mutated_texts_are_read_or_refused() {
    let clients = mutate(1_000_000);
    assert!(clients > 250_000, "only {clients} mutants are clients");
}
