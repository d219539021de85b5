//! Manual provisioning by the operations of RFC 7644: the same validation, the same events.

use std::sync::Arc;

use async_trait::async_trait;
use scim_protocol::{
    Error,
    filter::Filter,
    message::{Page, Query},
    schema::ResourceType,
};
use serde_json::Value;

use super::{Listed, Provision};
use crate::{
    operation::{Answer, Content, Context, Operations, Preconditions, pace::Pace},
    tenant::record::base_path,
    token::Caller,
};

/// Resources on a page of a list.
const PAGE: u32 = 100;

#[async_trait]
impl Provision for Operations {
    async fn list(
        &self,
        caller: &Caller,
        resource_type: &str,
        filter: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Listed, Error> {
        let rt = resource_type_of(caller, resource_type)?;
        let query = Query {
            filter: filter.map(Filter::parse).transpose()?,
            filter_text: filter.map(str::to_owned),
            page: Page::Cursor(cursor.map(str::to_owned)),
            count: Some(PAGE),
            ..Query::default()
        };
        let endpoint = rt.endpoint.clone();
        let answer = self.query(&context(self, caller), &[rt], &endpoint, &query).await?;
        let Value::Object(mut list) = document(answer).await? else {
            return Ok(Listed::default());
        };
        let next = list.get("nextCursor").and_then(Value::as_str).map(str::to_owned);
        let resources = match list.shift_remove("Resources") {
            Some(Value::Array(resources)) => resources,
            _ => Vec::new(),
        };
        let total = list.get("totalResults").and_then(Value::as_u64).unwrap_or_default();
        Ok(Listed { resources, next, total })
    }

    async fn show(&self, caller: &Caller, resource_type: &str, id: &str) -> Result<Value, Error> {
        let rt = resource_type_of(caller, resource_type)?;
        let answer =
            self.retrieve(&context(self, caller), &rt, id, &Query::default(), &Preconditions::default()).await?;
        document(answer).await
    }

    async fn create(&self, caller: &Caller, resource_type: &str, body: Value) -> Result<Value, Error> {
        let rt = resource_type_of(caller, resource_type)?;
        let answer =
            Operations::create(self, &context(self, caller), &rt, self.ids.next(&*self.clock), body, &Query::default())
                .await?;
        document(answer).await
    }

    async fn delete(&self, caller: &Caller, resource_type: &str, id: &str) -> Result<(), Error> {
        let rt = resource_type_of(caller, resource_type)?;
        Operations::delete(self, &context(self, caller), &rt, id, &Preconditions::default()).await.map(drop)
    }
}

/// No request came over HTTP: locations are paths.
fn context(operations: &Operations, caller: &Caller) -> Context {
    let tenant = caller.tenant().id;
    Context {
        caller: caller.clone(),
        base: base_path(tenant),
        request: None,
        pace: Pace::new(&operations.lanes, tenant),
    }
}

fn resource_type_of(caller: &Caller, name: &str) -> Result<Arc<ResourceType>, Error> {
    caller
        .tenant()
        .registry
        .resource_type(name)
        .cloned()
        .ok_or_else(|| Error::value(format!("The tenant has no resource type \"{name}\".")))
}

/// The JSON of an answer, however it is delivered.
async fn document(answer: Answer) -> Result<Value, Error> {
    let bytes = match answer.content {
        Content::Nothing => return Ok(Value::Null),
        Content::Whole(bytes) => bytes,
        Content::Pieces(mut pieces) => {
            let mut bytes = Vec::new();
            while let Some(piece) = pieces.recv().await {
                bytes.extend_from_slice(&piece.map_err(Error::internal)?);
            }
            bytes
        }
    };
    serde_json::from_slice(&bytes).map_err(Error::internal)
}
