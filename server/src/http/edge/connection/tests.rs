//! Slow clients against a clock that stands still until everybody waits.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::sleep;

use super::*;

impl Wire for DuplexStream {}

const PACE: Pace = Pace { send: Duration::from_secs(30), head: Duration::from_secs(5) };

/// Makes a guarded connection with a buffer of `bytes`, and its client.
fn connect(bytes: usize) -> (ConnectionGuard<DuplexStream>, DuplexStream, Rc<Pulse>) {
    let (ours, theirs) = duplex(bytes);
    let pulse = Rc::new(Pulse::default());
    (ConnectionGuard::new(ours, PACE, pulse.clone()), theirs, pulse)
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_cut_off() {
    let (mut guard, _client, _) = connect(1000);
    let started = Instant::now();
    let error = guard.write_all(&[7; 2000]).await.expect_err("nobody reads");
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(started.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn who_reads_a_byte_a_second_is_cut_off_soon_after() {
    let (mut guard, mut client, _) = connect(1000);
    let started = Instant::now();
    let writing = async { guard.write_all(&vec![7; 1 << 20]).await };
    let reading = async {
        while client.read_u8().await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        written = writing => assert_eq!(written.expect_err("too slow").kind(), io::ErrorKind::TimedOut),
        () = reading => panic!("the connection is reset first"),
    }
    assert!((30..33).contains(&started.elapsed().as_secs()));
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_and_reads_on_gets_all_of_it() {
    const BYTES: usize = 256 << 10;
    let (mut guard, mut client, _) = connect(4000);
    let started = Instant::now();
    let writing = async {
        guard.write_all(&vec![7; BYTES]).await?;
        guard.flush().await
    };
    let reading = async {
        let mut left = BYTES;
        while left > 0 {
            left -= client.read(&mut [0; 2000]).await.expect("bytes");
            sleep(Duration::from_secs(1)).await;
        }
    };
    let (written, ()) = tokio::join!(writing, reading);
    written.expect("two kilobytes a second will do");
    assert!(started.elapsed() > PACE.send * 4, "it took longer than a standstill may");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_end_is_cut_off_from_the_second_on() {
    let (mut guard, mut client, pulse) = connect(1000);
    let mut bytes = [0; 100];
    client.write_all(b"first").await.expect("room");
    guard.read_exact(&mut bytes[..5]).await.expect("bytes");
    sleep(Duration::from_mins(1)).await;
    drop(pulse.begin());
    client.write_all(b"second").await.expect("room");
    guard.read_exact(&mut bytes[..6]).await.expect("bytes");
    let started = Instant::now();
    let trickle = async {
        loop {
            sleep(Duration::from_secs(2)).await;
            client.write_all(b"x").await.expect("room");
        }
    };
    let reading = async {
        loop {
            if let Err(error) = guard.read(&mut bytes).await {
                return error;
            }
        }
    };
    tokio::select! {
        error = reading => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
        () = trickle => unreachable!("it has no end"),
    }
    assert_eq!(started.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_body_and_the_time_between_requests_are_no_head() {
    let (mut guard, mut client, pulse) = connect(1000);
    let mut bytes = [0; 100];
    drop(pulse.begin());
    client.write_all(b"head").await.expect("room");
    guard.read_exact(&mut bytes[..4]).await.expect("bytes");
    let at_work = pulse.begin();
    for _ in 0..10 {
        client.write_all(b"body").await.expect("room");
        guard.read_exact(&mut bytes[..4]).await.expect("bytes");
        sleep(Duration::from_secs(4)).await;
    }
    drop(at_work);
    let late = async {
        sleep(Duration::from_secs(70)).await;
        client.write_all(b"head").await.expect("room");
    };
    let (read, ()) = tokio::join!(guard.read(&mut bytes), late);
    assert_eq!(read.expect("the next head"), 4);
}
