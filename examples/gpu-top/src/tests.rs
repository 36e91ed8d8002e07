//! Frames of simulated machines, drawn without a terminal.

use gpu_accounting::meter::Gap;
use gpu_accounting::{Absence, Bytes, Metric, Nanoseconds, Node};
use gpu_sim::{Machine, World};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Color;

use crate::draw::{self, Around, Theme};
use crate::model::meter::{Lack, MeterRow, RowKind};
use crate::model::{View, Viewer};
use crate::once::text;
use crate::state::{State, Wish};

fn world(preset: &str) -> World {
    World::new(Machine::preset(preset).expect("the preset is there"))
}

/// The view after so many looks, a second apart.
fn view_of(world: &World, looks: u32) -> View {
    let node = Node::builder().machine(world.host()).build();
    let (mut watch, mut viewer) = (node.watch(), Viewer::default());
    let mut view = View::default();
    for look in 0..looks {
        if look > 0 {
            world.clock().advance(Nanoseconds(1_000_000_000));
        }
        let attribution = watch.look();
        view = viewer.view(&node, node.simulated(), &watch, &attribution);
    }
    view
}

fn buffer(view: &View, state: &State, theme: Theme, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it cannot fail");
    let around = Around { every: "1 s".to_owned(), waits: None };
    terminal.draw(|frame| draw::frame(frame, view, state, &around, theme)).expect("it cannot fail");
    terminal.backend().buffer().clone()
}

fn drawn(view: &View, state: &State, width: u16, height: u16) -> String {
    text(&buffer(view, state, Theme { color: false }, width, height), false)
}

fn press(state: &mut State, view: &View, keys: &str) -> Vec<Wish> {
    let code = |c: char| match c {
        '\n' => KeyCode::Enter,
        '\t' => KeyCode::Tab,
        '\u{1b}' => KeyCode::Esc,
        '\u{8}' => KeyCode::Backspace,
        c => KeyCode::Char(c),
    };
    keys.chars().map(|c| state.key(KeyEvent::new(code(c), KeyModifiers::NONE), view)).collect()
}

/// The line of a frame that has a text in it.
fn line<'f>(frame: &'f str, has: &str) -> &'f str {
    frame.lines().find(|line| line.contains(has)).unwrap_or_else(|| panic!("no {has:?} in\n{frame}"))
}

#[test]
fn every_machine_is_drawn_at_every_size_and_says_that_it_is_simulated() {
    for &preset in Machine::presets() {
        let view = view_of(&world(preset), 3);
        for (width, height) in [(1, 1), (2, 3), (20, 5), (40, 12), (80, 24), (132, 43), (250, 80)] {
            for keys in ["", "2", "3", "4", "m", "6", "\n", "\t\n", "?", "/x", "/h100\n"] {
                let mut state = State::default();
                press(&mut state, &view, keys);
                let frame = drawn(&view, &state, width, height);
                assert!(
                    frame.lines().all(|line| line.chars().count() <= usize::from(width)),
                    "{preset}\n{frame}"
                );
                // Below, there is no room for anything.
                if width >= 20 && height >= 5 && keys != "?" {
                    assert!(frame.contains("SIMULATED"), "{preset} {width}×{height} {keys:?}\n{frame}");
                }
            }
        }
    }
}

#[test]
fn what_is_shown_is_what_was_read() {
    let world = world("mixed");
    let node = Node::builder().machine(world.host()).build();
    let view = view_of(&world, 2);
    let frame = drawn(&view, &State::default(), 160, 60);
    let (inventory, sample) = (node.inventory(), node.sample());
    for (number, device) in inventory.devices().enumerate() {
        let row = line(&frame, &format!("#{number} "));
        assert!(row.contains(device.name.split(' ').next_back().expect("a word")), "{row}");
        let reading = sample.reading(device.id);
        match reading.power {
            Ok(power) => {
                assert!(row.contains(&format!("{}/", (power.value.get() + 500_000) / 1_000_000)), "{row}");
            }
            Err(Absence::Asleep) => assert!(row.contains("asleep"), "{row}"),
            Err(absence) => panic!("{absence}"),
        }
        if let Ok(busy) = reading.busy {
            assert!(row.contains(&format!(" {}%", busy.value.get() / 10)), "{row}");
        }
    }
    assert!(line(&frame, "llm-serve").contains("31G"), "{frame}");
    assert!(line(&frame, "worker-a").contains("shader 30 %~"), "{frame}");
    assert!(line(&frame, "hpc-rank").contains("17G"), "{frame}");
}

/// The absences of a machine whose units have none of most metrics: none is a number, and each has its
/// reason in the details.
#[test]
fn an_absence_is_never_a_nought() {
    let world = world("mixed");
    let view = view_of(&world, 2);
    for of in &view.units {
        let mut state = State::default();
        state.filter = of.unit.to_string();
        state.page = crate::state::Page::Units;
        let frame = drawn(&view, &state, 200, 50);
        let place = if of.depth == 0 { of.place.clone() } else { format!(" {}", of.place) };
        let row =
            frame.lines().find(|line| line.contains(&place) && line.contains(&of.name)).expect("its row");
        assert_eq!(of.busy.is_err(), row.contains("╌╌╌╌╌╌ ") || !row.contains('%'), "{row}");
        let absent = |absence: Absence| crate::text::short(absence).to_owned();
        let expected: Vec<String> = [of.power.err(), of.temperature.err().filter(|_| of.power.is_err())]
            .into_iter()
            .flatten()
            .map(absent)
            .collect();
        let last = row.split_whitespace().filter(|word| expected.contains(&(*word).to_owned())).count();
        assert!(last >= expected.len(), "{expected:?} in {row}");
        assert!(!row.split_whitespace().any(|word| word == "0"), "{row}");
        if of.power.is_err() && of.temperature.is_err() {
            assert!(!row.contains("°C") && !row.contains(" 0/"), "{row}");
        }
    }
    let gi = view.units.iter().position(|of| of.place == "gi:1").expect("it is there");
    let mut state = State { unit: gi, ..State::default() };
    press(&mut state, &view, "\n");
    let frame = drawn(&view, &state, 160, 100);
    for (name, value) in &view.units[gi].metrics {
        let Err(absence) = value else { continue };
        assert!(line(&frame, &format!(" {name} ")).contains(&absence.to_string()), "{name}");
    }
    assert!(view.units[gi].metrics.len() == Metric::ALL.len());
}

#[test]
fn slots_stand_where_the_partitions_are() {
    let view = view_of(&world("mixed"), 1);
    let frame = drawn(&view, &State::default(), 120, 40);
    let bar = line(&frame, "▕");
    let runs: Vec<(usize, &str)> = bar
        .trim()
        .trim_matches(['▕', '▏'])
        .split('▏')
        .map(|run| (run.chars().count() + 1, run.trim()))
        .collect();
    let each = runs[1].0;
    // Two slots of 2g.20gb, one of 1g.10gb, one free, four of 3g.40gb: as the machine is described.
    let sizes: Vec<(usize, &str)> = runs.iter().map(|(columns, name)| (columns / each, *name)).collect();
    assert_eq!(sizes, [(2, "2g.20gb"), (1, "1g.10gb"), (1, "free"), (4, "3g.40gb")], "{bar}");
}

#[test]
fn a_memory_share_of_a_compute_instance_is_of_what_it_shares() {
    let view = view_of(&world("mixed"), 1);
    let of = view.holders.iter().find(|of| of.place.ends_with("ci:0")).expect("it is there");
    let gi =
        view.units.iter().find(|unit| of.unit.lies_in(unit.unit) && unit.depth == 1).expect("it is there");
    let total = gi.memory_total.expect("told").get();
    let used = of.memory.expect("used").expect("told").get();
    assert_eq!(of.memory_share.map(u64::from), Some(used * 1000 / total));
}

#[test]
fn energy_is_what_the_counter_grew_since_the_first_look() {
    let world = world("l40s-4");
    let node = Node::builder().machine(world.host()).build();
    let (mut watch, mut viewer) = (node.watch(), Viewer::default());
    let mut counters = Vec::new();
    let mut look = |seconds: u64| {
        world.clock().advance(Nanoseconds(seconds * 1_000_000_000));
        let attribution = watch.look();
        counters.push(watch.sample().units[0].reading.energy.expect("told").value.get());
        viewer.view(&node, None, &watch, &attribution).units[0].energy.expect("told").get()
    };
    assert_eq!(look(0), 0);
    let (after_10, after_70) = (look(10), look(60));
    assert_eq!(after_10, counters[1] - counters[0]);
    assert_eq!(after_70, counters[2] - counters[0]);
    assert!(after_10 > 0 && after_70 > after_10);
}

#[test]
fn sorts_order_and_what_has_no_number_comes_last() {
    let mut view = view_of(&world("mixed"), 2);
    // What is held and not used, and what is not told, stand among the others.
    for (at, memory) in [(0, None), (2, Some(Err(Absence::NotYet)))] {
        let odd = crate::model::holder::HolderView { memory, ..view.holders[at].clone() };
        view.holders.insert(at, odd);
    }
    let mut state = State::default();
    let memory = |state: &State| -> Vec<Option<Bytes>> {
        state.holders(&view).iter().map(|of| of.memory.and_then(Result::ok)).collect()
    };
    press(&mut state, &view, "s");
    assert!(memory(&state).windows(2).all(|pair| pair[0] >= pair[1]), "{:?}", memory(&state));
    press(&mut state, &view, "r");
    let told: Vec<Bytes> = memory(&state).into_iter().map_while(|of| of).collect();
    assert!(told.is_sorted() && told.len() == view.holders.len() - 2, "{:?}", memory(&state));
    press(&mut state, &view, "rs");
    let engines: Vec<_> = state.holders(&view).iter().map(|of| of.engine.and_then(Result::ok)).collect();
    let told = engines.iter().take_while(|of| of.is_some()).count();
    assert!(told >= 3 && engines[told..].iter().all(Option::is_none), "{engines:?}");
    press(&mut state, &view, "r");
    let engines: Vec<_> = state.holders(&view).iter().map(|of| of.engine.and_then(Result::ok)).collect();
    assert!(engines[told..].iter().all(Option::is_none) && engines[0] <= engines[told - 1], "{engines:?}");
    press(&mut state, &view, "rss");
    let whose: Vec<_> = state.holders(&view).iter().map(|of| of.whose.clone()).collect();
    assert!(
        whose.is_sorted() && whose.windows(2).any(|pair| pair[0] == pair[1]),
        "a pod's together: {whose:?}"
    );
    press(&mut state, &view, "ssss");
    let who: Vec<_> = state.holders(&view).iter().map(|of| of.who.clone()).collect();
    assert!(who.is_sorted(), "{who:?}");
    assert!(drawn(&view, &state, 120, 40).contains("WHO↓"));
}

#[test]
fn a_holder_has_a_history_of_its_own() {
    let view = view_of(&world("mixed"), 5);
    let of = |who: &str| view.holders.iter().find(|of| of.processes[0].ends_with(who)).expect("it is there");
    let worker = &of("worker-a").history;
    // At the first look there is no time to count, and the driver's estimate is there.
    assert_eq!((worker.what, worker.values.len()), ("busy", 5));
    assert!(worker.values[1..].iter().all(|value| *value == Some(300)), "{worker:?}");
    assert_eq!(of("llm-serve").history.what, "mem", "nothing tells how busy it is");
    assert!(
        drawn(&view, &State::default(), 170, 40)
            .lines()
            .any(|line| line.contains("WHO") && line.contains("HISTORY"))
    );
}

#[test]
fn a_filter_lets_through_what_matches_and_what_it_is_on() {
    let view = view_of(&world("mixed"), 2);
    let mut state = State::default();
    press(&mut state, &view, "/WORKERX\u{8}-\n");
    assert_eq!(state.filter, "WORKER-");
    assert_eq!(state.holders(&view).len(), 3);
    let names: Vec<_> = state.units(&view).iter().map(|of| of.name.clone()).collect();
    assert_eq!(names, ["NVIDIA L40S"]);
    let frame = drawn(&view, &state, 120, 40);
    assert!(frame.contains("filter \"WORKER-\"") && !frame.contains("hpc-rank"), "{frame}");
    press(&mut state, &view, "\u{1b}");
    assert_eq!(state.holders(&view).len(), view.holders.len());
    press(&mut state, &view, "/nothing has this\n");
    let frame = drawn(&view, &state, 120, 40);
    assert!(frame.contains("nobody matches") && frame.contains("no GPU matches"), "{frame}");
}

#[test]
fn keys_do_what_the_help_says() {
    let view = view_of(&world("mixed"), 2);
    let mut state = State::default();
    assert_eq!(press(&mut state, &view, "q"), [Wish::Quit]);
    let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(state.key(control_c, &view), Wish::Quit);
    assert_eq!(press(&mut state, &view, " n "), [Wish::Nothing, Wish::Look, Wish::Look]);
    assert_eq!(press(&mut state, &view, "n+-"), [Wish::Nothing, Wish::Period(50), Wish::Period(200)]);
    press(&mut state, &view, "?");
    assert!(drawn(&view, &state, 100, 40).contains("keys and signs"));
    press(&mut state, &view, "q");
    assert!(!drawn(&view, &state, 100, 40).contains("keys and signs"), "any key closes it");
    // The cursor stays among what is there, and what it is on is in sight.
    press(&mut state, &view, "kkG");
    assert_eq!(state.unit, view.units.len() - 1);
    let frame = drawn(&view, &state, 100, 14);
    assert!(line(&frame, "›").contains("#4"), "{frame}");
    press(&mut state, &view, "j\tj\n");
    assert!(drawn(&view, &state, 100, 40).contains("bbbbbbbbbbbb on #0 gi:13 ci:0"));
    let empty = View::default();
    state.settle(&empty);
    assert_eq!((state.unit, state.holder), (0, 0));
}

#[test]
fn without_colours_there_are_none() {
    let view = view_of(&world("mixed"), 2);
    let colours = |theme: Theme| {
        let buffer = buffer(&view, &State::default(), theme, 160, 50);
        let plain = |color: Color| color == Color::Reset;
        buffer.content.iter().filter(|cell| !plain(cell.fg) || !plain(cell.bg)).count()
    };
    assert_eq!(colours(Theme { color: false }), 0);
    assert!(colours(Theme { color: true }) > 100);
}

#[test]
fn a_device_that_is_lost_says_so_and_hides_nobody() {
    let world = world("l40s-4");
    world.lose(1);
    let view = view_of(&world, 2);
    let frame = drawn(&view, &State::default(), 140, 40);
    let lost = gpu_accounting::Vendor::NVIDIA.to_string();
    assert!(line(&frame, &format!(" {lost}: ")).contains("lost"), "a note says so:\n{frame}");
    assert_eq!(frame.matches("°C").count(), 3, "the others are there:\n{frame}");
}

#[test]
fn a_machine_without_gpu_says_what_came_of_looking() {
    let view = view_of(&world("empty"), 1);
    let frame = drawn(&view, &State::default(), 100, 20);
    assert!(frame.contains("0 GPUs") && frame.contains("nvidia: ") && frame.contains("amd: "), "{frame}");
}

#[test]
fn who_waits_for_a_driver_is_told() {
    let view = view_of(&world("l40s-4"), 1);
    let mut terminal = Terminal::new(TestBackend::new(80, 20)).expect("it cannot fail");
    let around = Around { every: "1 s".to_owned(), waits: Some("4 s".to_owned()) };
    let theme = Theme { color: true };
    let draw = |frame: &mut ratatui::Frame<'_>| draw::frame(frame, &view, &State::default(), &around, theme);
    terminal.draw(draw).expect("it cannot fail");
    assert!(text(terminal.backend().buffer(), false).contains("no answer for 4 s"));
}

/// Numbers by hand, as the machine is described: who takes 300 ‰ of a GPU, has 9 GiB, and was given half.
#[test]
fn what_is_held_stands_beside_what_is_used() {
    let world = world("mixed");
    let energy = |world: &World, gpu| u128::from(world.gpu(gpu).energy.get());
    let before = [0, 1, 2].map(|gpu| energy(&world, gpu));
    let view = view_of(&world, 61);
    let grown: Vec<u128> = before.iter().zip(0..).map(|(before, gpu)| energy(&world, gpu) - before).collect();
    let minute = 60_000_000_000_u128;
    let meter = &view.meter;
    assert_eq!((u128::from(meter.length.get()), meter.looks, meter.held_by), (minute, 60, "what was given"));
    let of = |who: &str| meter.rows.iter().find(|row| row.who.starts_with(who)).expect("it is there");
    let docker = of("dddd");
    assert_eq!((docker.held, docker.part.as_deref()), (Ok(minute), Some("50%")));
    let busy = docker.busy.expect("told");
    assert!(busy.value.abs_diff(minute * 300 / 1000) <= minute / 1000, "{busy:?}");
    assert_eq!(docker.memory.expect("told").average(), Bytes::gib(9));
    // Nobody tells how busy a MIG instance's processes are: that is no nought.
    let serve = of("aaaa");
    assert!(matches!(serve.busy, Err(Absence::NotSupported { .. })), "{serve:?}");
    // 60 of 132 multiprocessors, as NVIDIA's table of the profile has it.
    assert_eq!((serve.held, serve.part.as_deref()), (Ok(minute), Some("45.4%")));
    assert_eq!(serve.memory.expect("told").average(), Bytes::gib(31));
    // A service was given nothing, and works all the same.
    let service = of("unit render-farm");
    assert_eq!((service.held, service.memory.expect("told").average()), (Ok(0), Bytes::gib(5)));
    // Of each device: its parts, what is nobody's and what was idle are all that its own counter counted.
    let devices: Vec<_> = meter.rows.iter().filter(|row| row.kind == RowKind::Device).collect();
    assert_eq!(devices.len(), 5);
    for (device, grown) in devices.iter().zip(grown) {
        let rows = meter.rows.iter().filter(|row| row.unit.device() == device.unit.device());
        let rest = rows.filter(|row| row.kind != RowKind::Device);
        let sum: u128 = rest.filter_map(|row| row.energy.ok()).map(|of| of.value).sum();
        assert_eq!((device.energy.expect("told").value, sum), (grown, grown), "{device:?}");
    }
    // Of a board that is cut, what each unit keeps of memory comes to what the board has.
    let all = view.units[0].memory_total.expect("told").get();
    let average = |row: &&MeterRow| row.memory.expect("told").average().get();
    let rest = meter.rows.iter().filter(|row| row.unit.device() == devices[0].unit.device());
    let sum: u64 = rest.skip(1).map(|row| average(&row)).sum();
    assert!(average(&devices[0]) == all && sum.abs_diff(all) < 10, "{sum} of {all}");
    assert!(matches!(devices[3].energy, Err(Absence::Asleep)), "{:?}", devices[3]);
    assert_eq!((devices[3].covered, devices[3].lack), (Some(0), Some(Lack { of: None, why: Gap::Asleep })));
}

#[test]
fn the_meter_has_a_view_of_its_own_and_columns_where_there_is_room() {
    let world = world("mixed");
    let view = view_of(&world, 61);
    let mut state = State::default();
    press(&mut state, &view, "m");
    let wide = drawn(&view, &state, 160, 60);
    assert!(wide.contains("over 1 min and 61 looks; held by what was given"), "{wide}");
    let row = line(&wide, "dddddddddddd");
    for has in [" 50% ", " 1 min ", " 18.0 s~ ", " 30% ", " 9G ", " Wh≈ ", "100%"] {
        assert!(row.contains(has), "{has:?} in {row}");
    }
    assert!(line(&wide, "aaaaaaaaaaaa").contains(" n/a "), "{wide}");
    assert_eq!(wide.matches("(unattributed)").count(), 5, "one line a device:\n{wide}");
    assert!(
        line(&wide, "#3 Intel").contains("asleep") && line(&wide, "#3 Intel").contains("0% asleep"),
        "{wide}"
    );
    assert!(line(&wide, "#0 NVIDIA").contains("busy 0% n/a"), "{wide}");
    for width in [46, 60, 80] {
        let narrow = drawn(&view, &state, width, 60);
        let row = line(&narrow, "dddddddddddd");
        assert!(row.contains(" Wh≈") && row.contains(" 1 min "), "{width}: {row}");
        assert!(!narrow.contains("STANDBY"), "{narrow}");
    }
    press(&mut state, &view, "/worker\u{8}\u{8}\u{8}\u{8}\u{8}\u{8}dddd\n");
    let filtered = drawn(&view, &state, 160, 60);
    assert!(filtered.contains("dddddddddddd") && !filtered.contains("cccccccccccc"), "{filtered}");
    press(&mut state, &view, "\u{1b}m");
    let both = drawn(&view, &state, 220, 60);
    let row = line(&both, "worker-a");
    assert!(row.contains(" 1 min    18.0 s~ ") && both.contains("HELD FOR"), "{row}");
    assert!(!drawn(&view, &state, 120, 60).contains("HELD FOR"));
}

/// A pause is a gap: nothing is made up of what nobody saw. Only the counter of energy went on, and what it
/// counted is nobody's.
#[test]
fn what_was_not_looked_at_is_not_metered() {
    let world = world("l40s-4");
    let node = Node::builder().machine(world.host()).build();
    let (mut watch, mut viewer) = (node.watch(), Viewer::default());
    let mut look = |seconds: u64| {
        world.clock().advance(Nanoseconds(seconds * 1_000_000_000));
        let attribution = watch.look();
        viewer.view(&node, node.simulated(), &watch, &attribution)
    };
    look(0);
    let view = look(60);
    let device = &view.meter.rows[0];
    assert_eq!(device.covered, Some(0));
    assert!(matches!(device.lack, Some(Lack { why: Gap::Unobserved, .. })), "{device:?}");
    assert!(device.busy.is_err() && device.memory.is_err(), "{device:?}");
    let mut state = State::default();
    press(&mut state, &view, "m");
    assert!(line(&drawn(&view, &state, 160, 40), "#0 ").contains("unseen"));
    let view = look(1);
    assert_eq!(view.meter.rows[0].busy.expect("told").told, 1_000_000_000);
}

#[test]
fn a_long_meter_is_scrolled() {
    let view = view_of(&world("mi300x-8-cpx"), 3);
    let mut state = State::default();
    press(&mut state, &view, "m");
    let top = drawn(&view, &state, 100, 12);
    assert!(top.contains("#0 AMD") && !top.contains("#7 AMD"), "{top}");
    press(&mut state, &view, "G");
    let end = drawn(&view, &state, 100, 12);
    assert!(end.contains("#7 xcp:7") && end.contains("(idle)") && !end.contains("#0 AMD"), "{end}");
    let back = "k".repeat(view.meter.rows.len());
    press(&mut state, &view, &back);
    assert!(drawn(&view, &state, 100, 12).contains("#0 AMD"), "the end is no further than what there is");
    press(&mut state, &view, "\n");
    assert!(!state.has_details, "there is nothing chosen");
}
