//! The program as a whole, over HTTP: what it answers, whom it refuses, how it ends.

#[path = "common/exporter.rs"]
mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Exporter, Folder, PATIENCE, get, request};

#[test]
fn it_answers_in_either_form() {
    let exporter = Exporter::start(&["--sim", "mixed", "--period", "0.1"]);
    let plain = exporter.metrics("text/plain");
    assert_eq!(plain.status, 200);
    assert_eq!(plain.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(plain.body.contains("\n# TYPE hw_energy_joules_total counter\n"));
    let open = exporter.metrics("application/openmetrics-text; version=1.0.0, text/plain;q=0.1");
    assert_eq!(
        open.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(open.body.contains("\n# TYPE hw_energy_joules counter\n") && open.body.ends_with("# EOF\n"));
    assert!(open.body.contains("gpu_node_info{simulated=\"true\",machine=\"mixed\"} 1\n"));
    assert!(exporter.said.contains("SIMULATED"), "{}", exporter.said);
    for (path, method, status) in [
        ("/", "GET", 200),
        ("/healthz", "GET", 200),
        ("/nothing", "GET", 404),
        ("/metrics", "POST", 405),
        ("/metrics", "HEAD", 200),
    ] {
        let answer = get(exporter.address, &request(method, path, &[]));
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.body.is_empty(), method == "HEAD", "{method} {path}");
    }
}

/// Energy grows from look to look, by the simulated machine's clock.
#[test]
fn counters_go_on() {
    let exporter = Exporter::start(&["--sim", "l40s-4", "--period", "1", "--speed", "20"]);
    let energy = || -> f64 {
        let page = exporter.metrics("text/plain").body;
        let lines = page.lines().filter(|line| line.starts_with("gpu_account_energy_joules_total"));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    };
    let end = Instant::now() + PATIENCE;
    let mut seen = vec![energy()];
    while seen.len() < 4 {
        assert!(Instant::now() < end, "{seen:?}");
        let now = energy();
        assert!(now >= *seen.last().unwrap());
        if now > *seen.last().unwrap() {
            seen.push(now);
        }
    }
}

#[test]
fn a_token_is_asked_for() {
    let folder = Folder::new("token");
    let file = folder.join("token");
    std::fs::write(&file, "s3cret\n").unwrap();
    let exporter = Exporter::start(&["--sim", "l40s-4", "--token-file", file.to_str().unwrap()]);
    let with = |headers: &[&str]| get(exporter.address, &request("GET", "/metrics", headers));
    let without = with(&[]);
    assert_eq!((without.status, without.header("www-authenticate")), (401, Some("Bearer")));
    for wrong in ["Bearer s3cre", "Bearer s3cret0", "Bearer ", "Basic s3cret", "s3cret"] {
        let answer = with(&[&format!("Authorization: {wrong}")]);
        assert_eq!(answer.status, 401, "{wrong}");
        assert!(!answer.body.contains("hw_power"));
    }
    assert_eq!(with(&["Authorization: Bearer s3cret"]).status, 200);
    assert_eq!(get(exporter.address, &request("GET", "/healthz", &[])).status, 200);
}

#[test]
fn odd_words_are_told() {
    let exporter = Exporter::start(&["--sim", "l40s-4"]);
    let taken = exporter.address.to_string();
    for (words, told) in [
        (&["--listen", &taken, "--sim", "mixed"][..], "is in use: another program listens there"),
        (&["--listen", "localhost"], "an address and a port are asked for"),
        (&["--period", "0"], "seconds between"),
        (&["--series", "0"], "a number from 1"),
        (&["--sim", "no-such-preset"], "no-such-preset"),
        (&["--speed", "2"], "it needs --sim"),
        (&["--sim", "mixed", "--speed", "1000000"], "less than a millisecond"),
        (&["--token-file", "/nonexistent/token"], "/nonexistent/token"),
        (&["--tls-key", "/nonexistent/key"], "go together"),
        (&["--node", "a b"], "--node"),
        (&["--what"], "--what"),
    ] {
        let done = Command::new(env!("CARGO_BIN_EXE_gpu-exporter")).args(words).output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(2), "{words:?}: {said}");
        assert!(
            said.lines().last().unwrap().starts_with("gpu-exporter: ") && said.contains(told),
            "{words:?}: {said}"
        );
    }
}

/// A thousand scrapes at once are answered or refused, each of them, and none is torn.
#[test]
fn a_thousand_scrapes_at_once() {
    let exporter = Exporter::start(&["--sim", "mixed", "--connections", "16"]);
    let head = request("GET", "/metrics", &[]);
    let mut streams = Vec::new();
    for _ in 0..1000 {
        match TcpStream::connect(exporter.address) {
            Ok(stream) => streams.push(stream),
            // A machine that lends fewer descriptors has fewer scrapes at once.
            Err(error) => {
                assert!(
                    error.raw_os_error() == Some(24) && streams.len() > 200,
                    "{error} after {}",
                    streams.len()
                );
                break;
            }
        }
    }
    for stream in &mut streams {
        // One that was refused already may be closed for writing.
        let _ = stream.write_all(head.as_bytes());
    }
    let (mut answered, mut refused) = (0, 0);
    for stream in streams {
        let answer = common::read(stream);
        match answer.status {
            200 => {
                assert!(
                    answer.body.lines().last().unwrap().starts_with("gpu_vendor_call_seconds"),
                    "it is whole"
                );
                answered += 1;
            }
            503 => {
                assert_eq!(answer.body, "too many connections\r\n");
                assert_eq!(answer.header("retry-after"), Some("1"));
                refused += 1;
            }
            other => panic!("{other}: {}", answer.body),
        }
    }
    assert!(answered >= 16, "{answered} answered, {refused} refused");
    println!("{answered} answered, {refused} refused");
    assert_eq!(exporter.metrics("").status, 200);
}

/// Who never reads, and who never comes to the end of a request, is cut off and makes room.
#[test]
fn clients_that_never_end_are_cut_off() {
    let exporter = Exporter::start(&["--sim", "mixed", "--connections", "1", "--patience", "1"]);
    let never_reads = |address| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nonblocking(true).unwrap();
        // Requests without end, as long as any are taken, on one connection that is kept.
        let requests = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2000);
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            match stream.write(requests.as_bytes()) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(_) => return,
            }
        }
        panic!("it was never cut off");
    };
    never_reads(exporter.address);
    assert_eq!(exporter.metrics("").status, 200);
    let mut stream = TcpStream::connect(exporter.address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-").unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    // Told or not, it is over.
    let _ = stream.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    assert_eq!(exporter.metrics("").status, 200);
}

/// Ended by a signal, it writes what was metered, and leaves with success.
#[test]
fn it_ends_when_told() {
    let folder = Folder::new("ends");
    let file = folder.join("statement.json");
    let mut exporter = Exporter::start(&[
        "--sim",
        "mixed",
        "--period",
        "0.05",
        "--statement",
        file.to_str().unwrap(),
        "--node",
        "n1",
    ]);
    let end = Instant::now() + PATIENCE;
    while !exporter.metrics("").body.contains("gpu_owner_memory_byte_seconds_total") {
        assert!(Instant::now() < end);
    }
    let pid = exporter.process.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    assert!(exporter.process.wait().unwrap().success());
    let statement: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(statement["node"], "n1");
    assert!(!statement["units"].as_array().unwrap().is_empty());
}

/// Looks go on while a driver hangs, and the page says which.
#[test]
fn a_driver_that_hangs_is_on_the_page() {
    let folder = Folder::new("hangs");
    let file = folder.join("machine.json");
    let mut machine = gpu_sim::Machine::preset("mixed").unwrap();
    machine.faults.push(gpu_sim::Fault::Latency {
        function: "amd/sample_into".to_owned(),
        time: gpu_accounting::Nanoseconds::from_secs(3600),
    });
    std::fs::write(&file, machine.to_json()).unwrap();
    let exporter = Exporter::start(&["--sim", file.to_str().unwrap(), "--period", "0.1"]);
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "it is never told");
        let page = exporter.metrics("text/plain").body;
        let is_told = page.contains("gpu_vendor_up{hw_vendor=\"amd\"} 0\n")
            && page.contains("gpu_vendor_up{hw_vendor=\"nvidia\"} 1\n");
        if is_told && page.contains("reason=\"timed_out\"") {
            assert!(page.contains("hw_power_watts{hw_id=\"nvidia"));
            assert!(!page.contains("hw_power_watts{hw_id=\"amd"));
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(get(exporter.address, &request("GET", "/healthz", &[])).status, 200);
}

/// What was recorded is served as it was, and says so; at its end it stays.
#[test]
fn a_recording_is_served() {
    let folder = Folder::new("replay");
    let file = folder.join("node.gpurec");
    let world = gpu_sim::World::new(gpu_sim::Machine::preset("l40s-4").unwrap());
    let node = gpu_accounting::Node::builder().machine(world.host()).build();
    let mut watch = node.watch();
    let head = node.recording_head("the tests");
    let mut recorder = gpu_accounting::record::Recorder::create(&file, head).unwrap();
    for _ in 0..5 {
        watch.look();
        recorder.add(&watch.moment()).unwrap();
        world.clock().advance(gpu_accounting::Nanoseconds::from_secs(1));
    }
    drop(recorder);
    let energy = |page: &str| -> Vec<String> {
        page.lines().filter(|line| line.starts_with("hw_energy_joules_total")).map(str::to_owned).collect()
    };
    let (mut text, labels) =
        (String::new(), "gpu_node_info{simulated=\"true\",machine=\"l40s-4\",recorded=\"");
    let last = {
        let sample = watch.sample();
        let of = |device: &gpu_accounting::Device| sample.reading(device.id).energy.unwrap().value.get();
        watch.inventory().devices().map(of).collect::<Vec<_>>()
    };
    let words = ["--replay", file.to_str().unwrap(), "--speed", "10", "--period", "0.5"];
    let exporter = Exporter::start(&words);
    assert!(exporter.said.contains("RECORDED") && exporter.said.contains("SIMULATED"), "{}", exporter.said);
    let end = Instant::now() + PATIENCE;
    let numbers = |text: &str| -> Vec<u64> {
        let joules =
            energy(text).into_iter().map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap());
        joules.map(|joules| (joules * 1e6).round() as u64).collect()
    };
    while numbers(&text) != last {
        assert!(Instant::now() < end, "{last:?}: {:?}", energy(&text));
        text = exporter.metrics("text/plain").body;
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(text.contains(labels), "{text}");
}

/// One GPU that has failed is told, with why and what is to be done; the others are well.
#[test]
fn who_is_not_well_is_on_the_page() {
    let folder = Folder::new("unwell");
    let file = folder.join("machine.json");
    let mut machine = gpu_sim::Machine::preset("hgx-h100-8").unwrap();
    machine.gpus[5].ecc.as_mut().unwrap().remap_failed = true;
    std::fs::write(&file, machine.to_json()).unwrap();
    let exporter = Exporter::start(&["--sim", file.to_str().unwrap(), "--period", "0.1"]);
    let end = Instant::now() + PATIENCE;
    let page = loop {
        assert!(Instant::now() < end, "it is never told");
        let page = exporter.metrics("text/plain").body;
        if page.contains("\nhw_status{") {
            break page;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let lines = |start: &str, of: &[&str]| -> Vec<String> {
        let lines =
            page.lines().filter(|line| line.starts_with(start) && of.iter().all(|of| line.contains(of)));
        lines.map(str::to_owned).collect()
    };
    let failed = lines("hw_status{", &["hw_state=\"failed\"", "} 1"]);
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(lines("hw_status{", &["hw_state=\"ok\"", "} 1"]).len(), 7);
    let faults = lines("gpu_fault{", &["fault=\"row_remap_failed\"", "action=\"replace\"", "} 1"]);
    assert_eq!(faults.len(), 1, "{:?}", lines("gpu_fault{", &[]));
    let id = failed[0].split('"').nth(1).unwrap();
    assert!(faults[0].contains(id), "{faults:?} is not of {id}");
}
