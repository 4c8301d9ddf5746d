//! Requests to the API server, in JSON: enough for tests to write and read objects without kubectl.

use reqwest::{Client, Method, RequestBuilder, Response, header};
use serde_json::Value;

/// A request that was not answered as wished.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The API server refused the request.
    #[error("{method} {path}: {code} {message}")]
    Refused {
        /// The method of the request.
        method: Method,
        /// Its path.
        path: String,
        /// The status code of the answer.
        code: u16,
        /// The message of the answer.
        message: String,
    },
    /// There was no answer, or none that can be read.
    #[error("{method} {path}: no usable answer")]
    Unanswered {
        /// The method of the request.
        method: Method,
        /// Its path.
        path: String,
        /// What went wrong.
        source: reqwest::Error,
    },
}

impl ApiError {
    /// The status code of a refusal.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Unanswered { .. } => None,
        }
    }
}

/// A client of the API server. Paths are as in the API, such as `/api/v1/namespaces/default/pods`.
#[derive(Clone, Debug)]
pub struct ApiClient {
    http: Client,
    base: String,
    token: Option<String>,
}

impl ApiClient {
    /// Makes a client of the server at the base URL, without a slash at the end; the token is sent when there is one.
    pub fn new(http: Client, base: String, token: Option<String>) -> Self {
        Self { http, base, token }
    }

    /// Reads an object or a list.
    pub async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.object(Method::GET, path, None).await
    }

    /// Reads an object's metadata only (a `PartialObjectMetadata`).
    pub async fn get_metadata(&self, path: &str) -> Result<Value, ApiError> {
        let request = self.http.get(self.url(path)).header(header::ACCEPT, "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
        parsed(Method::GET, path, self.send(Method::GET, path, request).await?).await
    }

    /// Creates an object in the collection at the path and returns it as stored.
    pub async fn create(&self, path: &str, object: &Value) -> Result<Value, ApiError> {
        self.object(Method::POST, path, Some(("application/json", object))).await
    }

    /// Changes the object at the path by a merge patch and returns it as stored; `/status` at the end of the path changes its status.
    pub async fn patch(&self, path: &str, change: &Value) -> Result<Value, ApiError> {
        self.object(Method::PATCH, path, Some(("application/merge-patch+json", change))).await
    }

    /// Applies the object at the path, creating it when it is not there (server-side apply, taking over other managers' fields).
    pub async fn apply(&self, path: &str, object: &Value) -> Result<Value, ApiError> {
        let path = format!("{path}?fieldManager=testkit&force=true");
        self.object(Method::PATCH, &path, Some(("application/apply-patch+yaml", object))).await
    }

    /// Deletes the object at the path, without the grace that a pod gets for its node to end it.
    pub async fn delete(&self, path: &str) -> Result<(), ApiError> {
        self.request(Method::DELETE, &format!("{path}?gracePeriodSeconds=0"), None).await.map(drop)
    }

    /// Reads a page that is not JSON, such as `/readyz` or `/metrics`.
    pub async fn text(&self, path: &str) -> Result<String, ApiError> {
        let answer = self.request(Method::GET, path, None).await?;
        answer.text().await.map_err(|source| ApiError::Unanswered { method: Method::GET, path: path.to_owned(), source })
    }

    async fn object(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Result<Value, ApiError> {
        let answer = self.request(method.clone(), path, body).await?;
        parsed(method, path, answer).await
    }

    async fn request(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Result<Response, ApiError> {
        let mut request = self.http.request(method.clone(), self.url(path));
        if let Some((kind, body)) = body {
            request = request.header(header::CONTENT_TYPE, kind).body(body.to_string());
        }
        self.send(method, path, request).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn send(&self, method: Method, path: &str, mut request: RequestBuilder) -> Result<Response, ApiError> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let path = path.to_owned();
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(answer),
            Ok(answer) => {
                let code = answer.status().as_u16();
                let text = answer.text().await.unwrap_or_default();
                let status: Value = serde_json::from_str(&text).unwrap_or_default();
                let message = status["message"].as_str().map_or(text, str::to_owned);
                Err(ApiError::Refused { method, path, code, message })
            }
            Err(source) => Err(ApiError::Unanswered { method, path, source }),
        }
    }
}

async fn parsed(method: Method, path: &str, answer: Response) -> Result<Value, ApiError> {
    answer.json().await.map_err(|source| ApiError::Unanswered { method, path: path.to_owned(), source })
}
