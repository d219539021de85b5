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

/// What stands at a member of a group: the group's type, and since when it is one where that is known. No name of a
/// type has a NUL.
pub(super) fn membership(group_type: &TypeName, joined: Option<Timestamp>) -> Vec<u8> {
    let mut bytes = group_type.as_str().as_bytes().to_vec();
    if let Some(joined) = joined {
        bytes.push(0);
        bytes.extend_from_slice(&joined.as_millis().to_be_bytes());
    }
    bytes
}

/// Reads what [`membership`] wrote.
pub(super) fn read_membership(bytes: &[u8]) -> Result<(TypeName, Option<Timestamp>), StoreError> {
    let Some(end) = bytes.iter().position(|byte| *byte == 0) else { return Ok((type_name(bytes)?, None)) };
    let (name, at) = bytes.split_at_checked(end).unwrap_or_default();
    let at: Option<[u8; 8]> = at.get(1..).and_then(|at| at.try_into().ok());
    let at = at.ok_or_else(|| StoreError::Corrupt("since when somebody is a member".into()))?;
    Ok((type_name(name)?, Some(Timestamp::from_millis(i64::from_be_bytes(at)))))
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
        for joined in [None, Some(Timestamp::from_millis(-7)), Some(Timestamp::from_millis(1 << 40))] {
            let bytes = membership(&"Group".into(), joined);
            assert_eq!(read_membership(&bytes).unwrap(), ("Group".into(), joined));
        }
        let at = Timestamp::from_millis(-5);
        assert_eq!(read_last_event(&last_event(9, at)).unwrap(), (9, at));
    }

    #[test]
    fn what_cannot_be_read_is_damage() {
        assert!(matches!(number(b"1234567"), Err(StoreError::Corrupt(_))));
        assert!(matches!(type_name(b"\xFF"), Err(StoreError::Corrupt(_))));
        assert!(matches!(read_membership(b"Group\0short"), Err(StoreError::Corrupt(_))));
        for bytes in [&b""[..], &[0; 8], &[0; 15], &[0; 17]] {
            assert!(matches!(read_last_event(bytes), Err(StoreError::Corrupt(_))));
        }
    }
}
