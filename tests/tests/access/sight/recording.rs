//! Recording tells nothing of what is not seen.

use super::*;

/// A problem document, with an id as it is written there.
fn problem(answer: &Answer, status: u16, id: &str) -> String {
    assert_eq!(answer.problem(status).status, status);
    lasting("", answer).2.replace(id, "ID")
}

pub async fn recording_tells_nothing_of_what_is_not_seen(db: TestDb) {
    let server = open(&db).await;
    let step = |more: Value| {
        let mut step =
            json!({"component": "bank", "version": "7", "owner": "ann", "status": "started", "id": StepId::generate()});
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    };
    let hidden = [
        step(json!({"ts": "2026-01-05 09:00:00"})),
        // Its time is of the server's clock: a second delivery may move it.
        step(json!({})),
        step(json!({"span": true})),
        step(json!({"span": true, "outcome": "failed", "duration": 3})),
        step(json!({"component": "shop", "environment": "staging", "run": "r", "attempt": 2, "owner": "bob"})),
    ];
    for step in &hidden {
        server.post_body("/v1/steps", "application/json", step.to_string()).await.recorded();
    }
    let before = [server.list("format=jsonl").await, server.deployments("format=jsonl").await];
    let caller = Caller::limited(&server, &["shop"], &["production"]).await;
    let nothing = StepId::generate().to_string();
    let (mut conflicts, mut lines, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for hidden in &hidden {
        let id = hidden["id"].as_str().unwrap();
        let mut same = hidden.clone();
        (same["component"], same["environment"]) = (json!("shop"), json!("production"));
        let ended = json!({"id": id, "component": "shop", "version": "7", "owner": "ann", "status": "x", "span": true,
            "outcome": "succeeded", "duration": 1});
        let aged =
            json!({"id": id, "component": "shop", "version": "7", "owner": "ann", "status": "started", "age": 86_400});
        for sent in [&same, &ended, &aged] {
            conflicts.push(problem(&caller.post("/v1/steps", sent).await, 409, id));
            let mut batch = caller.post("/v1/steps/batch", &json!([sent])).await.json();
            assert_eq!(batch["refused"], 1);
            lines.push(batch["steps"][0].take().to_string().replace(id, "ID"));
        }
        // As a span of that id that does not exist.
        for (path, body) in [
            ("steps/ID/finish", json!({"outcome": "succeeded"})),
            ("deployments/ID/exclude", json!({"reason": "r", "owner": "o"})),
            ("deployments/ID/include", json!({"owner": "o"})),
        ] {
            let of = |id: &str| format!("/v1/{}", path.replace("ID", id));
            let answer = caller.post(&of(id), &body).await;
            let expected = caller.post(&of(&nothing), &body).await;
            others.push(path);
            assert_eq!(problem(&answer, 404, id), problem(&expected, 404, &nothing), "{path}");
        }
        let both = json!([
            {"id": StepId::generate(), "component": "shop", "version": "8", "owner": "ann", "status": "building"}, &same,
        ]);
        let answer = caller.post("/v1/steps/batch", &both).await.json();
        assert_eq!((&answer["recorded"], &answer["refused"]), (&json!(1), &json!(1)), "{answer}");
    }
    for answers in [&mut conflicts, &mut lines] {
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:#?}");
        assert!(answers[0].contains("is taken") && !answers[0].contains("bank"), "{answers:?}");
    }
    assert_eq!(others.len(), 15);
    let after = [server.list("format=jsonl").await, server.deployments("format=jsonl").await];
    for (before, after) in before.iter().zip(&after) {
        let kept: Vec<&str> = after.lines().filter(|line| !line.contains("\"version\":\"8\"")).collect();
        assert_eq!(kept, before.lines().collect::<Vec<_>>());
    }
    // Of what it sees, the caller is told what differs.
    let own = json!({"id": StepId::generate(), "component": "shop", "version": "1", "owner": "ann", "status": "a"});
    caller.post("/v1/steps", &own).await.recorded();
    caller.post("/v1/steps", &own).await.step(200);
    let mut differing = own.clone();
    differing["version"] = json!("2");
    let told = caller.post("/v1/steps", &differing).await.problem(409);
    assert!(told.detail.contains("version"), "{told:?}");
    server.stop().await;
}

pub async fn what_is_not_seen_cannot_be_recorded(db: TestDb) {
    let server = open(&db).await;
    let taken = StepId::generate();
    let step = |id: StepId, component: &str, environment: &str| json!({"id": id, "component": component, "environment": environment, "version": "1", "owner": "ann", "status": "s"});
    server.post_body("/v1/steps", "application/json", step(taken, "bank", "production").to_string()).await.recorded();
    let before = server.list("").await;
    let caller = Caller::limited(&server, &["shop", "acme/*"], &["production"]).await;
    for (component, environment, fields) in [
        ("bank", "production", vec!["component"]),
        ("shop", "staging", vec!["environment"]),
        ("Shop", "Production", vec!["component", "environment"]),
        ("acme", "production", vec!["component"]),
    ] {
        // Whether the id is there already changes nothing.
        let mut told = Vec::new();
        for id in [taken, StepId::generate()] {
            let body = step(id, component, environment);
            let answer = caller.post("/v1/steps", &body).await;
            let problem = answer.problem(403);
            let wrong: Vec<&str> = problem.errors.iter().map(|error| error.field.as_str()).collect();
            assert_eq!(wrong, fields);
            told.push(lasting("", &answer).2);
            let query: Vec<String> = body
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, value)| format!("{name}={}", encoded(value.as_str().unwrap())))
                .collect();
            let answer = Answer::of(caller.request(Method::POST, &format!("/v1/steps?{}", query.join("&")))).await;
            told.push(lasting("", &answer).2);
            // Nothing of a batch is recorded, and its sender is told which of the steps it is.
            let batch = json!([step(StepId::generate(), "shop", "production"), body, {"component": "bank"}]);
            let problem = caller.post("/v1/steps/batch", &batch).await.problem(403);
            assert_eq!(problem.errors.len(), fields.len());
            assert!(problem.errors[0].message.starts_with("step 2: "), "{problem:?}");
        }
        told.dedup();
        assert_eq!(told.len(), 1, "{told:#?}");
    }
    assert_eq!(server.list("").await, before);
    caller.post("/v1/steps", &step(StepId::generate(), "acme/x", "production")).await.recorded();
    server.stop().await;
}
