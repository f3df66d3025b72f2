//! A host of client metadata documents, with a certificate of its own, on loopback.

use std::sync::{Arc, Mutex};

use mcp_oauth::server::AuthorizationServerBuilder;
use mcp_transport::net::{Public, Tls, danger};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::App;

/// Serves one document, wherever it is asked for, and keys at `/oauth/jwks.json`.
pub(crate) struct DocumentHost {
    /// The client id.
    pub(crate) url: String,
    certificate: String,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    document: Option<Value>,
    keys: Option<Value>,
    /// What is answered in the place of 200.
    status: Option<u16>,
    asked: usize,
}

impl DocumentHost {
    /// Starts one, whose client has this redirect URI.
    pub(crate) async fn start(redirect_uri: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://127.0.0.1:{}/client.json", listener.local_addr().unwrap().port());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A server that hangs up is no failure of the host.
                let _ = answer(&acceptor, stream, &shared).await;
            }
        });
        let host = Self { url, certificate, state, task };
        host.says(&json!({"redirect_uris": [redirect_uri]}));
        host
    }

    /// Lets a server fetch from here.
    pub(crate) fn known(&self, builder: AuthorizationServerBuilder) -> AuthorizationServerBuilder {
        let network = danger::private_addresses(danger::any_port(Public::new()));
        builder.network(network).tls(Tls::with_ca_pem(self.certificate.as_bytes()).unwrap())
    }

    /// Puts another document there: these members, its own id, and the grants of a client that refreshes.
    pub(crate) fn says(&self, members: &Value) {
        let mut document = members.clone();
        document["client_id"] = json!(self.url);
        document["grant_types"] = json!(["authorization_code", "refresh_token"]);
        let mut state = self.state.lock().unwrap();
        (state.document, state.status) = (Some(document), None);
    }

    /// From now on it is asked in vain: this status, and the document all the same.
    pub(crate) fn answers(&self, status: u16) {
        self.state.lock().unwrap().status = Some(status);
    }

    /// Puts the document of a real client there, as if this were its host; gives the client id that it has here.
    pub(crate) fn publishes(&self, document: &Value) -> String {
        let mut document = document.clone();
        for member in ["client_id", "jwks_uri"] {
            let Some(url) = document[member].as_str() else { continue };
            let path = url.splitn(4, '/').nth(3).unwrap();
            document[member] = json!(format!("{}/{path}", self.url.trim_end_matches("/client.json")));
        }
        let id = document["client_id"].as_str().unwrap().to_owned();
        self.state.lock().unwrap().document = Some(document);
        id
    }

    /// Puts keys there.
    pub(crate) fn has_keys(&self, keys: &Value) {
        self.state.lock().unwrap().keys = Some(keys.clone());
    }

    /// From now on there is no answer.
    pub(crate) fn goes_down(&self) {
        self.state.lock().unwrap().document = None;
    }

    /// How often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }

    /// Its client.
    pub(crate) fn app(&self, redirect_uri: &str) -> App {
        App { id: self.url.clone(), secret: None, registration: Value::Null, redirect: redirect_uri.to_owned() }
    }
}

impl Drop for DocumentHost {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(acceptor: &TlsAcceptor, stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let (document, keys, status) = {
        let mut state = state.lock().unwrap();
        state.asked += 1;
        (state.document.clone(), state.keys.clone(), state.status.unwrap_or(200))
    };
    let Some(document) = document else { return Ok(()) };
    let mut stream = acceptor.accept(stream).await?;
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut piece).await? {
            0 => return Ok(()),
            read => head.extend_from_slice(&piece[..read]),
        }
    }
    let body = keys.filter(|_| head.starts_with(b"GET /oauth/jwks.json ")).unwrap_or(document).to_string();
    let head = "content-type: application/json\r\ncache-control: max-age=60\r\nconnection: close";
    stream
        .write_all(
            format!("HTTP/1.1 {status} As told\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes(),
        )
        .await?;
    stream.shutdown().await
}
