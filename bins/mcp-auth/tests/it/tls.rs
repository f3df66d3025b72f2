//! TLS, and what the doctor says of it.

use std::fs;

use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::program::{Program, Scratch, command, text};

/// A server that speaks TLS under the name `localhost`; gives the file of whom to trust as well.
fn start(scratch: &Scratch) -> (Program, String) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |name: &str, text: String| {
        let path = scratch.path(name).to_str().unwrap().to_owned();
        fs::write(&path, text).unwrap();
        path
    };
    let (certificate, key) = (file("certificate", cert.pem()), file("key", signing_key.serialize_pem()));
    let mut command = command();
    command.args(["--listen", "localhost:0", "--data", &scratch.data()]);
    let program = Program::start_as(command.args(["--tls-cert", &certificate, "--tls-key", &key]));
    (program, certificate)
}

/// What the doctor says of a server that clients know by this.
fn doctor(scratch: &Scratch, arguments: &[&str]) -> (i32, String) {
    let output = scratch.run(&[&["doctor"], arguments].concat(), "");
    (output.status.code().unwrap(), text(&output.stdout))
}

#[test]
fn clients_find_the_server_through_tls() {
    let scratch = Scratch::new();
    let (program, certificate) = start(&scratch);
    let issuer = format!("https://localhost:{}", program.address.port());
    let (code, said) = doctor(&scratch, &["--issuer", &issuer, "--ca-file", &certificate]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("find the server at {issuer}")) && said.contains("a server runs with it"), "{said}");
    assert!(said.contains("may have been started with others"), "{said}");
    // Nobody vouches for the certificate here.
    let (code, said) = doctor(&scratch, &["--issuer", &issuer]);
    assert!(code == 1 && said.contains("WRONG  clients"), "{said}");
    // The server has another name than the one that it is told here.
    let other = format!("https://localhost:{}/tenant", program.address.port());
    let (code, said) = doctor(&scratch, &["--issuer", &other, "--ca-file", &certificate]);
    assert!(code == 1 && said.contains("404"), "{said}");
}

#[test]
fn the_doctor_reads_every_page_of_the_store() {
    let scratch = Scratch::new();
    Program::start(&scratch, &[]).stop();
    let (code, said) = doctor(&scratch, &[]);
    assert!(code == 0 && said.contains("every page is sound"), "{said}");
    let path = scratch.path("data/store.redb");
    let mut bytes = fs::read(&path).unwrap();
    for byte in bytes.iter_mut().skip(4096) {
        *byte ^= 0x5a;
    }
    fs::write(&path, bytes).unwrap();
    let (code, said) = doctor(&scratch, &[]);
    assert!(code == 1 && said.contains("WRONG  store"), "{said}");
    fs::write(scratch.path("data/master-key"), "chocolate").unwrap();
    let (code, said) = doctor(&scratch, &["--users-file", "/nonexistent"]);
    for part in ["WRONG  data folder", "WRONG  users", "WRONG  configuration"] {
        assert!(code == 1 && said.contains(part) && !said.contains("chocolate"), "{said}");
    }
}
