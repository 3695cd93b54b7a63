//! A plain HTTP client for the adapter's own pages.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::Metrics;

/// One HTTP server.
#[derive(Clone, Debug)]
pub struct Http {
    base: String,
    agent: ureq::Agent,
    token: Option<String>,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON, status {}: {}", self.status, self.body))
    }
}

impl Http {
    /// The server at a port of loopback.
    pub fn at(port: u16) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build();
        Self { base: format!("http://127.0.0.1:{port}"), agent: config.into(), token: None }
    }

    /// The same server, asked with a bearer token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// Asks for a page.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        let (agent, url) = (self.agent.clone(), format!("{}{path}", self.base));
        blocking(move || answer(agent.get(&url).call()).with_context(|| format!("GET {url}"))).await
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        self.post_text(path, body.to_string()).await
    }

    /// Posts any text, said to be JSON.
    pub async fn post_text(&self, path: &str, body: String) -> Result<Reply> {
        let (agent, url, token) = (self.agent.clone(), format!("{}{path}", self.base), self.token.clone());
        blocking(move || {
            let mut request = agent.post(&url).content_type("application/json");
            if let Some(token) = token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            answer(request.send(body)).with_context(|| format!("POST {url}"))
        })
        .await
    }

    /// The metrics of this moment.
    pub async fn metrics(&self) -> Result<Metrics> {
        Ok(Metrics::parse(&self.get("/metrics").await?.body))
    }
}

fn answer(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Reply> {
    let mut response = result?;
    let status = response.status().as_u16();
    Ok(Reply { status, body: response.body_mut().read_to_string()? })
}

async fn blocking<T: Send + 'static>(job: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(job).await.context("the request panicked")?
}
