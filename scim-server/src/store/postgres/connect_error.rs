//! Explains why a connection failed, and what to change.

use std::{error, io};

use rustls::CertificateError;
use tokio_postgres::error::SqlState;

use super::error::{QueryError, unavailable};
use crate::store::StoreError;

/// The error of a failed connection, with what to change.
pub(super) fn refused(error: tokio_postgres::Error) -> StoreError {
    let remedy = remedy(&error);
    let why = match QueryError::from(error) {
        QueryError::Contended(why) | QueryError::Lost(why) => why,
        QueryError::Final(StoreError::Unavailable(why)) => why.to_string(),
        QueryError::Final(error) => return error,
    };
    match remedy {
        Some(remedy) => unavailable(format!("{why}: {remedy}")),
        None => unavailable(why),
    }
}

fn remedy(error: &tokio_postgres::Error) -> Option<&'static str> {
    if let Some(why) = certificate(error) {
        return Some(match why {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "the database's certificate is not from an authority that is trusted here; name the certificate of the one that issued it with store_ca"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the database's certificate is for another host name than the URL has; write a name in the URL that the certificate has, or have one issued for this name"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the database's certificate has expired; renew it"
            }
            _ => "the database's certificate cannot be accepted; look at it with `openssl x509 -text`",
        });
    }
    match error.code() {
        Some(&SqlState::INVALID_PASSWORD) => {
            return Some(
                "the user or the password is wrong; give the password with store_password_file, or in the URL in SCIM_SERVER_STORE",
            );
        }
        Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            return Some(
                "the database's pg_hba.conf has no place for this user, database and kind of connection; where it wants TLS, write sslmode=require in the URL",
            );
        }
        Some(&SqlState::INVALID_CATALOG_NAME) => {
            return Some("make the database with CREATE DATABASE, or write another in the URL");
        }
        _ => {}
    }
    // The library distinguishes these errors by their text only.
    let told = causes(error).map(ToString::to_string).collect::<Vec<_>>();
    let tells = |words: &str| told.iter().any(|cause| cause.contains(words));
    if tells("password missing") {
        Some("the database asks for a password; give it with store_password_file, or in the URL in SCIM_SERVER_STORE")
    } else if tells("server does not support TLS") {
        Some(
            "set ssl = on at the database; or, on a network where nobody else listens, write sslmode=disable in the URL",
        )
    } else {
        None
    }
}

/// What is wrong with the database's certificate, if that is what is wrong.
fn certificate(error: &tokio_postgres::Error) -> Option<&CertificateError> {
    causes(error).find_map(|cause| {
        let within = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = cause.downcast_ref::<rustls::Error>().or_else(|| within.and_then(|error| error.downcast_ref()));
        match tls {
            Some(rustls::Error::InvalidCertificate(why)) => Some(why),
            _ => None,
        }
    })
}

fn causes<'a>(error: &'a (dyn error::Error + 'static)) -> impl Iterator<Item = &'a (dyn error::Error + 'static)> {
    std::iter::successors(
        Some(error),
        |error: &&'a (dyn error::Error + 'static)| -> Option<&'a (dyn error::Error + 'static)> { (*error).source() },
    )
}
