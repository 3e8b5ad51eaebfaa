//! A real browser: Debian's chromium, driven by its `chromedriver` (WebDriver).

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::faults::free_port;
use crate::{PATIENCE, eventually, program};

/// A running browser; it is killed with this.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    _driver: Driver,
}

/// A command of this browser that WebDriver does not know.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

const HINT: &str = "tests/run-tests installs it, or: apt-get install chromium chromium-driver";

/// The driver, and the browser that it has started: both end with this.
#[derive(Debug)]
struct Driver {
    child: Child,
    port: u16,
    session: Option<String>,
    _home: TempDir,
}

impl Browser {
    /// Starts one, 1280 pixels wide, in the light.
    ///
    /// # Panics
    /// Where there is none, or it does not start.
    pub async fn start() -> Self {
        let home = TempDir::with_prefix("steps-browser-").expect("a temporary folder");
        let port = free_port().await;
        let mut command = Command::new(program("chromedriver", HINT));
        command.arg(format!("--port={port}")).arg("--log-level=OFF").env("HOME", home.path());
        // Its profile goes with the folder.
        command.env("TMPDIR", home.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("chromedriver starts");
        let mut driver = Driver { child, port, session: None, _home: home };
        // As root it runs without a sandbox alone; small machines have a small /dev/shm.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--lang=en-US",
        ];
        let options = json!({"binary": program("chromium", HINT), "args": arguments});
        let capabilities = json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let url = format!("http://127.0.0.1:{port}/");
        let client = eventually("a browser starts", async || {
            if let Ok(Some(status)) = driver.child.try_wait() {
                panic!("chromedriver ended: {status}");
            }
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(capabilities.as_object().cloned().unwrap_or_default());
            builder.connect(&url).await.ok()
        })
        .await;
        driver.session = client.session_id().await.ok().flatten();
        let browser = Self { client, _driver: driver };
        browser.look(1280, "light").await;
        browser
    }

    /// The client, for what is not here.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Looks through a window of this width, in the `light` or in the `dark`.
    pub async fn look(&self, width: u32, scheme: &str) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// A command of the browser's developer tools.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let own = Own { path: "goog/cdp/execute", body: json!({"cmd": command, "params": parameters}) };
        self.client.issue_cmd(own).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Opens an address.
    ///
    /// # Panics
    /// Where that fails.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    }

    /// The address that is shown, without its scheme and host.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.expect("an address");
        url[url::Position::BeforePath..].to_owned()
    }

    /// The value of a script.
    ///
    /// # Panics
    /// Where it fails.
    pub async fn value(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// The text of the first element of a selector, as a reader sees it; empty where there is none.
    pub async fn text(&self, css: &str) -> String {
        let script = format!("return document.querySelector({})?.innerText ?? ''", json!(css));
        self.value(&script).await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the text of an element has this in it.
    pub async fn says(&self, css: &str, text: &str) {
        eventually(&format!("{css} says {text:?}"), async || self.text(css).await.contains(text).then_some(())).await;
    }

    /// Clicks the first element of a selector.
    ///
    /// # Panics
    /// Where there is none, or it cannot be clicked.
    pub async fn click(&self, css: &str) {
        let element = self.client.find(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"));
        element.click().await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// Types into the first element of a selector.
    ///
    /// # Panics
    /// Where there is none.
    pub async fn keys(&self, css: &str, keys: &str) {
        let element = self.client.find(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"));
        element.send_keys(keys).await.unwrap_or_else(|error| panic!("{css}: {error}"));
    }

    /// What the console says since this was asked last: warnings and errors.
    ///
    /// # Panics
    /// Where that is not told.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.client.issue_cmd(Own { path: "se/log", body: json!({"type": "browser"}) }).await.expect("a log");
        let lines = log.as_array().cloned().unwrap_or_default();
        let is_bad = |line: &Value| ["WARNING", "SEVERE"].contains(&line["level"].as_str().unwrap_or_default());
        lines.iter().filter(|line| is_bad(line)).map(|line| line["message"].to_string()).collect()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The browser outlives a driver that is killed; it ends with its session.
        if let (Some(session), Ok(mut stream)) = (&self.session, TcpStream::connect(("127.0.0.1", self.port))) {
            let end = format!("DELETE /session/{session} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
            let asked = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.write_all(end.as_bytes()));
            // It answers when the browser has ended.
            let _ = asked.and_then(|()| stream.read(&mut [0; 512]));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
