//! Clients that record without a pause, and send again what was not acknowledged, as the command does.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use reqwest::Client;
use serde_json::Value;
use steps_shared::{BatchAnswer, LineResult, Step, StepId};
use tokio::sync::watch;
use tokio::task::{JoinHandle, LocalSet};

use super::ledger::{Content, Ledger, finish_json};
use crate::PATIENCE;
use crate::http::client;

/// Between two tries of the same step.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a client waits for an answer: longer than any server may take.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Who records what.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// So many record at the same time.
    pub clients: usize,
    /// Every fifth request is a batch of so many steps.
    pub batch: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self { clients: 12, batch: 20 }
    }
}

/// Clients at work.
#[derive(Debug)]
pub struct Load {
    shared: Rc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    client: Client,
    targets: RefCell<Vec<String>>,
    ledger: RefCell<Ledger>,
    last: watch::Sender<Instant>,
    acknowledged: Cell<usize>,
    stopping: Cell<bool>,
}

/// Runs one async test body in which clients may be started.
pub fn with_load<T>(body: impl Future<Output = T>) -> T {
    crate::block_on(LocalSet::new().run_until(body))
}

impl Load {
    /// Starts clients that record with these servers; one that fails is left for the next of them.
    #[must_use]
    pub fn start(targets: &[&str], shape: Shape) -> Self {
        let shared = Rc::new(Shared {
            client: client(),
            targets: RefCell::new(targets.iter().map(|&target| target.to_owned()).collect()),
            ledger: RefCell::default(),
            last: watch::Sender::new(Instant::now()),
            acknowledged: Cell::new(0),
            stopping: Cell::new(false),
        });
        let run = |client| tokio::task::spawn_local(record(Rc::clone(&shared), client, shape));
        let clients = (0..shape.clients).map(run).collect();
        Self { shared, clients }
    }

    /// From now on the clients record with this server, too.
    pub fn add_target(&self, target: &str) {
        self.shared.targets.borrow_mut().push(target.to_owned());
    }

    /// How many steps have been acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.shared.acknowledged.get()
    }

    /// Waits until so many more steps have been acknowledged.
    pub async fn more(&self, steps: usize) {
        let wanted = self.acknowledged() + steps;
        let mut last = self.shared.last.subscribe();
        let waiting = last.wait_for(|_| self.acknowledged() >= wanted);
        let came = tokio::time::timeout(PATIENCE, waiting).await.is_ok_and(|came| came.is_ok());
        assert!(came, "{} steps are acknowledged, not {wanted}; {}", self.acknowledged(), self.summary());
    }

    /// Waits until a step is acknowledged after `healed`; how long that took.
    pub async fn recovered(&self, healed: Instant) -> Duration {
        let mut last = self.shared.last.subscribe();
        let waiting = last.wait_for(|last| *last > healed);
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(Ok(last)) => last.duration_since(healed),
            _ => panic!("no step is recorded {PATIENCE:?} after the fault was healed; {}", self.summary()),
        }
    }

    /// What the clients have heard so far.
    #[must_use]
    pub fn summary(&self) -> String {
        let ledger = self.shared.ledger.borrow();
        let Ledger { statuses, broken, unanswered, .. } = &*ledger;
        format!("statuses {statuses:?}, broken {broken}, unanswered {unanswered}")
    }

    /// Lets each client bring its last step to an end, and takes the ledger.
    pub async fn stop(self) -> Ledger {
        self.shared.stopping.set(true);
        let deadline = tokio::time::Instant::now() + PATIENCE;
        for client in self.clients {
            let ended = tokio::time::timeout_at(deadline, client).await;
            let Ok(ended) = ended else {
                panic!("a client's last step was not acknowledged: {:?}", self.shared.ledger.borrow().statuses);
            };
            ended.expect("a client does not fail");
        }
        self.shared.ledger.take()
    }
}

/// What became of one request.
enum Sent {
    /// 200 or 201, with this body.
    Done(Vec<u8>),
    /// It is to be sent again.
    Again,
    /// It is never to be sent again.
    Odd,
}

/// One client, until it is told to stop.
async fn record(shared: Rc<Shared>, client: usize, shape: Shape) {
    let mut numbers = 0..;
    let mut target = client;
    for round in 0_usize.. {
        if shared.stopping.get() {
            return;
        }
        let steps = if round % 5 == 4 { shape.batch } else { 1 };
        let span = steps == 1 && round % 5 == 2;
        let steps: Vec<(StepId, Content)> = numbers
            .by_ref()
            .take(steps)
            .map(|number| (StepId::generate(), Content::new(client, number, span)))
            .collect();
        for (id, content) in &steps {
            shared.ledger.borrow_mut().sending(*id, content.clone());
        }
        match steps.as_slice() {
            [(id, content)] => {
                let step = shared.until_done("/v1/steps", &content.json(*id), &mut target).await;
                let step = step.and_then(|step| serde_json::from_slice::<Step>(&step).ok());
                shared.note(*id, step.as_ref());
                if span {
                    let path = format!("/v1/steps/{id}/finish");
                    if shared.until_done(&path, &finish_json(), &mut target).await.is_some() {
                        shared.ledger.borrow_mut().finished(*id);
                    }
                }
            }
            _ => {
                let body = steps.iter().map(|(id, content)| content.json(*id)).collect();
                let answer = shared.until_done("/v1/steps/batch", &body, &mut target).await.unwrap_or_default();
                shared.note_batch(&answer);
            }
        }
    }
}

impl Shared {
    /// Sends this until it is done; `None` when it is refused for good.
    async fn until_done(&self, path: &str, body: &Value, target: &mut usize) -> Option<Vec<u8>> {
        loop {
            match self.send(path, body, *target).await {
                Sent::Done(body) => return Some(body),
                Sent::Odd => return None,
                Sent::Again => {
                    *target += 1;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn send(&self, path: &str, body: &Value, target: usize) -> Sent {
        let url = {
            let targets = self.targets.borrow();
            format!("{}{path}", targets[target % targets.len()])
        };
        let began = Instant::now();
        let answer = async {
            let response = self.client.post(url).json(body).timeout(CLIENT_TIMEOUT).send().await?;
            let (status, retry) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
            Ok::<_, reqwest::Error>((status, retry, response.bytes().await?))
        };
        let answer = answer.await;
        let mut ledger = self.ledger.borrow_mut();
        match answer {
            Ok((status, retry, body)) => {
                ledger.answered(status, began.elapsed());
                match status {
                    200 | 201 => Sent::Done(body.to_vec()),
                    503 if retry => Sent::Again,
                    _ => {
                        ledger.odd.push(format!("{path}: {status} {}", String::from_utf8_lossy(&body)));
                        Sent::Odd
                    }
                }
            }
            Err(error) if error.is_timeout() => {
                ledger.unanswered += 1;
                Sent::Again
            }
            Err(_) => {
                ledger.broken += 1;
                Sent::Again
            }
        }
    }

    fn note(&self, id: StepId, step: Option<&Step>) {
        let mut ledger = self.ledger.borrow_mut();
        match step {
            Some(step) if step.id == id => ledger.acknowledged(id, Some(step)),
            _ => return ledger.odd.push(format!("{id} is answered with {step:?}")),
        }
        self.acknowledged.set(self.acknowledged.get() + 1);
        self.last.send_replace(Instant::now());
    }

    fn note_batch(&self, answer: &[u8]) {
        let mut ledger = self.ledger.borrow_mut();
        let Ok(answer) = serde_json::from_slice::<BatchAnswer>(answer) else {
            return ledger.odd.push(format!("a batch is answered with {}", String::from_utf8_lossy(answer)));
        };
        for line in answer.steps {
            match (line.result, line.id) {
                (LineResult::Recorded | LineResult::AlreadyRecorded, Some(id)) => ledger.acknowledged(id, None),
                _ => ledger.odd.push(format!("{line:?}")),
            }
            self.acknowledged.set(self.acknowledged.get() + 1);
        }
        self.last.send_replace(Instant::now());
    }
}
