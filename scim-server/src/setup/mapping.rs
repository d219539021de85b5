//! What is rewritten of what the provider sends, for links that allow to see and change it.
//!
//! A change is a list of all rewrites, as the command `mapping set` takes it. It is shown before it is made: what it
//! would do to the users and groups that are stored, in numbers alone, as a link for this lets nobody read persons.

use std::collections::BTreeMap;

use hyper::StatusCode;
use scim_protocol::Error;
use serde_json::Value;

use super::{
    command::{NotDone, reasoned, rows, text},
    rewrite::{self, LOOKED_AT, preview_empty, preview_note},
    visitor::Visitor,
};
use crate::{
    admin::{AdminRequest, Fault, MappingRequest, RulesRequest},
    tenant::mapping::Rewrite,
    token::secret,
    web::{Button, Cell, Field, Form, Piece, Section, Table, Tone, WebResponse, flags, response},
};

impl Visitor {
    /// The rewrites, with what changes them.
    pub(super) async fn mapping(&self) -> Result<WebResponse, Error> {
        Ok(self.mapping_page(None).await.unwrap_or_else(|NotDone| self.failed()))
    }

    /// Shows what a change would do. What cannot be done is said in the form, which keeps what was typed.
    pub(super) async fn mapping_preview(&self) -> Result<WebResponse, Error> {
        let Ok(known) = self.rewrites().await else { return Ok(self.failed()) };
        let fields = self.fields();
        let wanted: Vec<_> = match self.form.get("remove") {
            Some(name) => known.iter().filter(|rewrite| text(rewrite, "name") != name).cloned().collect(),
            None => match flags::empty(&fields, &self.form) {
                Some(why) => return Ok(self.refused_rewrite(&Fault::new(400, why)).await),
                None => [known.as_slice(), &[rewrite::typed(&fields, &self.form)]].concat(),
            },
        };
        let would = match self.map(&wanted, true).await {
            Ok(would) => would,
            Err(fault) => return Ok(self.refused_rewrite(&fault).await),
        };
        let (note, table) = preview(&would, !wanted.is_empty());
        let section = Section::new("What would change")
            .note(note)
            .with(table)
            .with(Form {
                action: format!("{}/mapping/set", self.view.base()),
                csrf: self.word(),
                fields: vec![
                    Field::hidden("was", fingerprint(&known)),
                    Field::hidden("rewrites", Value::from(wanted).to_string()),
                ],
                submit: "Change it".to_owned(),
                ..Form::default()
            })
            .with(Piece::Links(vec![(format!("{}/mapping", self.view.base()), "Change nothing".to_owned())]));
        Ok(response::page(StatusCode::OK, &self.page("Mapping", "/mapping").with(section)))
    }

    /// Makes a change that was shown, unless the rewrites are others by now.
    pub(super) async fn mapping_set(&self) -> Result<WebResponse, Error> {
        let Ok(known) = self.rewrites().await else { return Ok(self.failed()) };
        let wanted = self.form.json("rewrites").ok().filter(|_| self.form.text("was") == fingerprint(&known));
        let Some(Value::Array(wanted)) = wanted else {
            let why = "The rewrites were changed meanwhile, and nothing was done now. Go back and look at them again.";
            return Ok(self.not_done(StatusCode::CONFLICT, why.to_owned()));
        };
        Ok(match self.map(&wanted, false).await {
            Ok(_) => response::redirect(&format!("{}/mapping", self.view.base())),
            Err(fault) => self.refused_rewrite(&fault).await,
        })
    }

    /// The rewrites as they are.
    async fn rewrites(&self) -> Result<Vec<Value>, NotDone> {
        rows(&self.context, self.rules(MappingRequest::List)).await
    }

    fn rules(&self, request: MappingRequest) -> AdminRequest {
        AdminRequest::Rules { tenant: self.which(), request: RulesRequest::Mapping(request) }
    }

    /// Replaces the rewrites by these, or tells what that would do.
    async fn map(&self, rewrites: &[Value], dry_run: bool) -> Result<Vec<Value>, Fault> {
        let rewrites = rewrites.iter().cloned().map(serde_json::from_value::<Rewrite>).collect::<Result<Vec<_>, _>>();
        let unreadable = |error: serde_json::Error| Fault::new(400, error.to_string());
        let rewrites = rewrites.map_err(unreadable)?;
        let request = self.rules(MappingRequest::Set { rewrites, dry_run, limit: dry_run.then_some(LOOKED_AT) });
        reasoned(&self.as_administrator(), request).await
    }

    async fn refused_rewrite(&self, fault: &Fault) -> WebResponse {
        // Only what is said of the rewrites themselves is for customers.
        if fault.status != StatusCode::BAD_REQUEST.as_u16() {
            return self.failed();
        }
        let why = fault.message.strip_prefix("mapping: ").unwrap_or(&fault.message);
        let why = flags::of_typed(why, &self.fields(), &self.form);
        self.mapping_page(Some(format!("That cannot be done: {why}"))).await.unwrap_or_else(|NotDone| self.failed())
    }

    async fn mapping_page(&self, wrong: Option<String>) -> Result<WebResponse, NotDone> {
        let (known, fields) = (self.rewrites().await?, self.fields());
        let none = "Nothing is rewritten: users and groups are taken as your provider sends them.";
        let mut table = Table::new(&["Name", "Rewrite", "Of", "Attribute", "To", "Value", ""], none);
        for rewrite in &known {
            let mut cells: Vec<_> = fields.iter().map(|field| Cell::from(text(rewrite, field.name))).collect();
            cells.push(Cell::Button(self.remove_button(text(rewrite, "name"))));
            table.push(cells);
        }
        let note = "In this order, with each user or group that your provider sends.";
        let section = Section::new("What is rewritten of what your provider sends").note(note).with(table);
        let mut page = self.page("Mapping", "/mapping");
        let status = if wrong.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
        // Buttons send these: there is no form then that somebody has filled in.
        let is_button = ["remove", "rewrites"].iter().any(|name| self.form.get(name).is_some());
        let (above, beside) = if is_button { (wrong, None) } else { (None, wrong) };
        if let Some(why) = above {
            page = page.with(Piece::Notice(Tone::Bad, why));
        }
        Ok(response::page(status, &page.with(section).with(self.add_section(beside))))
    }

    fn remove_button(&self, name: &str) -> Button {
        Button {
            action: format!("{}/mapping/preview", self.view.base()),
            csrf: self.word(),
            fields: vec![("remove".to_owned(), name.to_owned())],
            label: "Remove".to_owned(),
            tone: Tone::Plain,
        }
    }

    /// What the form says of a rewrite.
    fn fields(&self) -> Vec<Field> {
        let types: Vec<_> = self.tenant.registry.resource_types().iter().map(|rt| rt.name.as_str()).collect();
        rewrite::fields(&types)
    }

    /// The form of another rewrite; with why and with what was typed, if that was refused.
    fn add_section(&self, wrong: Option<String>) -> Section {
        let form = Form {
            action: format!("{}/mapping/preview", self.view.base()),
            csrf: self.word(),
            fields: self.fields(),
            submit: "Look what would change".to_owned(),
            ..Form::default()
        };
        let form = match wrong {
            Some(why) => form.sent(&self.form, why),
            None => form,
        };
        Section::new("Another rewrite").note("First it is only shown.").with(form)
    }
}

/// What a preview tells: how many would be changed, and of how many each attribute.
fn preview(rows: &[Value], is_any: bool) -> (String, Table) {
    let mut attributes: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in rows {
        for (attribute, _) in row.get("changes").and_then(Value::as_object).into_iter().flatten() {
            *attributes.entry((text(row, "type"), attribute)).or_default() += 1;
        }
    }
    let note = rows.last().map_or("", |last| text(last, "note"));
    let note = preview_note(&[note], is_any, "others are not looked at");
    let mut table = Table::new(&["Of", "Attribute", "Changed"], preview_empty(is_any));
    for ((kind, attribute), count) in attributes {
        table.push(vec![kind.into(), Cell::Code(attribute.to_owned()), count.to_string().into()]);
    }
    (note, table)
}

/// By which a form tells that the rewrites are those that it has shown.
fn fingerprint(rewrites: &[Value]) -> String {
    hex::encode(secret::digest(&Value::from(rewrites.to_vec()).to_string()))
}
