//! Witnesses that we did not write: Debian's `promtool` reads the page and the rules, and a real
//! Prometheus scrapes an hour of a simulated machine's time.

#[path = "common/exporter.rs"]
mod common;

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Exporter, Folder, PATIENCE};
use gpu_sim::Machine;
use serde_json::Value;

fn dashboards() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboards")
}

fn promtool(words: &[&str], input: &str) -> String {
    let mut process = Command::new("promtool")
        .args(words)
        .current_dir(dashboards())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Debian's package prometheus is installed");
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = process.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "promtool {words:?}: {said}");
    said
}

#[test]
#[ignore = "needs Debian's package prometheus: .ci/run installs it"]
fn promtool_finds_nothing_wrong_with_the_page() {
    for &preset in Machine::presets() {
        let exporter = Exporter::start(&["--sim", preset, "--period", "0.1"]);
        let page = exporter.metrics("text/plain").body;
        assert!(page.contains("gpu_node_info"), "{preset}");
        let said = promtool(&["check", "metrics"], &page);
        assert_eq!(said, "", "{preset}");
    }
}

#[test]
#[ignore = "needs Debian's package prometheus: .ci/run installs it"]
fn promtool_finds_nothing_wrong_with_the_rules() {
    assert!(promtool(&["check", "rules", "rules.yml"], "").contains("22 rules found"));
    assert!(promtool(&["test", "rules", "rules_test.yml"], "").contains("SUCCESS"));
}

/// A real Prometheus, with its data in a folder of the test's.
struct Prometheus {
    process: Child,
    address: SocketAddr,
    /// Its data, gone after it.
    _folder: Folder,
}

impl Prometheus {
    fn start(exporter: SocketAddr) -> Self {
        let folder = Folder::new("prometheus");
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 5s}}\nrule_files: [{}]\n\
             scrape_configs:\n  - job_name: gpu\n    static_configs: [{{targets: [\"{exporter}\"]}}]\n",
            dashboards().join("rules.yml").display()
        );
        std::fs::write(folder.join("prometheus.yml"), config).unwrap();
        // A port that was free a moment ago.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stderr(Stdio::null())
            .spawn()
            .expect("Debian's package prometheus is installed");
        let this = Self { process, address, _folder: folder };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < end, "it never serves");
            std::thread::sleep(Duration::from_millis(50));
        }
        this
    }

    /// What an instant query comes to: labels and value of each series.
    fn query(&self, query: &str) -> Vec<(Value, f64)> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let request = format!("GET /api/v1/query?query={encoded} HTTP/1.0\r\n\r\n");
        let answer = common::get(self.address, &request);
        let answer: Value =
            serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body));
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let result = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{query}: {answer}"));
        let series =
            result.iter().map(|of| (of["metric"].clone(), of["value"][1].as_str().unwrap().parse().unwrap()));
        series.collect()
    }

    fn one(&self, query: &str) -> f64 {
        let series = self.query(query);
        assert_eq!(series.len(), 1, "{query}: {series:?}");
        series[0].1
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The same number, but for what a binary fraction cannot say.
fn same(one: f64, other: f64, what: &str) {
    assert!(
        (one - other).abs() <= other.abs() * 1e-12,
        "{what}: {one} in Prometheus, {other} in the statement"
    );
}

/// An hour of a machine's time in a minute and a half, scraped every second: what Prometheus adds up
/// is what the statement says, to the last unit that it can hold, and each query of the dashboard and
/// each recording rule has data.
#[test]
#[ignore = "needs Debian's package prometheus, and two minutes: .ci/run runs it"]
fn prometheus_adds_up_what_the_statement_says() {
    let folder = Folder::new("hour");
    let file = folder.join("statement.json");
    let words = ["--sim", "mixed", "--period", "1", "--speed", "40", "--looks", "3600", "--statement"];
    let exporter = Exporter::start(&[&words[..], &[file.to_str().unwrap()]].concat());
    let prometheus = Prometheus::start(exporter.address);
    let end = Instant::now() + Duration::from_secs(900);
    while !file.exists() {
        assert!(Instant::now() < end, "the hour never ends");
        std::thread::sleep(Duration::from_millis(200));
    }
    // The last page has to be scraped once.
    let looks = || prometheus.query("gpu_sampler_looks_total").first().map_or(0.0, |(_, value)| *value);
    while looks() < 3600.0 {
        assert!(Instant::now() < end, "the last page is never scraped");
        std::thread::sleep(Duration::from_millis(200));
    }
    every_query_has_data(&prometheus);
    let statement: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let units = statement["units"].as_array().unwrap();
    let mut compared = 0;
    for (dimension, at, family, scale) in [
        ("busy", 1, "busy_seconds", 1e9),
        ("memory", 2, "memory_byte_seconds", 1e9),
        ("energy", 3, "energy_joules", 1e6),
    ] {
        let parts = units.iter().flat_map(|unit| unit["parts"].as_array().unwrap());
        let told = parts.filter(|part| !part[dimension]["basis"].is_null());
        let told: f64 = told.map(|part| part[dimension]["value"].as_f64().unwrap()).sum();
        assert!(told > 0.0, "{dimension}");
        same(prometheus.one(&format!("sum(gpu_owner_{family}_total)")), told / scale, dimension);
        for share in ["attributed", "idle", "unattributed"] {
            let accounts = units.iter().map(|unit| unit["accounts"][at][share].as_f64().unwrap());
            let found = prometheus.one(&format!("sum(gpu_account_{family}_total{{share=\"{share}\"}})"));
            same(found, accounts.sum::<f64>() / scale, &format!("{dimension} {share}"));
            compared += 1;
        }
    }
    assert_eq!(compared, 9);
    // An hour was metered, and Prometheus saw all but the first scrapes of it grow.
    let span = &statement["spans"][0];
    let length = (span["to"].as_f64().unwrap() - span["from"].as_f64().unwrap()) / 1e9;
    assert!((3000.0..7200.0).contains(&length), "{length} s");
    let energy = prometheus.one("sum(gpu_account_energy_joules_total)");
    let over = |function: &str| format!("{function}(gpu_account_energy_joules_total[1h])");
    let grown = prometheus.one(&format!("sum({} - {})", over("max_over_time"), over("min_over_time")));
    assert!(grown > energy * 0.8 && grown <= energy, "{grown} of {energy} J");
    // Nothing stands twice: no two series of a family differ in their names alone.
    assert_eq!(prometheus.query("count by (hw_id) (hw_power_watts) > 1"), []);
    assert_eq!(
        prometheus.query("count by (hw_id, partition, owner_kind, owner) (gpu_owner_memory_usage_bytes) > 1"),
        []
    );
}

fn every_query_has_data(prometheus: &Prometheus) {
    let dashboard: Value =
        serde_json::from_slice(&std::fs::read(dashboards().join("gpu.json")).unwrap()).unwrap();
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().unwrap();
            let query = query.replace("$__rate_interval", "1m").replace("$__range", "1h");
            let query = query.replace("$node", ".*").replace("$gpu", ".*");
            assert!(!query.contains('$'), "{query}");
            let series = prometheus.query(&query);
            assert!(!series.is_empty(), "{}: no data for {query}", panel["title"]);
            assert!(series.iter().all(|(_, value)| value.is_finite()), "{}: {series:?}", panel["title"]);
            asked += 1;
        }
    }
    assert!(asked >= 20, "{asked} queries");
    let rules = std::fs::read_to_string(dashboards().join("rules.yml")).unwrap();
    let records: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).collect();
    assert_eq!(records.len(), 8);
    for record in records {
        assert!(!prometheus.query(record).is_empty(), "no data for {record}");
    }
}
