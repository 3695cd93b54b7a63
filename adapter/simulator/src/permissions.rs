//! Who may do what: users as the library keeps them, and diagnostics for everybody, as PLCs show them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use opcua::{
    crypto::Thumbprint,
    server::{
        ServerEndpoint, ServerUserToken,
        authenticator::{AuthManager, CoreServerPermissions, DefaultAuthenticator, Password, UserToken},
    },
    types::{Error, UserTokenPolicy},
};

/// The library's own manager of users, except that everyone may read the counts of sessions and subscriptions.
pub(crate) struct Permissions(DefaultAuthenticator);

impl Permissions {
    /// For these users besides the anonymous one.
    pub(crate) fn new(mut users: BTreeMap<String, ServerUserToken>) -> Self {
        users.values_mut().for_each(ServerUserToken::read_thumbprint);
        Self(DefaultAuthenticator::new(users))
    }
}

#[async_trait]
impl AuthManager for Permissions {
    async fn authenticate_anonymous_token(&self, endpoint: &ServerEndpoint) -> Result<(), Error> {
        self.0.authenticate_anonymous_token(endpoint).await
    }

    async fn authenticate_username_identity_token(
        &self,
        endpoint: &ServerEndpoint,
        username: &str,
        password: &Password,
    ) -> Result<UserToken, Error> {
        self.0.authenticate_username_identity_token(endpoint, username, password).await
    }

    async fn authenticate_x509_identity_token(
        &self,
        endpoint: &ServerEndpoint,
        signing_thumbprint: &Thumbprint,
    ) -> Result<UserToken, Error> {
        self.0.authenticate_x509_identity_token(endpoint, signing_thumbprint).await
    }

    fn user_token_policies(&self, endpoint: &ServerEndpoint) -> Vec<UserTokenPolicy> {
        self.0.user_token_policies(endpoint)
    }

    fn core_permissions(&self, _token: &UserToken) -> CoreServerPermissions {
        CoreServerPermissions { read_diagnostics: true }
    }
}
