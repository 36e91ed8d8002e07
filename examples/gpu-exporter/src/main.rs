//! GPUs, their partitions, and who uses them, for Prometheus: an HTTP server with `/metrics` and
//! `/healthz`.
//!
//! ```text
//! cargo run -p gpu-exporter -- --listen 127.0.0.1:9400 --sim mixed
//! curl --header 'Accept: application/openmetrics-text' http://127.0.0.1:9400/metrics
//! ```
//!
//! The families stand in `gpu_accounting::openmetrics`; dashboards, recording and alert rules in
//! `examples/dashboards`. On a machine without GPU it serves what there is: a node, and no device.

mod account;
mod answer;
mod args;
#[path = "../../shared/mps.rs"]
mod mps;
#[path = "../../shared/roots.rs"]
mod roots;
mod server;
#[path = "../../shared/simulated.rs"]
mod simulated;
mod source;
mod tls;
#[path = "../../shared/vendor.rs"]
mod vendor;

use std::error::Error;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use gpu_accounting::sampler::{Observed, Sampler};
use gpu_accounting::{HealthOptions, HealthWatch};
use tokio::signal::unix::{SignalKind, signal};

use account::Account;
use answer::Answers;
use args::{Args, Asked};
use server::Server;
use source::Source;
use tls::Tls;

/// Looks that may wait to be metered before one is missed.
const WAITING: usize = 64;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gpu-exporter: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let args = match Args::parse(std::env::args_os().skip(1))? {
        Asked::Help => {
            // Nobody reads there any more: nothing to help.
            let _ = std::io::stdout().write_all(args::HELP.as_bytes());
            return Ok(());
        }
        Asked::Serve(args) => args,
    };
    let token = args.token_file.as_deref().map(token).transpose()?;
    let tls = match (&args.tls_cert, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(Tls::open(certificate, key)?),
        _ => None,
    };
    let name = args.node.parse().map_err(|error| format!("--node: {error}"))?;
    // One thread serves: a page is rendered once a look, whoever asks for it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Before anything is looked at: a port that is taken is told at once.
    let source = Source::open(&args)?;
    let period = args.period / args.speed;
    // Not more often than is looked: by itself it looks once in ten seconds, and when a driver tells something.
    let health = HealthOptions::default();
    let health_period = (health.period / args.speed).max(period);
    let health = HealthWatch::start(Arc::clone(&source.node), health.period(health_period), |_| {});
    let of = (source.simulated.clone(), source.node.recorded().map(str::to_owned));
    let account = Account::new(name, args.series, health, of, args.statement.clone());
    let account = Arc::new(account);
    let stale = args.looks.is_none().then(|| period * 3 + Duration::from_secs(2));
    let answers = Answers { account: Arc::clone(&account), token, stale };
    let server =
        runtime.block_on(Server::bind(args.listen, (args.connections, args.patience), answers, tls))?;
    announce(&server, &source, &args)?;
    let sampler =
        Sampler::builder(Arc::clone(&source.node)).period(period).history(1).mps(args.mps).start()?;
    let looks = sampler.subscribe(WAITING);
    let adds = {
        let (account, most) = (Arc::clone(&account), args.looks);
        std::thread::Builder::new()
            .name("gpu-account".to_owned())
            .spawn(move || add(sampler, &looks, &account, most))?
    };
    let is_ended = runtime.block_on(async {
        let (mut ended, mut interrupted) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            () = server.serve() => {}
            _ = ended.recv() => {}
            _ = interrupted.recv() => {}
        }
        Ok::<_, std::io::Error>(())
    });
    is_ended?;
    drop(adds);
    account.write()?;
    Ok(())
}

/// Meters what the sampler sees, until it ends or there were so many looks.
fn add(sampler: Sampler, looks: &Receiver<Arc<Observed>>, account: &Account, most: Option<u64>) {
    for observed in looks {
        let done = account.add(observed, sampler.totals());
        if most.is_some_and(|most| done >= most) {
            // What the looks came to is written now, and served on.
            if let Err(error) = account.write() {
                eprintln!("gpu-exporter: {error}");
            }
            return;
        }
    }
}

/// Says where it listens, and whether anything is simulated.
fn announce(server: &Server, source: &Source, args: &Args) -> Result<(), Box<dyn Error>> {
    let scheme = if args.tls_cert.is_some() { "https" } else { "http" };
    if let Some(recorded) = source.node.recorded() {
        eprintln!("gpu-exporter: RECORDED {recorded}: nothing of this is of now");
    }
    if let Some(simulated) = &source.simulated {
        eprintln!("gpu-exporter: SIMULATED ({simulated}): nothing of this is hardware");
    }
    eprintln!("gpu-exporter: serving {scheme}://{}/metrics", server.address()?);
    Ok(())
}

/// The token in a file, without the line's end.
fn token(path: &std::path::Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    match text.trim() {
        "" => Err(format!("{}: there is no token in it", path.display())),
        token => Ok(token.to_owned()),
    }
}
