//! What is reserved, held and given back, and what is refused: with which words, which exit code, and
//! without any change.

#[path = "common/program.rs"]
mod program;

use program::Lease;
use serde_json::{Value, json};

const ID: &str = "000000000000000000000000000000aa";

#[test]
fn reserve_commit_renew_release() {
    let lease = Lease::on("l40s-4");
    let answer = lease.call(&format!("reserve --json --need 20GiB --key {ID} --label run-7")).exits(0).json();
    assert_eq!(
        (&answer["schema"], &answer["simulated"], &answer["done"]),
        (&json!(1), &json!(true), &json!(true))
    );
    let key = answer["key"].as_str().unwrap();
    assert_eq!(key, format!("{ID}@1"));
    let unit = answer["holding"]["units"][0]["unit"].as_str().unwrap();
    // The same call again is the same reservation.
    let again = lease.call(&format!("reserve --json --need 20GiB --key {ID} --label run-7")).exits(0).json();
    assert_eq!(again["position"], answer["position"]);
    let commit = format!("commit {key} --holder container:containerd:train-7");
    lease.call(&commit).exits(0);
    let position = lease.position();
    lease.call(&commit).exits(0);
    assert_eq!(lease.position(), position, "the same key, the same entry");
    let list = lease.list();
    let holding = &list["holdings"][0];
    assert_eq!(
        (&holding["state"], &holding["label"], &holding["expiry"]),
        (&json!("held"), &json!("run-7"), &json!("never"))
    );
    assert_eq!(holding["holder"], json!("containerd train-7"));
    let free = |list: &Value| {
        list["units"].as_array().unwrap().iter().filter(|unit| unit["by"] == json!([])).count()
    };
    assert_eq!(free(&list), 3);
    assert!(
        list["units"]
            .as_array()
            .unwrap()
            .iter()
            .any(|of| of["unit"] == json!(unit) && of["by"] == json!([ID]))
    );
    lease.call(&format!("renew {key} --for 60")).exits(0);
    assert!(lease.list()["holdings"][0]["expiry"]["at"].is_u64());
    lease.call(&format!("release {key}")).exits(0);
    assert_eq!(free(&lease.list()), 4);
    let verified = lease.call("verify --json").exits(0).json();
    assert_eq!((&verified["whole"], &verified["holdings"]), (&json!(true), &json!(0)));
}

#[test]
fn never_and_not_now_are_told_apart() {
    let lease = Lease::on("l40s-4");
    let keys: Vec<String> = (0..4).map(|_| lease.key("--need 20GiB")).collect();
    let position = lease.position();
    let never = lease.call("reserve --json --need 500GiB").exits(121).says(&["never: 1 asked for"]);
    assert_eq!(never.json()["refusal"]["outlook"], json!("never"));
    for words in
        ["--vendor amd", "--profile 1g.10gb", "--count 5", "--model H100", "--compute 100000", "--shared"]
    {
        lease.call(&format!("reserve {words}")).exits(121).says(&["never"]);
    }
    let refused =
        lease.call("reserve --json --need 20GiB").exits(122).says(&["not now", "to be freed"]).json();
    assert_eq!(refused["refusal"]["outlook"], json!("not_now"));
    let to_free = refused["refusal"]["to_free"][0].as_str().unwrap();
    assert_eq!(lease.position(), position, "a refusal changes nothing");
    lease.call(&format!("release {to_free}")).exits(0);
    lease.call("reserve --need 20GiB").exits(0);
    // What is waited for comes when somebody gives it back.
    let waiting = lease.command(&["reserve", "--need", "20GiB", "--wait", "60"]).spawn().unwrap();
    let other = keys.iter().find(|key| !key.starts_with(to_free)).unwrap();
    lease.call(&format!("release {other}")).exits(0);
    assert!(waiting.wait_with_output().unwrap().status.success());
}

#[test]
fn refusals_that_rest_on_what_is_not_so() {
    let lease = Lease::on("l40s-4");
    let key = lease.key(&format!("--need 20GiB --key {ID}"));
    let position = lease.position();
    // Another body under the same id.
    lease.call(&format!("reserve --need 30GiB --key {ID}")).exits(123).says(&["stands for something else"]);
    // What is not held.
    lease.call("release 000000000000000000000000000000bb").exits(123).says(&["there is no holding"]);
    lease.call("release 000000000000000000000000000000bb@1").exits(123).says(&["there is no holding"]);
    // A key of a store that had come further than this one.
    lease.call(&format!("reserve --key {ID}@99 --need 1GiB")).exits(123);
    // Units that are another's, or nobody's.
    let strange = "nvidia:uuid:5eed2330-11d0-4b8e-9f8b-0000000000ff";
    lease.call(&format!("reserve --unit {strange}")).exits(122).says(&["is not on this node now"]);
    assert_eq!(lease.position(), position);
    // A unit that is held, by name.
    let unit = lease.held()[0].0.clone();
    lease.call(&format!("reserve --unit {unit}")).exits(122).says(&["taken; to be freed first", ID]);
    lease.call(&format!("reserve --unit {unit} --need 1TiB")).exits(121).says(&["never", "is asked for"]);
    lease.call(&format!("commit {key} --holder slurm:1")).exits(0);
    lease.call(&format!("commit {key} --holder slurm:2")).exits(123);
    lease.call(&format!("release {key}")).exits(0);
    lease.call(&format!("release {ID}")).exits(123).says(&["was released"]);
    lease.call(&format!("commit {key} --holder slurm:1")).exits(0);
    assert_eq!(lease.held(), [], "a receipt of long ago gives nothing back");
}

/// Nothing expires by a clock alone: an entry says so, and one that goes back takes nothing away.
#[test]
fn expiry_and_clocks_that_step() {
    let lease = Lease::on("l40s-4");
    let key = lease.key("--for 100 --now 1000000");
    lease.call("reserve --for 100 --now 5").exits(0);
    assert_eq!(lease.held().len(), 2, "a clock that goes backwards undoes nothing");
    // The time is over for everybody who looks, and no entry says so yet: whoever calls next says it.
    let late = format!("commit {key} --holder slurm:1 --now 1000101");
    lease.call(&late).exits(123).says(&["expired"]);
    assert_eq!(lease.held(), []);
    let position = lease.position();
    lease.call(&format!("release {key} --now 0")).exits(123).says(&["expired"]);
    assert_eq!(lease.position(), position);
    // In time by the clock of whoever calls.
    let key = lease.key("--for 100 --now 2000000");
    lease.call(&format!("commit {key} --holder slurm:1 --now 3")).exits(0);
    lease.call("reserve --now 9000000").exits(0);
    assert_eq!(lease.held().len(), 2, "what is committed without --for stays");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_opened() {
    let lease = Lease::on("l40s-4");
    let long = "x".repeat(1 << 16);
    let amounts = ["-1GiB", "18446744073709551616", "16777216TiB", "1.5GiB", "GiB", ""];
    for amount in amounts {
        lease.with(&["reserve", "--need", amount]).exits(120).says(&["an amount of memory"]);
    }
    for count in ["0", "-1", "257", "99999999999999999999"] {
        lease.with(&["reserve", "--count", count]).exits(120);
    }
    for seconds in ["0", "-5", "1e9", "99999999999999999999"] {
        lease.with(&["reserve", "--for", seconds]).exits(120);
    }
    let error = lease.with(&["reserve", "--label", &long]).exits(120).error;
    assert!(error.len() < 500, "{} bytes", error.len());
    lease.with(&["reserve", "--label", "two\nlines"]).exits(120);
    lease.with(&["reserve", "--model", &long]).exits(120);
    lease.with(&["reserve", "--node", "two words"]).exits(120);
    lease.with(&["reserve", "--unit", "nvidia:nothing"]).exits(120);
    lease.with(&["reserve", "--near", "1b:00"]).exits(120);
    for key in ["", "aa", "AA", "zz@1", &format!("{ID}@"), &format!("{ID}@-1"), &format!("{ID}@x")] {
        lease.with(&["release", key]).exits(120);
    }
    for holder in ["", "train-7", "container:train-7", "container:docker:", "slurm:-1", "user:x", "unit:"] {
        lease.with(&["commit", ID, "--holder", holder]).exits(120);
    }
    for words in [
        "",
        "take",
        "release",
        "renew",
        "run",
        "reserve -- true",
        "commit",
        "reserve --what",
        "reserve extra",
    ] {
        lease.call(words).exits(120);
    }
    lease.call(&format!("commit {ID}")).exits(120).says(&["--holder"]);
    lease.call("run --now 5 -- true").exits(120);
    lease.call("reserve --etcd-user x").exits(120);
    assert!(!lease.file("ledger.db").exists());
}

/// No password is taken from the command line, and none is repeated.
#[test]
fn stores_that_are_none() {
    let lease = Lease::on("l40s-4");
    let mut other = Lease::on("l40s-4");
    for store in ["", "sqlite:", "file:x", "etcd:", "etcd:127.0.0.1", "etcd:http://root:s3cret@127.0.0.1:1"] {
        other.store = store.to_owned();
        let error = other.call("list").error;
        assert!(!error.is_empty() && !error.contains("s3cret"), "{store}: {error}");
        assert!([120, 124].contains(&other.call("list").code), "{store}");
    }
    lease.call("list").exits(124);
    assert!(!lease.file("ledger.db").exists(), "who lists makes no store");
    std::fs::write(lease.file("ledger.db"), "no store at all, and long enough to be looked into").unwrap();
    lease.call("list").exits(124);
    lease.call("reserve").exits(124);
}

#[test]
fn shares_are_declared_and_kept() {
    let lease = Lease::on("l40s-4");
    lease.call("reserve --shared --count 16").exits(121);
    let position = lease.position();
    lease.call("reserve --shared --count 16 --shares 4").exits(0);
    assert_eq!(lease.position(), position + 2);
    // Without the word they stay as they are, and exclude the whole.
    lease.call("reserve --need 1GiB").exits(122);
    lease.call("reserve --shared").exits(122);
    assert_eq!(lease.held().iter().filter(|(unit, _)| unit.contains("::")).count(), 16);
}
