//! [`Source`]: where the boards come from.

use std::error::Error;
use std::path::Path;

use gpu_accounting::record::Replay;
use gpu_accounting::{Node, Vendor};
use gpu_nvidia_mig::Board as Table;
use gpu_sim::Machine;

use crate::args::Args;
use crate::board::Board;
use crate::list;
use crate::simulated::is_simulated;

pub struct Source {
    pub boards: Vec<Board>,
    /// `machine`, `simulation`, `recording` or `table`.
    pub kind: &'static str,
    /// Nothing of it is hardware, nor was when it was recorded.
    pub simulated: bool,
    /// What there is to say above everything that is not the hardware that is here.
    pub warning: Option<String>,
    /// A board of the tables is on no node.
    pub node: Option<Node>,
}

impl Source {
    /// Finds the boards that the command line names.
    pub fn open(args: &Args) -> Result<Self, Box<dyn Error>> {
        if !args.boards.is_empty() {
            return Ok(Self::on_paper(args)?);
        }
        let mut builder = Node::builder().only([Vendor::NVIDIA]);
        if let Some(name) = &args.sim {
            builder = builder.machine(Machine::load(name)?);
        }
        if let Some(file) = &args.replay {
            builder = builder.replay(&replay(file, args.at.unwrap_or(0))?);
        }
        if let Some(library) = &args.nvml {
            builder = builder.nvml(library);
        }
        if let Some(locks) = &args.locks {
            builder = builder.locks(locks);
        }
        let node = builder.build();
        let simulated = match (node.simulated(), &args.nvml) {
            (Some(name), _) => Some(format!("machine {name:?}")),
            (None, Some(library)) if is_simulated(library) => Some(format!("NVML {}", library.display())),
            _ => None,
        };
        let warning = match (node.recorded(), &simulated) {
            (Some(when), Some(what)) => {
                Some(format!("RECORDED {when}, of SIMULATED {what}: nothing below is hardware"))
            }
            (Some(when), None) => Some(format!("RECORDED {when}: the machine may be cut otherwise now")),
            (None, Some(what)) => Some(format!("SIMULATED {what}: nothing below is hardware")),
            (None, None) => None,
        };
        let kind = match (node.recorded(), &simulated) {
            (Some(_), _) => "recording",
            (None, Some(_)) => "simulation",
            (None, None) => "machine",
        };
        let inventory = node.inventory();
        let boards: Vec<Board> = (0..)
            .zip(inventory.devices)
            .map(|(position, device)| Board::of(&node, position, device))
            .collect();
        if boards.is_empty() {
            return Err(nothing(&node, &inventory.problems).into());
        }
        Ok(Self { boards, kind, simulated: simulated.is_some(), warning, node: Some(node) })
    }

    fn on_paper(args: &Args) -> Result<Self, String> {
        let keys = (0..).zip(&args.boards);
        let boards = keys.map(|(position, key)| {
            let table = Table::named(key).map_err(|error| error.to_string())?;
            Ok(Board::of_table(table, position))
        });
        let mut boards: Vec<Board> = boards.collect::<Result<_, String>>()?;
        if let (Some(text), [board]) = (&args.live, &mut boards[..]) {
            let cut = board.cut.as_mut().map_err(|why| why.clone())?;
            cut.layout = list::layout(text, &cut.profiles, &cut.geometry)?;
        }
        let warning = "ON PAPER: boards of the tables; nothing below is hardware".to_owned();
        Ok(Self { boards, kind: "table", simulated: true, warning: Some(warning), node: None })
    }

    /// The boards that `--gpu` names; all of them where it is not given.
    pub fn chosen(&self, names: &[String]) -> Result<Vec<&Board>, String> {
        if let Some(stranger) =
            names.iter().find(|name| *name != "all" && !self.boards.iter().any(|of| of.is_called(name)))
        {
            let there: Vec<String> = self.boards.iter().map(|board| board.position.to_string()).collect();
            return Err(format!("no GPU {stranger}: there are {}", there.join(", ")));
        }
        let named = |board: &&Board| names.iter().any(|name| name == "all" || board.is_called(name));
        Ok(self.boards.iter().filter(|board| names.is_empty() || named(board)).collect())
    }

    /// The board of a position that came from here.
    pub fn board(&self, position: u32) -> Option<&Board> {
        self.boards.iter().find(|board| board.position == position)
    }

    /// The name of the simulated machine, when it is one in process.
    pub fn machine(&self) -> Option<&str> {
        self.node.as_ref()?.simulated()
    }
}

/// A recording at one of its moments.
fn replay(file: &Path, at: u64) -> Result<Replay, String> {
    let failed = |error: gpu_accounting::record::Error| format!("{}: {error}", file.display());
    let mut replay = Replay::open(file).map_err(failed)?;
    while replay.number() < at {
        if replay.next().map_err(failed)?.is_none() {
            let last = replay.number();
            return Err(format!("{}: it ends before --at {at}: its last moment is {last}", file.display()));
        }
    }
    Ok(replay)
}

fn nothing(node: &Node, problems: &[gpu_accounting::Problem]) -> String {
    let mut text = "no GPU of NVIDIA's here".to_owned();
    for of in node.outcomes().iter().filter(|of| of.vendor == Vendor::NVIDIA) {
        text += &format!(" ({})", of.outcome);
    }
    for problem in problems {
        text += &format!("; {problem}");
    }
    let keys: Vec<&str> = Table::all().iter().map(Table::key).collect();
    text + "; take a simulated machine (--sim mixed), or plan on paper: --board " + &keys.join(", ")
}
