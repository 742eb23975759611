//! A kind as the API server has it, and as a cache that follows it has it.

use std::collections::VecDeque;

/// One kind. Its watch delivers every change, in order, at any time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lag<T> {
    /// What the cache has.
    pub seen: T,
    /// A list that has been read, and that the cache has not been given yet.
    list: Option<T>,
    /// What changes have led to since, oldest first.
    coming: VecDeque<T>,
    /// What was there before the last change.
    before: T,
}

impl<T: Clone + Eq> Lag<T> {
    pub fn new(first: T) -> Self {
        Lag {
            seen: first.clone(),
            list: None,
            coming: VecDeque::new(),
            before: first,
        }
    }

    /// What the API server has.
    pub fn truth(&self) -> &T {
        let latest = self.coming.back().or(self.list.as_ref());
        latest.unwrap_or(&self.seen)
    }

    pub fn write(&mut self, next: T) {
        self.before = self.truth().clone();
        self.coming.push_back(next);
    }

    /// The resourceVersion of what the API server has, counted from what the cache has; none if it
    /// is that of a list that is coming in.
    pub fn version(&self) -> Option<u64> {
        let is_listed = self.is_listing() && self.coming.is_empty();
        (!is_listed).then_some(self.coming.len() as u64)
    }

    fn is_listing(&self) -> bool {
        self.list.is_some()
    }

    /// The watch breaks, and the kind is listed anew; false if that is under way.
    pub fn begin_list(&mut self) -> bool {
        if self.is_listing() {
            return false;
        }
        self.list = Some(self.truth().clone());
        self.coming.clear();
        true
    }

    /// The cache is given the list; false if there is none.
    pub fn end_list(&mut self) -> bool {
        let list = self.list.take();
        let is_there = list.is_some();
        self.seen = list.unwrap_or_else(|| self.seen.clone());
        is_there
    }

    /// The watch delivers one change: what the cache is to have.
    pub fn deliver(&mut self) -> Option<T> {
        if self.is_listing() {
            return None;
        }
        self.coming.pop_front()
    }

    /// The cache begins anew, with a list: of now, or of the moment before.
    pub fn restart(&mut self, is_stale: bool) {
        let now = self.truth().clone();
        let is_news = is_stale && self.before != now;
        self.list = None;
        self.coming.clear();
        if is_news {
            self.seen = self.before.clone();
            self.coming.push_back(now);
        } else {
            self.seen = now;
        }
    }

    /// What is true of all that was, is and will be seen changes without a word.
    pub fn change_all(&mut self, change: impl Fn(&mut T)) {
        change(&mut self.seen);
        change(&mut self.before);
        self.list.iter_mut().for_each(&change);
        self.coming.iter_mut().for_each(&change);
    }

    /// Forgets what was before, where nobody asks.
    pub fn forget_before(&mut self) {
        self.before = self.truth().clone();
    }
}
