//! Fetching what anybody may read.

use std::time::Duration;

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest answer read: a checkpoint with many post-quantum signatures.
const MAX_ANSWER: u64 = 1 << 20;

/// Longest page of a log: 1000 entries of 64 KiB.
const MAX_PAGE: u64 = 66 << 20;

/// An HTTP client.
pub struct Web(ureq::Agent);

impl Default for Web {
    fn default() -> Web {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_redirects(0)
            .user_agent(concat!("custodes-monitor/", env!("CARGO_PKG_VERSION")))
            .build();
        Web(agent.into())
    }
}

impl Web {
    /// The body of a 200; anything else is an error in words.
    pub fn get(&self, url: &str) -> Result<Vec<u8>, String> {
        let mut answer = self.0.get(url).call().map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER);
        let body = body.read_to_vec().map_err(|error| error.to_string())?;
        match status {
            200 => Ok(body),
            _ => Err(format!("HTTP status {status}")),
        }
    }

    /// What a token allows its holder to read, as text.
    pub fn read(&self, url: &str, token: &str) -> Result<String, String> {
        let asked = self.0.get(url);
        let asked = asked.header("authorization", format!("Custody {token}"));
        let mut answer = asked.call().map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().with_config().limit(MAX_PAGE);
        let body = body.read_to_string().map_err(|error| error.to_string())?;
        match status {
            200 => Ok(body),
            _ => Err(format!("HTTP status {status}: {}", body.trim_end())),
        }
    }

    /// The same, as text.
    pub fn text(&self, url: &str) -> Result<String, String> {
        String::from_utf8(self.get(url)?).map_err(|_| "the answer is not text".to_owned())
    }

    /// Posts JSON; any 2xx will do.
    pub fn post(&self, url: &str, body: &serde_json::Value) -> Result<(), String> {
        let sent = self.0.post(url).content_type("application/json");
        let answer = sent
            .send(body.to_string())
            .map_err(|error| error.to_string())?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(format!("HTTP status {}", answer.status().as_u16())),
        }
    }
}
