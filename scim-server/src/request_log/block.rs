//! Some thousand rows together, compressed, behind what tells whether a search must read them.
//!
//! A block stands for itself: a header of a fixed size; which tenants it has, with the kinds of their calls; a filter
//! of ids; a table of its chunks; the fixed fields of all rows; and the texts in chunks, so that one row costs the
//! reading of one chunk. Each part has a checksum.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Seek, SeekFrom},
};

use uuid::Uuid;

use super::{
    filter,
    row::{self, FIXED, Fixed, Kinds, take},
};

/// What a block begins with; the last character is the version of the form.
const MAGIC: [u8; 4] = *b"SRL1";
/// The size of a header.
pub(super) const HEADER: usize = 76;
/// How many bytes of text are compressed together.
const CHUNK: usize = 256 * 1024;
/// The least compression: the texts repeat so much that more brings little.
const LEVEL: i32 = 1;
/// The size of an entry of the two lists before the data.
const TENANT: usize = 20;
const ENTRY: usize = 16;
/// The most that one part is believed to be long. A longer one is damage.
const MAX_PART: u32 = 1 << 30;

/// The beginning of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// The number of the block: one more than that of the block before.
    pub sequence: u64,
    /// The earliest and the latest time of a call in it.
    pub first: i64,
    pub last: i64,
    pub rows: u32,
    /// How many calls were lost while it was filled.
    pub lost: u32,
    tenants: u32,
    filter: u32,
    table: u32,
    fixed: u32,
    fixed_raw: u32,
    texts: u32,
    index_sum: u32,
    fixed_sum: u32,
}

/// A chunk of texts.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    /// The number of its first row.
    first: u32,
    packed: u32,
    raw: u32,
    sum: u32,
}

/// Compresses.
pub(super) struct Packer(zstd::bulk::Compressor<'static>);

impl Packer {
    pub fn new() -> io::Result<Self> {
        Ok(Self(zstd::bulk::Compressor::new(LEVEL)?))
    }

    /// The block of these rows, of which there is at least one.
    pub fn block(&mut self, sequence: u64, lost: u32, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut parts = Parts::default();
        for (fixed, text) in row::rows(bytes) {
            parts.add(self, &fixed, text)?;
        }
        parts.end_chunk(self)?;
        let (index, tenants, filter) = parts.index();
        let fixed = self.0.compress(&parts.fixed)?;
        let header = Header {
            sequence,
            first: parts.first,
            last: parts.last,
            rows: length(parts.fixed.len() / FIXED)?,
            lost,
            tenants: length(tenants)?,
            filter: length(filter)?,
            table: length(parts.table.len())?,
            fixed: length(fixed.len())?,
            fixed_raw: length(parts.fixed.len())?,
            texts: length(parts.texts.len())?,
            index_sum: crc32fast::hash(&index),
            fixed_sum: crc32fast::hash(&fixed),
        };
        Ok([&header.to_bytes()[..], &index, &fixed, &parts.texts].concat())
    }
}

fn length(bytes: usize) -> io::Result<u32> {
    u32::try_from(bytes).map_err(io::Error::other)
}

/// What a block is put together from.
struct Parts {
    first: i64,
    last: i64,
    tenants: BTreeMap<Uuid, Kinds>,
    ids: BTreeSet<Uuid>,
    fixed: Vec<u8>,
    /// The texts of the chunk that is being filled.
    chunk: Vec<u8>,
    chunk_first: u32,
    table: Vec<u8>,
    texts: Vec<u8>,
}

impl Default for Parts {
    fn default() -> Self {
        let (tenants, ids) = (BTreeMap::new(), BTreeSet::new());
        let (fixed, chunk, table, texts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { first: i64::MAX, last: i64::MIN, tenants, ids, fixed, chunk, chunk_first: 0, table, texts }
    }
}

impl Parts {
    fn add(&mut self, packer: &mut Packer, fixed: &Fixed, text: &[u8]) -> io::Result<()> {
        self.first = self.first.min(fixed.at);
        self.last = self.last.max(fixed.at);
        *self.tenants.entry(fixed.tenant).or_default() |= fixed.kind();
        self.ids.extend([fixed.token, fixed.resource].into_iter().filter(|id| !id.is_nil()));
        self.fixed.extend_from_slice(&fixed.to_bytes());
        self.chunk.extend_from_slice(text);
        if self.chunk.len() >= CHUNK { self.end_chunk(packer) } else { Ok(()) }
    }

    fn end_chunk(&mut self, packer: &mut Packer) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        let packed = packer.0.compress(&self.chunk)?;
        let (raw, sum) = (length(self.chunk.len())?, crc32fast::hash(&packed));
        for number in [self.chunk_first, length(packed.len())?, raw, sum] {
            self.table.extend_from_slice(&number.to_le_bytes());
        }
        self.texts.extend_from_slice(&packed);
        self.chunk.clear();
        self.chunk_first = length(self.fixed.len() / FIXED)?;
        Ok(())
    }

    /// Tenants, filter and table; and how long the first two are.
    fn index(&self) -> (Vec<u8>, usize, usize) {
        let mut index = Vec::new();
        for (tenant, kinds) in &self.tenants {
            index.extend_from_slice(tenant.as_bytes());
            index.extend_from_slice(&kinds.0.to_le_bytes());
        }
        let tenants = index.len();
        let filter = filter::of(self.ids.iter().copied());
        index.extend_from_slice(&filter);
        index.extend_from_slice(&self.table);
        (index, tenants, filter.len())
    }
}

impl Header {
    fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&[0; 4]);
        for number in [self.sequence.to_le_bytes(), self.first.to_le_bytes(), self.last.to_le_bytes()] {
            bytes.extend_from_slice(&number);
        }
        let lengths = [self.tenants, self.filter, self.table, self.fixed, self.fixed_raw, self.texts];
        for number in [self.rows, self.lost].into_iter().chain(lengths).chain([self.index_sum, self.fixed_sum]) {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        let mut header = [0; HEADER];
        // Four bytes at the end are kept for later.
        for (to, from) in header.iter_mut().zip(bytes) {
            *to = from;
        }
        let sum = crc32fast::hash(&header[8..]);
        header[4..8].copy_from_slice(&sum.to_le_bytes());
        header
    }

    /// Reads a header; `None` for what is none, or damaged.
    fn from_bytes(bytes: &[u8; HEADER]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&MAGIC)?;
        let sum = u32::from_le_bytes(take(&mut rest));
        if crc32fast::hash(rest) != sum {
            return None;
        }
        let sequence = u64::from_le_bytes(take(&mut rest));
        let [first, last] = [(); 2].map(|()| i64::from_le_bytes(take(&mut rest)));
        let mut number = || u32::from_le_bytes(take(&mut rest));
        let (rows, lost) = (number(), number());
        let [tenants, filter, table, fixed, fixed_raw, texts] = [(); 6].map(|()| number());
        let (index_sum, fixed_sum) = (number(), number());
        let lengths = [tenants, filter, table, fixed, fixed_raw, texts];
        if lengths.iter().any(|length| *length > MAX_PART) {
            return None;
        }
        let header = Self {
            sequence,
            first,
            last,
            rows,
            lost,
            tenants,
            filter,
            table,
            fixed,
            fixed_raw,
            texts,
            index_sum,
            fixed_sum,
        };
        Some(header)
    }

    /// The header at that place of a file; `None` where there is no whole block.
    pub fn read(file: &mut (impl Read + Seek), at: u64, end: u64) -> io::Result<Option<Self>> {
        if at + HEADER as u64 > end {
            return Ok(None);
        }
        let mut bytes = [0; HEADER];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut bytes)?;
        Ok(Self::from_bytes(&bytes).filter(|header| at + header.length() <= end))
    }

    /// How long the whole block is.
    pub fn length(&self) -> u64 {
        let parts = [self.tenants, self.filter, self.table, self.fixed, self.texts];
        HEADER as u64 + parts.into_iter().map(u64::from).sum::<u64>()
    }
}

/// A block that a search looks into: part after part, as far as it is needed.
pub(super) struct Block<'f, F> {
    file: &'f mut F,
    at: u64,
    pub header: Header,
    index: Vec<u8>,
    /// The chunk that was read last.
    chunk: Option<(u32, Vec<u8>)>,
}

impl<'f, F: Read + Seek> Block<'f, F> {
    /// Reads what tells whether the rest must be read.
    pub fn open(file: &'f mut F, at: u64, header: Header) -> io::Result<Self> {
        let length = header.tenants as usize + header.filter as usize + header.table as usize;
        let index = read(file, at + HEADER as u64, length, header.index_sum)?;
        Ok(Self { file, at, header, index, chunk: None })
    }

    /// Which kinds of calls it has of that tenant, or of all.
    pub fn kinds(&self, tenant: Option<Uuid>) -> Kinds {
        let list = self.index.get(..self.header.tenants as usize).unwrap_or_default();
        let mut kinds = Kinds::default();
        for entry in list.as_chunks::<TENANT>().0 {
            let mut rest = entry.as_slice();
            let id = Uuid::from_bytes(take(&mut rest));
            if tenant.is_none_or(|tenant| tenant == id) {
                kinds |= Kinds(u32::from_le_bytes(take(&mut rest)));
            }
        }
        kinds
    }

    /// Whether it may have a call of that token, or about that resource.
    pub fn may_have(&self, id: Uuid) -> bool {
        let begin = self.header.tenants as usize;
        let filter = self.index.get(begin..begin + self.header.filter as usize);
        filter.is_some_and(|filter| filter::may_have(filter, id))
    }

    /// The fixed fields of all rows.
    pub fn fixed(&mut self) -> io::Result<Vec<Fixed>> {
        let begin = self.at + HEADER as u64 + self.index.len() as u64;
        let packed = read(self.file, begin, self.header.fixed as usize, self.header.fixed_sum)?;
        Ok(row::fixed(&zstd::bulk::decompress(&packed, self.header.fixed_raw as usize)?))
    }

    /// The text of a row. `fixed` are the fields of all.
    pub fn text(&mut self, row: usize, fixed: &[Fixed]) -> io::Result<String> {
        let number = length(row)?;
        let table = self.table();
        let which = table.partition_point(|chunk| chunk.first <= number).saturating_sub(1);
        let (Some(chunk), before) = (table.get(which).copied(), table.get(..which).unwrap_or_default()) else {
            return Err(damaged());
        };
        if self.chunk.as_ref().is_none_or(|(first, _)| *first != chunk.first) {
            let texts = self.at + self.header.length() - u64::from(self.header.texts);
            let begin = texts + before.iter().map(|chunk| u64::from(chunk.packed)).sum::<u64>();
            let packed = read(self.file, begin, chunk.packed.min(MAX_PART) as usize, chunk.sum)?;
            self.chunk = Some((chunk.first, zstd::bulk::decompress(&packed, chunk.raw.min(MAX_PART) as usize)?));
        }
        let begin: usize = fixed.get(chunk.first as usize..row).unwrap_or_default().iter().map(size).sum();
        let end = begin + fixed.get(row).map_or(0, size);
        let text = self.chunk.as_ref().and_then(|(_, texts)| texts.get(begin..end)).ok_or_else(damaged)?;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn table(&self) -> Vec<Chunk> {
        let begin = self.index.len().saturating_sub(self.header.table as usize);
        let entries = self.index.get(begin..).unwrap_or_default().as_chunks::<ENTRY>().0;
        let chunk = |entry: &[u8; ENTRY]| {
            let mut rest = entry.as_slice();
            let [first, packed, raw, sum] = [(); 4].map(|()| u32::from_le_bytes(take(&mut rest)));
            Chunk { first, packed, raw, sum }
        };
        entries.iter().map(chunk).collect()
    }
}

fn size(fixed: &Fixed) -> usize {
    fixed.text as usize
}

/// Bytes of a file that have that checksum.
fn read(file: &mut (impl Read + Seek), at: u64, length: usize, sum: u32) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() == length && crc32fast::hash(&bytes) == sum { Ok(bytes) } else { Err(damaged()) }
}

/// A part that is not as it was written.
fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a block of the request log is damaged")
}

#[cfg(test)]
mod tests {
    use std::{io::Cursor, time::Duration};

    use scim_protocol::Timestamp;

    use super::*;
    use crate::{
        ids::{ResourceId, TenantId},
        request_log::row::{Call, Method},
    };

    fn id(n: u32) -> Uuid {
        ResourceId::derived(&[&n.to_le_bytes()]).0
    }

    /// Rows of three tenants, of which the last has nothing but a refused DELETE.
    fn rows(number: u32) -> Vec<u8> {
        let mut rows = Vec::new();
        for n in 0..number {
            let is_last = n + 1 == number;
            let call = Call {
                at: Timestamp::from_millis(1000 + i64::from(n)),
                took: Duration::from_micros(n.into()),
                method: if is_last { Method::Delete } else { Method::Get },
                status: if is_last { 404 } else { 200 },
                tenant: Some(TenantId(id(if is_last { 2 } else { n % 2 }))),
                token: Some(ResourceId(id(100))),
                resource: Some(ResourceId(id(1000 + n))),
                count: 1,
                path: "/Users".into(),
                scim_type: "",
                refusal: "".into(),
                reason: "".into(),
            };
            call.write(format!("{{\"n\":{n},\"text\":\"{}\"}}", "x".repeat(500)).as_bytes(), &mut rows);
        }
        rows
    }

    #[test]
    fn a_block_is_read_as_it_was_written() {
        let bytes = Packer::new().unwrap().block(7, 3, &rows(2000)).unwrap();
        let end = bytes.len() as u64;
        let mut file = Cursor::new(bytes);
        let header = Header::read(&mut file, 0, end).unwrap().unwrap();
        assert_eq!((header.sequence, header.lost, header.rows), (7, 3, 2000));
        assert_eq!((header.first, header.last, header.length()), (1000, 2999, end));
        let mut block = Block::open(&mut file, 0, header).unwrap();
        assert!(block.kinds(Some(id(0))).meets(Kinds::of(Method::Get, 200)));
        assert!(!block.kinds(Some(id(0))).meets(Kinds::of(Method::Delete, 404)));
        assert!(block.kinds(Some(id(2))).meets(Kinds::of(Method::Delete, 404)));
        assert!(block.kinds(None).meets(Kinds::of(Method::Delete, 404)));
        assert_eq!(block.kinds(Some(id(3))), Kinds::default());
        assert!(block.may_have(id(100)) && block.may_have(id(1999)) && !block.may_have(id(5)));
        let fixed = block.fixed().unwrap();
        assert_eq!(fixed.len(), 2000);
        assert!(block.table().len() > 3);
        for row in [1999, 0, 1000, 1001, 500, 400] {
            let text = block.text(row, &fixed).unwrap();
            assert!(text.contains(&format!("{{\"n\":{row},")), "{row}: {text}");
        }
        assert!(block.text(2000, &fixed).is_ok_and(|text| text.is_empty()));
    }

    #[test]
    fn what_is_broken_off_or_changed_is_no_block() {
        let good = Packer::new().unwrap().block(7, 0, &rows(600)).unwrap();
        let end = good.len() as u64;
        for cut in [0, 1, HEADER as u64, end - 1] {
            assert_eq!(Header::read(&mut Cursor::new(&good), 0, cut).unwrap(), None, "{cut}");
        }
        for at in [0, 5, 20, HEADER - 1, HEADER + 3, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let mut file = Cursor::new(bad);
            let Some(header) = Header::read(&mut file, 0, end).unwrap() else { continue };
            let whole = Block::open(&mut file, 0, header).and_then(|mut block| {
                let fixed = block.fixed()?;
                (0..600).try_for_each(|row| block.text(row, &fixed).map(drop))
            });
            assert!(whole.is_err(), "a change at {at} was not seen");
        }
    }
}
