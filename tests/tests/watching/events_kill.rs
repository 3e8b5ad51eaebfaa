//! Events by killing: readers on two servers while steps are recorded through both, servers are killed, readers are cut and the
//! database is away: each reader is told every step once and the last state of every deployment, in one order.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastrand::Rng;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use steps_shared::StepId;
use steps_tests::events::{Events, Told};
use steps_tests::faults::load::with_load;
use steps_tests::faults::private_database::PrivateDatabase;
use steps_tests::faults::{free_port, short_or_long, tell};
use steps_tests::server::Builder;
use steps_tests::{DatabaseKind, Server, TestDb, eventually, http};
use tokio::time::{Instant, sleep, timeout};

/// The statuses of one deployment, in turn.
const STATUSES: [&str; 5] = ["started", "building", "testing", "deploying", "succeeded"];
const READERS: usize = 5;
/// How long everything may take to be told at the end.
const LAST_WAIT: Duration = Duration::from_secs(120);

/// How many steps are recorded.
fn steps() -> usize {
    let given = std::env::var("STEPS_EVENTS_STEPS").ok().and_then(|steps| steps.parse().ok());
    given.unwrap_or(short_or_long(1500, 20_000))
}

/// What a reader was told, in its order.
#[derive(Debug, Default)]
struct Read {
    told: Vec<Told>,
    connections: usize,
}

#[test]
fn readers_miss_nothing_on_sqlite() {
    let db = TestDb::new(DatabaseKind::Sqlite);
    with_load(readers_miss_nothing([db.url(), db.url()], async |_| false, 7));
}

#[test]
fn readers_miss_nothing_on_mysql() {
    with_load(async {
        let database = PrivateDatabase::start().await;
        let mut first = true;
        let away = async |rng: &mut Rng| {
            let longest = short_or_long(2000, 10_000);
            let time = if std::mem::take(&mut first) { longest } else { rng.u64(200..longest) };
            database.pause();
            sleep(Duration::from_millis(time)).await;
            database.resume();
            true
        };
        readers_miss_nothing([database.url(), database.url()], away, 11).await;
    });
}

/// Each server beside a node of its own.
#[cfg(feature = "soak")]
#[test]
fn readers_miss_nothing_on_galera() {
    use steps_tests::faults::{Cluster as _, Galera};

    with_load(async {
        let mut cluster = Galera::start().await;
        let urls = [cluster.url(0), cluster.url(1)];
        let mut nodes = [0, 1, 2].into_iter().cycle();
        let away = async |_: &mut Rng| {
            let node = nodes.next().unwrap();
            cluster.kill(node);
            cluster.rejoin(node).await;
            true
        };
        readers_miss_nothing(urls, away, 13).await;
    });
}

/// Records through a server, and through the other one when it does not answer, until it is acknowledged.
async fn record(client: Client, urls: [String; 2], first: usize, steps: usize, seed: u64) -> Vec<StepId> {
    let mut rng = Rng::with_seed(seed);
    let mut acknowledged = Vec::new();
    let mut at = first;
    while at < first + steps {
        let count = rng.usize(1..20).min(first + steps - at);
        let batch: Vec<Value> = (at..at + count)
            .map(|nth| {
                let (deployment, status) = (nth / STATUSES.len(), STATUSES[nth % STATUSES.len()]);
                json!({"id": StepId::generate(), "component": format!("component-{}", deployment % 9), "version": deployment.to_string(),
                    "owner": "ann", "status": status})
            })
            .collect();
        let body = Value::from(batch.clone()).to_string();
        for attempt in first.. {
            let url = format!("{}/v1/steps/batch", urls[attempt % 2]);
            let request = client.post(url).header("content-type", "application/json").body(body.clone());
            let sent = timeout(Duration::from_secs(5), request.send()).await;
            if matches!(sent, Ok(Ok(response)) if response.status() == 200) {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
        acknowledged.extend(batch.iter().map(|step| step["id"].as_str().unwrap().parse::<StepId>().unwrap()));
        at += count;
        sleep(Duration::from_millis(rng.u64(0..20))).await;
    }
    acknowledged
}

/// Reads, from one server or the other, each connection for a random time while faults go on.
async fn read(client: Client, urls: [String; 2], read: Arc<Mutex<Read>>, id: String, calm: Arc<AtomicBool>, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let mut id = id;
    loop {
        let url = format!("{}/v1/events", urls[rng.usize(..2)]);
        let request = client.request(Method::GET, url).header("Last-Event-ID", &id);
        let until = Instant::now() + Duration::from_millis(rng.u64(50..4000));
        if let Ok(Ok(response)) = timeout(Duration::from_secs(5), request.send()).await
            && response.status() == 200
        {
            let mut events = Events::reading(response);
            read.lock().unwrap().connections += 1;
            while calm.load(Ordering::Relaxed) || Instant::now() < until {
                match timeout(Duration::from_millis(500), events.try_next()).await {
                    Ok(Ok(Some(told))) => read.lock().unwrap().told.push(told),
                    Ok(Ok(None) | Err(_)) => break,
                    Err(_) => {}
                }
            }
            if !events.last_id.is_empty() {
                id = events.last_id;
            }
        }
        sleep(Duration::from_millis(rng.u64(0..100))).await;
    }
}

/// `away` takes the database away for a while, or says that it cannot.
async fn readers_miss_nothing(databases: [String; 2], mut away: impl AsyncFnMut(&mut Rng) -> bool, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let ports = [free_port().await, free_port().await];
    let start = async |nth: usize| {
        let server = Builder::on_port(ports[nth], &databases[nth]).args(&["--deadline", "5s"]).start().await;
        assert_eq!(server.url(), format!("http://127.0.0.1:{}", ports[nth]));
        server
    };
    let mut servers = vec![start(0).await, start(1).await];
    let urls = [servers[0].url().to_owned(), servers[1].url().to_owned()];
    let client = http::client();

    let calm = Arc::new(AtomicBool::new(false));
    let mut reads = Vec::new();
    let mut readers = Vec::new();
    for nth in 0..READERS {
        let mut first = servers[nth % 2].watch("component=nobody").await;
        first.beaten(2).await;
        let found = Arc::new(Mutex::new(Read::default()));
        reads.push(Arc::clone(&found));
        let task = read(client.clone(), urls.clone(), found, first.last_id, Arc::clone(&calm), seed + nth as u64);
        readers.push(tokio::spawn(task));
    }
    let half = (steps() / 2).next_multiple_of(STATUSES.len());
    let recorders = [(0, seed), (1, seed + 1)]
        .map(|(nth, seed)| tokio::spawn(record(client.clone(), urls.clone(), nth * half, half, seed)));

    let (mut kills, mut times_away) = (0, 0);
    while recorders.iter().any(|recorder| !recorder.is_finished()) {
        sleep(Duration::from_millis(rng.u64(100..1500))).await;
        if kills % 3 == 2 {
            times_away += usize::from(away(&mut rng).await);
        }
        let nth = rng.usize(..2);
        servers[nth].kill();
        servers[nth] = start(nth).await;
        kills += 1;
    }
    let mut recorded = Vec::new();
    for recorder in recorders {
        recorded.extend(recorder.await.unwrap());
    }
    calm.store(true, Ordering::Relaxed);

    let last = last_states(&servers[0]).await;
    assert_eq!(last.len(), 2 * half / STATUSES.len());
    let until = Instant::now() + LAST_WAIT;
    for (nth, found) in reads.iter().enumerate() {
        loop {
            let missing = missing(&found.lock().unwrap(), &recorded, &last);
            if missing.is_empty() {
                break;
            }
            assert!(Instant::now() < until, "reader {nth} was not told: {:?}", &missing[..missing.len().min(10)]);
            sleep(Duration::from_millis(50)).await;
        }
    }
    readers.iter().for_each(|reader| reader.abort());
    let reads: Vec<Read> = reads.iter().map(|found| std::mem::take(&mut *found.lock().unwrap())).collect();
    reads.iter().for_each(check_alone);
    check_order(&reads);
    let (told, connections) =
        reads.iter().fold((0, 0), |(told, connections), read| (told + read.told.len(), connections + read.connections));
    tell(format!(
        "events: {} steps through two servers, {kills} kills, the database away {times_away} times, {READERS} readers with {connections} \
         connections: {told} events, missing 0, double 0",
        recorded.len()
    ));
    for server in servers {
        server.stop().await;
    }
}

/// How each deployment is in the end.
async fn last_states(server: &Server) -> BTreeMap<String, Value> {
    let listed = eventually("the deployments are listed", async || {
        let answer = server.get("/v1/deployments?format=json").await;
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    let deployments = listed["deployments"].as_array().unwrap();
    deployments.iter().map(|one| (one["id"].as_str().unwrap().to_owned(), one.clone())).collect()
}

/// What a reader has not been told.
fn missing(read: &Read, recorded: &[StepId], last: &BTreeMap<String, Value>) -> Vec<String> {
    let of = |event: &'static str| read.told.iter().filter(move |told| told.event == event);
    let steps: HashSet<&str> = of("step").filter_map(|told| told.data["id"].as_str()).collect();
    let states: HashMap<&str, &Value> =
        of("deployment").filter_map(|told| Some((told.data["id"].as_str()?, &told.data))).collect();
    let steps = recorded.iter().map(ToString::to_string).filter(|id| !steps.contains(id.as_str()));
    let states = last.iter().filter(|(id, state)| states.get(id.as_str()) != Some(state));
    steps.map(|id| format!("step {id}")).chain(states.map(|(id, _)| format!("deployment {id}"))).collect()
}

/// That nothing was told twice, and no deployment went back.
fn check_alone(read: &Read) {
    let (mut ids, mut steps, mut deployments) = (HashSet::new(), HashSet::new(), HashMap::new());
    for told in &read.told {
        assert!(ids.insert(&told.id), "twice: {told:?}");
        let id = told.data["id"].as_str().unwrap_or_default();
        match told.event.as_str() {
            "step" => assert!(steps.insert(id), "twice: {told:?}"),
            "deployment" => {
                let count = told.data["steps"].as_u64().unwrap();
                let before = deployments.insert(id, count).unwrap_or_default();
                assert!(before <= count, "a deployment of {before} steps went back: {told:?}");
            }
            _ => panic!("{told:?}"),
        }
    }
}

/// That all readers were told in one order what more than one of them was told.
fn check_order(reads: &[Read]) {
    for (at, one) in reads.iter().enumerate() {
        let places: HashMap<&str, usize> =
            one.told.iter().enumerate().map(|(place, told)| (told.id.as_str(), place)).collect();
        for other in &reads[at + 1..] {
            let common: Vec<usize> =
                other.told.iter().filter_map(|told| places.get(told.id.as_str()).copied()).collect();
            assert!(common.is_sorted(), "two readers were told in two orders");
        }
    }
}
