//! [`Plan`]: what a tree shall hold, put together before anything is written.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Component, Path, PathBuf};

/// Most links that are followed on the way to a path, as the kernel's own limit.
const MOST_LINKS: usize = 40;

/// One file, folder or symbolic link of a tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    Folder,
    File(Vec<u8>),
    /// Where it leads, as the text of the link.
    Link(PathBuf),
}

/// What a tree shall hold: every path below its root, folders before what lies in them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Plan(pub(super) BTreeMap<PathBuf, Entry>);

impl Plan {
    /// A file below `folder`, with the folders that it lies in.
    pub(super) fn text(&mut self, folder: &Path, name: &str, content: impl Into<Vec<u8>>) {
        self.put(folder.join(name), Entry::File(content.into()));
    }

    /// A file of one line.
    pub(super) fn line(&mut self, folder: &Path, name: &str, value: impl Display) {
        self.text(folder, name, format!("{value}\n"));
    }

    pub(super) fn folder(&mut self, path: &Path) {
        self.put(path.to_path_buf(), Entry::Folder);
    }

    /// A link at `at` to a path of the tree. It is relative, as the kernel's own are, so that the
    /// tree may be moved or mounted elsewhere.
    pub(super) fn link(&mut self, target: &Path, at: &Path) {
        let here = at.parent().unwrap_or(Path::new(""));
        let common = here.components().zip(target.components()).take_while(|(a, b)| a == b).count();
        let up = here.components().skip(common).map(|_| Component::ParentDir);
        let text = up.chain(target.components().skip(common)).collect();
        self.put(at.to_path_buf(), Entry::Link(text));
    }

    /// A link with this text, wherever it leads.
    pub(super) fn link_text(&mut self, text: impl Into<PathBuf>, at: &Path) {
        self.put(at.to_path_buf(), Entry::Link(text.into()));
    }

    pub(super) fn put(&mut self, path: PathBuf, entry: Entry) {
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            if self.0.contains_key(folder) {
                break;
            }
            self.0.insert(folder.to_path_buf(), Entry::Folder);
        }
        self.0.insert(path, entry);
    }

    /// Takes away what is at a path, and what lies below it.
    pub(super) fn remove(&mut self, path: &Path) {
        self.0.retain(|other, _| !other.starts_with(path));
    }

    /// The path itself behind one that leads through links of the tree. A link at its very end is
    /// not followed. A path that leads round in circles is handed back as it is.
    pub(super) fn resolve(&self, path: &Path) -> PathBuf {
        let mut rest: Vec<Component<'_>> = Vec::new();
        let mut resolved = PathBuf::new();
        let mut owned = path.to_path_buf();
        for _ in 0..MOST_LINKS {
            rest.clear();
            resolved.clear();
            let mut parts = owned.components().peekable();
            let mut detour = None;
            while let Some(part) = parts.next() {
                match part {
                    Component::ParentDir => {
                        resolved.pop();
                    }
                    part => resolved.push(part),
                }
                if let (Some(Entry::Link(text)), true) = (self.0.get(&resolved), parts.peek().is_some()) {
                    let here = resolved.parent().unwrap_or(Path::new(""));
                    detour = Some(here.join(text).join(parts.collect::<PathBuf>()));
                    break;
                }
            }
            match detour {
                Some(next) => owned = next,
                None => return resolved,
            }
        }
        path.to_path_buf()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative_and_lead_on() {
        let mut plan = Plan::default();
        let device = Path::new("sys/devices/pci0000:00/0000:00:01.0");
        plan.line(device, "vendor", "0x10de");
        plan.link(device, Path::new("sys/bus/pci/devices/0000:00:01.0"));
        let link = plan.0.get(Path::new("sys/bus/pci/devices/0000:00:01.0"));
        let text = PathBuf::from("../../../devices/pci0000:00/0000:00:01.0");
        assert_eq!(link, Some(&Entry::Link(text)));
        let through = plan.resolve(Path::new("sys/bus/pci/devices/0000:00:01.0/vendor"));
        assert_eq!(through, device.join("vendor"));
        assert!(plan.0.contains_key(Path::new("sys/devices")), "folders on the way are there");
    }

    #[test]
    fn circles_end() {
        let mut plan = Plan::default();
        plan.link_text("b", Path::new("a"));
        plan.link_text("a", Path::new("b"));
        assert_eq!(plan.resolve(Path::new("a/c")), Path::new("a/c"));
    }
}
