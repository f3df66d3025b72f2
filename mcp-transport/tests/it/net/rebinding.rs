//! Check 87: a name that changes its mind.

use std::sync::Arc;

use mcp_transport::net::{Policy, Public, Redirects, danger};

use super::support::{Authority, Names, PUBLIC, Server, client, ok, target, within};

/// A client under the public policy for which [`PUBLIC`] is served by `public`, over plain http on any port.
fn client_of(public: &Server, names: &Arc<Names>) -> mcp_transport::net::ClientBuilder {
    let builder = client(danger::any_port(danger::plain_http(Public::new())), &Authority::new())
        .resolver(Arc::clone(names) as _)
        .idle_connections(4);
    danger::dial_instead(builder, format!("{PUBLIC}:{}", public.port()).parse().unwrap(), public.address)
}

#[tokio::test]
async fn attack_087_the_judged_address_is_the_dialled_one() {
    let server = Server::plain(ok).await;
    // Public for the judge, loopback for whoever asks again.
    let names = Names::new(&[("rebind.example", &[&[PUBLIC], &["127.0.0.1"]])]);
    let client = client_of(&server, &names).idle_connections(0).build().unwrap();
    let url = target(&format!("http://rebind.example:{}/", server.port()));
    assert_eq!(within(client.get(&url, 100)).await.unwrap().into_body(), "reached");
    assert_eq!(names.lookups(), 1, "one lookup serves judging and dialling");
    assert!(within(client.get(&url, 100)).await.unwrap_err().is_forbidden());
    assert_eq!((names.lookups(), server.connections()), (2, 1));
}

#[tokio::test]
async fn attack_087_a_pooled_connection_stays_where_it_was_judged() {
    let server = Server::plain(ok).await;
    let names = Names::new(&[("rebind.example", &[&[PUBLIC], &["127.0.0.1"]]), ("other.example", &[&["127.0.0.1"]])]);
    let client = client_of(&server, &names).build().unwrap();
    let url = target(&format!("http://rebind.example:{}/", server.port()));
    for _ in 0..3 {
        assert_eq!(within(client.get(&url, 100)).await.unwrap().into_body(), "reached");
    }
    // One connection, one lookup; another name does not get it, nor does another client.
    assert_eq!((names.lookups(), server.connections()), (1, 1));
    let other = target(&format!("http://other.example:{}/", server.port()));
    assert!(within(client.get(&other, 100)).await.unwrap_err().is_forbidden());
    let second = client_of(&server, &names).build().unwrap();
    assert!(within(second.get(&url, 100)).await.unwrap_err().is_forbidden());
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn attack_087_a_redirect_to_the_same_name_is_judged_again() {
    let server = Server::plain(|_| {
        http::Response::builder()
            .status(302)
            .header("location", "/again")
            .header("connection", "close")
            .body(Default::default())
            .unwrap()
    })
    .await;
    let names = Names::new(&[("rebind.example", &[&[PUBLIC], &["10.0.0.1"]])]);
    let client = client_of(&server, &names).redirects(Redirects::Follow { max: 5 }).build().unwrap();
    let url = target(&format!("http://rebind.example:{}/", server.port()));
    assert!(within(client.get(&url, 100)).await.unwrap_err().is_forbidden());
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn operators_answer_may_be_anywhere_and_mixed() {
    let server = Server::plain(ok).await;
    let names = Names::new(&[("intranet", &[&["127.0.0.1", "::1"]])]);
    let client = client(Policy::operator(), &Authority::new()).resolver(names).build().unwrap();
    let url = target(&format!("http://intranet:{}/", server.port()));
    assert_eq!(within(client.get(&url, 100)).await.unwrap().into_body(), "reached");
}
