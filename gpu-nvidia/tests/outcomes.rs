//! What becomes of looking for a library that is not there, or is none.

use gpu_core::{Discovery, Outcome};
use gpu_host::Roots;

fn found_at(library: &std::path::Path) -> (String, String) {
    // Trees of nothing: on a machine with a GPU, its kernel module would be found.
    let nowhere = std::env::temp_dir().join("gpu-nvidia-no-such-tree");
    let roots = Roots::default().sysfs(&nowhere).proc(&nowhere);
    let options = gpu_nvidia::Options::new(roots).library(library);
    let Discovery { outcome: Outcome::NoDriver { looked_for }, backend: None, .. } =
        gpu_nvidia::discover(&options)
    else {
        panic!("no backend comes of {}", library.display());
    };
    (looked_for[0].what.clone(), looked_for[0].found.clone())
}

#[test]
fn a_library_that_is_not_there() {
    let path = std::env::temp_dir().join("gpu-nvidia-no-such-library.so");
    assert_eq!(found_at(&path), (path.display().to_string(), "not found".to_owned()));
}

#[test]
fn a_directory() {
    assert_eq!(found_at(&std::env::temp_dir()).1, "a directory");
}

#[test]
fn a_text_file() {
    let path = std::env::temp_dir().join(format!("gpu-nvidia-text-{}.so", std::process::id()));
    std::fs::write(&path, "not a library\n").unwrap();
    let found = found_at(&path).1;
    std::fs::remove_file(&path).unwrap();
    assert!(!found.is_empty() && found != "not found" && !found.contains('\n'), "{found}");
}

#[test]
fn other_trees_than_the_machines_do_not_load_the_machines_library() {
    let nowhere = std::env::temp_dir().join("gpu-nvidia-no-such-tree");
    let options = gpu_nvidia::Options::new(Roots::default().sysfs(&nowhere).proc(&nowhere));
    match gpu_nvidia::discover(&options).outcome {
        Outcome::NoDriver { looked_for } => {
            assert_eq!(looked_for.len(), 1);
            assert!(looked_for[0].what.ends_with("driver/nvidia/version"));
        }
        outcome => panic!("{outcome}"),
    }
}
