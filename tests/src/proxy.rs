//! A small load balancer for tests: takes connections and gives each to a node in turn, or as told; can cut an answer short.

use std::collections::{BTreeSet, VecDeque};
use std::io::{ErrorKind, Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The end of a request's head.
const HEAD_END: &[u8] = b"\r\n\r\n";
/// Said in each request, so that the next one comes on a connection of its own, and so to another node.
const CLOSE: &[u8] = b"connection: close\r\n";

/// Where connections go.
struct Plan {
    nodes: Vec<SocketAddr>,
    turn: usize,
    only: Option<usize>,
    out: BTreeSet<usize>,
    /// Bytes after which the next answers are cut.
    cuts: VecDeque<usize>,
    /// Connections each node took.
    served: Vec<usize>,
}

/// A balancer that runs until the process ends.
#[derive(Clone)]
pub struct Proxy {
    addr: SocketAddr,
    plan: Arc<Mutex<Plan>>,
}

impl Proxy {
    /// A balancer in front of these nodes.
    pub fn before(nodes: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let proxy = Self {
            addr: listener.local_addr().expect("its port"),
            plan: Arc::new(Mutex::new(Plan {
                turn: 0,
                only: None,
                out: BTreeSet::new(),
                cuts: VecDeque::new(),
                served: vec![0; nodes.len()],
                nodes,
            })),
        };
        let own = proxy.clone();
        std::thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.serve(&caller));
            }
        });
        proxy
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The address as a phone is told it.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// From now on everything goes to one node.
    pub fn only(&self, node: usize) {
        self.plan().only = Some(node);
    }

    /// From now on connections go to the nodes in turn.
    pub fn in_turn(&self) {
        self.plan().only = None;
    }

    /// Leaves a node out, as a balancer does that finds it dead.
    pub fn leave_out(&self, node: usize) {
        self.plan().out.insert(node);
    }

    /// Puts a node at a place, anew.
    pub fn put(&self, node: usize, addr: SocketAddr) {
        let mut plan = self.plan();
        plan.nodes[node] = addr;
        plan.out.remove(&node);
    }

    /// Cuts an answer after so many bytes: of the next connection that none was named for yet.
    pub fn cut_after(&self, bytes: usize) {
        self.plan().cuts.push_back(bytes);
    }

    /// Connections each node took.
    pub fn served(&self) -> Vec<usize> {
        self.plan().served.clone()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next node's place and address, and where its answer is cut.
    fn next(&self) -> Option<(usize, SocketAddr, Option<usize>)> {
        let mut plan = self.plan();
        let count = plan.nodes.len();
        let place = match plan.only {
            Some(only) => Some(only),
            None => (plan.turn..plan.turn + count)
                .map(|turn| turn % count)
                .find(|place| !plan.out.contains(place)),
        }?;
        plan.turn = place + 1;
        Some((place, plan.nodes[place], plan.cuts.pop_front()))
    }

    fn serve(&self, caller: &TcpStream) {
        // A node that does not answer is passed over, at most once for each node.
        let count = self.plan().nodes.len();
        for _ in 0..count {
            let Some((place, addr, cut)) = self.next() else {
                return;
            };
            if let Ok(node) = TcpStream::connect(addr) {
                self.plan().served[place] += 1;
                return join(caller, &node, cut);
            }
        }
    }
}

/// Carries bytes both ways until one side ends.
fn join(caller: &TcpStream, node: &TcpStream, cut: Option<usize>) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _ = ask(caller, node);
            let _ = node.shutdown(Shutdown::Write);
        });
        let _ = answer(node, caller, cut.unwrap_or(usize::MAX));
        let _ = caller.shutdown(Shutdown::Both);
        let _ = node.shutdown(Shutdown::Both);
    });
}

fn ask(mut caller: &TcpStream, mut node: &TcpStream) -> std::io::Result<u64> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !head.windows(HEAD_END.len()).any(|window| window == HEAD_END) {
        match caller.read(&mut piece)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            bytes => head.extend_from_slice(&piece[..bytes]),
        }
    }
    let line = head.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    node.write_all(&head[..line])?;
    node.write_all(CLOSE)?;
    node.write_all(&head[line..])?;
    std::io::copy(&mut caller, &mut node)
}

fn answer(mut node: &TcpStream, mut caller: &TcpStream, mut left: usize) -> std::io::Result<()> {
    let mut piece = [0; 4096];
    while left > 0 {
        let bytes = node.read(&mut piece)?.min(left);
        if bytes == 0 {
            return Ok(());
        }
        caller.write_all(&piece[..bytes])?;
        left -= bytes;
    }
    Ok(())
}
