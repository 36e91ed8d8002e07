//! Encrypted connections, against a client that we did not write: curl, with a certificate of
//! openssl's making.

#[path = "common/exporter.rs"]
mod common;

use std::process::Command;

use common::{Exporter, Folder};

fn run(program: &str, words: &[&str]) -> (bool, String) {
    let done =
        Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    (done.status.success(), String::from_utf8_lossy(&done.stdout).into_owned())
}

#[test]
#[ignore = "needs openssl and curl: .ci/run installs them"]
fn curl_reads_the_page_by_tls() {
    let folder = Folder::new("tls");
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    let words = [
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        key,
        "-out",
        certificate,
    ];
    assert!(run("openssl", &words).0);
    let exporter =
        Exporter::start(&["--sim", "l40s-4", "--period", "0.1", "--tls-cert", certificate, "--tls-key", key]);
    let url = format!("https://{}/metrics", exporter.address);
    let curl = ["--silent", "--show-error", "--retry", "20", "--retry-delay", "1"];
    let (read, page) = run("curl", &[&curl[..], &["--fail", "--cacert", certificate, &url]].concat());
    assert!(read && page.contains("gpu_node_info{simulated=\"true\",machine=\"l40s-4\"} 1"), "{page}");
    // A client that does not trust it reads nothing, and one that speaks plainly is told nothing.
    assert!(!run("curl", &["--silent", &url]).0);
    let plain = url.replace("https", "http");
    assert!(!run("curl", &["--silent", "--fail", &plain]).1.contains("gpu_node_info"));
    // A key that is none is told.
    let told = Command::new(env!("CARGO_BIN_EXE_gpu-exporter"))
        .args([
            "--listen",
            "127.0.0.1:0",
            "--sim",
            "l40s-4",
            "--tls-cert",
            certificate,
            "--tls-key",
            "/dev/null",
        ])
        .output()
        .unwrap();
    assert_eq!(told.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&told.stderr).contains("/dev/null"), "{told:?}");
}
