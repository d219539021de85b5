//! Who makes room where places are taken: connections on which nothing was asked.

use super::*;

/// A connection from that address, once the server has it.
async fn from(server: &TestServer, last: u8) -> TcpStream {
    let before = server.metrics.connections.now();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).unwrap();
    let stream = socket.connect(server.address).await.unwrap();
    let accepted = async {
        while server.metrics.connections.now() == before {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, accepted).await.unwrap();
    stream
}

async fn is_served(stream: &mut TcpStream) -> bool {
    send(stream, GET).await;
    receive(stream).await.starts_with("HTTP/1.1 200")
}

#[tokio::test]
async fn who_has_asked_nothing_makes_room_at_its_address() {
    let server = TestServer::start(ConnectionLimits { address_connections: 2, ..limits() }, None).await;
    let (mut first, mut second) = (from(&server, 1).await, from(&server, 1).await);
    // Half a head asks nothing.
    send(&mut first, "GET / HT").await;
    let mut third = server.connect().await;
    assert!(is_served(&mut third).await);
    let mut rest = Vec::new();
    let _ = first.read_to_end(&mut rest).await;
    assert_eq!((rest.len(), server.metrics.connections_refused.get()), (0, 1));
    assert!(is_served(&mut second).await, "it came later");
    // Each has asked something now.
    let mut fourth = server.connect().await;
    assert_eq!(receive(&mut fourth).await, "");
    assert_eq!(server.metrics.connections_refused.get(), 2);
}

#[tokio::test]
async fn where_all_places_are_taken_the_address_with_most_silent_ones_makes_room() {
    let server = TestServer::start(ConnectionLimits { max_connections: 3, ..limits() }, None).await;
    let mut alone = from(&server, 2).await;
    let (mut first, mut second) = (from(&server, 3).await, from(&server, 3).await);
    let mut new = server.connect().await;
    assert!(is_served(&mut new).await);
    assert_eq!(receive(&mut first).await, "");
    assert!(is_served(&mut alone).await && is_served(&mut second).await);
    // Whoever is served makes no room: another one waits until somebody goes.
    let mut waits = server.connect().await;
    send(&mut waits, GET).await;
    assert!(timeout(Duration::from_millis(300), waits.readable()).await.is_err());
    drop(alone);
    assert!(receive(&mut waits).await.starts_with("HTTP/1.1 200"));
}
