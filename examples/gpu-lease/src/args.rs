//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use gpu_accounting::choose::Request;
use gpu_accounting::ledger::{EntryId, Key, Label, NodeName, Position};
use gpu_accounting::{
    Bytes, Container, Count, Owner, PciAddress, Runtime, SlurmJob, UnitId, UnitName, Vendor,
};
use lexopt::prelude::*;

use crate::amount::{bytes, seconds, shown, whole};
use crate::roots::Roots;

pub const HELP: &str = "\
gpu-lease: holds GPUs for commands, and tells who holds what

usage: gpu-lease run [NEED] [OPTIONS] -- COMMAND…   hold units while a command runs
       gpu-lease reserve [NEED] [OPTIONS]           set units aside; prints the key
       gpu-lease commit KEY --holder OWNER          the holder of what was set aside is there
       gpu-lease renew KEY --for SECONDS            it expires later
       gpu-lease release KEY                        give it back
       gpu-lease list                               units, and who holds them
       gpu-lease reconcile [--repair]               the ledger beside what the machine shows
       gpu-lease verify                             read all that is stored again, and check it

what is needed: any unit as a whole, unless one of these says otherwise
  --need SIZE          with so much memory at least: 20GiB
  --compute N          with so many compute units at least
  --vendor NAME        of nvidia, amd or intel
  --model TEXT         of products with this in their name
  --profile NAME       partitions of this profile
  --shared             a share of something that is shared, without any guarantee
  --exclusive          a unit as a whole (the default)
  --count N            so many of them
  --same-numa          all on one NUMA node
  --same-island        all joined by NVLink, xGMI or Xe Link
  --near PCI           near to what sits there
  --spread             on as many boards as can be
  --without UNIT       not this one; may be repeated
  --unit UNIT          just this one, whatever it has; may be repeated

  --store STORE        where it is kept: sqlite:FILE, etcd:http://HOST:PORT[,…], memory
  --node NAME          whose ledger it is (default: the machine's name)
  --key KEY            of one's own choice: 32 hexadecimal digits; again the same call
                       has the effect of once (default: a random one)
  --for SECONDS        until it expires by itself (run: 30, renewed while it runs;
                       reserve: 300; commit: never)
  --label TEXT         words of one's own
  --holder OWNER       container:RUNTIME:ID, slurm:JOB, unit:NAME, user:NUMBER
                       (run: who this process runs for)
  --wait SECONDS       wait so long for what is not to be had now
  --shares N           the boards that are not cut are shared by N each, in turns;
                       kept until it is said otherwise (0: not shared)
  --idle SECONDS       reconcile: unused for longer is unused (default 60)
  --grace SECONDS      reconcile: nobody is dead who has held for less (default 60)
  --repair             reconcile: apply the entries that repair it
  --force              use a store file that others may write

  --sim NAME           a simulated machine: a preset's name or a JSON file
  --sysfs-root DIR, --proc-root DIR, --cgroup-root DIR, --nvml LIBRARY
                       read the machine there
  --etcd-user NAME, --etcd-password-file FILE, --etcd-prefix PREFIX
  --now SECONDS        the time of day since 1970 instead of the machine's
  --json               print JSON instead of text
  --help               print this

exits with the command's own status (run); 0 done; 1 found something (reconcile, verify);
120 cannot be; 121 never; 122 not now; 123 refused; 124 the store; 125 not known: ask again
with the same key; 126, 127 the command cannot be started; 128+N it was ended by signal N
";

/// What the command line asks for.
pub enum Asked {
    Help,
    Do(Box<Args>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    Run,
    Reserve,
    Commit,
    Renew,
    Release,
    List,
    Reconcile,
    Verify,
}

/// A key, or the id of a holding alone.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    pub id: EntryId,
    pub seen: Option<Position>,
}

impl Named {
    pub fn key(self) -> Option<Key> {
        self.seen.map(|seen| Key::new(self.id, seen))
    }
}

#[derive(Debug)]
pub enum StoreName {
    Memory,
    Sqlite(PathBuf),
    Etcd(String),
}

pub struct Args {
    pub verb: Verb,
    pub store: StoreName,
    pub node: Option<NodeName>,
    pub named: Option<Named>,
    pub request: Request,
    /// Just these.
    pub units: Vec<UnitId>,
    pub need: Bytes,
    pub compute: Count,
    pub expires: Option<Duration>,
    pub label: Option<Label>,
    pub holder: Option<Owner>,
    pub wait: Duration,
    pub shares: Option<u16>,
    pub idle: Duration,
    pub grace: Duration,
    pub repair: bool,
    pub force: bool,
    pub sim: Option<String>,
    pub roots: Roots,
    pub etcd_user: Option<String>,
    pub etcd_password: Option<PathBuf>,
    pub etcd_prefix: Option<String>,
    pub now: Option<u64>,
    pub json: bool,
    pub command: Vec<OsString>,
}

impl Args {
    fn new(verb: Verb) -> Self {
        Self {
            verb,
            store: StoreName::Memory,
            node: None,
            named: None,
            request: Request::any(),
            units: Vec::new(),
            need: Bytes::ZERO,
            compute: Count::ZERO,
            expires: None,
            label: None,
            holder: None,
            wait: Duration::ZERO,
            shares: None,
            idle: Duration::from_secs(60),
            grace: Duration::from_secs(60),
            repair: false,
            force: false,
            sim: None,
            roots: Roots::default(),
            etcd_user: None,
            etcd_password: None,
            etcd_prefix: None,
            now: None,
            json: false,
            command: Vec::new(),
        }
    }

    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
        let mut words = words.into_iter();
        let first = words.next().unwrap_or_default();
        let verb = match first.to_str() {
            Some("run") => Verb::Run,
            Some("reserve") => Verb::Reserve,
            Some("commit") => Verb::Commit,
            Some("renew") => Verb::Renew,
            Some("release") => Verb::Release,
            Some("list") => Verb::List,
            Some("reconcile") => Verb::Reconcile,
            Some("verify") => Verb::Verify,
            Some("--help" | "-h" | "help") => return Ok(Asked::Help),
            _ => return Err(format!("{:?} is no verb: see --help", shown(&first.to_string_lossy())).into()),
        };
        let mut args = Self::new(verb);
        // What comes after `--` is not ours.
        let mut ours: Vec<OsString> = Vec::new();
        while let Some(word) = words.next() {
            if word == "--" {
                args.command.extend(words);
                break;
            }
            ours.push(word);
        }
        let (mut store, mut needs) = (None, Vec::new());
        let mut parser = lexopt::Parser::from_args(ours);
        while let Some(argument) = parser.next()? {
            match argument {
                Short('h') | Long("help") => return Ok(Asked::Help),
                Long("store") => store = Some(store_name(&parser.value()?)?),
                Long("need") => args.need = bytes(&parser.value()?.string()?)?,
                Value(word) if args.named.is_none() && args.takes_key() => {
                    args.named = Some(named(&word.string()?)?)
                }
                Long(name) if NEEDS.contains(&name) => {
                    let name = name.to_owned();
                    needs.push(args.need(&name, &mut parser)?);
                }
                Long(name) => {
                    let name = name.to_owned();
                    args.option(&name, &mut parser)?;
                }
                other => return Err(other.unexpected()),
            }
        }
        args.request = needs.into_iter().fold(Request::memory(args.need), |request, need| need(request));
        args.store = store.ok_or("--store says where the ledger is kept: sqlite:FILE, etcd:URL or memory")?;
        args.check()?;
        Ok(Asked::Do(Box::new(args)))
    }

    fn takes_key(&self) -> bool {
        matches!(self.verb, Verb::Commit | Verb::Renew | Verb::Release)
    }

    /// What an option adds to the request, of which the memory has to come first.
    fn need(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<Need, lexopt::Error> {
        let mut value = || parser.value()?.string();
        Ok(match name {
            "compute" => {
                let least = Count(whole(&value()?, 0, u64::MAX, "compute units")?);
                self.compute = least;
                Box::new(move |request| request.compute(least))
            }
            "vendor" => {
                let vendor = vendor(&value()?)?;
                Box::new(move |request| request.vendor(vendor))
            }
            "model" => {
                let model = short(value()?, "a product's name")?;
                Box::new(move |request| request.model(&model))
            }
            "profile" => {
                let profile = short(value()?, "a profile's name")?;
                Box::new(move |request| request.profile(&profile))
            }
            "count" => {
                let count = whole(&value()?, 1, 256, "units")?;
                Box::new(move |request| request.count(count))
            }
            "near" => {
                let near: PciAddress = parsed(&value()?, "PCI address")?;
                Box::new(move |request| request.near(near))
            }
            "without" => {
                let unit: UnitId = parsed(&value()?, "unit")?;
                Box::new(move |request| request.without([unit]))
            }
            "shared" => Box::new(Request::shared),
            "exclusive" => Box::new(Request::exclusive),
            "same-numa" => Box::new(Request::same_numa),
            "same-island" => Box::new(Request::same_island),
            _ => Box::new(Request::spread),
        })
    }

    fn option(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<(), lexopt::Error> {
        match name {
            "unit" => self.units.push(parsed(&parser.value()?.string()?, "unit")?),
            "node" => self.node = Some(parsed(&parser.value()?.string()?, "node name")?),
            "key" => self.named = Some(named(&parser.value()?.string()?)?),
            "for" => self.expires = Some(seconds(&parser.value()?.string()?)?),
            "label" => self.label = Some(parsed(&parser.value()?.string()?, "label")?),
            "holder" => self.holder = Some(owner(&parser.value()?.string()?)?),
            "wait" => self.wait = seconds(&parser.value()?.string()?)?,
            "shares" => self.shares = Some(whole(&parser.value()?.string()?, 0, 1024, "shares")?),
            "idle" => self.idle = seconds(&parser.value()?.string()?)?,
            "grace" => {
                self.grace = Duration::from_secs(whole(&parser.value()?.string()?, 0, 1 << 32, "seconds")?)
            }
            "repair" => self.repair = true,
            "force" => self.force = true,
            "sim" => self.sim = Some(parser.value()?.string()?),
            "sysfs-root" | "proc-root" | "cgroup-root" | "nvml" => self.roots.take(name, parser)?,
            "etcd-user" => self.etcd_user = Some(parser.value()?.string()?),
            "etcd-password-file" => self.etcd_password = Some(parser.value()?.into()),
            "etcd-prefix" => self.etcd_prefix = Some(parser.value()?.string()?),
            "now" => self.now = Some(whole(&parser.value()?.string()?, 0, 1 << 33, "seconds since 1970")?),
            "json" => self.json = true,
            _ => return Err(lexopt::Error::UnexpectedOption(format!("--{name}"))),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), lexopt::Error> {
        if self.sim.is_some() && self.roots.are_given() {
            return Err("--sim replaces the whole machine; leave out the roots and --nvml".into());
        }
        if self.takes_key() && self.named.is_none() {
            return Err("which holding? its key is asked for".into());
        }
        if self.verb == Verb::Commit && self.holder.is_none() {
            return Err("--holder says who holds it".into());
        }
        if self.verb == Verb::Renew && self.expires.is_none() {
            return Err("--for says how long it lasts".into());
        }
        if (self.verb == Verb::Run) == self.command.is_empty() {
            return Err("a command comes after -- with run, and with nothing else".into());
        }
        if self.verb == Verb::Run && self.now.is_some() {
            return Err("run goes by the machine's own clock: leave out --now".into());
        }
        if !matches!(self.store, StoreName::Etcd(_))
            && (self.etcd_user.is_some() || self.etcd_password.is_some() || self.etcd_prefix.is_some())
        {
            return Err("--etcd-… is for --store etcd:…".into());
        }
        if self.etcd_user.is_some() != self.etcd_password.is_some() {
            return Err("--etcd-user and --etcd-password-file belong together".into());
        }
        Ok(())
    }
}

/// Options of what is needed.
const NEEDS: [&str; 12] = [
    "compute",
    "vendor",
    "model",
    "profile",
    "shared",
    "exclusive",
    "count",
    "same-numa",
    "same-island",
    "near",
    "spread",
    "without",
];

type Need = Box<dyn FnOnce(Request) -> Request>;

fn store_name(word: &OsString) -> Result<StoreName, lexopt::Error> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    if let Some(file) = word.as_bytes().strip_prefix(b"sqlite:").filter(|file| !file.is_empty()) {
        return Ok(StoreName::Sqlite(OsString::from_vec(file.to_vec()).into()));
    }
    match word.to_str() {
        Some("memory") => Ok(StoreName::Memory),
        Some(text) if text.starts_with("etcd:") => Ok(StoreName::Etcd(text["etcd:".len()..].to_owned())),
        // Not repeated: it may hold a password.
        _ => Err("--store: sqlite:FILE, etcd:URL or memory is asked for".into()),
    }
}

/// `ID` or `ID@SEEN`.
fn named(text: &str) -> Result<Named, lexopt::Error> {
    let (id, seen) = match text.split_once('@') {
        Some((id, seen)) => (id, Some(Position(whole(seen, 0, u64::MAX, "entries")?))),
        None => (text, None),
    };
    Ok(Named { id: parsed(id, "key")?, seen })
}

fn owner(text: &str) -> Result<Owner, lexopt::Error> {
    const ASKED: &str = "container:RUNTIME:ID, slurm:JOB, unit:NAME or user:NUMBER is asked for";
    let refuse = || lexopt::Error::from(format!("--holder {:?}: {ASKED}", shown(text)));
    let (sort, rest) = text.split_once(':').ok_or_else(refuse)?;
    match sort {
        "container" => {
            let (runtime, id) = rest.split_once(':').ok_or_else(refuse)?;
            let runtime = match runtime {
                "docker" => Runtime::Docker,
                "containerd" => Runtime::Containerd,
                "cri-o" => Runtime::CriO,
                "podman" => Runtime::Podman,
                "lxc" => Runtime::Lxc,
                _ => return Err(refuse()),
            };
            Ok(Owner::Container(Container::new(runtime, parsed(id, "container id")?)))
        }
        "slurm" => Ok(Owner::Slurm(SlurmJob::new(Some(number(rest)?)))),
        "user" => Ok(Owner::Session { user: number(rest)? }),
        "unit" if (1..=256).contains(&rest.len()) => Ok(Owner::Unit(UnitName::new(rest))),
        _ => Err(refuse()),
    }
}

fn number(text: &str) -> Result<u32, lexopt::Error> {
    whole(text, 0, u32::MAX.into(), "numbers")
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str, what: &str) -> Result<T, lexopt::Error> {
    // The error repeats the text, which may be long.
    let told =
        |error: T::Err| if text.len() > 200 { "it is far too long".to_owned() } else { error.to_string() };
    text.parse().map_err(|error| format!("{what} {:?}: {}", shown(text), told(error)).into())
}

fn short(text: String, what: &str) -> Result<String, lexopt::Error> {
    if (1..=128).contains(&text.len()) { Ok(text) } else { Err(format!("{what} has 1 to 128 bytes").into()) }
}

/// A vendor that this program knows.
fn vendor(name: &str) -> Result<Vendor, lexopt::Error> {
    let known = [Vendor::NVIDIA, Vendor::AMD, Vendor::INTEL];
    let found = known.into_iter().find(|vendor| vendor.as_str() == name);
    found.ok_or_else(|| format!("no vendor {:?}; there are nvidia, amd and intel", shown(name)).into())
}
