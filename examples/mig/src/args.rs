//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

pub const HELP: &str = "\
mig: how NVIDIA's boards are cut, and how they could be

usage: mig VERB [OPTIONS]

  profiles            what boards can be cut into, and what of it still has room
  plan                whether boards can hold what is wanted, where, and what must go or move
  apply               the same, carried out
  export              how the node is cut, as a configuration of mig-parted (YAML)
  resources           what a Kubernetes node would offer with NVIDIA's device plugin

which boards (without any of these: this machine's)
  --sim NAME          a simulated machine: a preset's name or a JSON file; changes last as long
                      as this program
  --replay FILE       a recording (of gpu-report's): how the boards were cut then; what they can be
                      cut into by the tables. Nothing of it can be changed
  --at N              with --replay: another of its moments, counted from 0
  --nvml LIBRARY      load NVIDIA's library from this file
  --board KEY         no machine: a board of the tables, empty and under MIG; may be repeated
  --live LAYOUT       how that board is cut: 3g.40gb@4,1g.10gb@0 (a slot after the @, and ! after
                      it where a process runs there)
  --gpu WHICH         this GPU alone: its number, its id, GPU-uuid or `all`; may be repeated
  --locks DIR         keep lock files here, not in the usual place

what boards shall hold (plan, apply)
  --want LIST         exactly these GPU instances: 3g.40gb,2x1g.10gb, or `none`. What is live and
                      wanted stays, what is not wanted goes. With several boards that can be cut,
                      --gpu says which
  --add               on top of what is live, which stays. Without --gpu: wherever on the node
  --allow-moving      instances may be destroyed and made anew elsewhere, as few as possible.
                      Those in use stay all the same
  --config FILE       a configuration of mig-parted; MIG mode is switched as it says
  --label NAME        which of its labels (export: what to call the one that is printed)
  --dry-run           apply nothing: plan

how resources are called (resources)
  --config FILE       a configuration of the device plugin
  --strategy NAME     without one: none, single or mixed (which is the default here)

how it is printed
  --json              JSON instead of text
  --ascii             no characters beyond ASCII in pictures
  --help              print this
";

/// What the command line asks for.
pub enum Asked {
    Help,
    Do(Box<Args>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verb {
    Profiles,
    Plan,
    Apply,
    Export,
    Resources,
}

const VERBS: [(&str, Verb); 5] = [
    ("profiles", Verb::Profiles),
    ("plan", Verb::Plan),
    ("apply", Verb::Apply),
    ("export", Verb::Export),
    ("resources", Verb::Resources),
];

pub struct Args {
    pub verb: Verb,
    pub sim: Option<String>,
    pub replay: Option<PathBuf>,
    pub at: Option<u64>,
    pub nvml: Option<PathBuf>,
    pub boards: Vec<String>,
    pub live: Option<String>,
    pub gpus: Vec<String>,
    pub locks: Option<PathBuf>,
    pub want: Option<String>,
    pub add: bool,
    pub moving: bool,
    pub config: Option<PathBuf>,
    pub label: Option<String>,
    pub strategy: Option<String>,
    pub dry_run: bool,
    pub json: bool,
    pub ascii: bool,
}

impl Args {
    fn new(verb: Verb) -> Self {
        Self {
            verb,
            sim: None,
            replay: None,
            at: None,
            nvml: None,
            boards: Vec::new(),
            live: None,
            gpus: Vec::new(),
            locks: None,
            want: None,
            add: false,
            moving: false,
            config: None,
            label: None,
            strategy: None,
            dry_run: false,
            json: false,
            ascii: false,
        }
    }

    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Asked, lexopt::Error> {
        let mut parser = lexopt::Parser::from_args(words);
        let verb = match parser.next()? {
            Some(Short('h') | Long("help")) => return Ok(Asked::Help),
            Some(Value(word)) => verb(&word.string()?)?,
            Some(other) => return Err(other.unexpected()),
            None => return Err("which of profiles, plan, apply, export, resources? See --help".into()),
        };
        let mut args = Self::new(verb);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("sim") => once(&mut args.sim, "--sim", parser.value()?.string()?)?,
                Long("replay") => once(&mut args.replay, "--replay", parser.value()?.into())?,
                Long("at") => once(&mut args.at, "--at", parser.value()?.parse()?)?,
                Long("nvml") => once(&mut args.nvml, "--nvml", parser.value()?.into())?,
                Long("board") => args.boards.push(parser.value()?.string()?),
                Long("live") => once(&mut args.live, "--live", parser.value()?.string()?)?,
                Long("gpu") => args.gpus.push(parser.value()?.string()?),
                Long("locks") => once(&mut args.locks, "--locks", parser.value()?.into())?,
                Long("want") => once(&mut args.want, "--want", parser.value()?.string()?)?,
                Long("add") => args.add = true,
                Long("allow-moving") => args.moving = true,
                Long("config") => once(&mut args.config, "--config", parser.value()?.into())?,
                Long("label") => once(&mut args.label, "--label", parser.value()?.string()?)?,
                Long("strategy") => once(&mut args.strategy, "--strategy", parser.value()?.string()?)?,
                Long("dry-run") => args.dry_run = true,
                Long("json") => args.json = true,
                Long("ascii") => args.ascii = true,
                Short('h') | Long("help") => return Ok(Asked::Help),
                other => return Err(other.unexpected()),
            }
        }
        args.check()?;
        Ok(Asked::Do(Box::new(args)))
    }

    /// Refuses options that do not belong together: one that is not heeded would mislead.
    fn check(&self) -> Result<(), lexopt::Error> {
        let Self { verb, .. } = self;
        let cuts = matches!(verb, Verb::Plan | Verb::Apply);
        let configured = self.config.is_some();
        let sources =
            [self.sim.is_some(), self.nvml.is_some(), !self.boards.is_empty(), self.replay.is_some()];
        let rules = [
            (
                sources.iter().filter(|given| **given).count() > 1,
                "--sim, --replay, --nvml or --board: one of them",
            ),
            (
                self.at.is_some() && self.replay.is_none(),
                "--at names a moment of a recording: it needs --replay",
            ),
            (
                *verb == Verb::Apply && self.replay.is_some() && !self.dry_run,
                "--replay is a recording, which nobody can change: plan it, or apply it with --dry-run",
            ),
            (self.live.is_some() && self.boards.len() != 1, "--live says how the one --board is cut"),
            (self.want.is_some() && !cuts, "--want is for plan and apply"),
            ((self.add || self.moving || self.dry_run) && !cuts, "that option is for plan and apply"),
            (cuts && self.want.is_some() == configured, "either --want LIST or --config FILE --label NAME"),
            (cuts && configured != self.label.is_some(), "--config FILE and --label NAME go together"),
            (self.add && configured, "a configuration says exactly what shall be there: no --add"),
            (configured && matches!(verb, Verb::Profiles | Verb::Export), "--config is not for this"),
            (
                self.label.is_some() && matches!(verb, Verb::Profiles | Verb::Resources),
                "--label is not for this",
            ),
            (self.strategy.is_some() && *verb != Verb::Resources, "--strategy is for resources"),
            (self.strategy.is_some() && configured, "the configuration has the strategy: no --strategy"),
            (
                !self.gpus.is_empty() && matches!(verb, Verb::Export | Verb::Resources),
                "a node is shown whole: no --gpu",
            ),
            (
                *verb == Verb::Apply && !self.boards.is_empty() && !self.dry_run,
                "--board is no hardware: plan it, or apply it with --dry-run",
            ),
        ];
        match rules.iter().find(|(broken, _)| *broken) {
            Some((_, what)) => Err((*what).into()),
            None => Ok(()),
        }
    }
}

fn verb(word: &str) -> Result<Verb, lexopt::Error> {
    let found = VERBS.iter().find(|(name, _)| *name == word);
    found
        .map(|(_, verb)| *verb)
        .ok_or_else(|| format!("no {word:?}: there are profiles, plan, apply, export, resources").into())
}

/// Which of two would count is not for the program to guess.
fn once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), lexopt::Error> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{name} is there twice").into()),
    }
}
