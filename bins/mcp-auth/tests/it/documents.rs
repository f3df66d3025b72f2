//! Clients that are known by a document (Client ID Metadata Documents), on a host of the operator's that is not public.

use std::convert::Infallible;
use std::fs;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use mcp_transport::http::serve::Server;
use mcp_transport::http::tls::TlsConfig;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use tokio::sync::oneshot;

use crate::browser::Browser;
use crate::client::{App, REDIRECT, Tokens, redirected};
use crate::program::{ISSUER, PATIENCE, Program, Scratch};

/// Serves the document of one client, with a certificate of an authority of its own, on loopback.
struct Host {
    /// The client id.
    url: String,
    /// What `--metadata-host` names it by.
    name: String,
    /// The file of the authority.
    authority: String,
    asked: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The document, and how often it was asked for.
#[derive(Clone)]
struct Document {
    text: Bytes,
    asked: Arc<AtomicUsize>,
}

impl<B> tower_service::Service<Request<B>> for Document {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let status = if request.uri().path() == "/client.json" { 200 } else { 404 };
        let answer = Response::builder().status(status).header("content-type", "application/json");
        ready(Ok(answer.body(Full::new(self.text.clone())).unwrap()))
    }
}

impl Host {
    fn start(scratch: &Scratch) -> Self {
        let file = |name: &str, text: String| {
            let path = scratch.path(name).to_str().unwrap().to_owned();
            fs::write(&path, text).unwrap();
            path
        };
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = file("authority", params.self_signed(&key).unwrap().pem());
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let (chain, key) = (file("host-chain", certificate.pem()), file("host-key", key.serialize_pem()));
        let tls = TlsConfig::from_pem_files(chain, key).unwrap();

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let server = runtime.block_on(Server::bind("127.0.0.1:0")).unwrap();
        let name = format!("localhost:{}", server.local_addr().unwrap().port());
        let url = format!("https://{name}/client.json");
        let text = json!({
            "client_id": url,
            "client_name": "An app with a document",
            "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
        });
        let asked = Arc::<AtomicUsize>::default();
        let document = Document { text: text.to_string().into(), asked: Arc::clone(&asked) };
        let (stop, stopped) = oneshot::channel::<()>();
        let server = server.tls(tls).shutdown_timeout(Duration::from_secs(1));
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                // A test that goes without a word stops it as well.
                let stopped = async { drop(stopped.await) };
                // A test that hangs does not leave it behind.
                let _ = tokio::time::timeout(4 * PATIENCE, server.serve(document, stopped)).await;
            });
        });
        Self { url, name, authority, asked, stop: Some(stop), thread: Some(thread) }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn app(&self) -> App {
        App::known(&self.url)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn a_client_of_a_named_host_signs_its_user_in() {
    let scratch = Scratch::new();
    let host = Host::start(&scratch);
    let program = Program::start(&scratch, &["--metadata-host", &host.name, "--ca-file", &host.authority]);
    let app = host.app();
    let mut browser = Browser::default();
    let consent = browser.sign_in_as_owner(&program, &scratch, &app.link());
    // The user sees which host vouches for the client.
    assert!(consent.body.contains("An app with a document") && consent.body.contains("localhost"), "{consent:?}");
    let answer = browser.submit(&program, &consent, &[("decision", "approve")]);
    assert_eq!(redirected(&answer, "iss"), ISSUER);
    let tokens = app.redeem(&program, &redirected(&answer, "code"));
    assert_eq!(tokens.claims()["client_id"].as_str(), Some(host.url.as_str()));
    let next = Tokens::of(&app.refresh(&program, &tokens.refresh));
    assert_ne!(next.refresh, tokens.refresh);
    assert!(host.asked() >= 1);
    let (_, _, log) = program.stop();
    let opened = format!("client metadata documents are fetched from {}", host.name);
    assert!(log.iter().any(|line| line.contains(&opened)), "{log:?}");
}

#[test]
fn a_host_that_is_not_named_is_not_asked() {
    let scratch = Scratch::new();
    let host = Host::start(&scratch);
    for hosts in [&[][..], &["--metadata-host", "localhost:1"], &["--metadata-host", "127.0.0.1"]] {
        let program = Program::start(&scratch, &[hosts, &["--ca-file", &host.authority]].concat());
        let page = Browser::default().get(&program, &host.app().link());
        assert!(page.status == 400 && !page.body.contains("name=\"code\""), "{hosts:?}: {page:?}");
        program.stop();
    }
    assert_eq!(host.asked(), 0);
}

#[test]
fn a_named_host_whose_certificate_nobody_vouches_for_is_not_believed() {
    let scratch = Scratch::new();
    let host = Host::start(&scratch);
    let program = Program::start(&scratch, &["--metadata-host", &host.name]);
    let page = Browser::default().get(&program, &host.app().link());
    assert!(page.status == 503 && !page.body.contains("name=\"code\""), "{page:?}");
    assert_eq!(host.asked(), 0);
}
