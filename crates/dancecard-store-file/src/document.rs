//! A record as a document: the facts under their names, then the data.

use std::borrow::Cow;
use std::time::Duration;

use dancecard_core::{CodecTag, Meta, RecordKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;
use crate::moment::Moment;

/// The form of documents that this release writes and reads.
const LAYOUT: u8 = 1;

/// What is in a file. `D` is data in the format's own form.
///
/// Exactly one of the last three fields is there. A person may leave out whatever is optional; what is not known is
/// refused, lest a misspelt fact be lost with the next write.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document<'a, D> {
    dancecard: u8,
    /// Random: it makes equal records different files, so that no version comes back.
    #[serde(default)]
    nonce: Cow<'a, str>,
    /// Where the file's name has room for its hash only.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    absolute_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renewed_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idle_secs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    codec: Option<u8>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    retired: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    successor: Option<String>,
    /// The session's data, as anyone may read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<D>,
    /// The payload as it is, when it is not data that the format can say exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Bytes<'a>>,
    /// Facts and payload in the form of the envelope, should the format not be able to say a fact exactly.
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope: Option<Bytes<'a>>,
}

/// What a document holds besides the facts.
#[derive(Debug)]
pub(crate) enum Body<'a, D> {
    Data(D),
    Payload(Cow<'a, [u8]>),
    Envelope(Cow<'a, [u8]>),
}

impl<'a, D> Body<'a, D> {
    /// The same, with what it holds borrowed.
    pub(crate) fn borrow(&self) -> Body<'_, &D> {
        match self {
            Self::Data(data) => Body::Data(data),
            Self::Payload(bytes) => Body::Payload(bytes.as_ref().into()),
            Self::Envelope(bytes) => Body::Envelope(bytes.as_ref().into()),
        }
    }

    /// The same with its data in another form, if they have it.
    pub(crate) fn map<E>(self, form: impl FnOnce(D) -> Option<E>) -> Option<Body<'a, E>> {
        match self {
            Self::Data(data) => form(data).map(Body::Data),
            Self::Payload(bytes) => Some(Body::Payload(bytes)),
            Self::Envelope(bytes) => Some(Body::Envelope(bytes)),
        }
    }
}

impl<'a, D> Document<'a, D> {
    /// A document of these facts, which an envelope holds itself.
    pub(crate) fn new(nonce: &'a str, key: Option<&RecordKey>, meta: &'a Meta, body: Body<'a, D>) -> Self {
        let mut document = Self::empty(nonce, key);
        if !matches!(body, Body::Envelope(_)) {
            document.tell(meta);
        }
        match body {
            Body::Envelope(bytes) => document.envelope = Some(Bytes(bytes)),
            Body::Payload(bytes) => document.payload = Some(Bytes(bytes)),
            Body::Data(data) => document.data = Some(data),
        }
        document
    }

    fn empty(nonce: &'a str, key: Option<&RecordKey>) -> Self {
        Self {
            dancecard: LAYOUT,
            nonce: nonce.into(),
            key: key.map(RecordKey::to_hex),
            created_at: None,
            expires_at: None,
            absolute_at: None,
            renewed_at: None,
            idle_secs: None,
            principal: None,
            user_agent: None,
            address: None,
            codec: None,
            retired: false,
            successor: None,
            data: None,
            payload: None,
            envelope: None,
        }
    }

    fn tell(&mut self, meta: &'a Meta) {
        let absolute = Moment(meta.absolute_at());
        self.created_at = Some(Moment(meta.created_at()));
        self.expires_at = Some(Moment(meta.expires_at()));
        self.absolute_at = (meta.absolute_at() != Timestamp::MAX).then_some(absolute);
        self.renewed_at = (meta.renewed_at() != meta.created_at()).then_some(Moment(meta.renewed_at()));
        self.idle_secs = meta.idle().map(|idle| u32::try_from(idle.as_secs()).unwrap_or(u32::MAX));
        self.principal = meta.principal().map(|who| who.as_str().into());
        self.user_agent = meta.user_agent().map(Into::into);
        self.address = meta.address().map(Into::into);
        self.codec = (meta.codec() != CodecTag::JSON).then_some(meta.codec().0);
        self.retired = meta.is_retired();
        self.successor = meta.successor().map(RecordKey::to_hex);
    }

    /// Whether this release knows such documents.
    pub(crate) fn is_known(&self) -> bool {
        self.dancecard == LAYOUT
    }

    /// The key that it names. `Err` when that is not readable.
    pub(crate) fn key(&self) -> Result<Option<RecordKey>, ()> {
        let spelled = |digits: &str| match digits {
            "" => Ok(RecordKey::new(b"")),
            digits => RecordKey::from_hex(digits).ok_or(()),
        };
        self.key.as_deref().map(spelled).transpose()
    }

    /// The facts, unless one that is needed is missing, or two contradict each other.
    pub(crate) fn meta(&self) -> Option<Meta> {
        let created = self.created_at?.0;
        let moment = |moment: Option<Moment>| moment.map(|moment| moment.0);
        let meta = Meta::new(created, self.expires_at?.0)
            .with_absolute_at(moment(self.absolute_at).unwrap_or(Timestamp::MAX))
            .with_renewed_at(moment(self.renewed_at).unwrap_or(created))
            .with_idle(self.idle_secs.map(|secs| Duration::from_secs(secs.into())))
            .with_codec(self.codec.map_or(CodecTag::JSON, CodecTag));
        if self.retired {
            let successor = self.successor.as_deref().map(|digits| RecordKey::from_hex(digits).ok_or(()));
            return Some(meta.into_retired(successor.transpose().ok()?));
        }
        let principal = self.principal.as_deref().map(|name| name.into());
        let device = (self.user_agent.as_deref(), self.address.as_deref());
        self.successor.is_none().then(|| meta.with_principal(principal).with_device(device.0, device.1))
    }

    /// The rest, unless there is more than one, or none.
    pub(crate) fn into_body(self) -> Option<Body<'a, D>> {
        match (self.data, self.payload, self.envelope) {
            (Some(data), None, None) => Some(Body::Data(data)),
            (None, Some(bytes), None) => Some(Body::Payload(bytes.0)),
            (None, None, Some(bytes)) => Some(Body::Envelope(bytes.0)),
            _ => None,
        }
    }
}
