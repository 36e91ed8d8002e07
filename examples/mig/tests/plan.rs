//! Plans on paper and on simulated machines.

#[allow(dead_code)] // every test file uses its part
#[path = "common/program.rs"]
mod program;

use gpu_nvidia_mig::Board;
use program::{at, mig, mig_with, placed};
use serde_json::{Value, json};

fn plan(words: &str) -> Value {
    let answer = mig(&format!("plan --json {words}"));
    assert_eq!((answer.code, &answer.error[..]), (0, ""), "{words}: {}", answer.text);
    answer.json()
}

#[test]
fn an_empty_board_is_cut_as_is_wanted() {
    let plan = plan("--board h100-80 --want 3g.40gb,2g.20gb,1g.10gb,1g.10gb");
    assert_eq!(plan["feasible"], json!(true));
    assert_eq!(plan["simulated"], json!(true));
    let expected = [
        json!({"gpu": 0, "profile": "3g.40gb", "start": 4, "size": 4}),
        json!({"gpu": 0, "profile": "2g.20gb", "start": 0, "size": 2}),
        json!({"gpu": 0, "profile": "1g.10gb", "start": 2, "size": 1}),
        json!({"gpu": 0, "profile": "1g.10gb", "start": 3, "size": 1}),
    ];
    assert_eq!(plan["placements"], json!(expected));
    assert_eq!((&plan["keep"], &plan["destroy"]), (&json!([]), &json!([])));
    assert_eq!(placed(&plan["create"]), at("2g.20gb@0 1g.10gb@2 1g.10gb@3 3g.40gb@4"));
    assert_eq!(plan["reason"], json!(null));
}

#[test]
fn counts_and_aliases_mean_what_they_say() {
    let plan_of = |words: &str| placed(&plan(words)["create"]);
    let names = plan_of("--board h100-80 --want 3x1g.10gb,1g.20gb");
    assert_eq!(names.iter().filter(|(name, _)| name == "1g.10gb").count(), 3);
    assert_eq!(plan_of("--board a100-80 --want 7g.79gb"), at("7g.80gb@0"));
    // The x of gfx is none of a count.
    assert_eq!(plan_of("--board rtx-pro-6000 --want 2x1g.24gb+gfx,1g.24gb+gfx").len(), 3);
    assert_eq!(plan_of("--board h100-80 --want none"), []);
}

#[test]
fn what_is_wanted_stays_and_what_is_not_goes() {
    let words = "--board h100-80 --live 3g.40gb@4,1g.10gb@0,1g.10gb@1 --want 3g.40gb,2g.20gb,1g.10gb";
    let plan = plan(words);
    assert_eq!(placed(&plan["keep"])[1], at("3g.40gb@4")[0]);
    assert_eq!(placed(&plan["destroy"]).len(), 1);
    assert_eq!(placed(&plan["create"]), at("2g.20gb@2"));
    assert_eq!(placed(&plan["placements"]).len(), 3);
}

#[test]
fn nothing_moves_unless_it_may_and_what_is_in_use_never() {
    let board = "--board h100-80 --want 3g.40gb --add";
    let refused = mig(&format!("plan --json {board} --live 1g.10gb@1,1g.10gb@6"));
    assert_eq!(refused.code, 2);
    let told = refused.json();
    assert_eq!(told["feasible"], json!(false));
    assert_eq!((&told["placements"], &told["create"]), (&json!([]), &json!([])));
    assert_eq!(told["refusals"][0]["to_free"]["how"], json!("move"));
    assert_eq!(told["refusals"][0]["to_free"]["instances"].as_array().map(Vec::len), Some(1));
    assert!(told["reason"].as_str().unwrap().contains("no place for 3g.40gb"), "{told}");

    let moved = plan(&format!("{board} --live 1g.10gb@1,1g.10gb@6 --allow-moving"));
    let gone = &moved["destroy"][0];
    assert_eq!(moved["destroy"].as_array().map(Vec::len), Some(1));
    let to = gone["moves_to"].as_u64().expect("it moves");
    let made = placed(&moved["create"]);
    assert!(made.contains(&("1g.10gb".to_owned(), to)) && made.len() == 2, "{moved}");

    // The one that may not be touched stays: the other moves.
    for (live, stays) in [("1g.10gb@1!,1g.10gb@6", 1), ("1g.10gb@1,1g.10gb@6!", 6)] {
        let moved = plan(&format!("{board} --live {live} --allow-moving"));
        assert_eq!(moved["keep"][0]["start"], json!(stays), "{live}");
    }
    let both = mig(&format!("plan --json {board} --live 1g.10gb@1!,1g.10gb@6! --allow-moving"));
    assert_eq!((both.code, &both.json()["feasible"]), (2, &json!(false)));
    let exactly = mig("plan --json --board h100-80 --live 1g.10gb@1! --want 3g.40gb --allow-moving");
    assert_eq!((exactly.code, &exactly.json()["refusals"][0]["to_free"]["how"]), (2, &json!("unpin")));
}

#[test]
fn additions_go_wherever_the_node_has_room() {
    // Boards 0 and 1 of the DGX are cut, board 1 is full; the others have MIG off.
    let plan = plan("--sim dgx-a100-8 --want 1g.5gb --add");
    assert_eq!(plan["create"].as_array().map(Vec::len), Some(1));
    assert_eq!(plan["create"][0]["gpu"], json!(0));
    let full = mig("plan --json --sim dgx-a100-8 --want 2x1g.5gb --add");
    assert_eq!(full.code, 2);
    let reason = "the node has room for 1 of 1g.5gb, and 2 are wanted";
    assert_eq!(full.json()["reason"], json!(reason));
    assert_eq!(full.error, format!("mig: {reason}\n"));
}

#[test]
fn a_board_is_named_by_number_id_and_uuid() {
    let report = mig("profiles --json --sim dgx-a100-8").json();
    let id = report["boards"][0]["id"].as_str().unwrap().to_owned();
    let uuid = format!("GPU-{}", id.rsplit(':').next().unwrap());
    for name in ["0", &id, &uuid] {
        let plan = plan(&format!("--sim dgx-a100-8 --gpu {name} --want 1g.5gb --add"));
        assert_eq!(plan["create"][0]["gpu"], json!(0), "{name}");
    }
    let all = mig("plan --json --sim rtx-pro-6000-2 --gpu all --want none");
    assert!(all.error.contains("GPU 0: MIG is off"), "{}", all.error);
    let boards = mig("profiles --json --sim dgx-a100-8 --gpu 3 --gpu 1").json();
    let shown: Vec<_> = boards["boards"].as_array().unwrap().iter().map(|of| of["gpu"].clone()).collect();
    assert_eq!(shown, [1, 3]);
}

/// Before above after, in boxes of the same width, with what becomes of each.
#[test]
fn pictures_show_what_moves() {
    let words = "plan --ascii --board h100-80 --live 2g.20gb@0,1g.10gb@6,1g.10gb@2 --want 3g.40gb,1g.10gb";
    let answer = mig(&format!("{words},2g.20gb --allow-moving"));
    let expected = "\
ON PAPER: boards of the tables; nothing below is hardware

GPU 0  H100 and H800 with 80 GB  (h100-80)
  MIG is on
  slot       0       1       2       3       4       5       6       7
         +---------------+-------+-------+-------+-------+-------+-------+
  before |    2g.20gb    |1g.10gb| free  | free  | free  |1g.10gb| free  |
         |     stays     | stays |       |       |       | goes  |       |
         +---------------+-------+-------+-------+-------+-------+-------+
         +---------------+-------+-------+-------------------------------+
  after  |    2g.20gb    |1g.10gb| free  |            3g.40gb            |
         |     stays     | stays |       |              new              |
         +---------------+-------+-------+-------------------------------+
  stay 2, move 0, go 1, new 1; taken are 7 of 8 memory slots and 6 of 7 compute slices
";
    assert_eq!((answer.code, &answer.text[..]), (0, expected), "{}", answer.error);
    let moved = mig("plan --board h100-80 --live 1g.10gb@1,1g.10gb@6 --want 3g.40gb --add --allow-moving");
    assert!(moved.text.contains("│ moves │") && moved.text.contains("moved"), "{}", moved.text);
    let blocked = mig("plan --board h100-80 --live 1g.10gb@1,1g.10gb@6! --want 3g.40gb --add");
    assert!(blocked.text.contains("│blocks │") && blocked.text.contains("│in use │"), "{}", blocked.text);
    assert!(!moved.text.contains('\u{1b}'), "no colours where no terminal is");
}

/// Every board of the tables that can be planned: its whole-board profile, and nothing after it.
#[test]
fn every_table_can_be_planned_with() {
    let mut planned = 0;
    for board in Board::all() {
        let (key, answer) = (board.key(), mig(&format!("profiles --json --board {}", board.key())));
        assert_eq!(answer.code, 0, "{key}");
        let report = answer.json();
        let of = &report["boards"][0];
        let Some(profiles) = of["profiles"].as_array().filter(|list| !list.is_empty()) else {
            assert!(of["problem"].is_string(), "{key}: {of}");
            assert_eq!(mig(&format!("plan --board {key} --want none")).code, 2, "{key}");
            continue;
        };
        let whole = profiles.iter().max_by_key(|profile| profile["size"].as_u64()).unwrap();
        let name = whole["profile"].as_str().unwrap();
        assert_eq!(whole["size"], of["slots"], "{key}");
        let plan = plan(&format!("--board {key} --want {name}"));
        assert_eq!(placed(&plan["create"]), [(name.to_owned(), 0)], "{key}");
        let more = mig(&format!("plan --board {key} --live {name}@0 --add --want {name}"));
        assert_eq!(more.code, 2, "{key}");
        planned += 1;
    }
    assert!(planned >= 15, "{planned}");
}

/// A configuration for several kinds of boards: each by its own table.
#[test]
fn a_label_is_planned_board_by_board() {
    let file = std::env::temp_dir().join(format!("mig-plan-{}.yaml", std::process::id()));
    let text = "version: v1
mig-configs:
  both:
  - device-filter: 0x233010DE
    devices: all
    mig-enabled: true
    mig-devices: {3g.40gb: 2}
  - device-filter: [\"0x20B010DE\", \"0x20B210DE\"]
    devices: all
    mig-enabled: true
    mig-devices: {1g.5gb: 7}
";
    std::fs::write(&file, text).unwrap();
    let path = file.to_str().unwrap();
    let words = ["plan", "--json", "--board", "h100-80", "--board", "a100-40", "--board", "h200-141"];
    let answer = mig_with(&[&words[..], &["--config", path, "--label", "both"]].concat());
    std::fs::remove_file(&file).unwrap();
    assert_eq!(answer.code, 0, "{}", answer.error);
    let plan = answer.json();
    let on = |gpu: u64| {
        let list = plan["create"].as_array().unwrap().iter();
        list.filter(|one| one["gpu"] == json!(gpu)).map(|one| one["profile"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(on(0), ["3g.40gb", "3g.40gb"]);
    assert_eq!(on(1), ["1g.5gb"; 7]);
    assert!(on(2).is_empty(), "no entry is about it");
    assert_eq!(plan["boards"].as_array().map(Vec::len), Some(2));
}

#[test]
fn everything_that_is_no_hardware_says_so() {
    for words in ["profiles --sim mixed", "export --sim mixed", "resources --sim mixed"] {
        let answer = mig(words);
        assert!(answer.text.contains("SIMULATED machine \"mixed\""), "{words}: {}", answer.text);
        assert_eq!(mig(&format!("{words} --json")).json()["simulated"], json!(true), "{words}");
    }
    assert!(mig("apply --sim mixed --want 1g.10gb --add").text.starts_with("SIMULATED"));
    assert!(mig("profiles --board h100-80").text.starts_with("ON PAPER"));
}

#[test]
fn help_names_every_verb() {
    let answer = mig("--help");
    assert_eq!(answer.code, 0);
    for verb in ["profiles", "plan", "apply", "export", "resources"] {
        assert!(answer.text.contains(&format!("\n  {verb} ")), "{verb}");
    }
    assert_eq!(mig("plan --help").text, answer.text);
}
