//! Slurm's `gres.conf`, and which of its GPUs a job was given.
//!
//! Form: Slurm's manual, gres.conf(5): lines of `Key=value`, keys in any case; `File` with ranges in
//! brackets is one GPU for each file, `MultipleFiles` one GPU with all of them. GPUs count in the
//! order of the lines. `SLURM_JOB_GPUS` and `SLURM_STEP_GPUS`: srun(1).

use std::path::Path;

use gpu_core::{
    Absence, ContainerFacts, DeviceFile, DeviceNumber, Error, ErrorKind, GresDevice, Known, Owner,
};

use crate::{Folder, Roots, file};

const NO_FILES: &str = "gres.conf names no device files: Slurm finds them by itself (AutoDetect)";
const NO_SUCH: &str = "gres.conf has no GPU at that position";
const NOT_SLURM: &str = "it is no job of Slurm's";
const NOT_TOLD: &str = "the job's environment names no GPUs";

/// Most GPUs of one machine that are believed.
const MOST: usize = 1024;

/// The GPUs in a gres.conf, in order: the files of each, or none where it names none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Gres(Vec<Vec<String>>);

impl Gres {
    /// What the machine's own has.
    pub(super) fn read(roots: &Roots, problems: &mut Vec<Error>) -> Known<Self> {
        let node = file::read_text(&roots.proc.join("sys/kernel/hostname")).unwrap_or_default();
        for folder in ["etc/slurm", "etc/slurm-llnl", "usr/local/etc/slurm"] {
            match file::read_text(&roots.host.join(folder).join("gres.conf")) {
                Ok(text) => return Self::parse(&text, &node).into(),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    let absence = error.absence("gres.conf");
                    problems.push(error);
                    return Known::absent(absence);
                }
            }
        }
        Known::unsupported("this machine has no gres.conf")
    }

    /// The GPUs in the text that are of the node, or of every node.
    pub(super) fn parse(text: &str, node: &str) -> Self {
        let mut gpus = Self::default();
        let joined = text.replace("\\\n", " ");
        for line in joined.lines() {
            let line = line.split('#').next().unwrap_or("");
            let value = |key: &str| {
                let mut pairs = line.split_ascii_whitespace().filter_map(|pair| pair.split_once('='));
                pairs.find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value)
            };
            let is_ours = value("NodeName").is_none_or(|names| lists(names, node));
            if !is_ours || !value("Name").is_some_and(|name| name.eq_ignore_ascii_case("gpu")) {
                continue;
            }
            let more = if let Some(files) = value("MultipleFiles") {
                vec![expanded(files)]
            } else if let Some(files) = value("File") {
                expanded(files).into_iter().map(|file| vec![file]).collect()
            } else {
                let count = value("Count").and_then(|count| count.parse().ok()).unwrap_or(1);
                vec![Vec::new(); count.min(MOST)]
            };
            gpus.0.extend(more);
            gpus.0.truncate(MOST);
        }
        gpus
    }

    /// The files of a GPU, with the numbers that they have on the machine whose root is `host`.
    fn device(&self, index: u32, host: &Path) -> GresDevice {
        let files = match usize::try_from(index).ok().and_then(|index| self.0.get(index)) {
            None => Known::unsupported(NO_SUCH),
            Some(files) if files.is_empty() => Known::unsupported(NO_FILES),
            Some(files) => {
                let number = |file: &str| number_of(&host.join(file.trim_start_matches('/')));
                let files = files.iter().map(|file| DeviceFile::new(file.clone(), number(file)));
                files.collect::<Vec<_>>().into()
            }
        };
        GresDevice::new(index, files)
    }
}

/// What Slurm gave the job whose facts these are.
pub(super) fn of_job(gres: &Known<Gres>, host: &Path, facts: &ContainerFacts) -> Known<Vec<GresDevice>> {
    let environment = match facts.environment.get() {
        Ok(environment) => environment,
        Err(absence) => return Known::absent(absence),
    };
    if !matches!(facts.owner, Owner::Slurm(_)) && environment.get("SLURM_JOB_ID").is_none() {
        return Known::unsupported(NOT_SLURM);
    }
    let list = environment.get("SLURM_STEP_GPUS").or_else(|| environment.get("SLURM_JOB_GPUS"));
    let Some(list) = list else { return Known::unsupported(NOT_TOLD) };
    let Some(indices) = numbers(list) else {
        return Known::absent(Absence::Failed { at: "SLURM_JOB_GPUS", code: None });
    };
    let device = |index| match gres.get() {
        Ok(gres) => gres.device(index, host),
        Err(absence) => GresDevice::new(index, Known::absent(absence)),
    };
    indices.into_iter().map(device).collect::<Vec<_>>().into()
}

/// The number of a device file, where there is one of that name.
fn number_of(file: &Path) -> Option<DeviceNumber> {
    Folder::open(file.parent()?).ok()?.device(file.file_name()?.to_str()?).ok()?
}

/// `0,2-3`.
fn numbers(list: &str) -> Option<Vec<u32>> {
    let mut numbers = Vec::new();
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if last.checked_sub(first)? as usize >= MOST || numbers.len() >= MOST {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

/// Whether a list of hosts, `tux[1-4,7],big`, has one.
fn lists(names: &str, node: &str) -> bool {
    let short = node.split('.').next().unwrap_or(node);
    expanded(names).iter().any(|name| name == node || name == short)
}

/// The names in a list in which brackets stand for several: `/dev/nvidia[0-3,5]`. Leading zeros are
/// kept, as hosts are written.
fn expanded(list: &str) -> Vec<String> {
    let mut names = Vec::new();
    for item in split_outside(list) {
        let parts = item.split_once('[').and_then(|(head, rest)| {
            let (inside, tail) = rest.split_once(']')?;
            Some((head, inside, tail))
        });
        let Some((head, inside, tail)) = parts else {
            names.push(item.to_owned());
            continue;
        };
        for range in inside.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (Ok(from), Ok(to)) = (first.parse::<u32>(), last.parse::<u32>()) else { continue };
            // No number that fits is written longer, but with zeros that nobody writes.
            if first.len() > 10 {
                continue;
            }
            for number in (from..=to).take(MOST.saturating_sub(names.len())) {
                names.push(format!("{head}{number:0width$}{tail}", width = first.len()));
            }
        }
        if names.len() >= MOST {
            break;
        }
    }
    names.truncate(MOST);
    names
}

/// Split at commas that are not in brackets.
fn split_outside(list: &str) -> Vec<&str> {
    let (mut items, mut from, mut is_inside) = (Vec::new(), 0, false);
    for (at, letter) in list.char_indices() {
        match letter {
            '[' => is_inside = true,
            ']' => is_inside = false,
            ',' if !is_inside => {
                items.push(&list[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    items.push(&list[from..]);
    items.retain(|item| !item.is_empty());
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_as_administrators_write_it() {
        // The forms of the manual's examples.
        let text = "\
            # GPUs of tux\n\
            AutoDetect=off\n\
            NodeName=tux[0-1] Name=gpu Type=a100 File=/dev/nvidia[0-1] Cores=0-31 Flags=x\n\
            NodeName=big Name=gpu File=/dev/nvidia9\n\
            name=gpu type=1g.10gb \\\n  MultipleFiles=/dev/nvidia2,/dev/nvidia-caps/nvidia-cap[21-22]\n\
            Name=mps Count=200 File=/dev/nvidia0\n\
            Name=gpu Count=2 # found by itself\n";
        let gpus = Gres::parse(text, "tux1.example.org");
        let mig = ["/dev/nvidia2", "/dev/nvidia-caps/nvidia-cap21", "/dev/nvidia-caps/nvidia-cap22"];
        assert_eq!(gpus.0, [vec!["/dev/nvidia0"], vec!["/dev/nvidia1"], mig.to_vec(), vec![], vec![]]);
        assert_eq!(Gres::parse(text, "big").0[0], ["/dev/nvidia9"]);
        assert_eq!(gpus.device(2, Path::new("/nowhere")).files.value().unwrap().len(), 3);
        assert_eq!(gpus.device(3, Path::new("/nowhere")).files.to_owned(), Known::unsupported(NO_FILES));
        assert_eq!(gpus.device(5, Path::new("/nowhere")).files.to_owned(), Known::unsupported(NO_SUCH));
    }

    #[test]
    fn what_makes_no_sense_is_bounded() {
        assert_eq!(Gres::parse("Name=gpu File=/dev/nvidia[0-4294967295]\n", "").0.len(), MOST);
        assert_eq!(Gres::parse("Name=gpu Count=99999999999999\nName=gpu Count=4000\n", "").0.len(), MOST);
        assert_eq!(Gres::parse("Name=gpu File=/dev/nvidia[x-\nName\n==\nName=gpu File=\n", "").0.len(), 1);
        assert_eq!(expanded("n[08-10],m"), ["n08", "n09", "n10", "m"]);
        assert_eq!((numbers("0,2-3"), numbers("3-1"), numbers("x")), (Some(vec![0, 2, 3]), None, None));
        assert_eq!(numbers("0-4294967295"), None);
    }
}
