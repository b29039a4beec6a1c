//! Something else answers in the server's place: a Wi-Fi's sign-in page, a proxy, another program.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use gridledger_client::{ClientError, Options};
use gridledger_tests::desk::Desk;

use super::Handset;

/// Whole answers that are not the server's.
const FOREIGN: [&[u8]; 8] = [
    b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 18\r\n\r\n<html>login</html>",
    b"HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n<html>login</html>",
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{\"ok\":true}",
    b"HTTP/1.1 302 Found\r\nlocation: http://login.example/\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\nnot found",
    b"HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: 13\r\n\r\n{\"code\":\"no\"}",
    b"HTTP/1.1 511 Network Authentication Required\r\ncontent-length: 0\r\n\r\n",
];

/// Reads a request to its end, if one comes: what is closed with something unread is cut off.
fn read_whole(stream: &mut TcpStream) -> bool {
    let (mut request, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        let head = request.windows(4).position(|end| end == b"\r\n\r\n");
        let wanted = head.map(|head| head + 4 + body_bytes(&request[..head]));
        if wanted.is_some_and(|wanted| request.len() >= wanted) {
            return true;
        }
        let read = stream.read(&mut piece).unwrap_or(0);
        if read == 0 {
            return false;
        }
        request.extend_from_slice(&piece[..read]);
    }
}

fn body_bytes(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_lowercase();
    let lines = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    lines.map_or(0, |bytes| bytes.trim().parse().expect("a length"))
}

/// Serves each answer once, on a port of its own; returns the address.
fn foreign() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for answer in FOREIGN {
            // A connection that is made and not used is none.
            let asked = listener.incoming().find_map(|stream| {
                let mut stream = stream.expect("a phone");
                read_whole(&mut stream).then_some(stream)
            });
            let mut stream = asked.expect("a request");
            stream.write_all(answer).expect("an answer");
        }
    });
    format!("http://{address}")
}

#[test]
fn what_is_not_the_servers_answer_is_told_and_tried_again_and_nothing_is_lost() {
    let desk = Desk::with(&[]);
    let phone = Handset::of(&desk, "w1", Options::default());
    phone.syncs();
    let record = phone.patrol("巡查");
    phone.client.engine().set_server(&foreign()).expect("noted");
    for answer in FOREIGN {
        let error = phone.sync().expect_err("no server");
        let answer = String::from_utf8_lossy(answer);
        assert!(matches!(error, ClientError::NotTheServer(_)), "{error:?} of {answer}");
        assert!(error.is_retryable(), "{answer}");
        assert_eq!(phone.unsent(), 1, "{answer}");
    }
    phone.client.engine().set_server(desk.url()).expect("noted");
    phone.syncs(); // the server itself
    assert_eq!(phone.unsent(), 0);
    assert!(phone.client.get(record).expect("the store works").is_some());
}
