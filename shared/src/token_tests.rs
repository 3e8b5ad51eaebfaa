//! Tokens as they are asked for.

use proptest::prelude::*;

use super::*;

fn read(json: &str) -> Result<NewToken, String> {
    let members: JsonFields = serde_json::from_str(json).map_err(|error| error.to_string())?;
    NewToken::from_json(members).map_err(|error| error.to_string())
}

#[test]
fn reads_what_it_writes() {
    let json = r#"{"name":"ci","scopes":["read","record"],"components":["acme/*","shop"],"environments":["staging"],
        "owner":"ann","expires_in":"90d"}"#;
    let token = read(json).unwrap();
    assert_eq!(token.scopes.to_string(), "record,read");
    assert_eq!(token.expires_in, Some(Duration::from_secs(90 * 86_400)));
    assert_eq!(read(&serde_json::to_string(&token).unwrap()), Ok(token));
    let short =
        read(r#"{"name":"x","scopes":"admin,admin","components":"a,b","owner":null,"expires_in":0.5}"#).unwrap();
    assert_eq!((short.scopes.as_slice(), short.components.len()), (&[Scope::Admin][..], 1));
    assert_eq!(read(&serde_json::to_string(&short).unwrap()), Ok(short));
}

#[test]
fn tells_every_wrong_member_at_once() {
    let error =
        read(r#"{"scopes":[],"components":["", 7],"owner":"","expires_in":0,"nmae":"x","scopes":"read"}"#).unwrap_err();
    for part in [
        "did you mean \"name\"?",
        "scopes is given more than once",
        "Missing name parameter",
        "scopes must be at least one of record, read and admin",
        "components must not be empty",
        "components must be a JSON string, not 7",
        "owner must not be empty",
        "expires_in must be longer than nothing",
    ] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let error = read(r#"{"name":"x","scopes":["records"],"expires_in":-1}"#).unwrap_err();
    assert!(error.contains("did you mean \"record\"?") && error.contains("expires_in is not a duration"), "{error}");
    let many = vec!["\"a\""; 65].join(",");
    let error = read(&format!(r#"{{"name":"x","scopes":"read","components":[{many}]}}"#)).unwrap_err();
    assert_eq!(error, "components has 65 entries; at most 64 are allowed");
}

#[test]
fn admin_permits_everything_and_the_others_themselves() {
    let permitted = |scopes: &str| -> Vec<Scope> {
        let scopes: Scopes = scopes.parse().unwrap();
        Scope::ALL.iter().copied().filter(|scope| scopes.permit(*scope)).collect()
    };
    assert_eq!(permitted("admin"), Scope::ALL);
    assert_eq!(permitted("record"), [Scope::Record]);
    assert_eq!(permitted("read, record"), [Scope::Record, Scope::Read]);
    assert!("".parse::<Scopes>().is_err() && " , ".parse::<Scopes>().is_err());
    assert!(serde_json::from_str::<Scopes>("[]").is_err());
}

#[test]
fn json_has_a_member_for_each_column_and_no_more() {
    let json = r#"{"id":"0197a000-0000-7000-8000-000000000001","name":"ci","scopes":["record"],"components":["a*","b"],
        "environments":[],"owner":null,"created_at":"2026-01-05T09:30:00.000000Z","expires_at":null,"last_used_at":null}"#;
    let token: Token = serde_json::from_str(json).unwrap();
    let json = serde_json::to_value(&token).unwrap();
    let columns = crate::Selected { columns: TokenColumn::ALL, row: &token };
    assert_eq!(json, serde_json::to_value(&columns).unwrap());
    assert_eq!(token.cell(TokenColumn::Components).to_string(), "a*,b");

    let secret = TokenSecret::from_bits([9; 32]);
    let created = CreatedToken { token, secret: secret.clone() };
    let json = serde_json::to_string(&created).unwrap();
    assert!(json.contains(secret.expose()) && json.contains(r#""name":"ci""#), "{json}");
    assert_eq!(serde_json::from_str::<CreatedToken>(&json).unwrap(), created);
    assert!(!format!("{created:?}").contains(&secret.expose()[6..]));
}

proptest! {
    #[test]
    fn any_json_is_read_or_refused(json in "\\PC{0,80}", name in "\\PC{0,80}", scopes in "\\PC{0,40}") {
        let _ = read(&json);
        let json = serde_json::json!({"name": name, "scopes": [scopes]}).to_string();
        if let Ok(token) = read(&json) {
            prop_assert_eq!(read(&serde_json::to_string(&token).unwrap()), Ok(token));
        }
    }
}
