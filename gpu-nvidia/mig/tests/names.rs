//! Names of profiles, resources and devices: what reads, what is refused, what comes back.

use gpu_core::Bytes;
use gpu_nvidia_mig::{Board, DeviceName, MigUuid, ProfileName, ResourceName};

fn name(text: &str) -> ProfileName {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// NVIDIA's own names by the memory of the board, in eighths: 1, 2, 4 and all.
#[test]
fn the_rule_gives_nvidia_s_names() {
    for (board, total, expected) in [
        ("A100 40 GB", 40_960, [5, 10, 20, 40]),
        ("A100 80 GB", 81_920, [10, 20, 40, 80]),
        ("H100 80 GB", 81_559, [10, 20, 40, 80]),
        ("H100 NVL", 95_830, [12, 24, 47, 94]),
        ("H200", 143_771, [18, 35, 71, 141]),
        ("B200", 183_359, [23, 45, 90, 180]),
        ("GB300", 284_208, [35, 70, 139, 278]),
        ("RTX PRO 6000", 97_887, [12, 24, 48, 96]),
    ] {
        let total = Bytes::mib(total);
        let eighths = [1, 2, 4, 8].map(|n| {
            // A little less than the slots' part, as boards give it.
            let memory = Bytes(total.get() / 8 * n - (300 << 20));
            ProfileName::computed(1, memory, total).unwrap().gigabytes()
        });
        assert_eq!(eighths, expected, "{board}");
    }
    assert_eq!(ProfileName::computed(0, Bytes::gib(1), Bytes::gib(8)), None);
    assert_eq!(ProfileName::computed(1, Bytes::gib(9), Bytes::gib(8)), None);
    assert_eq!(ProfileName::computed(1, Bytes(u64::MAX), Bytes(u64::MAX)), None);
}

/// Memory as `nvidia-smi mig -lgip` has it, where a board's table has it.
#[test]
fn tables_have_the_names_that_the_rule_gives() {
    let mut compared = 0;
    for board in Board::all() {
        let Some(total) = board.memory().value().copied() else { continue };
        for profile in board.profiles().iter() {
            let Some(memory) = profile.memory.value().copied() else { continue };
            let computed = ProfileName::computed(profile.slices, memory, total).unwrap();
            let plain = profile.name.to_string();
            assert_eq!(computed.to_string(), plain.split(['+', '-']).next().unwrap(), "{}", board.key());
            compared += 1;
        }
    }
    assert!(compared > 40, "{compared} rows were compared");
}

/// What other tools make of the memory: rounded up to whole GiB.
#[test]
fn names_of_other_tools_are_normalised() {
    for (board, alias, expected) in [
        ("a100-80", "7g.79gb", "7g.80gb"),
        ("h100-94", "1g.11gb", "1g.12gb"),
        ("h100-94", "1g.11gb+me", "1g.12gb+me"),
        ("h100-94", "2g.22gb", "2g.24gb"),
        ("h100-94", "1g.22gb", "1g.24gb"),
        ("h100-94", "7g.93gb", "7g.94gb"),
        ("h200-141", "1g.16gb", "1g.18gb"),
        ("h200-141", "7g.140gb", "7g.141gb"),
        ("rtx-pro-6000", "4g.95gb+gfx", "4g.96gb+gfx"),
        ("gb200", "7g.189gb", "7g.186gb"),
    ] {
        let profiles = Board::named(board).unwrap().profiles();
        assert_eq!(profiles.find(&name(alias)).unwrap().name.to_string(), expected, "{board}");
        // The set of attributes counts: an alias has no others than the name.
        assert!(profiles.find(&name("7g.79gb+gfx")).is_err());
    }
}

#[test]
fn what_is_no_profile_is_refused_with_the_rule_it_breaks() {
    for (text, part) in [
        ("", "3g.40gb"),
        ("1g", "3g.40gb"),
        ("1g.5", "3g.40gb"),
        ("g.5gb", "3g.40gb"),
        ("1g.5GB", "3g.40gb"),
        (" 1g.5gb", "3g.40gb"),
        ("1g.5gb ", "3g.40gb"),
        ("01g.5gb", "3g.40gb"),
        ("1g.05gb", "3g.40gb"),
        ("-1g.5gb", "3g.40gb"),
        ("+1g.5gb", "3g.40gb"),
        ("1c1g.5gb", "3g.40gb"),
        ("1g.5gb.me", "3g.40gb"),
        ("4294967296g.5gb", "3g.40gb"),
        ("0g.5gb", "at least one slice"),
        ("0c.1g.5gb", "at least one slice"),
        ("2c.1g.5gb", "at most as many"),
        ("1g.5gb+", "letters"),
        ("1g.5gb-", "letters"),
        ("1g.5gb+me,", "letters"),
        ("1g.5gb+.me", "letters"),
        ("1g.5gb+me.", "letters"),
        ("1g.5gb+2me", "letters"),
        ("1g.5gb+m e", "letters"),
        ("1g.5gb+é", "letters"),
        ("1g.5gb+me,me", "each attribute once"),
        ("1g.5gb+me-gfx", "'+' or '-'"),
        ("1g.5gb-me+gfx", "'+' or '-'"),
    ] {
        let error = text.parse::<ProfileName>().unwrap_err().to_string();
        assert!(error.contains(part) && error.contains("MIG profile"), "{text:?}: {error}");
    }
}

#[test]
fn attributes_are_a_set() {
    assert_eq!(name("1g.24gb+gfx,me"), name("1g.24gb+me,gfx"));
    assert_eq!(name("1g.24gb+me,gfx").to_string(), "1g.24gb+gfx,me");
    assert_ne!(name("1g.24gb+me"), name("1g.24gb-me"));
    assert_ne!(name("1g.24gb+me"), name("1g.24gb+me.all"));
}

#[test]
fn every_profile_of_every_board_has_a_resource() {
    let mut seen = 0;
    for board in Board::all() {
        for profile in board.profiles().iter() {
            let resource = ResourceName::of(&profile.name).unwrap();
            let text = resource.to_string();
            assert!(text.starts_with("nvidia.com/mig-") && !text.contains('+') && text.len() <= 63);
            assert_eq!(text.parse(), Ok(resource), "{text}");
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn what_is_no_resource_is_refused() {
    for text in [
        "nvidia.com/gpu",
        "mig-1g.5gb",
        "nvidia.com/mig-",
        "nvidia.com/mig-1g.5gb+me",
        "nvidia.com/mig-1c.3g.20gb",
        "nvidia.com/mig-3c.3g.20gb",
        "nvidia.com/mig-1g.5gb.",
        "nvidia.com/mig-1g.5gb.me-gfx",
        "nvidia.com/mig-1g.5gb.shared,me",
    ] {
        assert!(text.parse::<ResourceName>().is_err(), "{text:?} must be refused");
    }
    assert_eq!(ResourceName::of(&name("1g.24gb+gfx,me")), None, "a comma is no part of a resource");
}

#[test]
fn what_is_no_device_and_no_uuid_is_refused() {
    for text in ["MIG", "MIG ", " MIG 1g.5gb", "NVIDIA H200MIG 1g.18gb", "NVIDIA H200 MIG 18gb"] {
        assert!(text.parse::<DeviceName>().is_err(), "{text:?} must be refused");
    }
    let uuid = "3c92a7a5-7d8e-4b8e-9f8b-0a1b2c3d4e5f";
    for bad in [
        format!("GPU-{uuid}"),
        format!("MIG-{uuid}/1/0"),
        format!("MIG-GPU-{uuid}/1/0/0"),
        format!("MIG-GPU-{uuid}/+1/0"),
        format!("MIG-GPU-{uuid}/01/0"),
        format!("MIG-GPU-{uuid}//0"),
        format!("MIG-GPU-{uuid}/4294967296/0"),
        format!("mig-{uuid}"),
    ] {
        assert!(bad.parse::<MigUuid>().is_err(), "{bad:?} must be refused");
    }
}

/// A small generator, the same at every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

#[test]
fn names_that_are_made_read_back() {
    let mut numbers = Numbers(1);
    for _ in 0..20_000 {
        let slices = numbers.below(9) + 1;
        let compute = numbers.below(slices) + 1;
        let mut text = format!("{compute}c.{slices}g.{}gb", numbers.below(300));
        let mut attributes: Vec<&str> =
            ["me", "gfx", "me.all", "x9"].into_iter().filter(|_| numbers.below(3) == 0).collect();
        if numbers.below(2) == 0 {
            attributes.reverse();
        }
        if !attributes.is_empty() {
            text += ["+", "-"][numbers.below(2)];
            text += &attributes.join(",");
        }
        let parsed = name(&text);
        assert_eq!((parsed.compute_slices() as usize, parsed.slices() as usize), (compute, slices));
        assert_eq!(parsed.is_partial(), compute != slices);
        assert_eq!(name(&parsed.to_string()), parsed, "{text}");
        let device = format!("NVIDIA H200 MIG {parsed}");
        assert_eq!(device.parse::<DeviceName>().unwrap().to_string(), device);
        if let Some(resource) = ResourceName::of(&parsed) {
            assert_eq!(resource.to_string().parse::<ResourceName>().unwrap().profile(), &parsed, "{text}");
        }
    }
}

/// Whatever the text, reading it ends, and what reads prints as something that reads the same.
#[test]
fn broken_names_do_no_harm() {
    let alphabet =
        ["1", "0", "7", "c", "g", ".", "gb", "+", "-", "me", ",", "all", " ", "é", "MIG ", "/", "GPU-"];
    let mut numbers = Numbers(2);
    let mut read = 0;
    for _ in 0..200_000 {
        // A name in pieces, some of them replaced, left out or doubled.
        let mut pieces = vec!["1", "c", ".", "3", "g", ".", "2", "0", "gb", "+", "me", ",", "gfx"];
        for _ in 0..numbers.below(4) {
            let (at, other) = (numbers.below(pieces.len()), alphabet[numbers.below(alphabet.len())]);
            match numbers.below(3) {
                0 => pieces[at] = other,
                1 => drop(pieces.remove(at)),
                _ => pieces.insert(at, other),
            }
        }
        let text = pieces.concat();
        if let Ok(parsed) = text.parse::<ProfileName>() {
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
            read += 1;
        }
        if let Ok(resource) = format!("nvidia.com/mig-{text}").parse::<ResourceName>() {
            assert_eq!(resource.label(), text);
        }
        let _ = (text.parse::<DeviceName>(), text.parse::<MigUuid>());
    }
    assert!(read > 100, "{read} were names");
}

#[cfg(feature = "serde")]
#[test]
fn names_are_text_in_json() {
    let text = r#"["1g.10gb+me","nvidia.com/mig-1g.10gb.me"]"#;
    let both: (ProfileName, ResourceName) = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&both).unwrap(), text);
    assert!(serde_json::from_str::<ProfileName>(r#""10gb""#).is_err());
    assert_eq!(serde_json::to_string(&gpu_nvidia_mig::GpuInstanceId(7)).unwrap(), "7");
}
