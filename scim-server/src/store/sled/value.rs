//! Small values: numbers, names of types, the last event.

use scim_protocol::Timestamp;

use crate::store::{StoreError, TypeName};

pub(super) fn number(bytes: &[u8]) -> Result<u64, StoreError> {
    bytes.try_into().map(u64::from_be_bytes).map_err(|_| StoreError::Corrupt("a number of the wrong length".into()))
}

pub(super) fn type_name(bytes: &[u8]) -> Result<TypeName, StoreError> {
    let name = std::str::from_utf8(bytes).map_err(|_| StoreError::Corrupt("the name of a type".into()))?;
    Ok(name.into())
}

/// The last sequence that a tenant has given, and when.
pub(super) fn last_event(sequence: u64, at: Timestamp) -> Vec<u8> {
    [sequence.to_be_bytes(), at.as_millis().to_be_bytes()].concat()
}

/// Reads what [`last_event`] wrote.
pub(super) fn read_last_event(bytes: &[u8]) -> Result<(u64, Timestamp), StoreError> {
    let (sequence, at) = bytes.split_at_checked(8).unwrap_or_default();
    let at: [u8; 8] = at.try_into().map_err(|_| StoreError::Corrupt("the last event".into()))?;
    Ok((number(sequence)?, Timestamp::from_millis(i64::from_be_bytes(at))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(number(&7_u64.to_be_bytes()).unwrap(), 7);
        assert_eq!(type_name(b"User").unwrap().as_str(), "User");
        let at = Timestamp::from_millis(-5);
        assert_eq!(read_last_event(&last_event(9, at)).unwrap(), (9, at));
    }

    #[test]
    fn what_cannot_be_read_is_damage() {
        assert!(matches!(number(b"1234567"), Err(StoreError::Corrupt(_))));
        assert!(matches!(type_name(b"\xFF"), Err(StoreError::Corrupt(_))));
        for bytes in [&b""[..], &[0; 8], &[0; 15], &[0; 17]] {
            assert!(matches!(read_last_event(bytes), Err(StoreError::Corrupt(_))));
        }
    }
}
