//! Things that the owner named by numbers of its own choice.

use std::collections::HashMap;

/// Finds a thing by its handle through a map, and by its index at once. An index is good until the
/// thing is removed; who keeps one elsewhere must forget it then.
pub struct Arena<T> {
    slots: Vec<Option<T>>,
    free: Vec<usize>,
    by_handle: HashMap<u32, usize>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_handle: HashMap::new(),
        }
    }
}

impl<T> Arena<T> {
    /// `None` when the handle is in use.
    pub fn insert(&mut self, handle: u32, value: T) -> Option<usize> {
        if self.by_handle.contains_key(&handle) {
            return None;
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[index] = Some(value);
        self.by_handle.insert(handle, index);
        Some(index)
    }

    pub fn index_of(&self, handle: u32) -> Option<usize> {
        self.by_handle.get(&handle).copied()
    }

    pub fn get(&self, index: usize) -> Option<&T> {
        self.slots.get(index)?.as_ref()
    }

    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.slots.get_mut(index)?.as_mut()
    }

    pub fn remove(&mut self, handle: u32) -> Option<T> {
        let index = self.by_handle.remove(&handle)?;
        self.free.push(index);
        self.slots[index].take()
    }

    pub fn is_empty(&self) -> bool {
        self.by_handle.is_empty()
    }

    /// Indices below this may hold something.
    pub fn bound(&self) -> usize {
        self.slots.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handle_in_use_is_refused_and_free_again_after_removal() {
        let mut arena = Arena::default();
        let first = arena.insert(7, "a").unwrap();
        assert_eq!(arena.insert(7, "b"), None);
        assert_eq!(arena.remove(7), Some("a"));
        assert_eq!(arena.get(first), None);
        assert_eq!(arena.index_of(7), None);
        assert_eq!(arena.insert(7, "c"), Some(first));
        assert_eq!(arena.get(first), Some(&"c"));
    }
}
