//! Every struct against the vendor's own headers, by a C compiler.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use level_zero_sys::Layout;

/// A C program that prints size, alignment and offsets of those structs that a header has.
fn probe(layouts: &[Layout], header: &str) -> String {
    let mut text = String::from(
        "#include <stddef.h>\n#include <stdio.h>\n#include <level_zero/ze_api.h>\n\
         #include <level_zero/zes_api.h>\n#include <level_zero/zes_ddi.h>\nint main(void) {\n",
    );
    for layout in layouts.iter().filter(|layout| has(header, layout.name)) {
        let name = layout.name;
        let _ = writeln!(text, "printf(\"{name} %zu %zu\\n\", sizeof({name}), _Alignof({name}));");
        for (field, _) in layout.fields.iter().filter(|(field, _)| !layout.is_table() || has(header, field)) {
            let real = field.trim_end_matches('_');
            let _ = writeln!(text, "printf(\"{name}.{field} %zu\\n\", offsetof({name}, {real}));");
        }
    }
    text + "return 0; }\n"
}

fn has(header: &str, word: &str) -> bool {
    header.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|other| other == word)
}

/// What the compiler says, by name.
fn ask(include: &Path, layouts: &[Layout]) -> BTreeMap<String, String> {
    let read =
        |name: &str| std::fs::read_to_string(include.join("level_zero").join(name)).unwrap_or_default();
    let header = ["ze_api.h", "zes_api.h", "zes_ddi.h"].map(read).concat();
    assert!(header.len() > 100_000, "no headers in {}", include.display());
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("level-zero-layout-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, program) = (folder.join("probe.c"), folder.join("probe"));
    std::fs::write(&source, probe(layouts, &header)).unwrap();
    let mut compiler = Command::new("cc");
    let built = compiler.arg("-I").arg(include).arg(&source).arg("-o").arg(&program).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let output = Command::new(&program).output().unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
}

/// Structs that the header has and are laid out otherwise, and how many it has.
fn compare(variable: &str) -> (usize, Vec<String>) {
    let include = std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} names no folder"));
    let layouts = level_zero_sys::layouts();
    let told = ask(Path::new(&include), &layouts);
    let mut wrong = Vec::new();
    let mut found = 0;
    for layout in &layouts {
        let Some(size) = told.get(layout.name) else { continue };
        found += 1;
        // A driver's table has grown since: only what was there is compared.
        let here = format!("{} {}", layout.size, layout.align);
        if *size != here && !layout.is_table() {
            wrong.push(format!("{}: {here}, in the header {size}", layout.name));
        }
        for (field, offset) in &layout.fields {
            let name = format!("{}.{field}", layout.name);
            match told.get(&name) {
                Some(there) if *there != offset.to_string() => {
                    wrong.push(format!("{name}: at {offset}, in the header at {there}"));
                }
                None if !layout.is_table() => wrong.push(format!("{name}: not in the header")),
                _ => {}
            }
        }
    }
    (found, wrong)
}

trait Table {
    fn is_table(&self) -> bool;
}

impl Table for Layout {
    fn is_table(&self) -> bool {
        self.name.ends_with("_dditable_t")
    }
}

/// Debian 13's: every struct is in it.
#[test]
#[ignore = "needs the headers of Debian 13's libze-dev and a C compiler; .ci/run installs them"]
fn structs_are_those_of_libze_dev_1_20() {
    let (found, wrong) = compare("GPU_ACCOUNTING_LEVEL_ZERO_1_20_INCLUDE");
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(found, level_zero_sys::layouts().len());
}

/// Debian 12's, specification 1.4: those that are newer say so.
#[test]
#[ignore = "needs the headers of Debian 12's libze-dev and a C compiler; .ci/run installs them"]
fn structs_are_those_of_libze_dev_1_8() {
    let (found, wrong) = compare("GPU_ACCOUNTING_LEVEL_ZERO_1_8_INCLUDE");
    assert_eq!(wrong, Vec::<String>::new());
    let newer = |layout: &&Layout| layout.since.split('.').nth(1).unwrap().parse::<u32>().unwrap() > 4;
    let expected = level_zero_sys::layouts().iter().filter(|layout| !newer(layout)).count();
    assert_eq!(found, expected, "structs of specification 1.4 and before");
}

/// A struct that is laid out wrongly is noticed: the test can fail.
#[test]
#[ignore = "needs the headers of Debian 13's libze-dev and a C compiler; .ci/run installs them"]
fn a_wrong_layout_is_noticed() {
    let include = std::env::var_os("GPU_ACCOUNTING_LEVEL_ZERO_1_20_INCLUDE").expect("names a folder");
    let told = ask(Path::new(&include), &level_zero_sys::layouts());
    assert_eq!(told["zes_mem_state_t.free"], "24");
    assert_ne!(told["zes_mem_state_t.free"], "20");
    assert!(told.len() > 200, "{}", told.len());
}
